"""What every part of the media package agrees on: rate, types, decibels, the one error."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

RATE = 8000
"""Samples per second of everything a phone hears, as on the telephone network."""

FULL_SCALE = 32768
"""The 16-bit sample value that stands for 1.0, so that 16-bit sources come back bit for bit."""

LONGEST_S = 4 * 3600
"""Seconds that one media item may last; a longer one is refused rather than filling the memory."""

Samples: TypeAlias = NDArray[np.float32]
"""Mono sound, one value per sample, full scale 1.0."""


class MediaError(Exception):
    """A media item can't be turned into sound: not found, not audio, too large, not understood.

    The text says which item and why; the emulator tells it in its log and sends the play event ``error``.
    """


def gain_of(volume_db: float) -> float:
    """Return the factor that a volume in dB stands for: ``10 ** (dB / 20)`` (protocol.md 16.1)."""
    return float(10.0 ** (volume_db / 20.0))


def silence(seconds: float) -> Samples:
    """Return that many seconds of zeros, to the nearest sample; MediaError for longer than ``LONGEST_S``."""
    if seconds > LONGEST_S:
        raise MediaError(f"{seconds:g} s is too long: a media item lasts {LONGEST_S} s at most")
    return np.zeros(round(seconds * RATE), np.float32)
