"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import os


def delay(attempt: int, random: float, *, first: float = 1.0, most: float = 30.0) -> float:
    """Return the seconds to wait before another attempt: exponential, with full jitter.

    The ceiling is `first` seconds, doubled with each failed attempt up to `most`; the delay is a random part of it,
    so that thousands of clients that one outage cut off do not come back in step.

    Args:
        attempt: how many delays went before this one since the last success; 0 for the first.
        random: a number from 0.0 to 1.0, such as `chance` gives.
        first: ceiling of the first delay, in seconds.
        most: ceiling of every delay, in seconds.

    Raises:
        ValueError: `attempt` is negative, or `random` lies outside 0.0 to 1.0.
    """
    if attempt < 0:
        raise ValueError(f"attempt={attempt}: must not be negative")
    if not 0.0 <= random <= 1.0:
        raise ValueError(f"random={random}: must lie between 0.0 and 1.0")
    # An outage of a week makes 2**20000; beyond 64 doublings the ceiling has long been reached.
    return random * float(min(most, first * 2 ** min(attempt, 64)))


def chance() -> float:
    """A random number from 0.0 to 1.0. The module ``random`` takes as long to import as half of ``link/``."""
    return int.from_bytes(os.urandom(4), "big") / (2**32 - 1)
