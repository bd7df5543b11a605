"""Virtual time: when phones answer, how long a playback lasts, what a journal entry is stamped with.

Telephony and media follow this clock; sockets and pings stay in real time (design 6). There are three kinds:

* real: ``Clock()``
* faster or slower: ``Clock(speed=10)``
* stepped by a test: ``Clock(stepped=True)``, which stands still until :meth:`Clock.advance`

Time begins at 0.0 when the clock is made.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import TimeoutError as FutureTimeoutError

logger: logging.Logger = logging.getLogger(__name__)


class Timer:
    """One thing to be done at a moment of virtual time."""

    __slots__ = ("_action", "when")

    def __init__(self, when: float, action: Callable[[], None]) -> None:
        self.when: float = when
        self._action: Callable[[], None] | None = action

    @property
    def cancelled(self) -> bool:
        """True once it will not fire (again): it was cancelled, or it has fired."""
        return self._action is None

    def cancel(self) -> None:
        """Never fire. Cancelling twice, or after it has fired, does nothing."""
        self._action = None

    def fire(self) -> None:
        """Do it, once. An exception is logged: it must not stop the clock."""
        action, self._action = self._action, None
        if action is None:
            return
        try:
            action()
        except Exception:
            logger.exception("a timer of the emulator failed")


class Clock:
    """The emulator's time, in seconds since the clock was made.

    ``speed`` is how many virtual seconds pass in a real one (more than 0). ``stepped=True`` makes a clock that only
    :meth:`advance` moves; ``speed`` means nothing then.
    """

    def __init__(self, speed: float = 1.0, *, stepped: bool = False) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be greater than 0, not {speed!r}")
        self.speed = speed
        self.stepped = stepped
        self._origin = time.monotonic()
        self._epoch = time.time()
        self._now = 0.0  # of a stepped clock; written by the emulator's thread only
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: int | None = None
        self._settle: Callable[[], Awaitable[None]] | None = None
        self._alarm: asyncio.Handle | None = None
        self._advancing = False
        self._one_advance = threading.Lock()

    def __repr__(self) -> str:
        kind = "stepped" if self.stepped else f"speed={self.speed:g}"
        return f"<Clock {kind} now={self.now():.3f}>"

    def now(self) -> float:
        """Return the virtual time, in seconds. Any thread."""
        return self._now if self.stepped else (time.monotonic() - self._origin) * self.speed

    def timestamp(self) -> float:
        """Return the virtual time as Unix seconds: what events carry as ``timestamp``."""
        return self._epoch + self.now()

    def jump(self, seconds: float) -> None:
        """Have the time stamps jump, back too; nothing falls due sooner or later for it. As a clock that is set."""
        self._epoch += seconds

    def advance(self, seconds: float, timeout: float = 30.0) -> None:
        """Move a stepped clock on by ``seconds`` (0 or more) and do all that falls due, in order, each at its moment.

        Blocks until every frame that fell due has been written to its socket; media still being fetched count as due,
        and fetching takes no virtual time. What a client does in answer to a frame is the client's own time: wait for
        that (``relay.expect``) before advancing again. Raises :exc:`RuntimeError` for a clock that isn't stepped, whose
        emulator isn't running, or on the emulator's own thread, and :exc:`TimeoutError` after ``timeout`` real seconds.
        """
        if not self.stepped:
            raise RuntimeError("advance() needs a stepped clock: Emulator(stepped=True)")
        if not seconds >= 0:
            raise ValueError(f"time only moves forward: {seconds!r}")
        loop = self._loop
        if loop is None:
            raise RuntimeError("advance() needs a running emulator: call start() first")
        if threading.get_ident() == self._thread:
            raise RuntimeError("advance() on the emulator's own thread would wait for itself")
        with self._one_advance:
            moving = asyncio.run_coroutine_threadsafe(self._advance(seconds), loop)
            try:
                moving.result(timeout)
            except (TimeoutError, FutureTimeoutError):  # two classes before Python 3.11
                moving.cancel()
                raise TimeoutError(
                    f"advance({seconds:g}) was not done within {timeout:g} s: media still being fetched, or a client "
                    "that does not read its socket"
                ) from None

    # What follows is called on the emulator's own thread only.

    def attach(self, loop: asyncio.AbstractEventLoop, settle: Callable[[], Awaitable[None]]) -> None:
        """Run timers on ``loop`` from now on; ``settle()`` waits for all that is due to have been done and written."""
        if self._loop is not None:
            raise RuntimeError("this clock belongs to another running emulator: give each its own Clock")
        self._loop, self._settle, self._thread = loop, settle, threading.get_ident()

    def detach(self) -> None:
        """Forget the loop and all timers."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop = self._settle = self._thread = None
        self._timers.clear()

    def call_at(self, when: float, action: Callable[[], None]) -> Timer:
        """Do ``action`` at the virtual time ``when``; what is already due is done as soon as the loop turns."""
        timer = Timer(when, action)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        self._set_alarm()
        return timer

    def call_later(self, delay: float, action: Callable[[], None]) -> Timer:
        """Do ``action`` in ``delay`` virtual seconds."""
        return self.call_at(self.now() + delay, action)

    def _next(self, until: float) -> Timer | None:
        """Take the earliest timer due at ``until`` off the heap."""
        while self._timers:
            when, _, timer = self._timers[0]
            if timer.cancelled:
                heapq.heappop(self._timers)
            elif when > until:
                return None
            else:
                heapq.heappop(self._timers)
                return timer
        return None

    def _set_alarm(self) -> None:
        """Have the loop wake us for the earliest timer. A stepped clock only needs that for what is due already."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        if self._loop is None or not self._timers or self._advancing:
            return  # advance() fires what is due itself, and lets no timer begin before the last one's frames are out
        wait = self._timers[0][0] - self.now()
        if wait <= 0:
            self._alarm = self._loop.call_soon(self._run_due)
        elif not self.stepped:
            self._alarm = self._loop.call_later(wait / self.speed, self._run_due)

    def _run_due(self) -> None:
        self._alarm = None
        now = self.now()  # what falls due meanwhile waits for its turn: sockets must have theirs, however fast time is
        while timer := self._next(now):
            timer.fire()
        self._set_alarm()

    async def _advance(self, seconds: float) -> None:
        assert self._settle is not None  # advance() saw the loop, and both are set together
        target = self._now + seconds
        self._advancing = True
        try:
            await self._settle()
            while timer := self._next(target):
                self._now = max(self._now, timer.when)
                timer.fire()
                await self._settle()
            self._now = target
        finally:
            self._advancing = False
            self._set_alarm()
