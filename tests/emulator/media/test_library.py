"""From a media item of the wire to samples."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from relay_sync.emulator.media import MediaError, MediaLibrary, audio
from relay_sync.emulator.media.ringtones import ringtone
from relay_sync.emulator.media.speech import speech

DOCUMENTED = "https://cdn.signalwire.com/default-music/welcome.mp3"
WELCOME_SAMPLES = 72_000


def item(kind: str, **params: Any) -> dict[str, Any]:
    return {"type": kind, "params": params}


def wav(path: Path, value: float, length: int = 100) -> Path:
    soundfile.write(path, np.full(length, value), 8000)
    return path


@pytest.fixture
def library() -> MediaLibrary:
    return MediaLibrary()


def test_silence_is_zeros_of_the_length_asked_for(library: MediaLibrary) -> None:
    samples = library.samples(item("silence", duration=1.5))
    assert samples.dtype == np.float32
    assert samples.tolist() == [0.0] * 12_000


def test_a_ringtone_takes_its_name_and_its_duration(library: MediaLibrary) -> None:
    assert np.array_equal(library.samples(item("ringtone", name="it")), ringtone("it"))
    assert np.array_equal(library.samples(item("ringtone", name="it", duration=6)), ringtone("it", 6.0))


def test_a_text_is_spoken_in_english_by_a_woman_unless_told_otherwise(
    library: MediaLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def listen(*words: str) -> Any:
        asked.append(words)
        return np.zeros(1, np.float32)

    monkeypatch.setattr("relay_sync.emulator.media.library.speech", listen)
    library.samples(item("tts", text="Hello"))
    library.samples(item("tts", text="Salut", language="fr-FR", gender="male", voice="whatever"))
    assert asked == [("Hello", "en-US", "female"), ("Salut", "fr-FR", "male")]


def test_a_text_becomes_sound(library: MediaLibrary) -> None:
    assert np.array_equal(library.samples(item("tts", text="Hello")), speech("Hello"))


def test_a_path_and_a_file_url_play_the_same_file(library: MediaLibrary, tmp_path: Path) -> None:
    path = wav(tmp_path / "a b.wav", 0.25)
    for url in (str(path), path.as_uri()):
        assert library.samples(item("audio", url=url)).tolist() == [0.25] * 100


def test_a_bare_name_is_looked_up_in_the_current_folder(
    library: MediaLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wav(tmp_path / "tune.wav", 0.25)
    monkeypatch.chdir(tmp_path)
    assert len(library.samples(item("audio", url="tune.wav"))) == 100


@pytest.mark.parametrize("url", [DOCUMENTED, DOCUMENTED.replace("https", "http"), "welcome.mp3"])
def test_the_documented_music_is_played_without_the_internet(
    library: MediaLibrary, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(audio, "fetch", lambda *_: pytest.fail("it must not be fetched"))
    assert len(library.samples(item("audio", url=url))) == WELCOME_SAMPLES


def test_an_own_welcome_mp3_in_the_current_folder_comes_first(
    library: MediaLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wav(tmp_path / "own.wav", 0.25).rename(tmp_path / "welcome.mp3")
    monkeypatch.chdir(tmp_path)
    assert len(library.samples(item("audio", url="welcome.mp3"))) == 100


@pytest.mark.parametrize("name", ["https://media.example/a.mp3?x=1", "greeting", DOCUMENTED, "welcome.mp3"])
def test_an_override_is_played_in_place_of_any_name(name: str, tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", 0.25)
    for override in (path, str(path)):
        assert len(MediaLibrary({name: override}).samples(item("audio", url=name))) == 100


def test_overrides_are_those_of_the_moment_it_was_made(tmp_path: Path) -> None:
    overrides = {"greeting": wav(tmp_path / "a.wav", 0.25)}
    library = MediaLibrary(overrides)
    overrides.clear()
    assert len(library.samples(item("audio", url="greeting"))) == 100
    assert repr(library) == "<MediaLibrary, 1 overrides>"


def test_an_override_whose_file_is_missing_names_the_file(tmp_path: Path) -> None:
    library = MediaLibrary({"greeting": tmp_path / "gone.wav"})
    with pytest.raises(MediaError, match=r"gone\.wav"):
        library.samples(item("audio", url="greeting"))


def test_a_file_that_changed_sounds_new(library: MediaLibrary, tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", 0.25)
    before = library.samples(item("audio", url=str(path)))
    wav(path, 0.5)
    assert (before[0], library.samples(item("audio", url=str(path)))[0]) == (0.25, 0.5)


def test_limits_are_handed_to_files_and_fetches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = wav(tmp_path / "a.wav", 0.25)
    library = MediaLibrary(fetch_timeout=1.5, size_limit=10)
    with pytest.raises(MediaError, match="too large"):
        library.samples(item("audio", url=str(path)))
    asked: list[tuple[object, ...]] = []

    def listen(*arguments: object) -> bytes:
        asked.append(arguments)
        return path.read_bytes()

    monkeypatch.setattr(audio, "fetch", listen)
    library.samples(item("audio", url="HTTP://media.example/a.wav"))
    assert asked == [("HTTP://media.example/a.wav", 1.5, 10)]


def test_items_in_sequence_follow_each_other_without_a_gap(library: MediaLibrary, tmp_path: Path) -> None:
    first, second = wav(tmp_path / "a.wav", 0.25, 10), wav(tmp_path / "b.wav", 0.5, 20)
    samples = library.sequence(
        [item("audio", url=str(first)), item("silence", duration=0.001), item("audio", url=str(second))]
    )
    assert samples.tolist() == [0.25] * 10 + [0.0] * 8 + [0.5] * 20
    assert len(library.sequence([])) == 0


def test_audio_that_is_none_is_refused_by_its_shown_name(library: MediaLibrary, tmp_path: Path) -> None:
    path = tmp_path / "page.mp3"
    path.write_text("<html>")
    with pytest.raises(MediaError, match=r"page\.mp3 is not audio"):
        library.samples(item("audio", url=str(path)))
    with pytest.raises(MediaError, match=r"https://media\.example/a is not audio"):
        MediaLibrary({"https://media.example/a?sig=1": path}).samples(
            item("audio", url="https://media.example/a?sig=1")
        )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "no media type None; there are: audio tts silence ringtone"),
        ({"type": ["audio"], "params": {}}, "no media type"),
        ({"type": "video", "params": {}}, "no media type 'video'"),
        ({"type": "audio"}, "needs an object 'params', not None"),
        ({"type": "audio", "params": "a.mp3"}, "needs an object 'params'"),
        (item("audio"), "audio needs 'url'"),
        (item("audio", url=""), "audio needs 'url'"),
        (item("audio", url=5), "'url', a text that isn't empty, not 5"),
        (item("audio", url="ftp://me:pw@host/a.mp3"), "ftp://host/a.mp3 can't be played: only http, https and file"),
        (item("audio", url="nul\0byte.mp3"), "no audio file"),
        (item("tts"), "tts needs 'text'"),
        (item("tts", text="Hi", gender="robot"), "'male' or 'female'"),
        (item("tts", text="Hi", language=7), "'language'"),
        (item("silence"), "silence needs 'duration', seconds from 0 on, not None"),
        (item("silence", duration="3"), "not '3'"),
        (item("silence", duration=True), "not True"),
        (item("silence", duration=-1), "not -1"),
        (item("silence", duration=math.nan), "not nan"),
        (item("silence", duration=1e9), "too long"),
        (item("ringtone"), "ringtone needs 'name'"),
        (item("ringtone", name="xx"), "no ringtone 'xx'"),
        (item("ringtone", name="us", duration="long"), "'duration'"),
        (item("ringtone", name="us", duration=1e9), "too long"),
    ],
)
def test_an_item_that_is_wrong_is_refused_with_what_is_wrong(
    library: MediaLibrary, wrong: dict[str, Any], says: str
) -> None:
    with pytest.raises(MediaError) as caught:
        library.samples(wrong)
    assert says in str(caught.value)


def test_requests_is_not_imported_before_something_is_fetched() -> None:
    program = (
        "import sys; from relay_sync.emulator.media import MediaLibrary;"
        "MediaLibrary().samples({'type': 'audio', 'params': {'url': 'welcome.mp3'}});"
        "assert not {'requests', 'urllib3'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
