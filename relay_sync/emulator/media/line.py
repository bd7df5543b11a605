"""What one phone hears: the mix of all playbacks of its call and of what it is bridged to, to the sample.

No clock and no thread: sample numbers in, samples out. Sample 0 is the answer of the call.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from relay_sync.emulator.media.bridge import Bridge, Source
from relay_sync.emulator.media.limiter import to_int16
from relay_sync.emulator.media.muting import Muting
from relay_sync.emulator.media.playback import Playback
from relay_sync.emulator.media.sound import RATE

_BLOCK = 1 << 16
"""Samples mixed at a time, so that rendering an hour needs no more working memory than a few seconds."""


class _Sounding(Protocol):
    """What a line mixes."""

    def mix_into(self, mix: NDArray[np.float64], first: int) -> None:
        """Add its sound to ``mix``, whose sample 0 is line sample ``first``."""

    def ends_at(self) -> int | None:
        """Return the line sample with which it is over, None if that isn't known."""


class Line:
    """The timeline of one phone; not thread-safe.

    The past is fixed by ``render`` and never changes; the future is what the playbacks will sound like if nothing
    more happens. Playbacks that overlap, and what comes in by bridges, are added up; the sum goes through the limiter
    (exactly linear below -3 dBFS) and is rounded to 16 bits. The result does not depend on how often or how far
    ``render`` was called.

    ``muting`` says where nothing is heard, whatever sounds: what plays there goes on unheard. Mute no sample that is
    rendered already.
    """

    def __init__(self) -> None:
        self.muting: Muting = Muting()
        self._sounding: list[_Sounding] = []
        self._rendered = 0
        # Beyond self._rendered there are zeros only. Fixed samples are never written again, and growing makes
        # a new array, so views handed out stay true.
        self._fixed: NDArray[np.int16] = np.zeros(RATE, np.int16)

    def __repr__(self) -> str:
        bridges = sum(isinstance(each, Bridge) for each in self._sounding)
        sounding = f"{len(self._sounding) - bridges} playbacks" + (f", {bridges} bridges" if bridges else "")
        return f"<{type(self).__name__} rendered to sample {self._rendered}, {sounding}>"

    @property
    def rendered(self) -> int:
        """The first sample that is not fixed yet."""
        return self._rendered

    def start(self, at: int, samples: ArrayLike, volume_db: float = 0.0, loops: int = 1) -> Playback:
        """Begin a playback of ``samples`` with line sample ``at`` and return it.

        ``samples`` is mono at 8 kHz, full scale 1.0, and must not be changed afterwards. ``volume_db`` applies from
        the first sample on, without a ramp; ``loops`` is how many times it sounds, 0 for ever. ValueError if ``at`` is
        rendered already or ``samples`` is not mono.
        """
        source = np.asarray(samples, dtype=np.float32)
        if source.ndim != 1:
            raise ValueError(f"a line plays mono sound, not an array of shape {source.shape}")
        if at < self._rendered:
            raise ValueError(f"a playback can't start at sample {at}: rendered up to {self._rendered}")
        playback = Playback(self, at, source, volume_db, loops)
        self._sounding.append(playback)
        return playback

    def bridge(self, at: int, source: Source, shift: int = 0) -> Bridge:
        """Hear ``source`` from line sample ``at`` on, until the bridge that is returned is stopped.

        ``shift`` is the sample of this line that is sample 0 of the source (see ``shift_between``). ValueError if
        ``at`` is rendered already or the source is this line itself.
        """
        if source is self:
            raise ValueError("a line can't hear itself")
        if at < self._rendered:
            raise ValueError(f"a bridge can't start at sample {at}: rendered up to {self._rendered}")
        bridge = Bridge(self, at, source, shift)
        self._sounding.append(bridge)
        return bridge

    def ends_at(self) -> int | None:
        """Return the sample from which on it is silent if nothing more happens.

        That is not before what is rendered. None while something is paused, bridged, or played for ever.
        """
        last = self._rendered
        for each in self._sounding:
            end = each.ends_at()
            if end is None:
                return None
            last = max(last, end)
        return last

    def render(self, upto: int) -> None:
        """Fix every sample before ``upto``; nothing if they are fixed already.

        The cost grows with the new samples that sound, hardly with those that are silent.
        """
        if upto <= self._rendered:
            return
        self._make_room(upto)
        while self._rendered < upto and self._sounding:
            self._render_block(min(upto, self._rendered + _BLOCK))
        self._rendered = upto

    def heard(self, upto: int) -> NDArray[np.int16]:
        """Fix every sample before ``upto`` and return them: 16-bit, 8 kHz, read-only, not copied."""
        self.render(upto)
        heard = self._fixed[: max(0, upto)]
        heard.flags.writeable = False
        return heard

    def read(self, first: int, last: int) -> NDArray[np.int16]:
        """Fix every sample before ``last`` and return those from ``first`` on, as ``heard`` does.

        There is silence before sample 0. ValueError if ``first`` is after ``last``.
        """
        if first > last:
            raise ValueError(f"samples are read forwards, not from {first} to {last}")
        if first >= 0:
            return self.heard(last)[first:]
        before: NDArray[np.int16] = np.zeros(min(0, last) - first, np.int16)
        return np.concatenate([before, self.heard(last)])

    def _render_block(self, upto: int) -> None:
        first = self._rendered
        mix = np.zeros(upto - first)
        for each in self._sounding:
            each.mix_into(mix, first)
        self._cover(mix, first)
        self._fixed[first:upto] = to_int16(mix)
        self._rendered = upto
        self._sounding = [each for each in self._sounding if not _over(each, upto)]

    def _cover(self, mix: NDArray[np.float64], first: int) -> None:
        """Silence what is muted of a mix that is about to be fixed."""
        self.muting.apply(mix, first)

    def _make_room(self, upto: int) -> None:
        if upto <= len(self._fixed):
            return
        room: NDArray[np.int16] = np.zeros(max(upto, 2 * len(self._fixed)), np.int16)
        room[: self._rendered] = self._fixed[: self._rendered]
        self._fixed = room


def _over(sounding: _Sounding, at: int) -> bool:
    end = sounding.ends_at()
    return end is not None and end <= at
