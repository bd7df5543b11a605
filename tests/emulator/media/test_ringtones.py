"""Ringtones, measured: frequencies by FFT, cadences by their edges."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from relay_sync.emulator.media import MediaError
from relay_sync.emulator.media.ringtones import LEVEL_DB, RINGTONES, ringtone

# api.md 7.4, word for word.
NAMES = (
    "at au bg br be ch cl cn cz de dk ee es fi fr gr hu il in it lt jp mx my nl no nz ph pl pt ru se sg th uk us tw ve "
    "za"
)


def frequencies(sound: NDArray[np.float32]) -> list[int]:
    """Return the frequencies that stand out of the spectrum, in Hz, from the lowest on."""
    size = 1 << 16
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size))
    peaks = (spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:]) & (spectrum[1:-1] > spectrum.max() / 4)
    return [round((place + 1) * 8000 / size) for place in np.flatnonzero(peaks)]


def stretches(sound: NDArray[np.float32]) -> list[float]:
    """Return the seconds of sound and of silence in turn, gaps of a modulated tone's zeros not counted."""
    active = np.flatnonzero(np.abs(sound) > 1e-4)
    breaks = np.flatnonzero(np.diff(active) > 400)
    starts = [active[0], *active[breaks + 1]]
    stops = [*(active[breaks] + 1), active[-1] + 1]
    edges = [edge for pair in zip(starts, stops, strict=True) for edge in pair] + [len(sound)]
    return [float(seconds) for seconds in np.diff(edges) / 8000]


def test_every_documented_name_has_its_tone_and_no_other() -> None:
    assert sorted(RINGTONES) == sorted(NAMES.split())


@pytest.mark.parametrize(
    ("name", "expected", "cadence"),
    [
        ("us", [440, 480], [2, 4]),
        ("uk", [400, 450], [0.4, 0.2, 0.4, 2]),
        ("nz", [400, 450], [0.4, 0.2, 0.4, 2]),
        ("au", [413, 438], [0.4, 0.2, 0.4, 2]),
        ("de", [425], [1, 4]),
        ("fr", [440], [1.5, 3.5]),
        ("es", [425], [1.5, 3]),
        ("it", [425], [1, 4]),
        ("hu", [425], [1.25, 3.75]),
        ("se", [425], [1, 5]),
        ("cn", [450], [1, 4]),
        ("tw", [440, 480], [1, 2]),
        ("jp", [384, 400, 416], [1, 2]),
        ("in", [375, 400, 425], [0.4, 0.2, 0.4, 2]),
        ("za", [367, 400, 433], [0.4, 0.2, 0.4, 2]),
        ("sg", [401, 425, 449], [0.4, 0.2, 0.4, 2]),
        ("my", [425], [0.4, 0.2, 0.4, 2]),
    ],
)
def test_a_tone_has_the_published_frequencies_and_cadence(name: str, expected: list[int], cadence: list[float]) -> None:
    tone = ringtone(name)
    assert stretches(tone) == pytest.approx(cadence, abs=0.003)
    measured = frequencies(tone[: round(cadence[0] * 8000)])
    assert measured == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("name", NAMES.split())
def test_every_tone_is_one_cycle_long_and_as_loud_as_the_others(name: str) -> None:
    tone = ringtone(name)
    cadence = RINGTONES[name][1]
    assert len(tone) == round(sum(cadence) * 8000)
    burst = tone[: round(cadence[0] * 8000)].astype(float)
    assert 10 * np.log10(2 * np.mean(burst**2)) == pytest.approx(LEVEL_DB, abs=0.3)
    assert np.abs(tone).max() < 10 ** (-3 / 20)
    assert not tone[-8000:].any()


def test_a_longer_duration_repeats_the_cycle_and_cuts_the_last() -> None:
    tone = ringtone("us", 13.0)
    assert len(tone) == 13 * 8000
    assert np.array_equal(tone[48_000:96_000], ringtone("us"))
    assert np.array_equal(tone[96_000:], tone[:8000])


def test_a_shorter_duration_cuts_the_cycle() -> None:
    assert np.array_equal(ringtone("us", 0.5), ringtone("us")[:4000])
    assert len(ringtone("us", 0.0)) == 0


def test_edges_do_not_drift_over_many_cycles() -> None:
    tone = ringtone("uk", 300.0)
    assert np.array_equal(tone[297 * 8000 :], ringtone("uk"))


def test_a_name_is_found_in_any_case() -> None:
    assert np.array_equal(ringtone("UK"), ringtone("uk"))


def test_an_unknown_name_is_refused_with_the_list_of_those_there_are() -> None:
    with pytest.raises(MediaError, match="no ringtone 'xx'; there are: at au"):
        ringtone("xx")
