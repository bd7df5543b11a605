"""The connection to Relay, over however many sockets: start, wait, stop, abandon.

It has three parts, each in its own modules, which import only those before them:

* the books (``books``): what is open, what waits, and the one lock. Who guards what is said there.
* the road out (``sending``, ``departures``): commands are written by the thread that gives them.
* the reader (``reader``, ``standing``): the one background thread, ``relay-reader-<n>``, and what it is told.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from functools import partial

from relay_sync.errors import ConnectFailed, ConnectionLost, RelayTimeout
from relay_sync.link.backoff import chance
from relay_sync.link.books import CLOSED, CONNECTING, NEW, READY, USUAL, Limits
from relay_sync.link.listener import Listener
from relay_sync.link.reader import Reader
from relay_sync.link.road import Transport
from relay_sync.link.saying import connection_log
from relay_sync.link.sending import Sending
from relay_sync.link.waiting import Deadline, join
from relay_sync.masking import mask_frame
from relay_sync.wire.session import Session

CLOSE_GRACE_S = 0.3  # for the peer to answer our close frame
JOIN_S = 1.0  # for the thread to end once its socket is shut
_numbers = itertools.count(1)


class Connection(Sending):
    """One connection to Relay, from its start to its end."""

    def __init__(
        self,
        session: Session,
        open_transport: Callable[[], Transport],
        limits: Limits = USUAL,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = chance,
        mask: Callable[[str], str] = mask_frame,
    ) -> None:
        super().__init__(session, limits, clock, mask)
        self._reader: Reader = Reader(self, open_transport, jitter)
        self._thread: threading.Thread | None = None

    def start(self, listener: Listener) -> bool:
        """Start the background thread; False where it has been. Does not wait. Events go to ``listener``."""
        self.monitor.check_process()
        with self.monitor.lock:
            if self.state != NEW:
                return False
            self.state = CONNECTING
            self._listener = listener
            name = f"relay-reader-{next(_numbers)}"
            self._thread = threading.Thread(target=self._reader.live, name=name, daemon=True)
        try:
            self._thread.start()
        except RuntimeError as exc:  # the system has no more threads, or the interpreter is ending
            failure = partial(ConnectFailed, f"no thread could be started: {exc}")
            self.act(lambda: self._shut_books(failure, failure))
        return True

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

    def _settled(self) -> bool:
        return self.state in (READY, CLOSED)

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

        def end() -> Transport | None:
            self._stop.set()
            self._shut_books(lambda: ConnectionLost("disconnect() was called before the answer came"), None)
            return self._transport

        transport = self.act(end)
        if transport is not None:
            try:
                transport.send_close()
                join(self._thread, CLOSE_GRACE_S)
            finally:
                transport.shut()  # whatever comes: a second Ctrl-C must not leave the reader to a silent peer
        if not join(self._thread, JOIN_S):
            assert self._thread is not None
            connection_log.warning("thread %s is still busy closing; it ends by itself", self._thread.name)

    def abandon(self) -> None:
        """In a forked child: let go of the parent's socket without a byte to the peer, touching no lock."""
        transport = self._transport
        if transport is not None:
            transport.abandon()
