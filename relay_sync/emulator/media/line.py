"""What one phone hears: the mix of all playbacks of its call, to the sample.

No clock and no thread: sample numbers in, samples out. Sample 0 is the answer of the call.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from relay_sync.emulator.media.limiter import to_int16
from relay_sync.emulator.media.playback import Playback
from relay_sync.emulator.media.sound import RATE

_BLOCK = 1 << 16
"""Samples mixed at a time, so that rendering an hour needs no more working memory than a few seconds."""


class Line:
    """The timeline of one phone; not thread-safe.

    The past is fixed by ``render`` and never changes; the future is what the playbacks will sound like if nothing
    more happens. Playbacks that overlap are added up; the sum goes through the limiter (exactly linear below
    -3 dBFS) and is rounded to 16 bits. The result does not depend on how often or how far ``render`` was called.
    """

    def __init__(self) -> None:
        self._sounding: list[Playback] = []
        self._rendered = 0
        # Beyond self._rendered there are zeros only. Fixed samples are never written again, and growing makes
        # a new array, so views handed out stay true.
        self._fixed: NDArray[np.int16] = np.zeros(RATE, np.int16)

    def __repr__(self) -> str:
        return f"<Line rendered to sample {self._rendered}, {len(self._sounding)} playbacks>"

    @property
    def rendered(self) -> int:
        """The first sample that is not fixed yet."""
        return self._rendered

    def start(self, at: int, samples: ArrayLike, volume_db: float = 0.0) -> Playback:
        """Begin a playback of ``samples`` with line sample ``at`` and return it.

        ``samples`` is mono at 8 kHz, full scale 1.0, and must not be changed afterwards. ``volume_db`` applies from
        the first sample on, without a ramp. ValueError if ``at`` is rendered already or ``samples`` is not mono.
        """
        source = np.asarray(samples, dtype=np.float32)
        if source.ndim != 1:
            raise ValueError(f"a line plays mono sound, not an array of shape {source.shape}")
        if at < self._rendered:
            raise ValueError(f"a playback can't start at sample {at}: rendered up to {self._rendered}")
        playback = Playback(self, at, source, volume_db)
        self._sounding.append(playback)
        return playback

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

    def _render_block(self, upto: int) -> None:
        first = self._rendered
        mix = np.zeros(upto - first)
        for playback in self._sounding:
            playback.mix_into(mix, first)
        self._fixed[first:upto] = to_int16(mix)
        self._rendered = upto
        self._sounding = [playback for playback in self._sounding if not _over(playback, upto)]

    def _make_room(self, upto: int) -> None:
        if upto <= len(self._fixed):
            return
        room: NDArray[np.int16] = np.zeros(max(upto, 2 * len(self._fixed)), np.int16)
        room[: self._rendered] = self._fixed[: self._rendered]
        self._fixed = room


def _over(playback: Playback, at: int) -> bool:
    end = playback.ends_at()
    return end is not None and end <= at
