"""Fetching and decoding media away from the emulator's thread."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from relay_sync.emulator.media import MediaError, MediaLibrary, Samples

logger: logging.Logger = logging.getLogger(__name__)

T = TypeVar("T")

_WORKERS = 4
_JOIN = 2.0  # real seconds that join() gives to a fetch in progress


class Loader:
    """Loads media in a few worker threads, which exist from the first load to :meth:`join`."""

    def __init__(self, library: MediaLibrary) -> None:
        self.library = library
        self._pool: ThreadPoolExecutor | None = None
        self._threads: list[threading.Thread] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def load(
        self, items: Sequence[Mapping[str, Any]], then: Callable[[Samples | MediaError], None]
    ) -> asyncio.Task[None]:
        """Load ``items`` in sequence; call ``then``, on the emulator's thread, with their samples or why not.

        The task that is returned is done after ``then``.
        """
        return self.work(lambda: self.library.sequence(items), then)

    def work(self, make: Callable[[], T], then: Callable[[T | MediaError], None]) -> asyncio.Task[None]:
        """Call ``make`` in a worker thread and ``then``, on the emulator's, with what it returned or why it failed."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(
                _WORKERS, "relay-emulator-media", lambda: self._threads.append(threading.current_thread())
            )
        task = asyncio.get_running_loop().create_task(self._work(self._pool, make, then))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def idle(self) -> None:
        """Return once nothing is being loaded."""
        while self._tasks:
            await asyncio.wait(self._tasks)
            await asyncio.sleep(0)  # let the done callbacks take the finished ones out

    def cancel(self) -> None:
        """Load nothing more; what is on the way is forgotten. On the emulator's thread."""
        for task in list(self._tasks):
            task.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def join(self) -> None:
        """Wait for the workers to end; a fetch in progress gets a moment, then its thread is left to its own limit.

        After :meth:`cancel`, on any thread but the emulator's.
        """
        for thread in self._threads:
            thread.join(_JOIN)
            if thread.is_alive():
                logger.warning("%s is still fetching media; it ends at its own time limit", thread.name)

    async def _work(
        self, pool: ThreadPoolExecutor, make: Callable[[], T], then: Callable[[T | MediaError], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        outcome: T | MediaError
        try:
            outcome = await loop.run_in_executor(pool, make)
        except MediaError as error:
            logger.warning("media can't be had: %s", error)
            outcome = error
        except Exception as bug:
            logger.exception("loading media failed in an unforeseen way")
            outcome = MediaError(repr(bug))
        then(outcome)
