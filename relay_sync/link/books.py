"""The books of a connection: what is open, what waits, and how it stands; all that its one lock guards.

States go ``new -> connecting -> ready <-> reconnecting -> closed``; closed is final, and a client that
connects again makes a new connection.

Who guards what:

* ``monitor.lock`` guards what :class:`Books` has below the line in its ``__init__``, and with it what
  is said in :class:`Monitor`. A method that needs it held says so; so does each method of the ``Standing``.
* The reader's thread alone writes what the :class:`Reader` and its ``Standing`` have: how often it has tried,
  whether this socket is up, when a lost session is given up.
* What is set once, before that thread starts, needs no lock; ``_stop`` and the transport have their own.

The lock is never held while sending, while running anything of the user's, while joining a thread, while
opening or closing a socket or while logging. What must be done then is decided under the lock, put off with
:meth:`Books.later`, and done after it.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from relay_sync.errors import NotConnected, RelayError, RelayTimeout
from relay_sync.link.asked import Asked
from relay_sync.link.later import do_all
from relay_sync.link.listener import Listener
from relay_sync.link.road import Transport
from relay_sync.link.waiting import Deadline, Monitor, Waitable
from relay_sync.wire.events import Answer
from relay_sync.wire.session import Session

NEW, CONNECTING, READY, RECONNECTING, CLOSED = "new", "connecting", "ready", "reconnecting", "closed"

_order = itertools.count(1)

T = TypeVar("T")


class Limits(NamedTuple):
    """The time limits of one connection, in seconds (design: request_timeout and so on)."""

    connect: float = 10.0
    request: float = 10.0
    resume: float = 60.0


USUAL = Limits()


class Books(Waitable):
    """What every thread may look up, and change, with the lock held."""

    def __init__(
        self, session: Session, limits: Limits, clock: Callable[[], float], mask: Callable[[str], str]
    ) -> None:
        super().__init__()
        self.monitor: Monitor = Monitor()
        self.limits: Limits = limits
        self._clock: Callable[[], float] = clock
        self._mask: Callable[[str], str] = mask  # takes the secrets out of what is shown
        self._listener: Listener | None = None
        self._stop: threading.Event = threading.Event()
        # -- guarded by the lock ------------------------------------------------------------------
        self.session: Session = session
        self.state: str = NEW
        self.was_ready: bool = False  # on any socket
        self.contexts_refused: Answer | None = None  # what Relay said of the contexts at the first handshake
        self.dropped: Counter[str] = Counter()  # frames that were not understood, by kind
        self._transport: Transport | None = None
        self._failure: Callable[[], RelayError] | None = None  # why it is closed, a new error each time
        self._later: list[Callable[[], object]] = []
        self._timers: list[tuple[float, int, Callable[[], object]]] = []  # a heap: when, in what order, what

    # -- decide with the lock, act without it -------------------------------------------------------

    def act(self, decide: Callable[[], T]) -> T:
        """Call ``decide`` with the lock held, then do what it had put off with :meth:`later`; return what it gave."""
        self.monitor.check_process()
        with self.monitor.lock:
            decided = decide()
            later = self._take_later()
        do_all(later)
        return decided

    def later(self, act: Callable[[], object]) -> None:
        """Have ``act`` done as soon as the lock is released. The lock is held."""
        self._later.append(act)

    def _take_later(self) -> Sequence[Callable[[], object]]:
        """Take over what was put off; never the list itself, into which others may put more. The lock is held."""
        if not self._later:
            return ()
        later, self._later = self._later, []
        return later

    # -- timers ---------------------------------------------------------------------------------------

    def call_later(self, delay_s: float, act: Callable[[], object]) -> None:
        """Have the reader call ``act`` with the lock held once ``delay_s`` seconds have passed.

        Only for what the reader itself calls, with the lock held: it looks at the timers before it
        next lies down, and nothing would wake it for one that another thread had set. One that
        falls due while there is no connection is called with the next; one that is left when the
        connection is closed for good is dropped, for everybody has been told by then.
        """
        assert self.monitor.reader == threading.get_ident(), "call_later() is for the connection's own thread"
        heapq.heappush(self._timers, (self._clock() + delay_s, next(_order), act))

    def _run_due(self, now: float) -> None:
        """Call what was put off until now. The lock is held."""
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def _next_timer(self) -> float | None:
        """The moment of the next of these, and of the session's. The lock is held."""
        moment = self.session.next_timer()
        if self._timers and (moment is None or self._timers[0][0] < moment):
            return self._timers[0][0]
        return moment

    # -- whether commands can go out ------------------------------------------------------------------

    def _await_way(self, deadline: Deadline, closed: Transport | None) -> str:
        """Wait until commands can go out on a transport other than ``closed``; return why they can't, '' when they can.

        The lock is held.
        """
        if self.state == NEW:
            return "call connect() first"
        try:
            self.monitor.wait_until(
                self, lambda: self.state == CLOSED or self._has_way(closed), deadline, lambda: "not ready"
            )
        except RelayTimeout as late:
            return f"{late.message} (the client is {self.state})"
        if self.state == CLOSED:
            why = self._failure().message if self._failure is not None else "the client is disconnected"
            return f"{why}; call connect()"
        return ""

    def _has_way(self, closed: Transport | None) -> bool:
        return self.state == READY and self._transport is not closed

    # -- the ends -------------------------------------------------------------------------------------

    def _shut_books(self, in_flight: Callable[[], RelayError], failure: Callable[[], RelayError] | None) -> None:
        """Closed for good: tell everybody who waits. The lock is held; a second time nothing is left to tell.

        Every end, of the thread or by ``stop()``, passes here.
        """
        if self.state == CLOSED:
            return
        self._failure = failure
        self.state = CLOSED
        self._timers.clear()
        try:
            self._fail_asked(in_flight)
            if self._listener is not None:
                self._listener.session_lost(in_flight().message if failure else "the client was disconnected")
        finally:
            self._changed()  # whatever fails above: who waits for the end must learn of it

    def _fail_asked(self, error: Callable[[], RelayError]) -> None:
        """No answer can come any more to what was asked. The lock is held."""
        for token in self.session.fail():
            assert isinstance(token, Asked)
            token.fail(error)

    def _why_closed(self) -> RelayError:
        return self._failure() if self._failure is not None else NotConnected("disconnect() was called")
