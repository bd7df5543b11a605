"""The road out: ``request -> _ask -> transport.send``, in the thread that gives the command.

A frame goes only to the transport it was made for: ``_ask`` returns both, and a transport is never used for a
second connection. For many commands of one thread, see :mod:`relay_sync.link.departures`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from relay_sync.errors import RelayError
from relay_sync.link.asked import Asked
from relay_sync.link.batch import Batch, Order
from relay_sync.link.books import Books
from relay_sync.link.departures import Departures
from relay_sync.link.failures import TransportClosed, TransportLost, TransportTimeout
from relay_sync.link.road import Transport
from relay_sync.link.saying import frame_log
from relay_sync.link.unsent import not_sent, stuck, too_late, unknown
from relay_sync.link.waiting import Deadline
from relay_sync.wire.events import Answer


class Sending(Books):
    """What can be asked of Relay, and the wait for its answer."""

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
                raise not_sent(method, why)
            if sending is not None:
                sending()
            ident, text = self.session.ask(method, params, self._clock(), asked)
            assert self._transport is not None  # ready means that there is one
            return ident, text, self._transport

    def _send(self, transport: Transport, text: str, method: str, deadline: Deadline) -> bool:
        """Write one frame; False when it surely did not leave and may be asked again."""
        left = deadline.left()
        try:
            if left == 0.0:
                raise too_late(method, deadline)
            if frame_log.isEnabledFor(logging.DEBUG):
                frame_log.debug("> %s", self._mask(text))
            transport.send(text, self.limits.request if left is None else left)
        except TransportTimeout:
            raise stuck(method, deadline) from None
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
        Departures(self, batch, deadline).run()
        return list(batch.outcomes())
