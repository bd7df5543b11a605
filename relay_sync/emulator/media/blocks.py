"""What all share that listen to a sound that comes in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from relay_sync.emulator.media.sound import FULL_SCALE


def floats(block: ArrayLike) -> NDArray[np.float64]:
    """Return a mono block, 16-bit or floats, as floats whose full scale is 1.0; ValueError if it isn't mono."""
    given = np.asarray(block)
    if given.ndim != 1:
        raise ValueError(f"a block is mono sound, not an array of shape {given.shape}")
    sound = given.astype(np.float64)
    return sound / FULL_SCALE if given.dtype == np.int16 else sound


def runs(values: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of each run of equal values, so that all are covered; nothing for no values."""
    if len(values):
        yield from pairwise([0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)])
