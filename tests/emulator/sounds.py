"""Sounds that are known to the sample, for tests in stepped time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 8000

Samples = NDArray[np.int16]


def noise(seed: int, seconds: float) -> Samples:
    """Sound of which no two moments are alike, far below the limiter."""
    return np.random.default_rng(seed).integers(-3000, 3000, round(seconds * RATE), dtype=np.int16)


def placed(total: float, *sounds: tuple[float, Samples]) -> Samples:
    """Silence of ``total`` seconds with sounds in it, each from a moment on."""
    line = np.zeros(round(total * RATE), np.int16)
    for at, sound in sounds:
        line[round(at * RATE) : round(at * RATE) + len(sound)] += sound
    return line
