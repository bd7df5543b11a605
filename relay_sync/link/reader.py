"""The background thread: it alone opens, reads, keeps alive, reconnects and closes the socket.

The road in is ``_read -> session.receive -> standing.settle``, one pass per frame.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial

from relay_sync.errors import ConnectFailed, ConnectionLost, NotConnected
from relay_sync.link.backoff import delay
from relay_sync.link.books import Books
from relay_sync.link.failures import OpenFailed, TransportClosed, TransportLost, TransportTimeout
from relay_sync.link.later import do_all
from relay_sync.link.lost import Lost
from relay_sync.link.road import Transport
from relay_sync.link.saying import connection_log, frame_log, say
from relay_sync.link.standing import Standing

SEND_S = 5.0  # for the reader's own replies: a peer that takes none for so long is gone


class Reader:
    """What the thread does, from its start to the end of the connection."""

    def __init__(self, books: Books, open_transport: Callable[[], Transport], jitter: Callable[[], float]) -> None:
        self._books = books
        self._standing = Standing(books)
        self._open_transport = open_transport
        self._jitter = jitter

    # -- from socket to socket ------------------------------------------------------------------------

    def live(self) -> None:
        """The life of the thread."""
        books = self._books
        books.monitor.reader = threading.get_ident()
        lost = Lost(lambda: ConnectionLost("the connection's thread failed"))
        try:
            while not books._stop.is_set():
                lost = self._one_attempt()
                if not self._keep_trying(lost):
                    break
        except Exception as bug:  # noqa: BLE001  (logged there)
            lost = self._failed(bug)
        finally:
            try:
                books.act(lambda: books._shut_books(lost.error, lost.error))
            finally:
                # The system gives the number of a thread that has ended to another one.
                books.monitor.reader = None

    def _one_attempt(self) -> Lost:
        """Connect, with a socket for each dialect that is tried, and read until it is lost; return why."""
        end = self._books._clock() + self._open_limit()
        self._standing.tried.clear()
        while True:
            lost = self._one_connection(end)
            if not lost.at_once or self._books._stop.is_set():
                return lost

    def _open_limit(self) -> float:
        """Seconds that opening or handshake may take: a lost session is given up on time."""
        books, give_up_at = self._books, self._standing.give_up_at
        if give_up_at is None:
            return books.limits.connect
        return min(books.limits.connect, max(0.5, give_up_at - books._clock()))

    def _keep_trying(self, lost: Lost) -> bool:
        """Wait for the next attempt; False when there is to be none."""
        books, standing = self._books, self._standing
        if books._stop.is_set() or not books.was_ready or not lost.heals:
            return False
        pause = delay(standing.attempts, self._jitter())
        standing.attempts += 1
        say(connection_log, logging.INFO, "reconnecting in %.1f s", pause)
        end = books._clock() + pause
        while not books._stop.is_set():
            self._give_up_in_time()
            left = end - books._clock()
            if left <= 0:
                return True
            if standing.give_up_at is not None:
                left = min(left, max(0.0, standing.give_up_at - books._clock()))
            books._stop.wait(left)
        return False

    def _give_up_in_time(self) -> None:
        """End everything of the lost session once it may no longer be resumed."""
        books, give_up_at = self._books, self._standing.give_up_at
        if give_up_at is None or books._clock() < give_up_at:
            return
        books.act(self._standing.give_up)

    # -- one socket -----------------------------------------------------------------------------------

    def _one_connection(self, end: float) -> Lost:
        """Open a socket, agree by ``end``, and read until it is lost; return why."""
        books = self._books
        transport = self._open_transport()
        with books.monitor.lock:
            if books._stop.is_set():
                return Lost(partial(NotConnected, "disconnect() was called"))
            books._transport = transport
            self._standing.up = False
        lost = Lost(lambda: ConnectionLost("the connection's thread failed"))
        opened = False
        try:
            transport.open(max(0.05, round(end - books._clock(), 3)))
            opened = True
            self._tell("signalwire.socket.open")
            with books.monitor.lock:
                now = books._clock()
                books.session.open(now, max(0.05, end - now))
            self._read(transport)
        except Lost as known:
            lost = known
        except OpenFailed as failed:
            lost = self._standing.tried.unreachable(failed.reason, heals=not (failed.tls or failed.refused))
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

    def _hung_up(self, why: str) -> Lost:
        return self._books.act(lambda: self._standing.hung_up(why))

    def _failed(self, bug: Exception) -> Lost:
        """An exception that nobody foresaw is our bug: show it, and close."""
        say(connection_log, logging.ERROR, "the connection's thread failed; the connection is closed", exc_info=bug)
        kind = ConnectionLost if self._books.was_ready else ConnectFailed
        return Lost(partial(kind, f"internal error: {bug!r}"), heals=False)

    def _lose(self, lost: Lost) -> None:
        """One socket is over: tell whoever waits on it."""
        was_up = self._standing.up
        self._books.act(lambda: self._standing.lose(lost))
        if was_up and not self._books._stop.is_set():
            say(connection_log, logging.WARNING, "connection lost: %s", lost.error().message)

    def _tell(self, name: str, *arguments: object) -> None:
        listener = self._books._listener
        assert listener is not None
        listener.notify(name, *arguments)

    # -- one frame ------------------------------------------------------------------------------------

    def _read(self, transport: Transport) -> None:
        """Read until the transport is lost. The hot path: one pass per frame."""
        books, session, settle = self._books, self._books.session, self._standing.settle
        lock, is_stopping = books.monitor.lock, books._stop.is_set
        text: str | None = None
        while True:
            later: Sequence[Callable[[], object]] = ()
            with lock:
                if is_stopping():
                    raise TransportClosed("closed by us")
                now = books._clock()
                # What can be read counts before the clock: a process that was stopped for a while
                # finds the sign of life first.
                # Each outcome takes effect before the next step, which may fail: an answer must reach who asked.
                lost = None if text is None else settle(session.receive(text, now))
                if lost is None:
                    due = session.tick(now)
                    if due:
                        lost = settle(due)
                books._run_due(now)
                outgoing = session.outgoing()
                timer = books._next_timer()
                later = books._take_later()
            try:
                for reply in outgoing:
                    self._write(transport, reply)
            except TransportLost:
                if lost is None:  # else it is known better why this connection is over
                    raise
            finally:
                do_all(later)
            if lost is not None:
                raise lost
            text = transport.receive(None if timer is None else max(0.0, timer - books._clock()))
            if text is not None:
                self._show(text)

    def _show(self, text: str) -> None:
        books = self._books
        if frame_log.isEnabledFor(logging.DEBUG):
            say(frame_log, logging.DEBUG, "< %s", books._mask(text))
        if books._listener is not None and books._listener.wants_frames:
            books._listener.frame(text)

    def _write(self, transport: Transport, text: str) -> None:
        """Send a frame of the reader's own: handshake, ping, reply."""
        if frame_log.isEnabledFor(logging.DEBUG):
            say(frame_log, logging.DEBUG, "> %s", self._books._mask(text))
        try:
            transport.send(text, SEND_S)
        except TransportTimeout as stuck:
            raise TransportLost("Relay takes no data") from stuck
