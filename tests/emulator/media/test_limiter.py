"""The limiter: untouched below -3 dBFS, smooth and bounded above."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from relay_sync.emulator.media.limiter import CEILING, THRESHOLD, limit, to_int16


def test_below_minus_3_dbfs_nothing_is_changed() -> None:
    mix = np.linspace(-THRESHOLD, THRESHOLD, 10_001)
    assert np.array_equal(limit(mix), mix)
    loud_neighbour = np.append(mix, 5.0)
    assert np.array_equal(limit(loud_neighbour)[:-1], mix)


def test_the_threshold_is_minus_3_dbfs() -> None:
    assert abs(20 * np.log10(THRESHOLD) + 3.0) < 1e-12


def test_above_it_the_curve_bends_without_a_corner_and_never_falls() -> None:
    curve = limit(np.linspace(0.0, 4.0, 400_001))
    slope = np.diff(curve) / 1e-5
    assert slope.min() >= 0
    assert np.abs(np.diff(slope)).max() < 1e-3
    assert curve.max() <= CEILING < 1.0


def test_both_signs_are_treated_alike() -> None:
    mix = np.linspace(0.0, 200.0, 1001)
    assert np.array_equal(limit(-mix), -limit(mix))


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_no_mix_overflows_16_bits_or_changes_its_sign(values: list[float]) -> None:
    mix = np.array(values)
    given_mix = mix.copy()
    samples = to_int16(mix).astype(int)
    assert np.abs(samples).max() <= 32767
    assert (samples * np.sign(mix) >= 0).all()
    assert np.array_equal(mix, given_mix)


def test_16_bit_samples_come_back_bit_for_bit() -> None:
    samples = np.arange(-23_000, 23_001)
    assert np.array_equal(to_int16(samples / 32768), samples)
