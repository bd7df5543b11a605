"""The road out for many commands of one thread: ``request_many -> run -> _enlist -> transport.send_many``."""

from __future__ import annotations

import logging
from functools import partial

from relay_sync.errors import RelayError, RelayTimeout
from relay_sync.link.batch import Batch, Flight
from relay_sync.link.books import Books
from relay_sync.link.failures import TransportClosed, TransportLost, TransportTimeout
from relay_sync.link.road import Transport
from relay_sync.link.saying import frame_log
from relay_sync.link.unsent import not_its_turn, not_sent, stuck, unknown
from relay_sync.link.waiting import Deadline


class Departures:
    """Sends a batch, as many in one write as have their turn together; for one thread and one batch."""

    def __init__(self, books: Books, batch: Batch, deadline: Deadline) -> None:
        self._books = books
        self._batch = batch
        self._deadline = deadline
        self._closed: Transport | None = None  # takes no more; the reader is about to give it up

    def run(self) -> None:
        """Send, and block until each has its outcome."""
        books, batch = self._books, self._batch
        try:
            while True:
                with books.monitor.lock:
                    self._await_turn()
                    if batch.over:
                        break
                    transport = books._transport
                    flights = batch.take_turns(self._enlist, self._deadline.within(books.limits.request))
                assert transport is not None  # ready means that there is one
                if flights and not self._send(flights, transport):
                    self._closed = transport
        finally:
            if batch.flights:  # interrupted
                with books.monitor.lock:
                    for flight in batch.flights.values():
                        books.session.forget(flight.ident)

    def _enlist(self, flight: Flight) -> None:
        order, books = flight.order, self._books
        flight.ident, flight.text = books.session.ask(order.method, order.params, books._clock(), flight)

    def _await_turn(self) -> None:
        """Wait until more can be sent, or the batch is over. The lock is held."""
        batch, deadline = self._batch, self._deadline
        while not batch.over:
            if batch.waiting and deadline.left() == 0.0:
                batch.skip(len(batch.waiting), partial(not_its_turn, deadline=deadline))
            elif batch.flights:
                has_way = bool(batch.waiting) and self._books._has_way(self._closed)
                if has_way and batch.room:
                    return
                self._await_landing(has_way)
            else:
                why = self._books._await_way(deadline.within(self._books.limits.request), self._closed)
                if not why:
                    return
                batch.skip(len(batch.waiting), partial(not_sent, why=why))

    def _await_landing(self, has_way: bool) -> None:
        """Wait until enough is answered, or the oldest one's time is up. The lock is held."""
        books, batch = self._books, self._batch
        if not has_way:
            batch.wait_for_all()
        oldest = next(iter(batch.flights.values()))
        try:
            books.monitor.wait_until(batch, lambda: batch.room, oldest.deadline, str)
        except RelayTimeout:
            for flight in [flight for flight in batch.flights.values() if flight.deadline.left() == 0.0]:
                books.session.forget(flight.ident)
                text = f"no answer to {flight.order.method} within {flight.deadline.timeout} s"
                batch.give_up(flight, RelayTimeout(text, method=flight.order.method))

    def _send(self, flights: list[Flight], transport: Transport) -> bool:
        """Write the frames that have their turn; False when the transport takes no more."""
        books, batch = self._books, self._batch
        deadline = flights[0].deadline
        left = deadline.left()
        failed: list[RelayError] = []
        timed_out, usable = False, True
        try:
            if left == 0.0:
                raise TransportTimeout
            if frame_log.isEnabledFor(logging.DEBUG):
                for flight in flights:
                    frame_log.debug("> %s", books._mask(flight.text))
            limit = books.limits.request if left is None else left
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
        with books.monitor.lock:
            for flight, error in zip(flights, failed, strict=False):
                batch.give_up(flight, error)
            for flight in flights if failed else flights[sent:]:
                books.session.forget(flight.ident)
            batch.take_back(flights[sent:])
            if timed_out:
                batch.skip(len(flights), partial(stuck, deadline=deadline))
        return usable
