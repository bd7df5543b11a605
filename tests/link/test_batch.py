"""Many commands of one thread: each has one outcome, in its place, whatever happens to the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from relay_sync.errors import ConnectionLost, NotConnected, RelayError, RelayTimeout, WouldDeadlock
from relay_sync.link.connection import Limits
from relay_sync.link.failures import TransportClosed, TransportLost, TransportTimeout
from relay_sync.link.waiting import Deadline
from relay_sync.wire.events import Answer
from tests.link.conftest import MakeLink
from tests.link.support import Link, MovedClock
from tests.support import LIMIT, Running, until


class Order:
    """A command of a batch that keeps what it is told."""

    def __init__(self, number: int, method: str = "calling.play.pause", refuses: Exception | None = None) -> None:
        self.method = method
        self.params: dict[str, Any] = {"number": number}
        self.refuses = refuses
        self.sent = 0
        self.heard: list[str | None] = []

    def sending(self) -> None:
        self.sent += 1
        if self.refuses is not None:
            raise self.refuses

    def answered(self, answer: Answer) -> None:
        self.heard.append(answer.code)


Outcomes = list[Answer | Exception]


def give(link: Link, orders: Sequence[Order], timeout: float | None = LIMIT, most: int = 64) -> Running[Outcomes]:
    deadline = Deadline(timeout, link.connection._clock)
    return Running(lambda: link.connection.request_many(orders, deadline, most))


def take(link: Link) -> tuple[int, dict[str, Any]]:
    """The next command that Relay gets: its number, and the frame."""
    frame = link.relay.take_any()
    return frame["params"]["params"]["number"], frame


def answer(link: Link, frame: dict[str, Any], code: str = "200") -> None:
    link.relay.answer(frame, {"code": code, "message": "as told"})


def codes(outcomes: Outcomes) -> list[str | None]:
    return [one.code if isinstance(one, Answer) else type(one).__name__ for one in outcomes]


def nothing_left(link: Link) -> bool:
    return not link.session._asked


def test_each_gets_its_own_answer_in_its_place_in_whatever_order_they_come(ready: Link) -> None:
    orders = [Order(number) for number in range(10)]
    given = give(ready, orders)
    taken = [take(ready) for _ in orders]
    assert [number for number, _ in taken] == list(range(10))
    for number, frame in reversed(taken):
        answer(ready, frame, str(200 + number))
    assert codes(given.result()) == [str(200 + number) for number in range(10)]
    assert [order.heard for order in orders] == [[str(200 + number)] for number in range(10)]
    assert ready.line.writes == 1
    assert nothing_left(ready)


def test_a_batch_of_none_is_over_at_once(ready: Link) -> None:
    assert ready.connection.request_many([], Deadline(LIMIT), 64) == []
    assert ready.line.writes == 0


def test_no_more_than_the_given_number_are_under_way_and_room_is_filled_by_halves(ready: Link) -> None:
    orders = [Order(number) for number in range(12)]
    given = give(ready, orders, most=4)
    taken = [take(ready) for _ in range(4)]
    seen = 4
    while taken:
        ready.settle()
        assert ready.line.sent.empty(), "more than 4 are under way"
        for _ in range(min(2, len(taken))):
            answer(ready, taken.pop(0)[1])
        more = min(2, 12 - seen)
        taken += [take(ready) for _ in range(more)]
        seen += more
    assert codes(given.result()) == ["200"] * 12
    assert ready.line.writes == 5


def test_with_one_under_way_they_go_one_by_one(ready: Link) -> None:
    given = give(ready, [Order(number) for number in range(3)], most=1)
    for expected in range(3):
        number, frame = take(ready)
        assert number == expected
        assert ready.line.sent.empty()
        answer(ready, frame)
    assert codes(given.result()) == ["200"] * 3


def test_thousands_at_once_get_each_its_own(ready: Link) -> None:
    orders = [Order(number) for number in range(3000)]
    given = give(ready, orders, most=256)
    for _ in orders:
        number, frame = take(ready)
        answer(ready, frame, str(number))
    assert codes(given.result()) == [str(number) for number in range(3000)]
    assert nothing_left(ready)
    assert ready.line.writes < 3000 / 64


def test_one_that_is_called_off_or_that_json_cannot_carry_is_no_failure_of_another(ready: Link) -> None:
    called_off = LookupError("over")
    orders = [Order(0), Order(1, refuses=called_off), Order(2), Order(3)]
    orders[2].params = {"number": {1, 2}}
    given = give(ready, orders)
    for expected in (0, 3):
        number, frame = take(ready)
        assert number == expected
        answer(ready, frame)
    first, second, third, last = given.result()
    assert isinstance(first, Answer)
    assert second is called_off
    assert isinstance(third, TypeError)
    assert "calling.play.pause" in str(third)
    assert isinstance(last, Answer)
    assert nothing_left(ready)


def test_a_refusal_is_an_answer_and_an_effect_that_fails_reaches_its_asker_all_the_same(ready: Link) -> None:
    orders = [Order(0), Order(1), Order(2)]

    def fails(told: Answer) -> None:
        raise RuntimeError("an effect that fails")

    orders[2].answered = fails  # type: ignore[method-assign]
    given = give(ready, orders)
    for code in ("404", "200"):
        answer(ready, take(ready)[1], code)
    answer(ready, take(ready)[1], "200")  # and the connection with it: nobody foresaw that exception
    assert codes(given.result()) == ["404", "200", "200"]


# -- limits ---------------------------------------------------------------------------------------------------


def test_each_command_has_the_limit_for_one_from_its_turn_on(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock, limits=Limits(request=5.0))
    link.make_ready()
    orders = [Order(number) for number in range(6)]
    given = give(link, orders, timeout=None, most=2)
    first = [take(link) for _ in range(2)]
    batch = waiting_batch(link)
    clock.move(4.0)
    answer(link, first[0][1])
    (second,) = [take(link)]  # its turn came four seconds later
    clock.move(1.0)  # the time of number 1 is up, not that of number 2
    look(link, batch)
    third = take(link)
    assert third[0] == 3
    for _, frame in (second, third):
        answer(link, frame)
    for _ in range(2):
        answer(link, take(link)[1])
    outcomes = given.result()
    assert codes(outcomes) == ["200", "RelayTimeout", "200", "200", "200", "200"]
    late = outcomes[1]
    assert isinstance(late, RelayTimeout)
    assert (late.sent, late.method) == (True, "calling.play.pause")
    assert "within 5.0 s" in str(late)
    assert nothing_left(link)
    answer(link, first[1][1])
    link.settle()
    assert dict(link.connection.dropped) == {"late answer": 1}


def test_when_the_time_for_all_is_up_those_whose_turn_has_not_come_are_surely_not_sent(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock)
    link.make_ready()
    given = give(link, [Order(number) for number in range(5)], timeout=3.0, most=2)
    answered, unanswered = take(link), take(link)
    assert unanswered[0] == 1
    batch = waiting_batch(link)
    answer(link, answered[1])
    third = take(link)
    assert third[0] == 2
    clock.move(3.0)
    look(link, batch)
    outcomes = given.result()
    assert codes(outcomes) == ["200"] + ["RelayTimeout"] * 4
    assert [one.sent for one in outcomes if isinstance(one, RelayTimeout)] == [True, True, False, False]
    assert "not sent within 3.0 s: the answers to those before it were awaited" in str(outcomes[4])
    assert link.line.sent.empty()
    assert nothing_left(link)


def test_a_batch_without_any_time_sends_nothing(ready: Link) -> None:
    orders = [Order(0), Order(1)]
    outcomes = ready.connection.request_many(orders, Deadline(0.0), 64)
    assert [one.sent for one in outcomes if isinstance(one, RelayTimeout)] == [False, False]
    assert ready.line.sent.empty()


def test_relay_taking_no_data_in_time_leaves_those_of_that_turn_unsent(ready: Link) -> None:
    ready.line.sending = TransportTimeout("no room")
    orders = [Order(0), Order(1), Order(2)]
    outcomes = give(ready, orders, most=2).result()
    assert codes(outcomes) == ["RelayTimeout"] * 3
    assert not any(one.sent for one in outcomes if isinstance(one, RelayTimeout))
    assert "takes no data" in str(outcomes[0])
    assert nothing_left(ready)


# -- the connection breaks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", range(5))
def test_after_a_break_what_was_under_way_is_unknown_and_what_was_not_goes_out_once(ready: Link, answered: int) -> None:
    """At each point: 4 under way, of which some are answered; two more have not had their turn."""
    orders = [Order(number) for number in range(6)]
    given = give(ready, orders, most=4)
    taken = [take(ready) for _ in range(4)]
    for number, frame in taken[:answered]:
        answer(ready, frame, str(200 + number))
    sent = 4
    if answered >= 2:  # there was room for the last two
        taken += [take(ready) for _ in range(2)]
        sent = 6
    ready.settle()
    ready.line.break_()
    ready.come_back(restored=True)
    for number in range(sent, 6):
        got, frame = take(ready)
        assert got == number
        answer(ready, frame, str(200 + number))
    expected: list[str | None] = [str(200 + number) for number in range(6)]
    expected[answered:sent] = ["ConnectionLost"] * (sent - answered)
    assert codes(given.result()) == expected
    assert ready.line.sent.empty(), "one was sent twice"
    assert nothing_left(ready)


@pytest.mark.parametrize("place", range(4))
def test_a_break_in_the_middle_of_a_write_tells_those_that_may_have_left_from_the_others(
    ready: Link, place: int
) -> None:
    orders = [Order(number) for number in range(4)]
    line = ready.line
    sending = line.send

    def breaks(text: str, timeout: float) -> None:
        if f'"number":{place}' in text:
            raise TransportLost("reset in the middle of a frame")
        sending(text, timeout)

    line.send = breaks  # type: ignore[method-assign]
    given = give(ready, orders)
    # Were the reader the first to know, it would tell what was written in its own words.
    until(lambda: line.writes and nothing_left(ready), "that the writer knows")
    line.break_()
    ready.come_back(restored=True)
    for number in range(place + 1, 4):
        got, frame = take(ready)
        assert got == number
        answer(ready, frame)
    outcomes = given.result()
    assert codes(outcomes) == ["ConnectionLost"] * (place + 1) + ["200"] * (3 - place)
    lost = outcomes[place]
    assert isinstance(lost, ConnectionLost)
    assert "unknown whether it was done" in str(lost)
    assert nothing_left(ready)


def test_an_answer_that_came_before_the_rest_of_the_write_broke_counts(ready: Link) -> None:
    line = ready.line
    sending = line.send

    def breaks(text: str, timeout: float) -> None:
        if '"number":1' in text:
            answer(ready, line.take())
            until(lambda: orders[0].heard, "that the answer was taken in")
            raise TransportLost("reset")
        sending(text, timeout)

    orders = [Order(0), Order(1)]
    line.send = breaks  # type: ignore[method-assign]
    assert codes(give(ready, orders).result()) == ["200", "ConnectionLost"]


@pytest.mark.parametrize("reader_first", [True, False], ids=["the reader knew first", "the writer knew first"])
@pytest.mark.parametrize("taken", [0, 2], ids=["before all", "between two frames"])
def test_what_surely_did_not_leave_goes_out_once_on_the_next_connection(
    ready: Link, reader_first: bool, taken: int
) -> None:
    orders = [Order(number) for number in range(4)]
    line = ready.line
    sending = line.send

    def closed(text: str, timeout: float) -> None:
        if f'"number":{taken}' in text:
            if reader_first:
                line.break_()
                until(lambda: ready.connection._transport is not line, "that the reader knows")
            raise TransportClosed("broken before the frame")
        sending(text, timeout)

    line.send = closed  # type: ignore[method-assign]
    given = give(ready, orders)
    if not reader_first:
        until(lambda: line.writes and len(ready.session._asked) == taken, "that the writer knows")
        line.break_()
    ready.come_back(restored=True)
    for number in range(taken, 4):
        got, frame = take(ready)
        assert got == number
        answer(ready, frame)
    assert codes(given.result()) == ["ConnectionLost"] * taken + ["200"] * (4 - taken)
    assert ready.line.sent.empty()
    assert nothing_left(ready)


def test_a_transport_that_takes_a_part_is_given_the_rest(ready: Link) -> None:
    ready.line.room = 1
    given = give(ready, [Order(number) for number in range(3)], most=3)
    number, frame = take(ready)
    assert number == 0
    answer(ready, frame)
    for expected in (1, 2):
        number, frame = take(ready)
        assert number == expected
        answer(ready, frame)
    assert codes(given.result()) == ["200"] * 3


def test_while_relay_drains_answers_are_awaited_and_the_rest_goes_out_on_the_next_connection(ready: Link) -> None:
    given = give(ready, [Order(number) for number in range(4)], most=2)
    taken = [take(ready) for _ in range(2)]
    ready.hear(id="bye", method=ready.relay.words.farewell, params={})
    assert ready.line.take()["id"] == "bye"
    for _, frame in taken:
        answer(ready, frame)
    ready.settle()
    assert ready.line.sent.empty()
    ready.line.break_()
    ready.come_back(restored=True)
    for _ in range(2):
        answer(ready, take(ready)[1])
    assert codes(given.result()) == ["200"] * 4


def test_without_a_connection_in_time_all_are_surely_not_sent(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock, limits=Limits(request=5.0))
    link.start()
    given = give(link, [Order(number) for number in range(200)], timeout=None)
    link.asleep()
    clock.move(5.0)
    with link.monitor.lock:
        link.connection._changed()
    outcomes = given.result()
    assert codes(outcomes) == ["NotConnected"] * 200
    assert str(outcomes[199]) == "calling.play.pause was not sent: not ready within 5.0 s (the client is connecting)"


@pytest.mark.parametrize("under_way", [0, 2])
def test_closing_tells_each_whether_it_may_have_left(ready: Link, under_way: int) -> None:
    if not under_way:
        ready.line.break_()
        ready.relay.next_line()
        until(lambda: ready.connection.state == "reconnecting")
    given = give(ready, [Order(number) for number in range(4)], most=2)
    for _ in range(under_way):
        take(ready)
    if not under_way:
        ready.asleep()
    ready.connection.stop()
    outcomes = given.result()
    assert codes(outcomes) == ["ConnectionLost"] * under_way + ["NotConnected"] * (4 - under_way)
    errors = [one for one in outcomes if isinstance(one, RelayError)]
    assert len({id(error) for error in errors}) == 4, "each has an error of its own"
    assert {error.method for error in errors} == {"calling.play.pause"}


def test_before_the_start_all_are_surely_not_sent(link: Link) -> None:
    outcomes = link.connection.request_many([Order(0), Order(1)], Deadline(LIMIT), 64)
    assert [str(one) for one in outcomes] == ["calling.play.pause was not sent: call connect() first"] * 2
    assert all(isinstance(one, NotConnected) for one in outcomes)


def test_on_the_connections_own_thread_it_raises_and_sends_nothing(ready: Link) -> None:
    told: list[BaseException] = []
    orders = [Order(0)]

    def take_it(event: object) -> None:
        try:
            ready.connection.request_many(orders, Deadline(LIMIT), 64)
        except WouldDeadlock as error:
            told.append(error)

    ready.listener.taking = take_it
    ready.relay.tell("calling.call.state")
    ready.settle()
    assert len(told) == 1
    assert orders[0].sent == 0


def test_debug_logging_shows_every_frame(ready: Link, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "relay_sync.wire")
    given = give(ready, [Order(0), Order(1)])
    for _ in range(2):
        answer(ready, take(ready)[1])
    given.result()
    shown = [record.getMessage() for record in caplog.records if record.getMessage().startswith("> ")]
    assert [f'"number":{number}' in line for number, line in enumerate(shown)] == [True, True]


def waiting_batch(link: Link) -> Any:
    """The batch whose answers are awaited, once its thread lies asleep."""

    def batch() -> Any:
        with link.monitor.lock:
            tokens = [token for token, _, _ in link.session._asked.values()]
            found = tokens[0]._batch if tokens else None
            return found if found is not None and found._room is not None and found._room.inside else None

    until(batch, "that a batch waits")
    return batch()


def look(link: Link, batch: Any) -> None:
    """Have whoever waits for a batch look at the time again and again, until it is on its way."""

    def done() -> bool:
        return all(flight.deadline.left() != 0.0 for flight in batch.flights.values())

    def nudged() -> bool:
        with link.monitor.lock:
            batch._changed()
            return done()

    until(nudged, "that the time was noticed")
