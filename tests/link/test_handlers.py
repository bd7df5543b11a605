"""Workers and lanes: in order within a lane, side by side between lanes, and one handler's trouble is nobody else's."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from relay_sync.link.handlers import IDLE_S, Lane, Workers, run
from tests.link.support import Gate
from tests.support import LIMIT, Running, until

LOGGER = "relay_sync.link.handlers"


class Pools:
    """Makes workers, and ends them with the test."""

    def __init__(self) -> None:
        self._made: list[Workers] = []

    def __call__(self, most: int = 8, kind: str = "worker", idle: float = IDLE_S) -> Workers:
        self._made.append(Workers(most, kind, idle))
        return self._made[-1]

    def close(self) -> None:
        for workers in self._made:
            workers.close()


@pytest.fixture
def pool() -> Iterator[Pools]:
    pools = Pools()
    yield pools
    pools.close()


def done(submit: Callable[[Callable[[], object]], object]) -> None:
    """Wait until everything that was submitted before has been done."""
    over = threading.Event()
    submit(over.set)
    assert over.wait(LIMIT)


def messages(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


# Lanes


def test_a_hundred_lanes_keep_a_hundred_jobs_each_in_order(pool: Pools) -> None:
    workers = pool(16)
    lanes = [Lane(workers) for _ in range(100)]
    ran: list[list[int]] = [[] for _ in lanes]
    for number in range(100):
        for lane, seen in zip(lanes, ran, strict=True):
            lane.put(partial(seen.append, number))
    for lane in lanes:
        done(lane.put)
    assert ran == [list(range(100))] * 100


def test_jobs_of_a_lane_never_overlap_whoever_puts_them(pool: Pools) -> None:
    lane = Lane(pool(8))
    inside = threading.Lock()
    overlaps: list[str] = []
    ran: list[tuple[int, int]] = []

    def job(putter: int, number: int) -> None:
        if not inside.acquire(blocking=False):
            overlaps.append(threading.current_thread().name)
            return
        ran.append((putter, number))
        inside.release()

    def put_all(putter: int) -> None:
        for number in range(200):
            lane.put(partial(job, putter, number))

    for running in [Running(partial(put_all, putter)) for putter in range(4)]:
        running.result()
    done(lane.put)
    assert overlaps == []
    for putter in range(4):
        assert [number for who, number in ran if who == putter] == list(range(200))


def test_lanes_run_side_by_side(pool: Pools) -> None:
    workers = pool(3)
    meeting = threading.Barrier(3)
    for _ in range(3):
        Lane(workers).put(partial(meeting.wait, LIMIT))
    until(lambda: workers.busy == 0, "that all three met")
    assert not meeting.broken


def test_a_slow_handler_delays_only_its_own_lane(pool: Pools) -> None:
    workers = pool(4)
    slow, other = Lane(workers), Lane(workers)
    gate, ran = Gate(), threading.Event()
    slow.put(gate.pass_)
    slow.put(ran.set)
    gate.reached()
    for _ in range(20):
        done(other.put)
    assert not ran.is_set()
    gate.open()
    assert ran.wait(LIMIT)


def test_a_job_may_put_another_into_its_own_lane(pool: Pools) -> None:
    lane = Lane(pool(1))
    order: list[str] = []
    over = threading.Event()

    def first() -> None:
        lane.put(second)
        order.append("first")

    def second() -> None:
        order.append("second")
        over.set()

    lane.put(first)
    assert over.wait(LIMIT)
    assert order == ["first", "second"]


def test_a_job_put_while_the_lane_runs_dry_is_not_forgotten(pool: Pools) -> None:
    lane = Lane(pool(2))
    for _ in range(500):
        done(lane.put)


def test_one_worker_serves_any_number_of_lanes_in_turn(pool: Pools) -> None:
    workers = pool(1)
    ran: list[int] = []
    for number in range(50):
        Lane(workers).put(partial(ran.append, number))
    done(workers.submit)
    assert ran == list(range(50))


def test_a_lane_without_work_holds_no_thread(pool: Pools) -> None:
    workers = pool(1)
    lanes = [Lane(workers) for _ in range(10)]
    for lane in lanes:
        done(lane.put)
    assert len(workers._threads) == 1


def test_what_is_put_after_the_end_is_dropped_and_the_lane_stays_usable(pool: Pools) -> None:
    workers = pool()
    workers.close()
    lane = Lane(workers)
    ran: list[int] = []
    lane.put(partial(ran.append, 1))
    lane.put(partial(ran.append, 2))
    assert workers.busy == 0
    assert not workers._threads
    assert ran == []


# Handlers that raise


def raise_(error: BaseException) -> None:
    raise error


TROUBLE = [ValueError("no"), SystemExit(3), asyncio.CancelledError(), KeyboardInterrupt(), GeneratorExit()]


@pytest.mark.parametrize("error", TROUBLE, ids=lambda error: type(error).__name__)
def test_a_handler_that_raises_is_logged_and_its_lane_goes_on(
    pool: Pools, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    workers = pool(1)
    lane = Lane(workers)
    lane.put(partial(run, partial(raise_, error), "of call c-1"))
    lane.put(partial(raise_, error))
    done(lane.put)
    # Not the warning that the one thread is busy, which it may be still when the next job comes.
    (first, second) = (record for record in caplog.records if record.levelno != logging.WARNING)
    assert first.getMessage() == "a handler raised: raise_ of call c-1"
    assert first.exc_info is not None
    assert first.exc_info[1] is error
    assert second.levelno == logging.ERROR
    done(Lane(workers).put)


def test_a_job_that_raises_does_not_cost_a_thread(pool: Pools, caplog: pytest.LogCaptureFixture) -> None:
    workers = pool(1)
    workers.submit(partial(raise_, asyncio.CancelledError()))
    done(workers.submit)
    (thread,) = workers._threads
    workers.submit(partial(raise_, ValueError()))
    done(workers.submit)
    assert workers._threads == {thread}
    assert len(messages(caplog, logging.ERROR)) == 2


def test_ctrl_c_in_a_handler_that_the_main_thread_runs_reaches_the_user(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(partial(raise_, KeyboardInterrupt()))
    run(partial(raise_, ValueError("no")))
    assert messages(caplog) == ["a handler raised: raise_ "]


# Workers


def test_threads_are_daemons_named_by_their_kind(pool: Pools) -> None:
    workers = pool(1, "conversation")
    done(workers.submit)
    (thread,) = workers._threads
    assert thread.name.startswith("relay-conversation-")
    assert thread.daemon


def test_no_thread_starts_before_there_is_a_job(pool: Pools) -> None:
    before = threading.active_count()
    workers = pool()
    Lane(workers)
    assert threading.active_count() == before


def test_an_idle_thread_is_used_again_before_another_is_made(pool: Pools) -> None:
    workers = pool(8)
    for _ in range(50):
        done(workers.submit)
        until(lambda: workers.busy == 0, "that it is idle")
    assert len(workers._threads) == 1


def test_as_many_threads_as_jobs_at_once_and_no_more_than_the_limit(pool: Pools) -> None:
    workers = pool(4)
    gates = [Gate() for _ in range(6)]
    for gate in gates:
        assert workers.submit(gate.pass_)
    for gate in gates[:4]:
        gate.reached()
    assert len(workers._threads) == 4
    assert workers.busy == 6
    for gate in gates:
        gate.open()
    for gate in gates:
        gate.reached()


def test_the_limit_is_reported_once_and_again_when_it_was_left_meanwhile(
    pool: Pools, caplog: pytest.LogCaptureFixture
) -> None:
    workers = pool(2, "handler")
    for _ in range(2):
        gates = [Gate(), Gate()]
        for gate in gates:
            workers.submit(gate.pass_)
            gate.reached()
        for _ in range(3):
            assert not workers.submit(lambda: None, queue=False)
        assert messages(caplog) == ["all 2 handler threads are busy: what comes now waits or is declined"]
        caplog.clear()
        for gate in gates:
            gate.open()
        until(lambda: workers.busy == 0, "that all are idle")


def test_the_limit_is_not_reported_under_the_lock_because_log_handlers_are_the_users(pool: Pools) -> None:
    workers = pool(1)
    locked: list[bool] = []

    class Nosy(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            locked.append(workers.lock.locked())

    logger, handler = logging.getLogger("relay_sync"), Nosy()
    logger.addHandler(handler)
    hold = threading.Event()
    try:
        workers.submit(lambda: hold.wait(LIMIT))
        workers.submit(lambda: None)
    finally:
        hold.set()
        logger.removeHandler(handler)
    assert locked == [False]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_log_handler_that_raises_costs_neither_the_lane_nor_its_thread(pool: Pools) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("no space left on device")

    logger, handler = logging.getLogger("relay_sync"), Broken()
    logger.addHandler(handler)
    lane, done = Lane(pool(1)), threading.Event()
    try:
        lane.put(lambda: 1 / 0)
        lane.put(done.set)
        assert done.wait(LIMIT)
    finally:
        logger.removeHandler(handler)


def test_a_single_worker_reports_its_limit_every_time_that_it_is_reached(
    pool: Pools, caplog: pytest.LogCaptureFixture
) -> None:
    workers = pool(1)
    for reached in (1, 2):
        gate = Gate()
        workers.submit(gate.pass_)
        gate.reached()
        assert not workers.submit(lambda: None, queue=False)
        assert len(messages(caplog)) == reached
        gate.open()
        until(lambda: workers.busy == 0, "that it is idle")


def test_a_declined_job_never_runs_and_one_in_line_does(pool: Pools) -> None:
    workers = pool(1)
    gate = Gate()
    ran: list[str] = []
    workers.submit(gate.pass_)
    gate.reached()
    assert not workers.submit(partial(ran.append, "declined"), queue=False)
    assert workers.submit(partial(ran.append, "in line"))
    assert ran == []
    gate.open()
    done(workers.submit)
    assert ran == ["in line"]


def test_a_job_is_declined_while_another_waits_in_line(pool: Pools) -> None:
    workers = pool(2)
    gates = [Gate() for _ in range(3)]
    for gate in gates:
        workers.submit(gate.pass_)
    assert not workers.submit(lambda: None, queue=False)
    for gate in gates:
        gate.open()


def test_workers_that_have_nothing_to_do_end(pool: Pools) -> None:
    workers = pool(4, idle=0.01)
    gates = [Gate() for _ in range(4)]
    for gate in gates:
        workers.submit(gate.pass_)
    for gate in gates:
        gate.open()
    until(lambda: not workers._threads, "that all have ended")
    done(workers.submit)


def test_a_job_that_comes_as_a_worker_gives_up_waiting_is_done(pool: Pools) -> None:
    workers = pool(1, idle=0.0005)
    for _ in range(300):
        done(workers.submit)


def test_an_idle_worker_keeps_nobodys_objects_alive(pool: Pools) -> None:
    class Job:
        def __call__(self) -> None:
            return

    workers = pool(1)
    job = Job()
    gone = weakref.ref(job)
    workers.submit(job)
    del job
    until(lambda: workers.busy == 0 and gc.collect() >= 0 and gone() is None, "that the job is gone")


# Closing


def test_closing_ends_the_idle_threads(pool: Pools) -> None:
    workers = pool()
    done(workers.submit)
    until(lambda: workers.busy == 0, "that it is idle")
    (thread,) = workers._threads
    workers.close(LIMIT)
    assert not thread.is_alive()
    workers.close()


def test_closed_workers_take_no_more(pool: Pools) -> None:
    workers = pool()
    workers.close()
    assert not workers.submit(lambda: None)


def test_closing_waits_for_no_handler_and_lets_it_come_to_its_end(pool: Pools) -> None:
    workers = pool(1)
    gate, ran = Gate(), threading.Event()
    workers.submit(gate.pass_)
    workers.submit(ran.set)
    gate.reached()
    workers.close()
    assert not ran.is_set()
    gate.open()
    assert ran.wait(LIMIT)
    until(lambda: not workers._threads, "that the worker has ended")


def test_a_handler_may_close_the_workers_that_run_it(pool: Pools) -> None:
    workers = pool(2)
    closed = threading.Event()

    def close() -> None:
        workers.close()
        closed.set()

    workers.submit(close)
    assert closed.wait(LIMIT)
    until(lambda: not workers._threads, "that its thread has ended")


def test_draining_waits_until_all_that_was_taken_is_done(pool: Pools) -> None:
    workers = pool(1)
    gates = [Gate() for _ in range(3)]
    for gate in gates:
        workers.submit(gate.pass_)
    draining = Running(lambda: workers.drain(lambda: False))
    for gate in gates:
        gate.reached()
        assert draining.thread.is_alive()
        gate.open()
    assert draining.result() == 0


def test_draining_ends_when_it_has_been_enough_and_tells_how_many_are_left(pool: Pools) -> None:
    workers = pool(1)
    gate = Gate()
    workers.submit(gate.pass_)
    workers.submit(lambda: None)
    gate.reached()
    assert workers.drain(lambda: True) == 2
    gate.open()


def test_draining_without_work_does_not_wait(pool: Pools) -> None:
    assert pool().drain(lambda: pytest.fail("there is nothing to wait for")) == 0


def test_a_job_can_tell_that_it_is_one(pool: Pools) -> None:
    workers, others = pool(1), pool(1)
    told: list[tuple[bool, bool]] = []
    workers.submit(lambda: told.append((workers.runs_here(), others.runs_here())))
    done(workers.submit)
    assert told == [(True, False)]
    assert not workers.runs_here()


# When the system has no more threads


def no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the system refuse every further thread."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_a_job_for_which_no_thread_can_be_had_is_declined_and_said_so(
    pool: Pools, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = pool()
    ran: list[str] = []
    no_more_threads(monkeypatch)
    assert not workers.submit(partial(ran.append, "declined"))
    assert messages(caplog) == ["no thread could be started for a handler"]
    assert workers.busy == 0
    monkeypatch.undo()
    done(workers.submit)
    assert ran == []


def test_a_job_for_which_no_further_thread_can_be_had_waits_for_one_there_is(
    pool: Pools, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = pool()
    gate, ran = Gate(), threading.Event()
    workers.submit(gate.pass_)
    gate.reached()
    no_more_threads(monkeypatch)
    assert workers.submit(ran.set)
    gate.open()
    assert ran.wait(LIMIT)
    assert len(messages(caplog)) == 1


def test_without_a_thread_only_the_job_that_needed_it_is_declined(
    pool: Pools, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread submits in the moment between: its job is taken, and stays taken."""
    workers = pool()
    refused, ran = threading.Event(), threading.Event()
    start = threading.Thread.start

    def start_or_raise(thread: threading.Thread) -> None:
        if thread.name.startswith("relay-") and not refused.is_set():
            refused.set()
            assert workers.submit(ran.set)  # as the other thread would
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_raise)
    workers.submit(lambda: None)
    assert ran.wait(LIMIT)


def test_a_lane_whose_job_was_declined_takes_the_next(
    pool: Pools, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = Lane(pool())
    ran: list[str] = []
    no_more_threads(monkeypatch)
    lane.put(partial(ran.append, "declined"))
    monkeypatch.undo()
    done(lane.put)
    assert ran == []


def test_jobs_that_are_cancelled_in_line_never_begin() -> None:
    workers = Workers(1, "tested")
    begun, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def first() -> None:
        begun.set()
        assert go_on.wait(10)
        done.append("first")

    workers.submit(first)
    assert begun.wait(10)
    workers.submit(lambda: done.append("second"))
    assert workers.cancel() == 1
    go_on.set()
    assert workers.drain(lambda: False) == 0
    workers.close()
    assert done == ["first"]
