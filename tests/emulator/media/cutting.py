"""Sound in pieces: what listens block by block must find the same however the sound is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

T = TypeVar("T")

needs_espeak = pytest.mark.skipif(find_spec("espeakng_loader") is None, reason="the extra 'speech' is not installed")


def blocks(sound: NDArray[Any], seed: int, longest: int = 3000) -> Iterator[NDArray[Any]]:
    """Cut ``sound`` at random, now and then into an empty piece."""
    random = np.random.default_rng(seed)
    start = 0
    while start < len(sound):
        length = (0, 1, 160, int(random.integers(1, longest)))[random.integers(4)]
        yield sound[start : start + length]
        start += length


def fed(sound: NDArray[Any], feed: Callable[[NDArray[Any]], list[T]], seed: int) -> list[T]:
    """Feed ``sound`` in pieces and return all that was found."""
    return [found for block in blocks(sound, seed) for found in feed(block)]


def noisy(sound: NDArray[Any], level_db: float, seed: int) -> NDArray[np.float64]:
    """Return ``sound`` with white noise of that level (its RMS in dBFS)."""
    noise = np.random.default_rng(seed).normal(0, 10 ** (level_db / 20), len(sound))
    return np.asarray(sound + noise, np.float64)


def quiet(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * 8000), np.float32)
