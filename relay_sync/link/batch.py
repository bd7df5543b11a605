"""Many commands that one thread gives together: which have their turn to come, which are under way, what came of each.

A batch owns no lock and sends nothing; the connection does both. Claims:

* A command has one outcome. Once it is under way that is the answer, or why none can come; before, why it was not sent.
* Whoever waits is woken when there is room again for half of what may be under way, not at each answer: the hand-over
  between two threads costs more than all the rest of a command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from relay_sync.errors import RelayError
from relay_sync.link.asked import Asked
from relay_sync.link.waiting import Deadline, Waitable
from relay_sync.wire.events import Answer


class Order(Protocol):
    """One command of a batch."""

    @property
    def method(self) -> str:
        """Relay's name of the command."""

    @property
    def params(self) -> dict[str, Any]:
        """Its parameters; looked at after ``sending``."""

    def sending(self) -> None:
        """Called with the lock held, just before the frame is made. May raise to call it off."""

    def answered(self, answer: Answer) -> None:
        """Called by the reader with the lock held when the answer comes."""


class Flight(Asked):
    """A command of a batch that is under way."""

    __slots__ = ("_batch", "deadline", "ident", "order", "place", "text")

    def __init__(self, batch: Batch, place: int, deadline: Deadline) -> None:
        order = batch.orders[place]
        super().__init__(order.answered)
        self._batch = batch
        self.order: Order = order
        self.place: int = place
        self.deadline: Deadline = deadline
        self.ident: str = ""
        self.text: str = ""

    def settle(self, answer: Answer) -> None:
        """See :class:`Asked`."""
        try:
            super().settle(answer)
        finally:
            self._batch._landed(self)

    def fail(self, error: Callable[[], RelayError]) -> None:
        """See :class:`Asked`."""
        super().fail(error)
        self._batch._landed(self)


class Batch(Waitable):
    """The commands, in order. The lock is held in every method, but for the outcomes once it is over."""

    def __init__(self, orders: Sequence[Order], most: int) -> None:
        super().__init__()
        self.orders: Sequence[Order] = orders
        self.flights: dict[int, Flight] = {}  # under way, by their place; the oldest first
        self._outcomes: list[Flight | Exception | None] = [None] * len(orders)
        self._next = 0  # all before it have had their turn
        self._most = most
        self._few = 0  # how many may be under way when whoever waits is woken

    @property
    def waiting(self) -> range:
        """The places of those whose turn is to come."""
        return range(self._next, len(self.orders))

    @property
    def over(self) -> bool:
        """Whether each has its outcome."""
        return not self.flights and not self.waiting

    @property
    def room(self) -> bool:
        """Whether it is worth while to send more."""
        return len(self.flights) <= self._few

    def wait_for_all(self) -> None:
        """There is nothing to send on: there is room when none is under way."""
        self._few = 0

    def take_turns(self, ask: Callable[[Flight], None], deadline: Deadline) -> list[Flight]:
        """Give as many their turn as there is room for; return those that ``ask`` made a frame for."""
        sent: list[Flight] = []
        while self._next < len(self.orders) and len(self.flights) < self._most:
            flight = Flight(self, self._next, deadline)
            self._next += 1
            self.flights[flight.place] = flight
            try:
                flight.order.sending()
                ask(flight)
            except Exception as refused:  # noqa: BLE001  (it is the outcome of this one, and of no other)
                self.give_up(flight, refused)
            else:
                sent.append(flight)
        self._few = self._most // 2 if self.waiting else 0
        return sent

    def take_back(self, unsent: Sequence[Flight]) -> None:
        """These, the latest, surely did not leave, whatever was told of them since: their turn is to come again."""
        for flight in unsent:
            self.flights.pop(flight.place, None)
        if unsent:
            self._next = unsent[0].place

    def give_up(self, flight: Flight, error: Exception) -> None:
        """Its outcome is ``error``, unless it has one by now."""
        if self.flights.get(flight.place) is flight:
            del self.flights[flight.place]
            self._outcomes[flight.place] = error

    def skip(self, count: int, error: Callable[[str], RelayError]) -> None:
        """The next ``count`` are not to be sent; ``error`` is given the command's name."""
        for place in self.waiting[:count]:
            self._outcomes[place] = error(self.orders[place].method)
            self._next = place + 1

    def outcomes(self) -> Iterator[Answer | Exception]:
        """What came of each, in order."""
        for order, outcome in zip(self.orders, self._outcomes, strict=True):
            assert outcome is not None  # it is over
            told = outcome.outcome() if isinstance(outcome, Flight) else outcome
            if isinstance(told, RelayError):
                told.method = order.method
            yield told

    def _landed(self, flight: Flight) -> None:
        """Answered, or can't be any more."""
        if self.flights.get(flight.place) is not flight:
            return
        del self.flights[flight.place]
        self._outcomes[flight.place] = flight
        if self.room:
            self._changed()
