"""Decoding and fetching: real files written by real encoders, a real server on loopback."""

from __future__ import annotations

import gzip
import io
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from relay_sync.emulator.media import MediaError
from relay_sync.emulator.media import audio as audio_module
from relay_sync.emulator.media.audio import decode, fetch, path_of, read_file, shown_url

FORMATS = [("WAV", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("FLAC", "PCM_16")]


def tone(frequency: float, rate: int, seconds: float = 1.0) -> NDArray[np.float64]:
    return 0.25 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def encoded(samples: NDArray[np.float64], rate: int, kind: str = "WAV", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def loudest(samples: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 8000 / len(samples))


# --- decoding ---


@pytest.mark.parametrize(("kind", "subtype"), FORMATS)
@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_every_format_and_rate_comes_out_at_8_khz_with_its_pitch_length_and_level(
    kind: str, subtype: str, rate: int
) -> None:
    samples = decode(encoded(tone(1000, rate), rate, kind, subtype), "a file")
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    # Only mp3 has padding of its own, and its encoder knows no 8 kHz grid.
    assert len(samples) == pytest.approx(8000, abs=1 if kind != "MP3" else 800)
    assert loudest(samples) == pytest.approx(1000, abs=2)
    middle = samples[2000:6000]
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.25, rel=0.03)


def test_an_8_khz_wav_comes_through_bit_for_bit() -> None:
    given = np.random.default_rng(1).integers(-32768, 32768, 20_000)
    samples = decode(encoded(given.astype(np.int16), 8000), "a file")
    assert np.array_equal(samples * 32768, given)


def test_channels_are_averaged() -> None:
    stereo = np.stack([tone(500, 8000), -tone(500, 8000), 3 * np.ones(8000) * 0.1], axis=1)
    assert np.abs(decode(encoded(stereo, 8000, subtype="FLOAT"), "a file") - 0.1).max() < 1e-6


def test_what_a_telephone_cannot_carry_is_filtered_out_and_not_folded_back() -> None:
    samples = decode(encoded(tone(5000, 44100), 44100), "a file")
    assert np.abs(samples[400:-400]).max() < 1e-4


def test_a_long_file_is_decoded_without_a_seam_between_blocks() -> None:
    # A seam would be a click, that is energy where a pure tone has none.
    samples = decode(encoded(tone(400, 44100, seconds=10.0), 44100, subtype="PCM_24"), "a file")
    assert len(samples) == 80_000
    expected = tone(400, 8000, seconds=10.0)
    assert np.abs(samples - expected)[200:-200].max() < 1e-4


def test_a_file_without_samples_is_an_empty_sound() -> None:
    assert len(decode(encoded(np.zeros(0), 44100), "a file")) == 0
    assert len(decode(encoded(np.zeros(0), 8000), "a file")) == 0


def test_not_a_number_in_a_float_file_is_silence() -> None:
    samples = decode(encoded(np.array([0.1, np.nan, np.inf, -np.inf]), 8000, subtype="FLOAT"), "a file")
    assert samples.tolist() == pytest.approx([0.1, 0.0, 1.0, -1.0])


@pytest.mark.parametrize("content", [b"", b"<html>not here</html>", b"\0" * 10_000, b"RIFF\x10\0\0\0WAVEfmt "])
def test_what_is_no_audio_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(MediaError, match=r"song\.mp3 is not audio that can be played: (?!.*BytesIO)"):
        decode(content, "song.mp3")


def test_a_file_that_lasts_too_long_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_module, "LONGEST_S", 0.5)
    with pytest.raises(MediaError, match=r"song\.wav is too long"):
        decode(encoded(tone(400, 8000), 8000), "song.wav")


# --- files ---


def test_a_missing_file_is_named_with_the_folder_looked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MediaError, match=r"there is no audio file missing\.wav") as caught:
        read_file(Path("missing.wav"))
    assert str(tmp_path.resolve()) in str(caught.value)


def test_a_folder_and_a_device_are_no_audio_files(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(MediaError, match="no audio file"):
            read_file(path)


def test_a_file_above_the_limit_is_refused_and_one_at_the_limit_is_not(tmp_path: Path) -> None:
    path = tmp_path / "big.wav"
    path.write_bytes(b"x" * 1001)
    with pytest.raises(MediaError, match=r"big\.wav is too large: more than 1000 bytes"):
        read_file(path, size_limit=1000)
    assert len(read_file(path, size_limit=1001)) == 1001


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "locked.wav"
    path.touch()

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    # Patched, since permissions do not bind every user that runs tests.
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(MediaError, match=r"locked\.wav can't be read: Permission denied"):
        read_file(path)


def test_file_urls_name_paths_with_everything_in_them(tmp_path: Path) -> None:
    path = tmp_path / "a song, 100% öffentlich?.wav"
    assert path_of(path.as_uri()) == path
    assert path_of("file:/music/a.wav") == Path("/music/a.wav")
    assert path_of("file://localhost/music/a.wav") == Path("/music/a.wav")


@pytest.mark.parametrize("url", ["file://elsewhere/a.wav", "file:a.wav", "file:", "file://"])
def test_a_file_url_without_a_path_on_this_machine_is_refused(url: str) -> None:
    with pytest.raises(MediaError, match="a file URL is written file:///path"):
        path_of(url)


# --- http ---

Reply = Callable[[BaseHTTPRequestHandler], None]


class Site:
    """A server on loopback whose pages are functions of the test; records the requests."""

    def __init__(self) -> None:
        self.pages: dict[str, Reply] = {}
        self.asked: list[tuple[str, str]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                site.asked.append((self.path, self.headers.get("User-Agent", "")))
                if path in site.pages:
                    site.pages[path](self)
                else:
                    self.send_error(404)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the library's
                """Say nothing: stderr belongs to pytest."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def serve(self, path: str, body: bytes, *headers: tuple[str, str], length: int | None = None) -> str:
        """Let ``path`` deliver ``body``; return its URL. ``length`` is what Content-Length claims, -1 for none."""

        def reply(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            for name, value in headers:
                handler.send_header(name, value)
            if length != -1:
                handler.send_header("Content-Length", str(len(body) if length is None else length))
            handler.end_headers()
            handler.wfile.write(body)

        self.pages[path] = reply
        return self.url + path


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.server.shutdown()
    thread.join(10)
    site.server.server_close()
    assert not thread.is_alive()


def test_a_url_delivers_its_file(site: Site) -> None:
    body = encoded(tone(440, 8000), 8000)
    assert fetch(site.serve("/a.wav", body)) == body
    assert site.asked == [("/a.wav", "relay_sync emulator")]


def test_the_query_of_a_url_reaches_the_server(site: Site) -> None:
    fetch(site.serve("/a.wav", b"body") + "?token=1")
    assert site.asked[0][0] == "/a.wav?token=1"


def test_a_body_without_a_length_is_read_to_its_end(site: Site) -> None:
    body = bytes(300_000)
    assert fetch(site.serve("/a.wav", body, length=-1)) == body


def test_a_compressed_body_is_unpacked(site: Site) -> None:
    body = encoded(tone(440, 8000), 8000)
    assert fetch(site.serve("/a.wav", gzip.compress(body), ("Content-Encoding", "gzip"))) == body


def test_a_redirect_is_followed(site: Site) -> None:
    site.serve("/new.wav", b"new")

    def move(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/new.wav")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    site.pages["/old.wav"] = move
    assert fetch(site.url + "/old.wav") == b"new"


def test_a_page_that_is_not_there_is_told_with_its_status(site: Site) -> None:
    with pytest.raises(MediaError, match=r"/missing\.mp3 answered 404 Not Found"):
        fetch(site.url + "/missing.mp3")


def test_an_answer_of_another_kind_than_2xx_is_no_audio(site: Site) -> None:
    def not_modified(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(304)
        handler.end_headers()

    site.pages["/a.wav"] = not_modified
    with pytest.raises(MediaError, match="answered 304"):
        fetch(site.url + "/a.wav")


@pytest.mark.parametrize("length", [None, -1])
def test_a_body_above_the_limit_is_refused_whether_its_length_is_told_or_not(site: Site, length: int | None) -> None:
    url = site.serve("/big.wav", bytes(200_000), length=length)
    with pytest.raises(MediaError, match=r"big\.wav is too large: more than 100000 bytes"):
        fetch(url, size_limit=100_000)
    assert len(fetch(url, size_limit=200_000)) == 200_000


def test_a_body_that_breaks_off_is_an_error_and_not_a_shorter_file(site: Site) -> None:
    with pytest.raises(MediaError, match=r"/a\.wav can't be fetched"):
        fetch(site.serve("/a.wav", b"half", length=8))


def test_a_server_that_never_answers_is_given_up(site: Site) -> None:
    given_up = threading.Event()

    def say_nothing(handler: BaseHTTPRequestHandler) -> None:
        assert given_up.wait(30)

    site.pages["/slow.wav"] = say_nothing
    try:
        with pytest.raises(MediaError, match=r"/slow\.wav can't be fetched"):
            fetch(site.url + "/slow.wav", timeout=0.1)
    finally:
        given_up.set()


def test_a_server_that_drips_is_given_up_when_the_time_is_up(site: Site) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x")
        except OSError:
            handler.close_connection = True

    site.pages["/drip.wav"] = drip
    with pytest.raises(MediaError, match=r"/drip\.wav is too slow"):
        fetch(site.url + "/drip.wav", timeout=0.2)


def test_a_port_where_nothing_listens_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(MediaError, match=rf"http://127\.0\.0\.1:{port}/a\.wav can't be fetched: Connection refused"):
        fetch(f"http://127.0.0.1:{port}/a.wav")


@pytest.mark.parametrize(
    "url", ["http://", "http:///a.wav", "http://[::1/a.wav", "http://127.0.0.1:99999/a", "http://.x/"]
)
def test_a_url_that_is_none_is_an_error_of_the_media(url: str) -> None:
    with pytest.raises(MediaError, match="can't be fetched"):
        fetch(url)


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert fetch(site.serve("/a.wav", b"direct")) == b"direct"


def test_errors_show_no_secret_of_a_url(site: Site) -> None:
    assert shown_url("https://me:pass@cdn.example/a/b.mp3?sig=secret#x") == "https://cdn.example/a/b.mp3"
    with pytest.raises(MediaError) as caught:
        fetch(site.url.replace("//", "//me:pass@") + "/missing.mp3?sig=secret")
    assert "pass" not in str(caught.value)
    assert "secret" not in str(caught.value)
