"""Recordings: the samples in them, and the files they become."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from relay_sync.emulator.media import (
    RECORD_BEEP,
    Directions,
    Line,
    MediaError,
    MediaLibrary,
    Recording,
    ToneDetector,
    Voice,
    encode_recording,
)
from tests.emulator.media.naive import naive_limit


def ramp(length: int, first: int) -> NDArray[np.float32]:
    return (np.arange(first, first + length) / 32768).astype(np.float32)


@pytest.fixture
def line() -> Line:
    """Heard: 1, 2, 3 … up to 100."""
    line = Line()
    line.start(0, ramp(100, 1))
    return line


@pytest.fixture
def voice() -> Voice:
    """Said: 1001, 1002, 1003 … up to 1100."""
    voice = Voice()
    voice.start(0, ramp(100, 1001))
    return voice


def test_a_recording_holds_what_was_said_from_its_start_to_its_stop(line: Line, voice: Voice) -> None:
    recording = Recording(10, line, voice)
    recording.stop(14)
    assert recording.samples().tolist() == [1011, 1012, 1013, 1014]
    assert (recording.length(), recording.starts_at, recording.stopped) == (4, 10, True)


def test_listen_is_what_the_phone_hears_and_both_is_the_two_together(line: Line, voice: Voice) -> None:
    for direction, expected in (("listen", [11, 12]), ("speak", [1011, 1012]), ("both", [1022, 1024])):
        recording = Recording(10, line, voice, direction=direction)
        recording.stop(12)
        assert recording.samples().tolist() == expected


def test_stereo_has_the_phone_on_the_left_and_what_it_hears_on_the_right(line: Line, voice: Voice) -> None:
    for direction, expected in (
        ("listen", [[0, 11], [0, 12]]),
        ("speak", [[1011, 0], [1012, 0]]),
        ("both", [[1011, 11], [1012, 12]]),
    ):
        recording = Recording(10, line, voice, direction=direction, stereo=True)
        recording.stop(12)
        assert recording.samples().tolist() == expected


def test_both_directions_at_full_level_are_limited_not_clipped() -> None:
    line, voice = Line(), Voice()
    line.start(0, np.full(5, 0.7, np.float32))
    voice.start(0, np.full(5, 0.7, np.float32))
    both = Directions(heard=line, said=voice).mono("both", 0, 5)
    assert len(both) == 5
    assert set(both.tolist()) == {naive_limit(2 * round(0.7 * 32768) / 32768)}


def test_a_pause_is_left_out(line: Line, voice: Voice) -> None:
    recording = Recording(0, line, voice)
    recording.pause(2)
    assert recording.paused
    recording.resume(5)
    assert not recording.paused
    recording.stop(7)
    assert recording.samples().tolist() == [1001, 1002, 1006, 1007]


@pytest.mark.parametrize("stereo", [False, True])
def test_a_pause_is_silence_if_asked_for(line: Line, voice: Voice, stereo: bool) -> None:
    recording = Recording(0, line, voice, stereo=stereo)
    recording.pause(2, "silence")
    recording.resume(5)
    recording.stop(7)
    said = recording.samples()
    assert (said[:, 0] if stereo else said).tolist() == [1001, 1002, 0, 0, 0, 1006, 1007]


def test_a_recording_may_be_stopped_while_it_is_paused(line: Line, voice: Voice) -> None:
    for behavior, expected in (("skip", [1001, 1002]), ("silence", [1001, 1002, 0, 0])):
        recording = Recording(0, line, voice)
        recording.pause(2, behavior)
        recording.stop(4)
        assert recording.samples().tolist() == expected
        assert not recording.paused


def test_a_second_pause_and_a_second_resume_change_nothing(line: Line, voice: Voice) -> None:
    recording = Recording(0, line, voice)
    recording.resume(1)
    recording.pause(2)
    recording.pause(3, "silence")
    recording.resume(4)
    recording.resume(5)
    recording.stop(6)
    recording.stop(9)
    recording.pause(9)
    recording.resume(9)
    assert recording.samples().tolist() == [1001, 1002, 1005, 1006]


def test_the_end_can_be_trimmed_back_through_pauses(line: Line, voice: Voice) -> None:
    for behavior in ("skip", "silence"):
        for ends_at, expected in ((6, [1001, 1002, 1006]), (3, [1001, 1002]), (1, [1001]), (-5, []), (99, None)):
            recording = Recording(0, line, voice)
            recording.pause(2, behavior)
            recording.resume(5)
            recording.stop(8, ends_at=ends_at)
            kept = [sample for sample in recording.samples().tolist() if sample]
            assert kept == (expected if expected is not None else [1001, 1002, 1006, 1007, 1008])
            assert recording.length() == len(recording.samples())


def test_a_running_recording_is_read_up_to_a_sample(line: Line, voice: Voice) -> None:
    recording = Recording(10, line, voice, direction="both")
    assert recording.samples(12).tolist() == [1022, 1024]
    assert recording.length(30) == 20
    assert recording.samples(5).tolist() == []
    with pytest.raises(ValueError, match="still runs"):
        recording.length()


def test_a_recording_that_has_not_begun_fixes_nothing() -> None:
    line, voice = Line(), Voice()
    recording = Recording(0, line, voice, direction="both", stereo=True, beep=True)
    assert recording.samples(100).shape == (0, 2)
    assert max(line.rendered, voice.rendered) <= 100


def test_operations_come_in_order_and_are_known_words(line: Line, voice: Voice) -> None:
    recording = Recording(10, line, voice)
    with pytest.raises(ValueError, match="after one at 10"):
        recording.pause(9)
    with pytest.raises(ValueError, match="behavior must be one of skip silence, not 'mute'"):
        recording.pause(12, "mute")
    with pytest.raises(MediaError, match="no direction 'talk'; there are: listen speak both"):
        Recording(0, line, voice, direction="talk")
    assert repr(recording) == "<Recording running, from sample 10, speak>"


def test_the_phone_hears_the_beep_and_the_recording_begins_after_it() -> None:
    line, voice = Line(), Voice()
    voice.start(0, ramp(8000, 1))
    recording = Recording(100, line, voice, direction="both", beep=True)
    assert recording.starts_at == 100 + 2400
    recording.stop(4000)
    assert recording.samples().tolist() == list(range(2501, 4001))
    (beep,) = ToneDetector(RECORD_BEEP).feed(line.heard(8000))
    assert [beep.start, beep.end] == pytest.approx([100, 2500], abs=40)


def test_a_recording_may_be_paused_and_stopped_during_the_beep() -> None:
    line, voice = Line(), Voice()
    voice.start(0, ramp(8000, 1))
    recording = Recording(0, line, voice, beep=True)
    recording.pause(100, "silence")
    recording.resume(2402)
    recording.stop(2404)
    assert recording.samples().tolist() == [0, 0, 2403, 2404]
    line, voice = Line(), Voice()
    stopped = Recording(0, line, voice, beep=True)
    stopped.stop(1000)
    assert stopped.samples().tolist() == []
    assert not line.heard(3000)[1000:].any()


@pytest.mark.parametrize("stereo", [False, True])
@pytest.mark.parametrize("length", [0, 1, 4321])
def test_a_wav_file_holds_every_sample(length: int, stereo: bool) -> None:
    samples = np.random.default_rng(1).integers(-32768, 32768, (length, 2) if stereo else length).astype(np.int16)
    file = encode_recording(samples, "wav")
    with wave.open(io.BytesIO(file.content)) as wav:
        assert (wav.getframerate(), wav.getsampwidth(), wav.getnchannels()) == (8000, 2, 2 if stereo else 1)
        assert wav.getnframes() == length
        assert wav.readframes(length) == samples.tobytes()
    assert (file.duration_s, file.size, file.content_type) == (length / 8000, len(file.content), "audio/wav")


@pytest.mark.parametrize("stereo", [False, True])
@pytest.mark.parametrize("length", [0, 1, 4321, 24_000])
def test_an_mp3_file_lasts_exactly_as_long_as_it_says(length: int, stereo: bool) -> None:
    samples = np.zeros((length, 2) if stereo else length, np.int16)
    file = encode_recording(samples, "mp3")
    with soundfile.SoundFile(io.BytesIO(file.content)) as mp3:
        assert (mp3.format, mp3.samplerate, mp3.channels) == ("MP3", 8000, 2 if stereo else 1)
        assert len(mp3.read()) == max(1, length)
    assert file.duration_s == max(1, length) / 8000
    assert (file.size, file.content_type) == (len(file.content), "audio/mpeg")


def test_an_mp3_file_sounds_like_what_was_recorded() -> None:
    music = MediaLibrary().samples({"type": "audio", "params": {"url": "welcome.mp3"}})[:16_000]
    file = encode_recording(np.rint(music * 32768).astype(np.int16), "mp3")
    decoded, rate = soundfile.read(io.BytesIO(file.content))
    assert rate == 8000
    # The same to the ear, at the same place.
    assert np.corrcoef(decoded, music)[0, 1] > 0.95


def test_another_format_is_refused() -> None:
    with pytest.raises(MediaError, match="can't be made as 'ogg'; there are: mp3 wav"):
        encode_recording(np.zeros(5, np.int16), "ogg")


def test_a_long_mix_is_the_same_as_many_short_ones() -> None:
    line, voice = Line(), Voice()
    random = np.random.default_rng(5)
    line.start(0, random.uniform(-0.9, 0.9, 150_000).astype(np.float32))
    voice.start(0, random.uniform(-0.9, 0.9, 150_000).astype(np.float32))
    both = Directions(heard=line, said=voice)
    pieces = [both.mono("both", start, start + 1000) for start in range(-2000, 150_000, 1000)]
    assert np.array_equal(both.mono("both", -2000, 150_000), np.concatenate(pieces))
