"""How threads wait: to the end, to the deadline, through wake-ups that mean nothing, and never where they must not."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from relay_sync.errors import NotConnected, RelayTimeout, WouldDeadlock
from relay_sync.link.waiting import SLICE, Deadline, Monitor, Room, Waitable, check_timeout, join
from tests.link.support import Gate, MovedClock, lies_asleep
from tests.support import LIMIT, Running, until


class Door(Waitable):
    """Something that changes."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = False
        self.looked = 0

    def ready(self) -> bool:
        self.looked += 1
        return self.is_open


@pytest.fixture
def monitor() -> Monitor:
    return Monitor()


@pytest.fixture
def door() -> Door:
    return Door()


def wait(monitor: Monitor, door: Door, deadline: Deadline | None = None) -> None:
    with monitor.lock:
        monitor.wait_until(door, door.ready, deadline or Deadline(None), lambda: "the door did not open")


def change(monitor: Monitor, door: Door, is_open: bool) -> None:
    with monitor.lock:
        door.is_open = is_open
        door._changed()


# The time one gives


@pytest.mark.parametrize(("given", "seconds"), [(None, None), (0, 0.0), (-3, 0.0), (2, 2.0), (0.5, 0.5)])
def test_a_timeout_is_seconds_and_a_negative_one_is_none_left(given: float | None, seconds: float | None) -> None:
    assert check_timeout(given) == seconds


@pytest.mark.parametrize("given", [True, "5", [], b"1"])
def test_a_timeout_that_is_no_number_is_refused_by_name(given: float) -> None:
    with pytest.raises(TypeError, match="ring_time="):
        check_timeout(given, "ring_time")


@pytest.mark.parametrize("given", [float("nan"), 10**400, -(10**400)], ids=["nan", "too much", "too little"])
def test_a_timeout_that_no_clock_can_hold_is_refused(given: float) -> None:
    with pytest.raises(ValueError, match="give a number of seconds"):
        check_timeout(given)


def test_a_deadline_counts_down_to_zero_and_not_below() -> None:
    clock = MovedClock()
    deadline = Deadline(5, clock)
    assert deadline.left() == 5.0
    clock.move(3)
    assert deadline.left() == 2.0
    clock.move(3)
    assert deadline.left() == 0.0


@pytest.mark.parametrize("timeout", [None, float("inf")])
def test_no_limit_is_never_over(timeout: float | None) -> None:
    assert Deadline(timeout).left() is None


def test_of_two_deadlines_the_earlier_counts() -> None:
    clock = MovedClock()
    deadline = Deadline(5, clock)
    assert deadline.within(9) is deadline
    assert deadline.within(2).left() == 2.0
    assert Deadline(None, clock).within(7).left() == 7.0


def test_the_main_thread_sleeps_in_slices_because_a_signal_may_come_just_before_it_sleeps() -> None:
    clock = MovedClock()
    assert Deadline(None, clock).nap() == SLICE
    assert Deadline(60, clock).nap() == SLICE
    assert Deadline(SLICE / 2, clock).nap() == pytest.approx(SLICE / 2)
    assert Deadline(0, clock).nap() == 0.0


def test_other_threads_sleep_through_as_long_as_the_platform_can() -> None:
    clock = MovedClock()
    naps = Running(lambda: [Deadline(timeout, clock).nap() for timeout in (None, 60, 0, 1e300)]).result()
    assert naps == [None, 60.0, 0.0, threading.TIMEOUT_MAX]


# The wait


def test_what_is_true_already_is_not_waited_for(monitor: Monitor, door: Door) -> None:
    door.is_open = True
    wait(monitor, door, Deadline(0))
    assert door._room is None


def test_a_wait_without_time_only_looks(monitor: Monitor, door: Door) -> None:
    with pytest.raises(RelayTimeout, match=r"the door did not open within 0\.0 s"):
        wait(monitor, door, Deadline(0))
    assert not monitor.lock.locked()


def test_a_wait_ends_when_its_thing_has_come_true(monitor: Monitor, door: Door) -> None:
    waiter = Running(lambda: wait(monitor, door))
    lies_asleep(door, monitor.lock)
    change(monitor, door, is_open=True)
    waiter.result()
    assert not monitor.lock.locked()


def test_a_change_that_is_not_the_one_waited_for_does_not_end_the_wait(monitor: Monitor, door: Door) -> None:
    waiter = Running(lambda: wait(monitor, door))
    lies_asleep(door, monitor.lock)
    before = door.looked
    change(monitor, door, is_open=False)

    def has_looked_again() -> bool:
        with monitor.lock:
            return door.looked > before and bool(door._room and door._room._sleepers)

    until(has_looked_again)
    assert waiter.thread.is_alive()
    change(monitor, door, is_open=True)
    waiter.result()


def test_all_who_wait_for_a_thing_wake(monitor: Monitor, door: Door) -> None:
    waiters = [Running(lambda: wait(monitor, door)) for _ in range(20)]
    lies_asleep(door, monitor.lock, 20)
    change(monitor, door, is_open=True)
    for waiter in waiters:
        waiter.result()


def test_who_waits_for_another_thing_sleeps_on(monitor: Monitor, door: Door) -> None:
    other = Door()
    waiters = [Running(lambda: wait(monitor, door)), Running(lambda: wait(monitor, other))]
    lies_asleep(door, monitor.lock)
    lies_asleep(other, monitor.lock)
    looked = other.looked
    change(monitor, door, is_open=True)
    waiters[0].result()
    with monitor.lock:
        assert other.looked == looked
    change(monitor, other, is_open=True)
    waiters[1].result()


def test_its_room_exists_only_while_somebody_is_in_it(monitor: Monitor, door: Door) -> None:
    waiters = [Running(lambda: wait(monitor, door)) for _ in range(2)]
    lies_asleep(door, monitor.lock, 2)
    change(monitor, door, is_open=True)
    for waiter in waiters:
        waiter.result()
    assert door._room is None


def test_a_wait_that_gave_up_leaves_nothing_behind(monitor: Monitor, door: Door) -> None:
    with pytest.raises(RelayTimeout):
        wait(monitor, door, Deadline(SLICE / 20))
    assert door._room is None
    waiter = Running(lambda: wait(monitor, door))
    lies_asleep(door, monitor.lock)
    change(monitor, door, is_open=True)
    waiter.result()


def test_who_gives_up_does_not_take_the_room_from_who_waits_on(monitor: Monitor, door: Door) -> None:
    patient = Running(lambda: wait(monitor, door))
    lies_asleep(door, monitor.lock)
    with pytest.raises(RelayTimeout):
        wait(monitor, door, Deadline(SLICE / 20))
    assert door._room is not None
    change(monitor, door, is_open=True)
    patient.result()


def test_what_came_true_before_the_time_was_up_counts_though_the_waiter_wakes_after_it(
    monitor: Monitor, door: Door
) -> None:
    clock = MovedClock()
    waiter = Running(lambda: wait(monitor, door, Deadline(LIMIT, clock)))
    lies_asleep(door, monitor.lock)
    with monitor.lock:
        door.is_open = True
        door._changed()
        clock.move(LIMIT + 1)
    waiter.result()


def test_what_comes_true_after_the_time_was_up_does_not_count(monitor: Monitor, door: Door) -> None:
    clock = MovedClock()
    waiter = Running(lambda: wait(monitor, door, Deadline(LIMIT, clock)))
    lies_asleep(door, monitor.lock)
    clock.move(LIMIT + 1)
    change(monitor, door, is_open=False)  # wakes it
    with pytest.raises(RelayTimeout, match=rf"within {LIMIT} s"):
        waiter.result()
    change(monitor, door, is_open=True)
    wait(monitor, door)  # a second wait finds it


def test_the_description_is_made_only_when_it_is_needed(monitor: Monitor, door: Door) -> None:
    door.is_open = True

    def describe() -> str:
        raise AssertionError("nothing is to be described")

    with monitor.lock:
        monitor.wait_until(door, door.ready, Deadline(None), describe)


def test_on_the_connections_own_thread_a_wait_raises_because_it_would_wait_for_itself(
    monitor: Monitor, door: Door
) -> None:
    monitor.reader = threading.get_ident()
    with pytest.raises(WouldDeadlock, match=r"the door did not open: .* own thread"):
        wait(monitor, door)
    with pytest.raises(RuntimeError):
        monitor.check_thread(lambda: "pause()")
    assert not monitor.lock.locked()


def test_on_the_connections_own_thread_what_is_true_already_may_be_asked_for(monitor: Monitor, door: Door) -> None:
    monitor.reader = threading.get_ident()
    door.is_open = True
    wait(monitor, door)


def test_in_another_process_every_wait_is_refused(
    monitor: Monitor, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = monitor.pid + 1
    monkeypatch.setattr(os, "getpid", lambda: there)
    with pytest.raises(NotConnected, match=f"belongs to process {monitor.pid}.*nothing was sent"):
        monitor.check_process()
    with pytest.raises(NotConnected):
        wait(monitor, door)


# The room


@pytest.fixture
def lock() -> Iterator[threading.Lock]:
    lock = threading.Lock()
    yield lock
    assert not lock.locked()


def test_a_nap_that_nobody_ends_ends_by_itself_with_the_lock_held(lock: threading.Lock) -> None:
    room = Room(lock)
    with lock:
        room.wait(0.001)
        assert lock.locked()
    assert room._sleepers == []


def test_the_lock_is_free_while_one_sleeps_and_taken_back_before_one_goes_on(lock: threading.Lock) -> None:
    room = Room(lock)
    order: list[str] = []

    def sleep() -> None:
        with lock:
            room.inside += 1
            room.wait(None)
            order.append("awake")

    door = Door()
    door._room = room
    sleeper = Running(sleep)
    lies_asleep(door, lock)
    with lock:
        room.notify_all()
        order.append("still mine")
    sleeper.result()
    assert order == ["still mine", "awake"]


def test_waking_an_empty_room_is_harmless(lock: threading.Lock) -> None:
    with lock:
        Room(lock).notify_all()


# Joining


def test_a_thread_that_never_ran_has_ended() -> None:
    assert join(None, 0)
    assert join(threading.Thread(target=print), 0)


def test_a_thread_does_not_wait_for_its_own_end() -> None:
    assert join(threading.current_thread(), LIMIT)


def test_joining_tells_whether_the_thread_has_ended() -> None:
    gate = Gate()
    running = Running(gate.pass_)
    gate.reached()
    assert not join(running.thread, 0.0)
    gate.open()
    assert join(running.thread, LIMIT)
