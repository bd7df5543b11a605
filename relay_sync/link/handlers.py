"""Worker threads that run users' handlers, so that the connection's thread never does.

Guarantees:

* Jobs of one :class:`Lane` run one at a time, in the order they were put; lanes run side by side.
* A job that raises is logged with its traceback and harms nothing else.
* Threads are made on demand up to a limit, and end after a while of having nothing to do.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from relay_sync.link.saying import say
from relay_sync.link.waiting import SLICE, Room, join

logger: logging.Logger = logging.getLogger(__name__)

Job = Callable[[], object]

IDLE_S = 5.0  # a worker with nothing to do ends after this long
_numbers = itertools.count(1)


def run(job: Job, about: str = "") -> None:
    """Run a user's handler; what it raises is logged, for there is nobody else to tell."""
    try:
        job()
    except BaseException as raised:  # also asyncio's CancelledError: the worker, and its lane, go on
        if isinstance(raised, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise
        # Else a log handler that raises would take the lane with it, and all that is in line there.
        say(logger, logging.ERROR, "a handler raised: %s %s", _name(job), about, exc_info=True)


def _name(job: Job) -> str:
    inner = getattr(job, "func", job)
    return str(getattr(inner, "__qualname__", inner))


class Workers:
    """Threads that run jobs, made on demand up to ``most``.

    ``_changed`` guards every attribute below it. It is a leaf: nothing else is locked under it, and
    no job runs under it.
    """

    def __init__(self, most: int, kind: str = "worker", idle: float = IDLE_S) -> None:
        self.most = most
        self._kind = kind
        self._idle_s = idle
        self.lock: threading.Lock = threading.Lock()
        self._changed = threading.Condition(self.lock)
        self._quiet = Room(self.lock)  # a job is over
        self._jobs: deque[Job] = deque()
        self._threads: set[threading.Thread] = set()
        self._busy: set[threading.Thread] = set()
        self._starting = 0
        self._closed = False
        self._loud = False  # whether the limit was reported since it was last below

    @property
    def busy(self) -> int:
        """How many jobs are running or about to."""
        with self._changed:
            return len(self._busy) + len(self._jobs)

    def submit(self, job: Job, *, queue: bool = True) -> bool:
        """Run ``job`` on a worker. At the limit it waits in line, or with ``queue=False`` is declined.

        Returns whether it was taken; False after :meth:`close` too.
        """
        with self._changed:
            if self._closed:
                return False
            free = len(self._threads) + self._starting - len(self._busy) - len(self._jobs)
            full = len(self._threads) + self._starting >= self.most
            declined = free <= 0 and full and not queue
            if not declined:
                self._jobs.append(job)
                if free > 0 or full:
                    self._changed.notify()
                else:
                    self._starting += 1
            loud = free <= 0 and full and not self._loud
            self._loud = self._loud or loud
        if loud:
            # Not under the lock: a log handler may wait for a thread that wants it.
            text = "all %d %s threads are busy: what comes now waits or is declined"
            say(logger, logging.WARNING, text, self.most, self._kind)
        if free > 0 or full:
            return not declined
        return self._start_one(job)

    def close(self, timeout: float = 1.0) -> None:
        """Take no more jobs; let idle workers end, and busy ones when their job does.

        Waits at most ``timeout`` seconds, and only for those that are idle: a job may be a user's
        handler that sleeps for minutes. Jobs in line are run all the same, before workers end.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            idle = self._threads - self._busy if not self._jobs else set()
        for thread in idle:
            join(thread, max(0.0, deadline - time.monotonic()))

    def cancel(self) -> int:
        """Begin none of the jobs that are in line; return how many there were."""
        with self._changed:
            left = len(self._jobs)
            self._jobs.clear()
        return left

    def runs_here(self) -> bool:
        """Whether the caller is a job of ours."""
        return threading.current_thread() in self._busy

    def drain(self, enough: Callable[[], bool]) -> int:
        """Wait until no job is running or in line, or ``enough()``; return how many are.

        ``enough`` is asked every ``SLICE`` seconds, for it may change at any time: a signal may come.
        """
        with self.lock:
            while (left := len(self._busy) + len(self._jobs)) and not enough():
                self._quiet.wait(SLICE)
        return left

    def _start_one(self, job: Job) -> bool:
        thread = threading.Thread(target=self._work, name=f"relay-{self._kind}-{next(_numbers)}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads, or the interpreter is ending
            say(logger, logging.ERROR, "no thread could be started for a handler", exc_info=True)
            with self._changed:
                self._starting -= 1
                # Where there is a thread, or will be, it comes to this job too.
                if not self._threads and not self._starting and job in self._jobs:
                    self._jobs.remove(job)
                    return False
        return True

    def _work(self) -> None:
        me = threading.current_thread()
        with self._changed:
            self._starting -= 1
            self._threads.add(me)
        try:
            while (job := self._next()) is not None:
                run(job)
                del job  # an idle worker keeps nobody's objects alive
        finally:
            with self._changed:
                self._threads.discard(me)
                self._busy.discard(me)

    def _next(self) -> Job | None:
        """The next job for this thread; None when it may end."""
        me = threading.current_thread()
        with self._changed:
            self._busy.discard(me)
            self._quiet.notify_all()
            if len(self._busy) <= self.most // 2:
                self._loud = False
            end = time.monotonic() + self._idle_s
            while not self._jobs:
                left = end - time.monotonic()
                if self._closed or left <= 0:
                    self._threads.discard(me)
                    return None
                self._changed.wait(left)
            self._busy.add(me)
            return self._jobs.popleft()


class Lane:
    """Jobs that run one after the other: the handlers of one call, or of the client."""

    __slots__ = ("__weakref__", "_queue", "_workers")

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._queue: deque[Job] | None = None  # None: nothing is running or waiting

    def put(self, job: Job) -> None:
        """Run ``job`` after all that was put before it."""
        with self._workers._changed:
            if self._queue is not None:
                self._queue.append(job)
                return
            self._queue = deque((job,))
        if not self._workers.submit(self._run):
            with self._workers._changed:
                self._queue = None

    def _run(self) -> None:
        while True:
            with self._workers._changed:
                if not self._queue:
                    self._queue = None
                    return
                job = self._queue.popleft()
            run(job)
