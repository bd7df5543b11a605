"""The music that ships with the package: what tests and examples rely on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from relay_sync.emulator.media import MediaLibrary, Samples, make_welcome
from relay_sync.emulator.media.library import WELCOME


@pytest.fixture(scope="module")
def welcome() -> Samples:
    return MediaLibrary().samples({"type": "audio", "params": {"url": str(WELCOME)}})


def levels(samples: Samples, frame: int) -> NDArray[np.float64]:
    """Return the level of each ``frame`` samples in dBFS."""
    frames = samples[: len(samples) // frame * frame].astype(float).reshape(-1, frame)
    return np.asarray(10 * np.log10(np.mean(frames**2, axis=1) + 1e-12))


def test_it_is_a_small_mono_mp3_at_44_khz() -> None:
    information = soundfile.info(str(WELCOME))
    assert (information.format, information.channels, information.samplerate) == ("MP3", 1, 44100)
    assert WELCOME.stat().st_size < 200_000


def test_it_lasts_nine_seconds(welcome: Samples) -> None:
    assert len(welcome) == pytest.approx(72_000, abs=800)


def test_its_peak_is_9_db_below_full_scale_so_that_5_db_more_stay_linear(welcome: Samples) -> None:
    assert 20 * np.log10(np.abs(welcome).max()) == pytest.approx(-9.0, abs=0.5)


def test_it_is_never_silent_but_for_its_last_tenth_of_a_second(welcome: Samples) -> None:
    assert levels(welcome[:-1000], 400).min() > -35
    silent = np.concatenate([[True], np.abs(welcome) > 1 / 32768, [True]])
    assert np.diff(np.flatnonzero(silent)).max() < 0.1 * 8000


def test_no_stretch_of_it_repeats_another(welcome: Samples) -> None:
    # Normalised correlation of every half second with the whole: a repeated stretch would come near 1.
    size = 4000
    energy = np.convolve(welcome.astype(float) ** 2, np.ones(size), "valid")
    for start in range(0, len(welcome) - 2 * size, size):
        part = welcome[start : start + size].astype(float)
        # By FFT: the plain correlation takes a second.
        product = np.fft.irfft(np.fft.rfft(welcome, 1 << 17) * np.conj(np.fft.rfft(part, 1 << 17)))
        likeness = product[: len(energy)] / np.sqrt(energy * (part @ part) + 1e-9)
        likeness[max(0, start - size // 2) : start + size // 2] = 0
        assert np.abs(likeness).max() < 0.97


def test_the_script_in_the_package_makes_it(tmp_path: Path, welcome: Samples) -> None:
    make_welcome.write(tmp_path / "again.mp3")
    again = MediaLibrary().samples({"type": "audio", "params": {"url": str(tmp_path / "again.mp3")}})
    assert len(again) == len(welcome)
    # Encoders of different versions differ in the last bits only.
    assert np.abs(again - welcome).max() < 0.01
