"""Where a sound is muted: stretches of samples in which nothing of it gets through."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray


class Muting:
    """The muted stretches of one axis of samples; none at first."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int | None]] = []

    @property
    def on(self) -> bool:
        """Is it muted from some sample on, with no end yet?"""
        return bool(self._spans) and self._spans[-1][1] is None

    def begin(self, at: int) -> None:
        """Mute from sample ``at`` on; nothing if it is muted already."""
        if not self.on:
            self._spans.append((at, None))

    def end(self, at: int) -> None:
        """Sample ``at`` is the first that gets through again; nothing if it isn't muted."""
        if self.on:
            self._spans[-1] = (self._spans[-1][0], max(at, self._spans[-1][0]))

    def covers(self, first: int, last: int) -> bool:
        """Is any sample from ``first`` to ``last`` (excluded) muted?"""
        return any(start < last and (end is None or end > first) for start, end in self._spans)

    def apply(self, sound: NDArray[Any], first: int) -> None:
        """Silence in place what is muted of ``sound``, whose sample 0 is number ``first``."""
        for start, end in self._spans:
            begin, stop = max(0, start - first), len(sound) if end is None else min(len(sound), end - first)
            if begin < stop:
                sound[begin:stop] = 0
