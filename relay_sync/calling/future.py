"""The result of an operation as a future of ``concurrent.futures``, which is imported where one is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from relay_sync.calling.result import Result
from relay_sync.link.handlers import Job, Workers, run
from relay_sync.link.waiting import Monitor

R = TypeVar("R", bound=Result)


class ActionFuture(Future[R]):
    """A future whose callbacks run on a worker: never on the connection's thread, never under a lock."""

    def __init__(self, workers: Workers, monitor: Monitor) -> None:
        super().__init__()
        self._relay_workers = workers
        self._relay_monitor = monitor
        self.set_running_or_notify_cancel()  # running: so cancel() returns False; stop() is how one stops it

    def add_done_callback(self, fn: Callable[[Future[R]], object]) -> None:
        """Call ``fn(future)`` on a worker thread once the operation has ended."""
        super().add_done_callback(partial(self._hand_over, fn))

    def _hand_over(self, fn: Callable[[Future[R]], object], future: Future[R]) -> None:
        job: Job = partial(fn, future)
        if self._relay_workers.submit(job):
            return
        # Disconnected, so this is a thread of the user's; or the reader, which was just about to tell of the end.
        if self._relay_monitor.reader == threading.get_ident():
            job = threading.Thread(target=run, args=(job,), name="relay-callback", daemon=True).start
        run(job)
