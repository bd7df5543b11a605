"""The emulator's own thread: one event loop, and how other threads have things done on it."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

T = TypeVar("T")

_numbers = itertools.count(1)


class LoopThread:
    """A thread with an event loop of its own. All state of an emulator belongs to it.

    It is a daemon, so that a script that forgets to stop its emulator still ends.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"relay-emulator-{next(_numbers)}", daemon=True)
        self._thread.start()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop; for ``call_soon_threadsafe`` and for code that runs on it."""
        return self._loop

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float) -> T:
        """Run ``coroutine`` on the loop and return its result; blocks up to ``timeout`` real seconds.

        Raises what it raises, or :exc:`TimeoutError` (the coroutine is then cancelled). RuntimeError on the emulator's
        own thread, where it would wait for itself.
        """
        if self.here():
            coroutine.close()
            raise RuntimeError("a blocking call of the emulator on its own thread would wait for itself")
        try:
            running = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:
            coroutine.close()
            raise RuntimeError("the emulator has been stopped") from None
        try:
            return running.result(timeout)
        except FutureTimeoutError as late:
            running.cancel()
            raise TimeoutError(f"the emulator did not do it within {timeout:g} s") from late
        except BaseException:
            running.cancel()  # of use for Ctrl-C; nothing otherwise
            raise

    def call(self, function: Callable[[], T], timeout: float = 10.0) -> T:
        """Call ``function`` on the loop and return what it returns; at once when already on it."""
        if self.here():
            return function()

        async def calling() -> T:
            return function()

        return self.run(calling(), timeout)

    def here(self) -> bool:
        """Is this the emulator's thread?"""
        return threading.current_thread() is self._thread

    def stop(self) -> None:
        """End the loop and join the thread. What is still running on the loop is cancelled."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)
        if self._thread.is_alive():
            raise RuntimeError(f"{self._thread.name} did not end: something on it blocks")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            asyncio.set_event_loop(None)
            self._loop.close()
