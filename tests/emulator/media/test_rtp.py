"""G.711 to the bit, and what carries it: RTP packets and WebSocket frames."""

from __future__ import annotations

import hashlib
import importlib
import struct
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from relay_sync.emulator.media import CODECS, MediaError, RtpPackets, WebSocketFrames, g711
from tests.emulator.media.cutting import blocks

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)
EVERY_CODE = bytes(range(256))

# Of the codes of all samples in order, and of the samples (little-endian) of all codes in order.
DIGESTS = {
    "PCMU": (
        "81d633c9e6972a18c74a58720b96cb8ca0bdd096d4060b646dd708c3b846019a",
        "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827",
    ),
    "PCMA": (
        "38488f6fd710f4686360edc4d38639f96c491595ef93f8eb8d62d5e07ca6ce7b",
        "e04788d110e58ff8c70c93b8480190d973e3b67876b6119abbaec766cc75c174",
    ),
}


@pytest.fixture
def audioop() -> Any:
    """The standard library's own G.711, which left it with Python 3.13."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return importlib.import_module("audioop")
        except ImportError:
            pytest.skip("this Python has no audioop")


def speechlike(seconds: float) -> NDArray[np.int16]:
    moments = np.arange(round(seconds * 8000)) / 8000
    return np.asarray(9000 * np.sin(2 * np.pi * 440 * moments) * np.sin(2 * np.pi * 3 * moments), np.int16)


def test_every_sample_is_encoded_and_decoded_as_by_the_standard_library(audioop: Any) -> None:
    assert g711.encode(EVERY_SAMPLE, "PCMU") == audioop.lin2ulaw(EVERY_SAMPLE.tobytes(), 2)
    assert g711.encode(EVERY_SAMPLE, "PCMA") == audioop.lin2alaw(EVERY_SAMPLE.tobytes(), 2)
    assert g711.decode(EVERY_CODE, "PCMU").tobytes() == audioop.ulaw2lin(EVERY_CODE, 2)
    assert g711.decode(EVERY_CODE, "PCMA").tobytes() == audioop.alaw2lin(EVERY_CODE, 2)


@pytest.mark.parametrize("codec", CODECS)
def test_the_tables_are_those_that_were_compared_with_the_standard_library(codec: str) -> None:
    encoded = hashlib.sha256(g711.encode(EVERY_SAMPLE, codec)).hexdigest()
    decoded = hashlib.sha256(g711.decode(EVERY_CODE, codec).astype("<i2").tobytes()).hexdigest()
    assert (encoded, decoded) == DIGESTS[codec]


@pytest.mark.parametrize("codec", CODECS)
def test_a_code_stands_for_the_nearest_step_of_a_sample(codec: str) -> None:
    back = g711.decode(g711.encode(EVERY_SAMPLE, codec), codec).astype(int)
    given = EVERY_SAMPLE.astype(int)
    assert (np.abs(back - given) <= np.maximum(16, np.abs(given) // 16 + 16)).all()


@pytest.mark.parametrize("make", [RtpPackets, WebSocketFrames])
@pytest.mark.parametrize("codec", ["OPUS", "G729", "pcmu"])
def test_a_codec_that_cannot_be_made_is_named(make: type[RtpPackets | WebSocketFrames], codec: str) -> None:
    with pytest.raises(MediaError, match=f"encoded as {codec}; there are: PCMU PCMA"):
        make(codec)


@pytest.mark.parametrize(("codec", "payload_type"), [("PCMU", 0), ("PCMA", 8)])
@pytest.mark.parametrize("ptime", [10, 20, 30])
def test_packets_follow_rfc_3550(codec: str, payload_type: int, ptime: int) -> None:
    packets = RtpPackets(codec, ptime, ssrc=0xDEADBEEF, sequence=65534, timestamp=2**32 - 100)
    sound = speechlike(0.2)
    made = [packet for block in blocks(sound, ptime) for packet in packets.feed(block)]
    size = ptime * 8
    assert packets.samples == size
    assert len(made) == len(sound) // size
    for number, packet in enumerate(made):
        first, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", packet[:12])
        assert (first, second) == (0x80, payload_type | (0x80 if number == 0 else 0))
        assert sequence == (65534 + number) % 65536
        assert timestamp == (2**32 - 100 + number * size) % 2**32
        assert ssrc == 0xDEADBEEF
        assert packet[12:] == g711.encode(sound[number * size : (number + 1) * size], codec)


def test_what_is_left_becomes_a_shorter_packet() -> None:
    packets = RtpPackets(sequence=7, timestamp=0)
    assert packets.feed(speechlike(0.025))[0][2:4] == b"\0\7"
    (last,) = packets.flush()
    assert (len(last), last[2:8]) == (12 + 40, b"\0\x08\0\0\0\xa0")
    assert packets.flush() == []


def test_two_streams_differ_in_all_that_must_be_random() -> None:
    sound = speechlike(0.02)
    assert len({RtpPackets().feed(sound)[0][2:12] for _ in range(5)}) == 5


@pytest.mark.parametrize("ptime", [0, -20, 181])
def test_a_packet_time_that_cannot_be_made_is_refused(ptime: int) -> None:
    with pytest.raises(MediaError, match=f"not {ptime}"):
        RtpPackets(ptime=ptime)


@pytest.mark.parametrize("codec", CODECS)
def test_websocket_frames_are_bare_audio_of_20_ms(codec: str) -> None:
    frames = WebSocketFrames(codec)
    sound = speechlike(0.5)[:3970]
    made = [frame for block in blocks(sound, 1) for frame in frames.feed(block)]
    assert {len(frame) for frame in made} == {160}
    assert b"".join(made + frames.flush()) == g711.encode(sound, codec)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_websocket_frames_have_the_rate_asked_for(rate: int) -> None:
    frames = WebSocketFrames("PCMU", rate)
    sound = speechlike(1.0)
    made = [frame for block in blocks(sound, 2) for frame in frames.feed(block)] + frames.flush()
    assert {len(frame) for frame in made[:-1]} == {rate // 50}
    audio = g711.decode(b"".join(made), "PCMU")
    assert len(audio) == rate
    expected = np.interp(np.arange(rate) / rate, np.arange(8000) / 8000, sound)
    assert np.corrcoef(audio, expected)[0, 1] > 0.99


@pytest.mark.parametrize("rate", [0, 4000, 8001, 96000])
def test_a_rate_that_cannot_be_made_is_refused(rate: int) -> None:
    with pytest.raises(MediaError, match=f"not {rate}"):
        WebSocketFrames(rate=rate)
