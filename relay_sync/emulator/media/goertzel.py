"""Listening for tones: how much of a sound lies at given frequencies, and from which sample to which.

Two parts that every tone detector here is made of. ``Bank`` measures frame after frame; the detector decides for each
frame what it is; ``Tracker`` joins frames of one kind to spans whose ends it places to within a millisecond or two.
Both take a sound in pieces of any size, and their findings don't depend on how it was cut.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from relay_sync.emulator.media.blocks import floats, runs
from relay_sync.emulator.media.sound import RATE

_CHUNK = 1 << 16
"""Samples measured at a time: overlapping frames take several times the memory of what they are cut from."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a bank found in some successive frames.

    ``first`` is the sample the first frame begins with. ``powers`` has a row for each frame and a column for each
    frequency: the mean square of the sine at that frequency, 0.5 for one that fills the range. ``energies`` are the
    mean squares of the whole frames. A sine that fills a frame has all of its energy at its own frequency.
    """

    first: int
    powers: NDArray[np.float64]
    energies: NDArray[np.float64]


class Bank:
    """Goertzel's measure at several ``frequencies`` (Hz), over frames of ``frame`` samples, one every ``hop`` samples.

    ``first`` is the number of the first sample that will be fed.
    """

    def __init__(self, frequencies: Sequence[float], frame: int, hop: int, first: int = 0) -> None:
        angles = 2 * np.pi * np.outer(np.arange(frame), frequencies) / RATE
        # Goertzel's recursion computes the same two sums; as a product of matrices they are much faster here.
        self._basis = np.hstack([np.cos(angles), np.sin(angles)])
        self._frame, self._hop = frame, hop
        self._kept = np.zeros(0)  # the end of what was fed, from the next frame's first sample on
        self._first = first

    def feed(self, block: ArrayLike) -> Iterator[Measured]:
        """Measure the frames that ``block`` completes.

        ``block`` is mono: 16-bit samples, or floats whose full scale is 1.0.
        """
        sound = floats(block)
        for start in range(0, len(sound), _CHUNK):
            self._kept = np.concatenate([self._kept, sound[start : start + _CHUNK]])
            if len(self._kept) >= self._frame:
                yield self._measure()

    def _measure(self) -> Measured:
        frames = np.ascontiguousarray(sliding_window_view(self._kept, self._frame)[:: self._hop])
        parts = np.square(frames @ self._basis)
        half = parts.shape[1] // 2
        powers = (parts[:, :half] + parts[:, half:]) * (2.0 / self._frame**2)
        measured = Measured(self._first, powers, np.einsum("ij,ij->i", frames, frames) / self._frame)
        done = len(frames) * self._hop
        self._kept, self._first = self._kept[done:], self._first + done
        return measured


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one kind: it lasts from sample ``start`` to sample ``end``, that one excluded."""

    kind: int
    start: int
    end: int


class Tracker:
    """Joins frames of one kind to spans.

    ``frame`` and ``hop`` are those of the bank. A span shorter than ``shortest`` samples is dropped. Of two spans of
    the same kind that less than ``break_off`` samples separate, one is made.
    """

    def __init__(self, frame: int, hop: int, shortest: int, break_off: int) -> None:
        self._frame, self._hop = frame, hop
        self._shortest, self._break_off = shortest, break_off
        self._open: _Open | None = None

    @property
    def current(self) -> Span | None:
        """The span that has not ended yet, its end being what is known so far; None if it may still be too short."""
        return None if self._open is None else self._checked(self._open)

    def feed(self, first: int, kinds: NDArray[np.intp], strengths: NDArray[np.float64]) -> list[Span]:
        """Take successive frames, the first beginning with sample ``first``, and return the spans that have ended.

        ``kinds`` are numbers from 0 on, -1 for a frame that is nothing. ``strengths`` are the powers of what a frame
        was taken for: those at the edges, compared with the strongest, tell how much of a frame a tone fills.
        """
        ended: list[Span] = []
        for start, stop in runs(kinds):
            ended += self._take_run(first + start * self._hop, int(kinds[start]), strengths[start:stop])
        return ended

    def flush(self) -> list[Span]:
        """Return the span that was not known to have ended: no more will be fed."""
        return self._close()

    def _take_run(self, at: int, kind: int, strengths: NDArray[np.float64]) -> list[Span]:
        """Take a run of frames of one kind, the first beginning with sample ``at``."""
        last = at + (len(strengths) - 1) * self._hop
        ended: list[Span] = []
        if self._open is not None:
            # A break leaves without a hit the frames that it fills in part, and those begin up to a frame before it.
            broken_off = kind == -1 and last >= self._open.last + self._frame + self._break_off
            if broken_off or kind not in (-1, self._open.kind):
                ended = self._close()
        if kind == -1:
            return ended
        if self._open is None:
            self._open = _Open(kind, at, float(strengths[0]))
        self._open.last = last
        self._open.last_strength = float(strengths[-1])
        self._open.strongest = max(self._open.strongest, float(strengths.max()))
        return ended

    def _close(self) -> list[Span]:
        span, self._open = self.current, None
        return [] if span is None else [span]

    def _checked(self, seen: _Open) -> Span | None:
        """Return the span as it is known, None if it is too short."""
        start = seen.first + round(self._frame * (1.0 - _filled(seen.first_strength, seen.strongest)))
        end = seen.last + round(self._frame * _filled(seen.last_strength, seen.strongest))
        return Span(seen.kind, start, end) if end - start >= self._shortest else None


@dataclass(slots=True)
class _Open:
    """A span that may go on. ``first`` and ``last`` are where its first and its last frame begin."""

    kind: int
    first: int
    first_strength: float
    last: int = 0
    last_strength: float = 0.0
    strongest: float = 0.0


def _filled(strength: float, strongest: float) -> float:
    """Return how much of a frame a tone fills; its amplitude is measured in proportion to that."""
    return math.sqrt(strength / strongest)
