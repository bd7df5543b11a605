"""How a user's thread waits: the only file of the package that blocks one.

A :class:`Monitor` is one lock with many conditions on it. Every call and every action is
:class:`Waitable` on the monitor of its connection; its condition exists only while somebody waits.

Guarantees:

* A wait ends when its predicate holds, or at its deadline with :class:`RelayTimeout`; whatever can
  no longer happen must make the predicate true (ended calls and lost sessions do).
* A wait on the connection's own thread raises :class:`WouldDeadlock` instead: that thread alone
  could end it.
* A wait in a forked child raises :class:`NotConnected` before any lock is touched: the lock may have
  been held by a thread that does not exist there.
* So does a wait on a connection that is older than the patch of gevent or eventlet: its thread is a
  real one, and could not wake what waits by the patched means.
* A command that is given in the midst of our own work, by a signal handler or a finaliser of the user's that runs
  while this very thread holds the lock, raises :class:`WouldDeadlock`.
* Ctrl-C ends a wait of the main thread within ``SLICE`` seconds, whatever the timing, and leaves the
  lock as it should be.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable

from relay_sync.errors import NotConnected, RelayTimeout, WouldDeadlock
from relay_sync.showing import shown

Clock = Callable[[], float]

# A signal that lands just before the main thread falls asleep is seen only when it wakes, so it
# sleeps in slices. Other threads never see signals and sleep through.
SLICE = 0.2

# How long a lock of ours may be held by another thread at the most, by half: see held_here().
MIDST_S = 1.5


def check_timeout(timeout: float | None, name: str = "timeout") -> float | None:
    """Return ``timeout`` as seconds (negative is 0), or None for no limit.

    Raises:
        TypeError: it is neither a number nor None.
        ValueError: it is not a number of seconds (nan, or an int that no float can hold).
    """
    if timeout is None or (type(timeout) is float and timeout >= 0.0):
        return timeout
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"{name}={shown(timeout)}: give a number of seconds, or None for no limit")
    try:
        seconds = float(timeout)
    except OverflowError:
        seconds = math.nan
    if math.isnan(seconds):
        raise ValueError(f"{name}={shown(timeout)}: give a number of seconds, or None for no limit")
    return max(0.0, seconds)


class Deadline:
    """The moment by which one blocking call must be over."""

    __slots__ = ("_clock", "_end", "timeout")

    def __init__(self, timeout: float | None, clock: Clock = time.monotonic, *, name: str = "timeout") -> None:
        self.timeout: float | None = check_timeout(timeout, name)
        self._clock = clock
        self._end = None if self.timeout is None or math.isinf(self.timeout) else clock() + self.timeout

    def left(self) -> float | None:
        """Seconds until it, 0.0 once it has passed; None when there is no limit."""
        return None if self._end is None else max(0.0, self._end - self._clock())

    def within(self, timeout: float) -> Deadline:
        """Whichever comes first: this deadline, or ``timeout`` seconds from now."""
        left = self.left()
        return Deadline(timeout, self._clock) if left is None or left > timeout else self

    def nap(self) -> float | None:
        """Seconds the next sleep of this thread may last; 0.0 once the time is up; None for ever."""
        left = self.left()
        if threading.get_ident() != threading.main_thread().ident:
            # Longer sleeps than this overflow the platform's lock timeout.
            return None if left is None else min(left, threading.TIMEOUT_MAX)
        return SLICE if left is None else min(SLICE, left)


def held_here(lock: threading.Lock, patience: float) -> bool:
    """Whether this very thread holds ``lock``: what runs now is a signal handler or a finaliser in the midst of it.

    A lock does not tell who holds it. But none of ours is held for longer than a moment, so one that can't be had in
    ``patience`` seconds, and can't in as many again (the process may have been stopped meanwhile), is held here.
    """
    if not lock.locked():
        return False
    taken: list[bool] = []
    try:
        # One call, as in Room.wait: Ctrl-C after it finds noted whether the lock was taken.
        taken.extend(map(lock.acquire, (True,), (patience,)))
        if True not in taken:
            taken.extend(map(lock.acquire, (True,), (patience,)))
    finally:
        if True in taken:
            lock.release()
    return True not in taken


class Room:
    """Where threads wait for one thing, and how many are in it.

    Like a ``threading.Condition``, but for this: Ctrl-C while that one takes its lock back leaves the
    wait without the lock, and the ``with`` around it then releases somebody else's.
    """

    __slots__ = ("_lock", "_sleepers", "inside")

    def __init__(self, lock: threading.Lock) -> None:
        self.inside: int = 0
        self._lock = lock
        self._sleepers: list[threading.Lock] = []

    def wait(self, nap: float | None) -> None:
        """Let go of the lock, sleep at most ``nap`` seconds, take the lock back. May wake for no reason."""
        sleeper = threading.Lock()
        sleeper.acquire()
        self._sleepers.append(sleeper)
        taken: list[bool] = []
        interrupt: BaseException | None = None
        # Signal handlers run after a call, never between `try:` and the first call in it, nor between
        # the last one and `finally:`. So the lock is let go of exactly where it is taken back. No
        # function may be made of that part: a handler can run where a function begins.
        try:
            self._lock.release()
            sleeper.acquire(True, -1 if nap is None else nap)
        finally:
            while not taken:
                try:
                    # One call, so that `taken` says whether the lock was taken before a handler raised.
                    taken.extend(map(self._lock.acquire, (True,)))
                except BaseException as raised:  # noqa: BLE001  (raised again as soon as the lock is held)
                    interrupt = raised
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
            if interrupt is not None:
                raise interrupt

    def notify_all(self) -> None:
        """Wake all threads in it. The lock is held."""
        sleepers, self._sleepers = self._sleepers, []
        for sleeper in sleepers:
            sleeper.release()


class Once:
    """Something that happens once, and the one thread that waits for it, without any lock.

    A waiter in a :class:`Room` wakes only to wait for the lock, which whoever woke it still holds:
    two hand-overs between threads, where a command's answer needs but one.
    """

    __slots__ = ("_gate", "over")

    def __init__(self) -> None:
        self.over: bool = False
        self._gate = threading.Lock()
        self._gate.acquire()

    def happen(self) -> None:
        """It has happened; a second time changes nothing. By one thread at a time."""
        if not self.over:
            self.over = True
            self._gate.release()

    def wait(self, deadline: Deadline, describe: Callable[[], str]) -> None:
        """Block until it has happened.

        Raises:
            RelayTimeout: not by the deadline; ``describe()`` says what was waited for.
        """
        while not self.over:
            nap = deadline.nap()
            if nap == 0.0:
                raise RelayTimeout(f"{describe()} within {deadline.timeout} s")
            self._gate.acquire(True, -1 if nap is None else nap)


class Waitable:
    """Something that changes, and that threads wait for; its condition exists only meanwhile."""

    __slots__ = ("_room",)

    def __init__(self) -> None:
        self._room: Room | None = None

    def _changed(self) -> None:
        """Wake whoever waits, to look again. The lock is held."""
        if self._room is not None:
            self._room.notify_all()


class Monitor:
    """The lock of one connection, and every wait on it.

    ``lock`` guards: the session with its unanswered requests; the connection's state, transport and
    list of things to do after the lock; the table of calls; the states, results, handlers and
    waiters of calls and actions. It does not guard what is set once before the thread starts, nor
    the transport's send, which has a lock of its own.
    """

    __slots__ = ("_kind", "lock", "pid", "reader")

    def __init__(self) -> None:
        self.lock: threading.Lock = threading.Lock()
        self._kind: object = threading.Lock  # gevent and eventlet put another one in its place
        self.pid: int = os.getpid()
        self.reader: int | None = None  # thread id; written by the reader itself, which takes it back as it ends

    def check_process(self) -> None:
        """Raise NotConnected in a forked child, before any lock is touched; WouldDeadlock where the lock is held here.

        To be called without the lock.
        """
        self._check_pid()
        self._check_lock()

    def _check_lock(self) -> None:
        if self.lock.locked() and held_here(self.lock, MIDST_S):
            raise WouldDeadlock(
                "called by a signal handler or a finaliser (__del__) in the midst of the library's own work: "
                "set a flag there, or start a thread that does it; disconnect() may be called anywhere"
            )

    def _check_pid(self) -> None:
        if self.pid != os.getpid():
            raise NotConnected(
                f"this belongs to process {self.pid}, and this is its forked child {os.getpid()}: nothing was sent. "
                "Calls and actions stay with the process that made them; the child's own connection opens "
                "at the first use of the client there"
            )

    def check_thread(self, describe: Callable[[], str]) -> None:
        """Raise WouldDeadlock on the connection's own thread, NotConnected in a forked child or after a late patch."""
        self._check_pid()
        self._check_waiter(describe)
        self._check_lock()

    def _check_waiter(self, describe: Callable[[], str]) -> None:
        if self._kind is not threading.Lock:
            raise NotConnected(
                f"{describe()}: gevent or eventlet patched this process after the client was first used, and nothing "
                "could be trusted to end a wait: patch first thing in the program, or disconnect() before the patch"
            )
        if self.reader == threading.get_ident():
            raise WouldDeadlock(
                f"{describe()}: a blocking method on the connection's own thread would wait for itself; "
                "call it from a handler or from a thread of your own"
            )

    def wait_until(
        self, thing: Waitable, ready: Callable[[], bool], deadline: Deadline, describe: Callable[[], str]
    ) -> None:
        """Block until ``ready()`` is true. The caller holds the lock; ``thing`` tells of changes.

        Raises:
            RelayTimeout: not true by the deadline; ``describe()`` says what was waited for.
            WouldDeadlock: called on the connection's own thread.
            NotConnected: called in a forked child, or after a late patch.
        """
        assert self.lock.locked()
        if ready():
            return
        self._check_pid()
        self._check_waiter(describe)
        room = thing._room
        if room is None:
            room = thing._room = Room(self.lock)
        room.inside += 1
        try:
            while not ready():
                nap = deadline.nap()
                if nap == 0.0:
                    raise RelayTimeout(f"{describe()} within {deadline.timeout} s")
                room.wait(nap)
        finally:
            room.inside -= 1
            if not room.inside:
                thing._room = None


def join(thread: threading.Thread | None, timeout: float) -> bool:
    """Wait for ``thread`` to end, at most ``timeout`` seconds; never for the thread it runs in.

    Returns True when it has ended (or never ran), False when it is still alive.
    """
    if thread is None or thread.ident is None or thread is threading.current_thread():
        return True
    thread.join(timeout)
    return not thread.is_alive()
