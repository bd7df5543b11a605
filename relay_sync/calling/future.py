"""The result of an operation as a future of ``concurrent.futures``, which is imported where one is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from relay_sync.calling.result import Result
from relay_sync.errors import RelayTimeout
from relay_sync.link.handlers import Job, Workers, run
from relay_sync.link.waiting import Deadline, Monitor

if TYPE_CHECKING:
    from relay_sync.calling.action import Action

R = TypeVar("R", bound=Result)


class ActionFuture(Future[R]):
    """A future whose callbacks run on a worker: never on the connection's thread, never under a lock."""

    def __init__(self, action: Action[R]) -> None:
        super().__init__()
        desk = action._leg._desk
        self._relay_workers: Workers = desk.workers
        self._relay_monitor: Monitor = desk.monitor
        self._relay_action: Action[R] | None = action  # until it is over: an action that ended has no use for cycles
        self.set_running_or_notify_cancel()  # running: so cancel() returns False; stop() is how one stops it

    def set_result(self, result: R) -> None:
        """For the library."""
        super().set_result(result)
        self._relay_action = None

    def result(self, timeout: float | None = None) -> R:
        """Block until the operation has ended, as :meth:`Action.wait` does, and return its result.

        Raises:
            concurrent.futures.TimeoutError: not within ``timeout`` seconds. That changes nothing.
            NotConnected: called in a forked child. WouldDeadlock: on the connection's own thread.
        """
        return super().result(self._left(timeout))

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Block until the operation has ended, and return None: how it ended is in its result. Raises as that does."""
        return super().exception(self._left(timeout))

    def _left(self, timeout: float | None) -> float | None:
        """Wait as the library does, in which Ctrl-C is never missed; return what is left of the time."""
        self._relay_monitor.check_process()
        deadline, action = Deadline(timeout), self._relay_action
        if action is not None:
            with suppress(RelayTimeout):
                action._wait(deadline)
        return deadline.left()

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
