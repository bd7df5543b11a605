"""What a phone heard, as a value."""

from __future__ import annotations

import math
import wave
from pathlib import Path

import numpy as np
import pytest

from relay_sync.emulator.media import Heard, Line


def sine(seconds: float, amplitude: int = 32767) -> Heard:
    return Heard(np.rint(amplitude * np.sin(2 * np.pi * 400 * np.arange(seconds * 8000) / 8000)).astype(np.int16))


def test_it_knows_its_length_in_samples_and_seconds() -> None:
    heard = Heard(np.zeros(12_000, np.int16))
    assert (len(heard), heard.duration, heard.rate) == (12_000, 1.5, 8000)


def test_its_samples_can_be_read_and_not_written() -> None:
    own = np.zeros(10, np.int16)
    heard = Heard(own)
    with pytest.raises(ValueError, match="read-only"):
        heard.samples[0] = 1
    own[0] = 7  # whoever made the array may still write to it
    assert heard.samples.dtype == np.int16


def test_a_stretch_is_cut_at_the_nearest_sample() -> None:
    heard = Heard(np.arange(8000, dtype=np.int16))
    assert heard.between(0.25, 0.5).samples.tolist() == list(range(2000, 4000))
    assert heard.between(0.00019, 0.00041).samples.tolist() == [2]
    assert heard.between(0.5).samples.tolist() == list(range(4000, 8000))
    assert len(heard.between(0.9, 7.0)) == 800
    assert len(heard.between(3.0, 4.0)) == 0


@pytest.mark.parametrize(("start", "end"), [(-0.1, 1.0), (0.5, 0.4), (math.nan, 1.0)])
def test_a_stretch_that_is_none_is_refused(start: float, end: float) -> None:
    with pytest.raises(ValueError, match="a stretch begins"):
        sine(1).between(start, end)


def test_levels_are_in_dbfs_of_the_16_bit_range() -> None:
    assert sine(1).rms_db() == pytest.approx(-3.01, abs=0.01)
    assert sine(1, 3277).rms_db() == pytest.approx(-23.01, abs=0.01)
    assert Heard(np.full(100, -32768, np.int16)).rms_db() == 0.0


def test_silence_and_nothing_have_no_level() -> None:
    assert Heard(np.zeros(100, np.int16)).rms_db() == -math.inf
    assert Heard(np.zeros(0, np.int16)).rms_db() == -math.inf


def test_a_saved_file_is_a_mono_8_khz_16_bit_wav_with_the_same_samples(tmp_path: Path) -> None:
    heard = Heard(np.arange(-32768, 32768, 7).astype(np.int16))
    path = heard.save(str(tmp_path / "heard.wav"))
    assert path == tmp_path / "heard.wav"
    with wave.open(str(path), "rb") as wav:
        assert wav.getparams()[:5] == (1, 2, 8000, len(heard), "NONE")
        assert np.array_equal(np.frombuffer(wav.readframes(len(heard)), "<i2"), heard.samples)


def test_nothing_can_be_saved_too(tmp_path: Path) -> None:
    path = Heard(np.zeros(0, np.int16)).save(tmp_path / "nothing.wav")
    with wave.open(str(path), "rb") as wav:
        assert wav.getnframes() == 0


def test_saving_where_there_is_no_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sine(0.1).save(tmp_path / "missing" / "heard.wav")


def test_it_shows_itself_in_one_line() -> None:
    assert repr(sine(1)) == "<Heard 1.000 s, -3.0 dBFS>"
    assert repr(Heard(np.zeros(0, np.int16))) == "<Heard 0.000 s, -inf dBFS>"


@pytest.mark.parametrize("samples", [np.zeros((2, 2), np.int16), np.zeros(4, np.float32), [0.5, 0.5]])
def test_it_takes_mono_16_bit_samples_only(samples: object) -> None:
    with pytest.raises(ValueError, match="mono 16-bit"):
        Heard(samples)  # type: ignore[arg-type]  # the wrong type is the point


def test_it_does_not_grow_with_the_line_it_came_from() -> None:
    line = Line()
    line.start(0, np.full(100, 0.25, np.float32))
    heard = Heard(line.heard(50))
    line.render(20_000)
    assert heard.samples.tolist() == [8192] * 50
