"""Things put off: ``call_later`` of a connection."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import pytest

from relay_sync.link.connection import Connection
from relay_sync.wire.events import RelayEvent
from tests.link.support import Link, MovedClock
from tests.support import until

Done = list[tuple[str, bool]]


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def link(clock: MovedClock) -> Iterator[Link]:
    link = Link(clock=clock)
    link.make_ready()
    yield link
    link.connection.stop()


def put_off(link: Link, done: Done, *timers: tuple[float, str]) -> None:
    """Have the reader put these off, at an event, as whatever it tells would."""

    def act(what: str) -> None:
        done.append((what, link.monitor.lock.locked()))

    def taking(event: RelayEvent) -> None:
        for delay, what in timers:
            link.connection.call_later(delay, partial(act, what))

    link.listener.taking = taking
    link.relay.tell("test.event")
    link.settle()
    link.listener.taking = None


def pass_time(link: Link, clock: MovedClock, seconds: float) -> None:
    clock.move(seconds)
    link.settle()


def test_what_was_put_off_is_called_once_its_time_has_come_with_the_lock_held(link: Link, clock: MovedClock) -> None:
    done: Done = []
    put_off(link, done, (1.0, "act"))
    pass_time(link, clock, 0.9)
    assert done == []
    pass_time(link, clock, 0.1)
    assert done == [("act", True)]
    pass_time(link, clock, 5.0)
    assert done == [("act", True)]


def test_they_are_called_in_the_order_of_their_times_and_then_of_their_coming(link: Link, clock: MovedClock) -> None:
    done: Done = []
    put_off(link, done, (2.0, "late"), (1.0, "one"), (1.0, "two"), (0.0, "at once"))
    pass_time(link, clock, 0.0)
    assert [what for what, _ in done] == ["at once"]
    pass_time(link, clock, 3.0)
    assert [what for what, _ in done] == ["at once", "one", "two", "late"]


def test_the_reader_lies_down_no_longer_than_until_the_next_one(link: Link, clock: MovedClock) -> None:
    done: Done = []
    put_off(link, done, (1.5, "act"))
    assert link.connection._next_timer() == clock.now + 1.5
    pass_time(link, clock, 1.5)
    assert link.connection._next_timer() == link.session.next_timer()


def test_nothing_has_to_be_heard_for_it() -> None:
    link = Link(clock=time.monotonic)
    link.make_ready()
    done: Done = []
    put_off(link, done, (0.001, "act"))
    until(lambda: done, "that the reader woke by itself")
    link.connection.stop()


def test_one_may_put_off_another_and_have_things_done_after_the_lock(link: Link, clock: MovedClock) -> None:
    done: Done = []

    def again(connection: Connection) -> None:
        connection.later(lambda: done.append(("after the lock", link.monitor.lock.locked())))
        connection.call_later(1.0, lambda: done.append(("again", True)))

    link.listener.taking = lambda _: link.connection.call_later(1.0, partial(again, link.connection))
    link.relay.tell("test.event")
    link.settle()
    pass_time(link, clock, 1.0)
    assert done == [("after the lock", False)]
    pass_time(link, clock, 1.0)
    assert [what for what, _ in done] == ["after the lock", "again"]


def test_one_that_falls_due_without_a_connection_is_called_with_the_next(link: Link, clock: MovedClock) -> None:
    done: Done = []
    put_off(link, done, (1.0, "act"))
    link.line.break_()
    link.listener.expect("signalwire.socket.close")
    clock.move(2.0)
    link.come_back(restored=True)
    until(lambda: done)
    assert done == [("act", True)]


def test_those_left_at_the_end_are_dropped(link: Link) -> None:
    done: Done = []
    put_off(link, done, (1.0, "act"))
    link.connection.stop()
    assert (done, link.connection._timers) == ([], [])


def test_it_is_for_the_connection_s_own_thread(link: Link) -> None:
    with pytest.raises(AssertionError, match="own thread"):
        link.connection.call_later(1.0, lambda: None)
