"""Live sound on a line: what the phone of another leg says, heard here while the two are bridged.

Numbers of two legs differ: each counts from its own answer. A bridge therefore has a ``shift``, the sample of this
line that is sample 0 of the source.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.media.playback import Rendered
from relay_sync.emulator.media.sound import FULL_SCALE, RATE


class Source(Protocol):
    """Sound that comes into being while it is read: a line, or a voice."""

    def read(self, first: int, last: int) -> NDArray[np.int16]:
        """Fix all samples before ``last`` and return those from ``first`` on, zeros where there is nothing yet."""


def shift_between(here_answered_at: float, there_answered_at: float) -> int:
    """Return the shift of a bridge: the sample of this leg's axis at which that leg was answered.

    Both moments are seconds of one clock. To the nearest sample, negative if that leg was answered first.
    """
    return round((there_answered_at - here_answered_at) * RATE)


class Bridge:
    """A source sounding on a line from one sample to another; made by ``Line.bridge``.

    What is rendered of the line is read, and so fixed, in the source. The source must not be a line that hears this
    one: two bridged phones hear each other's voices, not each other's lines.
    """

    def __init__(self, line: Rendered, at: int, source: Source, shift: int) -> None:
        self._line = line
        self._source = source
        self.at = at
        self.shift = shift
        self._end: int | None = None

    def __repr__(self) -> str:
        return f"<Bridge from sample {self.at} to {'now on' if self._end is None else self._end}>"

    def stop(self, at: int) -> None:
        """Hear no more of the source: line sample ``at - 1`` is the last. Nothing if it was stopped already.

        ValueError if ``at`` is rendered already, or lies before the start.
        """
        if self._end is not None:
            return
        if at < max(self._line.rendered, self.at):
            raise ValueError(f"a bridge from sample {self.at} can't end at {at}: rendered up to {self._line.rendered}")
        self._end = at

    def ends_at(self) -> int | None:
        """Return the line sample with which it is over, None while nobody has stopped it."""
        return self._end

    def mix_into(self, mix: NDArray[np.float64], first: int) -> None:
        """Add its sound to ``mix``, whose sample 0 is line sample ``first``; for the line alone."""
        last = first + len(mix)
        start, stop = max(first, self.at), last if self._end is None else min(last, self._end)
        if start < stop:
            # 16-bit numbers over 32768 are exact, so a source that sounds alone arrives as it was.
            mix[start - first : stop - first] += self._source.read(start - self.shift, stop - self.shift) / FULL_SCALE
