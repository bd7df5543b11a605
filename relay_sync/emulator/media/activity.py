"""Voice activity: when somebody begins to speak, and how long it has been silent since.

By energy alone, since what the emulator listens to has no background noise: a frame of 10 ms whose level is
``THRESHOLD_DB`` or more is voice. Three such frames in a row begin speech (a click doesn't), and a silence of less than
``PAUSE_S`` between two words doesn't end it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from relay_sync.emulator.media.blocks import floats, runs
from relay_sync.emulator.media.sound import RATE

THRESHOLD_DB = -40.0
"""Level in dBFS from which on a frame is voice. Speech on a line has -20; its soft ends lie 20 below that."""

PAUSE_S = 0.2
"""Seconds of silence that end speech; the closed mouth of a ``p`` or ``t`` lasts half of that."""

FRAME = RATE // 100
"""Samples that are judged together: 10 ms."""

_BEGINS = 3  # frames
_PAUSE = round(PAUSE_S * RATE)

Kind: TypeAlias = Literal["speech", "silence", "no_input", "end_silence"]


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that happened at sample ``at``.

    ``speech``: somebody began to speak. ``silence``: somebody stopped, and has been silent for ``PAUSE_S`` since.
    ``no_input``: the time to begin was over, and nobody had. ``end_silence``: after speech, silence had lasted as long
    as was allowed. The last two name the sample at which that time was up.
    """

    kind: Kind
    at: int


class VoiceActivity:
    """Tells speech from silence in a sound that comes in blocks, and watches two time limits.

    ``first`` is the number of the first sample that will be fed. ``initial_timeout`` (seconds, 0 for none) is how
    long from then it may take until speech begins; ``end_silence_timeout`` (seconds, 0 for none) how long silence may
    last after speech. ``threshold_db`` is the level of a frame of 10 ms, in dBFS, from which on it is voice. Positions
    are multiples of a frame from ``first``; time limits are exact. What is found doesn't depend on the blocks.

    Attributes:
        speaking: whether somebody speaks; a pause of less than ``PAUSE_S`` counts as speaking.
        began_at: the sample with which speech first began, None before.
    """

    def __init__(
        self,
        first: int = 0,
        *,
        initial_timeout: float = 0.0,
        end_silence_timeout: float = 0.0,
        threshold_db: float = THRESHOLD_DB,
    ) -> None:
        self.speaking: bool = False
        self.began_at: int | None = None
        self._at = first  # the first sample that is not judged yet
        self._kept = np.zeros(0)
        self._power = 10.0 ** (threshold_db / 10.0)
        self._no_input_at = first + round(initial_timeout * RATE) if initial_timeout else None
        self._allowed = round(end_silence_timeout * RATE)
        self._end_silence_at: int | None = None
        self._voiced_since: int | None = None  # while frames are voice
        self._silent_since: int | None = None  # from the end of speech on, whatever clicks there are
        self._found: list[Activity] = []

    def feed(self, block: ArrayLike) -> list[Activity]:
        """Take the next samples, 16-bit or floats of full scale 1.0, and return what happened, as it became known."""
        sound = np.concatenate([self._kept, floats(block)])
        count = len(sound) // FRAME
        self._kept = sound[count * FRAME :]
        frames = sound[: count * FRAME].reshape(-1, FRAME)
        voiced = np.einsum("ij,ij->i", frames, frames) >= self._power * FRAME
        for start, stop in runs(voiced):
            take = self._take_voice if voiced[start] else self._take_silence
            take(self._at, self._at + (stop - start) * FRAME)
        found, self._found = self._found, []
        return found

    def _take_voice(self, start: int, end: int) -> None:
        self._at = end
        if self._voiced_since is None:
            self._voiced_since = start
        if self.speaking:
            self._silent_since = self._end_silence_at = None
        elif end - self._voiced_since >= _BEGINS * FRAME:
            # Only now is it known that speech began, and with it whether that was in time.
            self._watch_limits(self._voiced_since)
            self.speaking = True
            self._no_input_at = self._silent_since = self._end_silence_at = None
            self._tell("speech", self._voiced_since)
            if self.began_at is None:
                self.began_at = self._voiced_since

    def _take_silence(self, start: int, end: int) -> None:
        self._at = end
        self._voiced_since = None
        if self.speaking and self._silent_since is None:
            self._silent_since = start
            self._end_silence_at = start + self._allowed if self._allowed else None
        if self.speaking and self._silent_since is not None and end >= self._silent_since + _PAUSE:
            self._watch_limits(self._silent_since + _PAUSE - 1)  # what was known before this is told before it
            self.speaking = False
            self._tell("silence", self._silent_since)
        self._watch_limits(end)

    def _watch_limits(self, now: int) -> None:
        """Tell which limits were over by sample ``now``, until which there was no speech."""
        if self._no_input_at is not None and self._no_input_at <= now:
            self._tell("no_input", self._no_input_at)
            self._no_input_at = None
        if self._end_silence_at is not None and self._end_silence_at <= now:
            self._tell("end_silence", self._end_silence_at)
            self._end_silence_at = None

    def _tell(self, kind: Kind, at: int) -> None:
        self._found.append(Activity(kind, at))
