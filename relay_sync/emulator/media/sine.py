"""Bursts of sine waves that begin and end without a click: what every tone of a telephone is made of."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.media.sound import RATE, Samples, gain_of

EDGE = RATE * 5 // 1000
"""Samples in which a burst swells, and dies away: 5 ms each."""


def burst(partials: Iterable[tuple[float, float]], length: int) -> Samples:
    """Return ``length`` samples of sines that sound together.

    ``partials`` are pairs of a frequency in Hz and the level of that sine: its peak in dBFS. Both edges are half a
    cosine of ``EDGE`` samples (of half the length for a burst shorter than two of them), so that the burst is at
    half its amplitude ``EDGE / 2`` samples from either end.
    """
    moments = np.arange(length) / RATE
    sound = np.zeros(length)
    for frequency, level_db in partials:
        sound += gain_of(level_db) * np.sin(2 * np.pi * frequency * moments)
    return (sound * _envelope(length)).astype(np.float32)


def _envelope(length: int) -> NDArray[np.float64]:
    envelope = np.ones(length)
    edge = min(EDGE, length // 2)
    swell = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge) if edge else envelope[:0]
    envelope[:edge] = swell
    envelope[length - edge :] = swell[::-1]
    return envelope
