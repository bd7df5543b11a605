"""What a promise of time is measured by: the clock, less the time for which a busy machine did not let us run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

BEAT = 0.005  # seconds between two beats

Gap = tuple[float, float]


class Pulse:
    """Measures for how long a machine that is busy with other things has kept this process waiting."""

    def __init__(self) -> None:
        self.gaps: list[Gap] = []
        self._stop = threading.Event()
        self._beats = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._beat, name="test-pulse", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        last, stopped = time.monotonic(), False
        while not stopped:
            stopped = self._stop.wait(BEAT)  # what was missed just before the end counts as well
            now = time.monotonic()
            if now > last + 2 * BEAT:
                self.gaps.append((last + 2 * BEAT, now))
            last = now
            self._beats.release()

    def settle(self) -> None:
        """Return once what was missed until now has been noted."""
        while self._beats.acquire(blocking=False):
            pass
        for _ in range(2):  # the first may have been about to come
            self._beats.acquire(timeout=10)

    def end(self) -> float:
        """Stop measuring; return the seconds that were missed."""
        self._stop.set()
        self._thread.join()
        return sum(end - begin for begin, end in self.gaps)


def missed(gaps: list[Gap], begin: float, end: float) -> float:
    """The seconds between these two moments that fall into gaps."""
    return sum(max(0.0, min(end, last) - max(begin, first)) for first, last in gaps)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if the block takes longer, not counting the time for which this process was not let run."""
    pulse, began = Pulse(), time.monotonic()
    try:
        yield
    finally:
        took, lost = time.monotonic() - began, pulse.end()
    assert took - lost <= seconds, f"it took {took:.2f} s, {lost:.2f} of them not ours; {seconds} s were promised"
