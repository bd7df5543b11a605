"""The limiter at the end of a line: keeps loud mixes inside 16 bits without hard clipping."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.media.sound import FULL_SCALE

THRESHOLD = 10.0 ** (-3.0 / 20.0)
"""Up to this magnitude, -3 dBFS, a sample passes untouched."""

CEILING = (FULL_SCALE - 1) / FULL_SCALE
"""No magnitude leaves the limiter above this: the largest positive 16-bit sample."""


def limit(mix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``mix`` with every magnitude below 1.0.

    Exactly the identity up to ``THRESHOLD``. Above, the curve bends towards ``CEILING``; value and slope are
    continuous at the threshold and the curve never falls, so that louder in is never quieter out.
    """
    loud = np.abs(mix) > THRESHOLD
    if not loud.any():
        return mix
    limited = mix.copy()
    room = CEILING - THRESHOLD
    excess = np.abs(mix[loud]) - THRESHOLD
    limited[loud] = np.copysign(THRESHOLD + room * np.tanh(excess / room), mix[loud])
    return limited


def to_int16(mix: NDArray[np.float64]) -> NDArray[np.int16]:
    """Limit ``mix`` and round it to 16-bit samples, 1.0 being 32768."""
    return np.rint(limit(mix) * FULL_SCALE).astype(np.int16)
