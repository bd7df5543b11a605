"""The two directions of a leg, as recordings and taps name them (protocol.md 16.3, 16.6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.media.bridge import Source
from relay_sync.emulator.media.limiter import to_int16
from relay_sync.emulator.media.sound import FULL_SCALE, MediaError

DIRECTIONS = ("listen", "speak", "both")
"""``listen`` is what the phone hears, ``speak`` what it says."""

_BLOCK = 1 << 16
"""Samples mixed at a time: as floats, an hour would take half a gigabyte."""


@dataclass(frozen=True, slots=True)
class Directions:
    """Both ends of a leg: what its phone hears and what it says, on one axis of samples."""

    heard: Source
    said: Source

    def mono(self, direction: str, first: int, last: int) -> NDArray[np.int16]:
        """Return the samples from ``first`` to ``last``; both directions are added up, under the line's limiter.

        Fixes them in the sources. MediaError for an unknown direction.
        """
        if checked_direction(direction) == "listen":
            return self.heard.read(first, last)
        if direction == "speak":
            return self.said.read(first, last)
        mixed: NDArray[np.int16] = np.zeros(max(0, last - first), np.int16)
        for start in range(first, last, _BLOCK):
            stop = min(last, start + _BLOCK)
            both = self.heard.read(start, stop).astype(np.float64) + self.said.read(start, stop)
            mixed[start - first : stop - first] = to_int16(both / FULL_SCALE)
        return mixed

    def stereo(self, direction: str, first: int, last: int) -> NDArray[np.int16]:
        """Return as many rows as there are samples: left what the phone says, right what it hears.

        Each direction keeps its side, and the side of one that isn't wanted is silent; no source says which is which.
        """
        checked_direction(direction)
        sides: NDArray[np.int16] = np.zeros((max(0, last - first), 2), np.int16)
        if direction != "listen":
            sides[:, 0] = self.said.read(first, last)
        if direction != "speak":
            sides[:, 1] = self.heard.read(first, last)
        return sides


def checked_direction(direction: str) -> str:
    """Return ``direction``; MediaError if there is no such."""
    if direction not in DIRECTIONS:
        raise MediaError(f"there is no direction {direction!r}; there are: {' '.join(DIRECTIONS)}")
    return direction
