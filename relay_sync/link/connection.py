"""The connection: one lock, one background thread, start, stop, reconnect, send.

States go ``new -> connecting -> ready <-> reconnecting -> closed``; closed is final, and a client that
connects again makes a new connection.

The thread (``relay-reader-<n>``) alone opens, reads, keeps alive, reconnects and closes the socket.
Commands are written by the thread that gives them. The road in is ``_read -> _take -> _settle``;
the road out is ``request -> _ask -> transport.send``,
and for many commands of one thread ``request_many -> _enlist -> transport.send_many``.

Claims:

* The lock is never held while sending, while running anything of the user's, while joining a
  thread, while opening or closing a socket or while logging. What must be done then is decided
  under the lock, put into ``_later`` and done after it.
* A frame goes only to the transport it was made for: ``_ask`` returns both, and a transport is
  never used for a second connection.
* Every end, of the thread or by ``stop()``, passes ``_shut_books``, which tells everybody who waits.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from relay_sync.errors import (
    ConnectFailed,
    ConnectionLost,
    NotConnected,
    RelayError,
    RelayTimeout,
)
from relay_sync.link.asked import Asked
from relay_sync.link.backoff import delay
from relay_sync.link.batch import Batch, Flight, Order, unknown
from relay_sync.link.listener import Listener
from relay_sync.link.lost import Lost, Tried
from relay_sync.link.saying import say
from relay_sync.link.transport import (
    OpenFailed,
    Transport,
    TransportClosed,
    TransportLost,
    TransportTimeout,
)
from relay_sync.link.waiting import Deadline, Monitor, Waitable, join
from relay_sync.masking import mask_frame, shorten
from relay_sync.wire.events import (
    Answer,
    Answered,
    Dropped,
    GoAway,
    Happened,
    Outcome,
    Ready,
    Refused,
    Silent,
    Unspoken,
)
from relay_sync.wire.session import Session

logger: logging.Logger = logging.getLogger(__name__)
frames: logging.Logger = logging.getLogger("relay_sync.wire")

NEW, CONNECTING, READY, RECONNECTING, CLOSED = "new", "connecting", "ready", "reconnecting", "closed"

REGISTERED = "registered"  # told before "ready" where Relay refused no context; for the library itself

CLOSE_GRACE_S = 0.3  # for the peer to answer our close frame
JOIN_S = 1.0  # for the thread to end once its socket is shut
READER_SEND_S = 5.0  # for the reader's own replies: a peer that takes none for so long is gone
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Limits:
    """The time limits of one connection, in seconds (design: request_timeout and so on)."""

    connect: float = 10.0
    request: float = 10.0
    resume: float = 60.0


class Connection(Waitable):
    """One connection to Relay, from its start to its end, over however many sockets."""

    def __init__(
        self,
        session: Session,
        open_transport: Callable[[], Transport],
        limits: Limits = Limits(),
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        mask: Callable[[str], str] = mask_frame,
    ) -> None:
        super().__init__()
        self._mask = mask  # takes the secrets out of what is shown
        self.monitor: Monitor = Monitor()
        self.limits = limits
        self.session = session
        self.state: str = NEW
        self.dropped: Counter[str] = Counter()  # frames that were not understood, by kind
        self._open_transport = open_transport
        self._clock = clock
        self._jitter = jitter
        self._listener: Listener | None = None
        self._transport: Transport | None = None
        self._later: list[Callable[[], object]] = []
        self._timers: list[tuple[float, int, Callable[[], object]]] = []  # a heap: when, in what order, what
        self._failure: Callable[[], RelayError] | None = None  # why it is closed, a new error each time
        self._stop = threading.Event()
        self.was_ready: bool = False  # on any socket
        self._up = False  # on this socket
        self._held = False  # whether Relay may still hold a session of ours, with calls in it
        self._attempt = 0
        self._tried = Tried()
        self.contexts_refused: Answer | None = None  # what Relay said of the contexts at the first handshake
        self._give_up_at: float | None = None  # when a lost session counts as gone
        self._thread: threading.Thread | None = None

    # -- life -----------------------------------------------------------------------------------

    def start(self, listener: Listener) -> None:
        """Start the background thread, if it has not been; does not wait. Events go to ``listener``."""
        self.monitor.check_process()
        with self.monitor.lock:
            if self.state != NEW:
                return
            self.state = CONNECTING
            self._listener = listener
            self._thread = threading.Thread(target=self._live, name=f"relay-reader-{next(_numbers)}", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as exc:  # the system has no more threads, or the interpreter is ending
            failure = partial(ConnectFailed, f"no thread could be started: {exc}")
            self.act(lambda: self._shut_books(failure, failure))

    def wait_ready(self, deadline: Deadline, or_else: Callable[[], bool] = bool) -> None:
        """Block until ready; return as well when ``or_else()`` is true, asked as in :meth:`wait_closed`.

        Raises:
            ConnectFailed: the first attempt failed, or did not end in time.
            AuthenticationFailed: Relay refused the credentials.
            NotConnected: :meth:`stop` was called meanwhile.
        """
        self.monitor.check_thread(lambda: "connect()")
        with self.monitor.lock:
            try:
                self.monitor.wait_until(self, lambda: self._settled() or or_else(), deadline, lambda: "not ready")
            except RelayTimeout as late:
                raise ConnectFailed(f"Relay did not say ready within {deadline.timeout} s") from late
            if self.state == CLOSED:
                raise self._why_closed()

    def wait_closed(self, deadline: Deadline, or_else: Callable[[], bool] = bool) -> None:
        """Block until closed; raise why, where it ended for another reason than :meth:`stop`.

        Returns as well when ``or_else()`` is true: it is asked at each :meth:`nudge`, and in the
        main thread, where a signal handler may change it, every ``SLICE`` seconds.
        """
        self.monitor.check_thread(lambda: "run()")
        with self.monitor.lock:
            self.monitor.wait_until(self, lambda: self.state == CLOSED or or_else(), deadline, lambda: "not closed")
            if self._failure is not None:
                raise self._failure()

    def nudge(self) -> None:
        """Have those who wait for this connection look again."""
        self.act(self._changed)

    def stop(self) -> None:
        """Close it: end every wait, close the socket, end the thread.

        May be called twice, from any thread, from a handler, and in every state. Returns within
        two seconds; warns where the thread is not gone by then (it will end by itself).
        """
        self.monitor.check_process()
        with self.monitor.lock:
            self._stop.set()
            self._shut_books(lambda: ConnectionLost("disconnect() was called before the answer came"), None)
            transport, later = self._transport, self._take_later()
        _do(later)
        if transport is not None:
            try:
                transport.send_close()
                join(self._thread, CLOSE_GRACE_S)
            finally:
                transport.shut()  # whatever comes: a second Ctrl-C must not leave the reader to a silent peer
        if not join(self._thread, JOIN_S):
            assert self._thread is not None
            logger.warning("thread %s is still busy closing; it ends by itself", self._thread.name)

    def abandon(self) -> None:
        """In a forked child: let go of the parent's socket without a byte to the peer, touching no lock."""
        transport = self._transport
        if transport is not None:
            transport.abandon()

    # -- out ------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        params: dict[str, Any],
        deadline: Deadline,
        *,
        sending: Callable[[], None] | None = None,
        answered: Callable[[Answer], None] | None = None,
    ) -> Answer:
        """Send one command and block until Relay has answered it.

        Waits for ``ready`` first while connecting or reconnecting. The frame is never sent after
        the deadline and never twice.

        Args:
            method: Relay's name of the command, such as ``calling.play``.
            params: its parameters; must be JSON.
            deadline: by when the answer must have come.
            sending: called with the lock held, just before the frame is made: an event may
                overtake the answer, so whoever it is for is enlisted here. May raise to call it off.
            answered: called by the reader with the lock held when the answer comes.

        Returns:
            Relay's answer, a refusal included.

        Raises:
            NotConnected: there is no connection, or none came in time: surely not sent.
            ConnectionLost: the connection broke: unknown whether it was done.
            RelayTimeout: no answer in time (``sent`` tells whether it left).
            TypeError, ValueError: the parameters are not JSON.
        """
        self.monitor.check_thread(lambda: method)
        closed: Transport | None = None
        while True:
            asked = Asked(answered)
            ident, text, transport = self._ask(method, params, deadline, asked, sending, closed)
            try:
                if self._send(transport, text, method, deadline):
                    return self._answer_to(method, asked, deadline)
            finally:
                if not asked.over:
                    with self.monitor.lock:
                        self.session.forget(ident)
            closed = transport

    def _ask(
        self,
        method: str,
        params: dict[str, Any],
        deadline: Deadline,
        asked: Asked,
        sending: Callable[[], None] | None,
        closed: Transport | None,
    ) -> tuple[str, str, Transport]:
        """Enlist a command once there is a transport other than ``closed``, which the reader is about to give up."""
        with self.monitor.lock:
            why = self._await_way(deadline, closed)
            if why:
                raise _not_sent(method, why)
            if sending is not None:
                sending()
            ident, text = self.session.ask(method, params, self._clock(), asked)
            assert self._transport is not None  # ready means that there is one
            return ident, text, self._transport

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

    def _send(self, transport: Transport, text: str, method: str, deadline: Deadline) -> bool:
        """Write one frame; False when it surely did not leave and may be asked again."""
        left = deadline.left()
        try:
            if left == 0.0:
                raise _too_late(method, deadline)
            if frames.isEnabledFor(logging.DEBUG):
                frames.debug("> %s", self._mask(text))
            transport.send(text, self.limits.request if left is None else left)
        except TransportTimeout:
            raise _stuck(method, deadline) from None
        except TransportClosed:
            return False
        except TransportLost as lost:
            raise unknown(method, lost) from lost
        return True

    def _answer_to(self, method: str, asked: Asked, deadline: Deadline) -> Answer:
        try:
            asked.wait(deadline, lambda: f"no answer to {method}")
            return asked.answer()
        except RelayError as error:
            error.method = method
            raise

    def request_many(self, orders: Sequence[Order], deadline: Deadline, most: int) -> list[Answer | Exception]:
        """Send many commands from this thread and block until each has its outcome.

        Each goes out, is answered, times out or is lost as in :meth:`request`, but in turn, with at
        most ``most`` of them under way, and as many in one write as have their turn together. One
        that surely did not leave when the connection broke goes out, once, on the next.

        Args:
            orders: the commands; one whose ``sending`` raises is not sent, and that is its outcome.
            deadline: by when all answers must have come; each has the limit for one command too,
                counted from its turn. Without a connection for that long, none is waited for.
            most: how many may be unanswered at a time, 1 or more.

        Returns:
            For each, in order, Relay's answer, or the error that :meth:`request` would have raised.

        Raises:
            WouldDeadlock: called on the connection's own thread; nothing was sent.
            NotConnected: in a forked child; nothing was sent.
        """
        self.monitor.check_thread(lambda: "a pipeline")
        batch = Batch(orders, most)
        closed: Transport | None = None
        try:
            while True:
                with self.monitor.lock:
                    self._await_turn(batch, deadline, closed)
                    if batch.over:
                        break
                    transport = self._transport
                    flights = batch.take_turns(self._enlist, deadline.within(self.limits.request))
                assert transport is not None  # ready means that there is one
                if flights and not self._send_flights(batch, flights, transport):
                    closed = transport
        finally:
            if batch.flights:  # interrupted
                with self.monitor.lock:
                    for flight in batch.flights.values():
                        self.session.forget(flight.ident)
        return list(batch.outcomes())

    def _enlist(self, flight: Flight) -> None:
        order = flight.order
        flight.ident, flight.text = self.session.ask(order.method, order.params, self._clock(), flight)

    def _await_turn(self, batch: Batch, deadline: Deadline, closed: Transport | None) -> None:
        """Wait until more of a batch can be sent, or it is over. The lock is held."""
        while not batch.over:
            if batch.waiting and deadline.left() == 0.0:
                batch.skip(len(batch.waiting), partial(_not_its_turn, deadline=deadline))
            elif batch.flights:
                has_way = bool(batch.waiting) and self._has_way(closed)
                if has_way and batch.room:
                    return
                self._await_landing(batch, has_way)
            else:
                why = self._await_way(deadline.within(self.limits.request), closed)
                if not why:
                    return
                batch.skip(len(batch.waiting), partial(_not_sent, why=why))

    def _await_landing(self, batch: Batch, has_way: bool) -> None:
        """Wait until enough of a batch is answered, or the oldest one's time is up. The lock is held."""
        if not has_way:
            batch.wait_for_all()
        oldest = next(iter(batch.flights.values()))
        try:
            self.monitor.wait_until(batch, lambda: batch.room, oldest.deadline, str)
        except RelayTimeout:
            for flight in [flight for flight in batch.flights.values() if flight.deadline.left() == 0.0]:
                self.session.forget(flight.ident)
                text = f"no answer to {flight.order.method} within {flight.deadline.timeout} s"
                batch.give_up(flight, RelayTimeout(text, method=flight.order.method))

    def _send_flights(self, batch: Batch, flights: list[Flight], transport: Transport) -> bool:
        """Write the frames that have their turn; False when the transport takes no more."""
        deadline = flights[0].deadline
        left = deadline.left()
        failed: list[RelayError] = []
        timed_out, usable = False, True
        try:
            if left == 0.0:
                raise TransportTimeout
            if frames.isEnabledFor(logging.DEBUG):
                for flight in flights:
                    frames.debug("> %s", self._mask(flight.text))
            limit = self.limits.request if left is None else left
            sent = transport.send_many([flight.text for flight in flights], limit)
            if sent == len(flights):
                return True
        except TransportTimeout:
            sent, timed_out = 0, True
        except TransportClosed:
            sent, usable = 0, False
        except TransportLost as lost:
            sent, usable = lost.begun, False
            failed = [unknown(flight.order.method, lost) for flight in flights[:sent]]
        with self.monitor.lock:
            for flight, error in zip(flights, failed, strict=False):
                batch.give_up(flight, error)
            for flight in flights if failed else flights[sent:]:
                self.session.forget(flight.ident)
            batch.take_back(flights[sent:])
            if timed_out:
                batch.skip(len(flights), partial(_stuck, deadline=deadline))
        return usable

    def act(self, decide: Callable[[], None]) -> None:
        """Call ``decide`` with the lock held, and afterwards do what it had put off with :meth:`later`."""
        self.monitor.check_process()
        with self.monitor.lock:
            decide()
            later = self._take_later()
        _do(later)

    def later(self, act: Callable[[], object]) -> None:
        """Have ``act`` done as soon as the lock is released. The lock is held."""
        self._later.append(act)

    def call_later(self, delay_s: float, act: Callable[[], object]) -> None:
        """Have the reader call ``act`` with the lock held once ``delay_s`` seconds have passed.

        Only for what the reader itself calls, with the lock held: it looks at the timers before it
        next lies down, and nothing would wake it for one that another thread had set. One that
        falls due while there is no connection is called with the next; one that is left when the
        connection is closed for good is dropped, for everybody has been told by then.
        """
        assert self.monitor.reader == threading.get_ident(), "call_later() is for the connection's own thread"
        heapq.heappush(self._timers, (self._clock() + delay_s, next(_numbers), act))

    # -- in: the background thread ----------------------------------------------------------------

    def _live(self) -> None:
        """The life of the reader thread."""
        self.monitor.reader = threading.get_ident()
        lost = Lost(lambda: ConnectionLost("the connection's thread failed"))
        try:
            while not self._stop.is_set():
                lost = self._one_attempt()
                if not self._keep_trying(lost):
                    break
        except Exception as bug:  # noqa: BLE001  (logged there)
            lost = self._failed(bug)
        finally:
            try:
                self.act(lambda: self._shut_books(lost.error, lost.error))
            finally:
                # The system gives the number of a thread that has ended to another one.
                self.monitor.reader = None

    def _one_attempt(self) -> Lost:
        """Connect, with a socket for each dialect that is tried, and read until it is lost; return why."""
        end = self._clock() + self._open_limit()
        self._tried.clear()
        while True:
            lost = self._one_connection(end)
            if not lost.at_once or self._stop.is_set():
                return lost

    def _one_connection(self, end: float) -> Lost:
        """Open a socket, agree by ``end``, and read until it is lost; return why."""
        transport = self._open_transport()
        with self.monitor.lock:
            if self._stop.is_set():
                return Lost(partial(NotConnected, "disconnect() was called"))
            self._transport = transport
            self._up = False
        lost = Lost(lambda: ConnectionLost("the connection's thread failed"))
        opened = False
        try:
            transport.open(max(0.05, round(end - self._clock(), 3)))
            opened = True
            self._tell("signalwire.socket.open")
            with self.monitor.lock:
                now = self._clock()
                self.session.open(now, max(0.05, end - now))
            self._read(transport)
        except Lost as known:
            lost = known
        except OpenFailed as failed:
            lost = self._tried.unreachable(failed.reason, heals=not (failed.tls or failed.refused))
            self._tell("signalwire.socket.error", lost.error())
        except (TransportLost, TransportClosed) as broken:
            lost = self._hung_up(str(broken))
        except Exception as bug:  # noqa: BLE001  (logged there)
            lost = self._failed(bug)
        finally:
            # Nobody may be left waiting for an answer that can come no more: first of all things.
            try:
                self._lose(lost)
            finally:
                transport.close()
        if opened:
            self._tell("signalwire.socket.close")
        return lost

    def _failed(self, bug: Exception) -> Lost:
        """An exception that nobody foresaw is our bug: show it, and close."""
        say(logger, logging.ERROR, "the connection's thread failed; the connection is closed", exc_info=bug)
        kind = ConnectionLost if self.was_ready else ConnectFailed
        return Lost(partial(kind, f"internal error: {bug!r}"), heals=False)

    def _broken(self, why: str) -> Lost:
        if self._up:
            return Lost(partial(ConnectionLost, f"the connection broke before the answer came ({why})"))
        return self._tried.broken(self.session.dialect.name, why)

    def _hung_up(self, why: str) -> Lost:
        """The socket is closed, which may be what the service says to a dialect that it does not know."""
        with self.monitor.lock:
            unspoken = None if self._stop.is_set() else self.session.hung_up(why)
            lost = self._broken(why) if unspoken is None else self._turned_down(unspoken)
            later = self._take_later()
        _do(later)
        return lost

    def _turned_down(self, unspoken: Unspoken) -> Lost:
        """The service does not speak the dialect. The lock is held."""
        why = self._mask(unspoken.why)
        text = "Relay does not speak the dialect %r; trying %r (%s)"
        self.later(partial(logger.info, text, unspoken.dialect, unspoken.instead, why))
        return self._tried.add(unspoken.dialect, why)

    def _open_limit(self) -> float:
        """Seconds that opening or handshake may take: a lost session is given up on time."""
        if self._give_up_at is None:
            return self.limits.connect
        return min(self.limits.connect, max(0.5, self._give_up_at - self._clock()))

    def _read(self, transport: Transport) -> None:
        """Read until the transport is lost. The hot path: one pass per frame."""
        text: str | None = None
        while True:
            later: Sequence[Callable[[], object]] = ()
            with self.monitor.lock:
                if self._stop.is_set():
                    raise TransportClosed("closed by us")
                now = self._clock()
                # What can be read counts before the clock: a process that was stopped for a while
                # finds the sign of life first.
                # Each outcome takes effect before the next step, which may fail: an answer must reach who asked.
                lost = None if text is None else self._settle(self.session.receive(text, now))
                lost = lost or self._settle(self.session.tick(now))
                self._run_due(now)
                outgoing = self.session.outgoing()
                timer = self._next_timer()
                later = self._take_later()
            try:
                for reply in outgoing:
                    self._write(transport, reply)
            except TransportLost:
                if lost is None:  # else it is known better why this connection is over
                    raise
            finally:
                _do(later)
            if lost is not None:
                raise lost
            text = transport.receive(None if timer is None else max(0.0, timer - self._clock()))
            if text is not None:
                self._show(text)

    def _run_due(self, now: float) -> None:
        """Call what was put off until now. The lock is held."""
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def _next_timer(self) -> float | None:
        moment = self.session.next_timer()
        if self._timers and (moment is None or self._timers[0][0] < moment):
            return self._timers[0][0]
        return moment

    def _show(self, text: str) -> None:
        if frames.isEnabledFor(logging.DEBUG):
            say(frames, logging.DEBUG, "< %s", self._mask(text))
        if self._listener is not None and self._listener.wants_frames:
            self._listener.frame(text)

    def _write(self, transport: Transport, text: str) -> None:
        """Send a frame of the reader's own: handshake, ping, reply."""
        if frames.isEnabledFor(logging.DEBUG):
            say(frames, logging.DEBUG, "> %s", self._mask(text))
        try:
            transport.send(text, READER_SEND_S)
        except TransportTimeout as stuck:
            raise TransportLost("Relay takes no data") from stuck

    def _settle(self, outcomes: list[Outcome]) -> Lost | None:
        """Let each outcome take effect; return why the connection is over, if it is. The lock is held."""
        listener = self._listener
        assert listener is not None
        for outcome in outcomes:
            if isinstance(outcome, Answered):
                assert isinstance(outcome.token, Asked)
                outcome.token.settle(outcome.answer)
            elif isinstance(outcome, Happened):
                listener.take(outcome.event)
            elif isinstance(outcome, Ready):
                self._became_ready(outcome)
            elif isinstance(outcome, Dropped):
                self._count(outcome)
            elif isinstance(outcome, GoAway):
                self._drain(outcome)
            elif isinstance(outcome, Refused):
                name = self.session.dialect.name
                return self._tried.refused(name, outcome, self._mask(outcome.answer.message))
            elif isinstance(outcome, Unspoken):
                return self._turned_down(outcome)
            else:
                return self._silent(outcome)
        return None

    def _became_ready(self, ready: Ready) -> None:
        listener = self._listener
        assert listener is not None
        if self._held and ready.restored:
            listener.resumed()
        elif self._held:
            listener.session_lost("Relay did not restore the session after the connection was lost")
        refusal = ready.contexts_refused
        if not self.was_ready:
            # Kept of the first only: whoever waited for it may look when there has been another handshake.
            self.contexts_refused = refusal
        self.was_ready = self._up = self._held = True
        self._attempt = 0
        self._tried.clear()
        self._give_up_at = None
        self.state = READY
        if refusal is not None:
            text = "Relay refused the contexts %s: %s %s"
            self.later(partial(logger.error, text, self.session.contexts, refusal.code, refusal.message))
        self._changed()
        if refusal is None:
            # Told apart here: whoever is told of "ready" may look only after the next handshake.
            self.later(partial(listener.notify, REGISTERED))
        self.later(partial(listener.notify, "ready"))

    def _drain(self, away: GoAway) -> None:
        """Relay is about to close: send nothing more; it is reconnected when it has closed."""
        self.later(partial(logger.info, "Relay asks to reconnect (restart: %s)", away.restart))
        if self.state == READY:
            self.state = RECONNECTING
            self._changed()

    def _silent(self, silent: Silent) -> Lost:
        # In a handshake it may have talked, but for the answer.
        what = "nothing was heard from Relay" if self._up else "Relay did not answer the handshake"
        return self._broken(f"{what} for {silent.waited:.1f} s")

    def _count(self, dropped: Dropped) -> None:
        """Count a frame that was not understood; log the first of its kind."""
        self.dropped[dropped.kind] += 1
        level = logging.WARNING if self.dropped[dropped.kind] == 1 else logging.DEBUG
        detail = shorten(self._mask(dropped.detail), 200)
        self.later(partial(logger.log, level, "dropped: %s: %s", dropped.kind, detail))

    # -- the ends -------------------------------------------------------------------------------

    def _lose(self, lost: Lost) -> None:
        """One socket is over: fail what was in flight, begin to reconnect."""
        with self.monitor.lock:
            was_up, self._up = self._up, False
            self._fail_asked(lost.error)
            self._transport = None
            if self.was_ready and self.state != CLOSED:
                self.state = RECONNECTING
                if self._held and self._give_up_at is None:
                    self._give_up_at = self._clock() + self.limits.resume
                self._changed()
            later = self._take_later()
        _do(later)
        if was_up and not self._stop.is_set():
            say(logger, logging.WARNING, "connection lost: %s", lost.error().message)

    def _keep_trying(self, lost: Lost) -> bool:
        """Wait for the next attempt; False when there is to be none."""
        if self._stop.is_set() or not self.was_ready or not lost.heals:
            return False
        pause = delay(self._attempt, self._jitter())
        self._attempt += 1
        say(logger, logging.INFO, "reconnecting in %.1f s", pause)
        end = self._clock() + pause
        while not self._stop.is_set():
            self._give_up_in_time()
            left = end - self._clock()
            if left <= 0:
                return True
            if self._give_up_at is not None:
                left = min(left, max(0.0, self._give_up_at - self._clock()))
            self._stop.wait(left)
        return False

    def _give_up_in_time(self) -> None:
        """End everything of the lost session once it may no longer be resumed."""
        if self._give_up_at is None or self._clock() < self._give_up_at:
            return
        with self.monitor.lock:
            self._give_up_at = None
            self._held = False
            self.session.forget_session()
            assert self._listener is not None
            self._listener.session_lost(f"the session could not be resumed within {self.limits.resume} s")
            later = self._take_later()
        _do(later)

    def _shut_books(self, in_flight: Callable[[], RelayError], failure: Callable[[], RelayError] | None) -> None:
        """Closed for good: tell everybody who waits. The lock is held; a second time nothing is left to tell."""
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
        for token in self.session.fail():
            assert isinstance(token, Asked)
            token.fail(error)

    def _take_later(self) -> Sequence[Callable[[], object]]:
        """Take over what was put off; never the list itself, into which others may put more. The lock is held."""
        if not self._later:
            return ()
        later, self._later = self._later, []
        return later

    def _tell(self, name: str, *arguments: object) -> None:
        assert self._listener is not None
        self._listener.notify(name, *arguments)

    def _settled(self) -> bool:
        return self.state in (READY, CLOSED)

    def _why_closed(self) -> RelayError:
        return self._failure() if self._failure is not None else NotConnected("disconnect() was called")


def _do(later: Iterable[Callable[[], object]]) -> None:
    """Do all that was put off, whatever becomes of one of them: futures complete here."""
    left = iter(later)
    try:
        for act in left:
            try:
                act()
            except Exception:  # noqa: BLE001  (logged)
                text = "one of the things to do after the lock failed; the others are done"
                say(logger, logging.ERROR, text, exc_info=True)
    except BaseException:  # Ctrl-C, where this is the main thread: what is left is done all the same
        _do(left)
        raise


def _not_sent(method: str, why: str) -> NotConnected:
    return NotConnected(f"{method} was not sent: {why}", method=method)


def _stuck(method: str, deadline: Deadline) -> RelayTimeout:
    text = f"{method} could not be sent within {deadline.timeout} s: Relay takes no data"
    return RelayTimeout(text, method=method, sent=False)


def _too_late(method: str, deadline: Deadline) -> RelayTimeout:
    text = f"{method} was not sent: its time was up before ({deadline.timeout} s)"
    return RelayTimeout(text, method=method, sent=False)


def _not_its_turn(method: str, deadline: Deadline) -> RelayTimeout:
    text = f"{method} was not sent within {deadline.timeout} s: the answers to those before it were awaited"
    return RelayTimeout(text, method=method, sent=False)
