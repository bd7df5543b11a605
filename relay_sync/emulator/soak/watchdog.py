"""Every blocking call has a bound; the watchdog finds those that pass it, and shows where all threads stand."""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MARGIN_S = 5.0
"""Seconds beyond its own limit that a call may take before it counts as hanging: machines that run this are busy."""


@dataclass(eq=False, slots=True)
class _Call:
    what: str
    thread: str
    began: float
    limit: float
    late: bool = False


class Watchdog:
    """Knows what blocks now, and for how long it may. Any thread may use it."""

    def __init__(self, margin: float = MARGIN_S) -> None:
        self._margin = margin
        self._lock = threading.Lock()  # guards what follows
        self._calls: set[_Call] = set()
        self._hangs: list[str] = []
        self._latest = 0.0

    @contextmanager
    def bound(self, what: str, limit: float) -> Iterator[None]:
        """The block must be over within ``limit`` seconds, and the margin."""
        call = _Call(what, threading.current_thread().name, time.monotonic(), limit)
        with self._lock:
            self._calls.add(call)
        try:
            yield
        finally:
            with self._lock:
                self._calls.discard(call)
                self._latest = max(self._latest, time.monotonic() - call.began - limit)

    def look(self) -> bool:
        """Look at what blocks; return whether something does that should not, after showing all stacks once."""
        now = time.monotonic()
        with self._lock:
            late = [c for c in self._calls if not c.late and now - c.began > c.limit + self._margin]
            for call in late:
                call.late = True
                self._hangs.append(f"{call.what} in {call.thread}: {now - call.began:.1f} s, of {call.limit:.1f} s")
        if late:
            sys.stderr.write("\n".join(["", "HANGS", *self.hangs, ""]))
            sys.stderr.flush()
            faulthandler.dump_traceback(all_threads=True)
        return bool(self._hangs)

    @property
    def hangs(self) -> list[str]:
        """What did not return in its time."""
        with self._lock:
            return list(self._hangs)

    @property
    def latest(self) -> float:
        """By how many seconds the latest that returned was late."""
        with self._lock:
            return self._latest
