"""Waiting, from any thread, for something to change in the emulator.

The emulator's own thread calls :meth:`Watch.tell` after each change; any other thread may block in :meth:`Watch.until`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# Waits are cut into slices, because a SIGINT that lands just before the thread lies down is only seen when it wakes.
_SLICE = 0.5


class Watch:
    """A counter of changes that threads can sleep on."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._count = 0

    def tell(self) -> None:
        """Wake every thread that waits, so that it looks again. Any thread may call this."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def until(self, predicate: Callable[[], bool], timeout: float, what: str | Callable[[], str]) -> None:
        """Block until ``predicate()`` is true.

        ``timeout`` is in real seconds. ``what`` names the thing waited for, or makes the text when it is needed.
        Raises :exc:`TimeoutError` with that text. The predicate runs on the calling thread and without the lock (it may
        ask the emulator's thread, which takes the lock to tell of changes).
        """
        end = time.monotonic() + timeout
        while True:
            seen = self._count
            if predicate():
                return
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"waited {timeout:g} s for {what if isinstance(what, str) else what()}")
            with self._changed:
                # Safe because the count was read before the predicate: a change in between ends this wait at once.
                if self._count == seen:
                    self._changed.wait(min(_SLICE, left))
