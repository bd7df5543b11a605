"""One playback on a line: which source sample sounds when, and how loud.

A playback never moves by itself and knows no clock. Its whole course is written in two short lists: where the
source stands from a line sample on (``_Stretch``), and which gain applies from a line sample on (``_Ramp``).
Rendering reads these lists; pausing, resuming, stopping and changing the volume append to them. All sample
numbers are numbers of the line, 0 being the answer of the call, unless they are called positions: a position
counts samples of the source.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.media.sound import RATE, Samples, gain_of

RAMP = RATE * 5 // 1000
"""Samples that a change of volume takes: 5 ms."""

_at = attrgetter("at")


class Rendered(Protocol):
    """What a playback must know of its line."""

    @property
    def rendered(self) -> int:
        """The first sample that is not fixed yet."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """From line sample ``at`` on the source stands at ``position``, and moves if ``playing``."""

    at: int
    position: int
    playing: bool


@dataclass(frozen=True, slots=True)
class _Ramp:
    """From line sample ``at`` on the gain goes from ``old`` to ``new`` in RAMP equal steps, and stays there."""

    at: int
    old: float
    new: float

    def gains(self, first: int, last: int) -> NDArray[np.float64] | float:
        """Return the gains of the line samples ``first`` to ``last`` (excluded); one number where they are equal."""
        if first >= self.at + RAMP:
            return self.new
        steps = np.minimum(np.arange(first, last) - self.at + 1, RAMP)
        return np.where(steps == RAMP, self.new, self.old + (self.new - self.old) * (steps / RAMP))


class Playback:
    """One source sounding on a line; made by ``Line.start``.

    Each operation takes effect with the line sample it names, that one included. The operations of one playback
    come in the order of their samples (several may name the same one; the later call then wins), and never
    name a sample that is rendered already: either is a mistake of the caller and a ValueError. Operations on a
    playback that has ended or was stopped change nothing.

    A change of volume is ramped in line time: the ramp runs on while the playback is paused. A volume set 5 ms or
    more before a pause ends is therefore complete with the first sample after it.

    ``loops`` is how many times the source sounds, one after the other without a gap; 0 for ever. A position counts on
    through the repetitions.
    """

    def __init__(self, line: Rendered, at: int, samples: Samples, volume_db: float, loops: int = 1) -> None:
        if loops < 0:
            raise ValueError(f"a sound is played 1 or more times, or 0 for ever, not {loops!r}")
        self.line: Rendered = line
        self._source = samples
        self._length = None if loops == 0 and len(samples) else loops * len(samples)
        self._stretches = [_Stretch(at, 0, True)]
        gain = _checked_gain(volume_db)
        self._ramps = [_Ramp(at - RAMP, gain, gain)]  # over already: the first sample has the gain asked for
        self._last_operation = at
        self._volume_db = volume_db
        self._stopped = False

    def __repr__(self) -> str:
        state = "stopped" if self.stopped else "paused" if self.paused else "playing"
        return f"<Playback {state}, from sample {self.starts_at}, {self.duration} samples>"

    @property
    def duration(self) -> int:
        """Length of the source in samples, with its repetitions; of one without end, once."""
        return len(self._source) if self._length is None else self._length

    @property
    def starts_at(self) -> int:
        """The line sample with which it began, or will."""
        return self._stretches[0].at

    @property
    def paused(self) -> bool:
        """Whether the last operation left it paused."""
        return not self._stopped and not self._stretches[-1].playing

    @property
    def stopped(self) -> bool:
        """Whether it was stopped before its own end."""
        return self._stopped

    @property
    def volume_db(self) -> float:
        """The volume asked for last, in dB."""
        return self._volume_db

    def pause(self, at: int) -> None:
        """Be silent from line sample ``at`` on and keep the position; nothing if it is paused already."""
        if self._takes(at) and not self.paused:
            self._stretches.append(_Stretch(at, self.position(at), False))

    def resume(self, at: int) -> None:
        """Go on from line sample ``at``, with the first source sample that has not sounded; nothing if it plays."""
        if self._takes(at) and self.paused:
            self._stretches.append(_Stretch(at, self.position(at), True))

    def volume(self, db: float, at: int) -> None:
        """Change the volume to ``db`` from line sample ``at`` on.

        ``db`` is finite, 0 being the source as it is. The gain goes in ``RAMP`` equal steps from the one in force
        before ``at``, the first step with ``at`` itself and the new gain with sample ``at + RAMP - 1``.
        """
        gain = _checked_gain(db)
        if self._takes(at):
            self._ramps.append(_Ramp(at, self._gain(at - 1), gain))
            self._volume_db = db

    def stop(self, at: int) -> None:
        """End for good: line sample ``at - 1`` is the last that may sound."""
        if self._takes(at):
            self._stretches.append(_Stretch(at, self.position(at), False))
            self._stopped = True

    def ends_at(self) -> int | None:
        """Return the line sample with which it is over if nothing more happens.

        None while it is paused, or if it has no end. That is the first sample after its last one. Once it is stopped,
        the sample it was stopped at.
        """
        now = self._stretches[-1]
        if now.playing:
            return None if self._length is None else now.at + self._length - now.position
        return now.at if self._stopped else None

    def position(self, at: int) -> int:
        """Return how many source samples have sounded before line sample ``at``, as far as is known now."""
        stretch = self._stretches[max(0, bisect_right(self._stretches, at, key=_at) - 1)]
        moved = max(0, at - stretch.at) if stretch.playing else 0
        position = stretch.position + moved
        return position if self._length is None else min(position, self._length)

    def mix_into(self, mix: NDArray[np.float64], first: int) -> None:
        """Add its sound to ``mix``, whose sample 0 is line sample ``first``; for the line alone."""
        for start, stop, position in self._pieces(first, first + len(mix)):
            source = self._source[position : position + stop - start]
            for begin, end, gains in self._gains(start, stop):
                # In float64: a product in float32 would now and then round to the neighbouring 16-bit sample.
                mix[begin - first : end - first] += np.multiply(
                    source[begin - start : end - start], gains, dtype=np.float64
                )

    def _pieces(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Yield what ``_sounding`` does, cut where the source begins anew; the position is that in the source."""
        for start, stop, position in self._sounding(first, last):
            while start < stop:
                within = position % len(self._source)
                end = min(stop, start + len(self._source) - within)
                yield start, end, within
                start, position = end, position + end - start

    def _takes(self, at: int) -> bool:
        """Check that an operation may name ``at``; return whether it can still change anything."""
        if at < max(self.line.rendered, self._last_operation):
            raise ValueError(
                f"an operation at sample {at} comes too late: rendered up to {self.line.rendered}, "
                f"last operation at {self._last_operation}"
            )
        end = self.ends_at()
        if end is not None and at >= end:
            return False
        self._last_operation = at
        return True

    def _sounding(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Yield (start, stop, position of start) of each part of ``first`` to ``last`` in which it sounds."""
        index = max(0, bisect_right(self._stretches, first, key=_at) - 1)
        for number, stretch in enumerate(self._stretches[index:], index + 1):
            if stretch.at >= last:
                return
            following = self._stretches[number].at if number < len(self._stretches) else last
            start = max(first, stretch.at)
            stop = min(last, following)
            if self._length is not None:
                stop = min(stop, stretch.at + self._length - stretch.position)
            if stretch.playing and start < stop:
                yield start, stop, stretch.position + start - stretch.at

    def _gains(self, first: int, last: int) -> Iterator[tuple[int, int, NDArray[np.float64] | float]]:
        """Yield (start, stop, gains) so that ``first`` to ``last`` is covered."""
        while first < last:
            index = bisect_right(self._ramps, first, key=_at) - 1
            ramp = self._ramps[index]
            # Cut at the end of the ramp, so that the long rest is multiplied by one number.
            cuts = [ramp.at + RAMP] + [following.at for following in self._ramps[index + 1 : index + 2]]
            stop = min([last] + [cut for cut in cuts if cut > first])
            yield first, stop, ramp.gains(first, stop)
            first = stop

    def _gain(self, at: int) -> float:
        """Return the gain in force at line sample ``at``."""
        ramp = self._ramps[max(0, bisect_right(self._ramps, at, key=_at) - 1)]
        gains = ramp.gains(at, at + 1)
        return float(gains if isinstance(gains, float) else gains[0])


def _checked_gain(volume_db: float) -> float:
    if not math.isfinite(volume_db):
        raise ValueError(f"a volume must be a finite number of dB, not {volume_db!r}")
    return gain_of(volume_db)
