"""Where a playback is: reckoned from its events, since Relay tells of no positions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class Playhead:
    """What a progress bar shows: position, state and volume.

    Handlers of the call write it, a thread that draws reads it. Safe without a lock: ``_run`` is replaced as a whole,
    and only the handlers of one call, which run one at a time, replace it.

    Attributes:
        state: a word for what goes on; the caller's before the playback's first event.
        volume_db: the gain in force, for the caller to set.
        duration: seconds of the whole file; None where nobody knows.
    """

    def __init__(self, duration: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.state: str = ""
        self.volume_db: float = 0.0
        self.duration = duration
        self._clock = clock
        self._run: tuple[float, float | None] = (0.0, None)  # played before, and since when it plays now

    def take(self, event: dict[str, Any]) -> None:
        """Handle ``stateChange`` and ``play.stateChange`` of a call."""
        if event["event_type"] == "calling.call.play":
            self.state = str(event["state"])
            self._run = (self.position(), self._clock() if self.state == "playing" else None)
        else:
            self.state = str(event["call_state"])
            if self.state == "ended":
                self._run = (self.position(), None)

    def position(self) -> float:
        """Return how many seconds of the file have been played."""
        before, since = self._run
        played = before if since is None else before + self._clock() - since
        return played if self.duration is None else min(played, self.duration)
