"""Every method that blocks, in every kind of handler; and handlers that misbehave in every way."""

from __future__ import annotations

import itertools
import queue
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import pytest

from relay_sync import Client, ConnectFailed, RelayError, RelayTimeout, Task, WouldDeadlock
from relay_sync.calling.action import Action
from relay_sync.emulator import Emulator
from tests.stage import Stage
from tests.support import LIMIT, Running, in_thread, until
from tests.verbs import Scene, table
from tests.words import spoken

pytestmark = pytest.mark.timeout(300)

LIMIT_S = 0.01
NUMBERS = {"from_number": "+15550100", "to_number": "+15550101"}
KINDS = ["call", "action", "future", "inbound call", "message", "message state", "task", "ready", "frame"]


class Handlers:
    """Runs a function in a handler of one kind, each time that kind's event is sent."""

    def __init__(self, stage: Stage, kind: str) -> None:
        self.stage, self.kind, self.relay = stage, kind, stage.relay
        self._numbers = itertools.count()
        self._job: Callable[[], object] | None = None
        self._done: Future[object] = Future()
        getattr(self, "_register_" + kind.replace(" ", "_"))()

    def run(self, job: Callable[[], object]) -> Future[object]:
        self._job, self._done = job, Future()
        getattr(self, "_trigger_" + self.kind.replace(" ", "_"))()
        return self._done

    def clear(self, over: Callable[[], bool] = lambda: True, message: str = "too late") -> None:
        """Refuse every command until ``over()``, and those that the library gives by itself.

        After a reconnect it asks of running playbacks; none of that is to be left for the next verb.
        """
        line, chores = self.relay.line, self.stage.client._life().chores
        while not over() or chores.busy or not line.sent.empty():
            with suppress(queue.Empty):
                self.relay.answer(line.take(0.01), {"code": "499", "message": message})

    def handler(self, *_: object) -> None:
        job, self._job = self._job, None
        if job is None:
            return
        done = self._done
        try:
            done.set_result(job())
        except BaseException as error:  # noqa: BLE001  (the test's to judge)
            done.set_exception(error)

    def _receive(self, service: Any) -> None:
        with in_thread(lambda: service(["work"], self.handler)) as receiving:
            self.relay.accept_command("signalwire.receive")
        receiving.result()

    def _register_call(self) -> None:
        self.call = self.stage.call("host")
        self.call.on("play.playing", self.handler)

    def _trigger_call(self) -> None:
        self.relay.tell_play("playing", "of-nobody", "host")

    def _register_action(self) -> None:
        """A handler of the call, run for an operation that ends."""
        self.call = self.stage.call("host")
        self.call.on("play.finished", self.handler)

    def _trigger_action(self) -> None:
        self.stage.tell_play(self.stage.play(self.call), "finished")

    def _register_future(self) -> None:
        self.call = self.stage.call("host")

    def _trigger_future(self) -> None:
        action = self.stage.play(self.call)
        action.future.add_done_callback(self.handler)
        self.stage.tell_play(action, "finished")

    def _register_inbound_call(self) -> None:
        self._receive(self.stage.client.calling.receive)

    def _trigger_inbound_call(self) -> None:
        self.stage.inbound(f"in-{next(self._numbers)}", "work")

    def _register_message(self) -> None:
        self._receive(self.stage.client.messaging.receive)

    def _trigger_message(self) -> None:
        self.relay.tell("messaging.receive", message_id="m-1", message_state="received", context="work")

    def _register_message_state(self) -> None:
        self._receive(self.stage.client.messaging.state_change)

    def _trigger_message_state(self) -> None:
        message_id = f"m-{next(self._numbers)}"
        self.relay.tell("messaging.state", message_id=message_id, message_state="queued", context="work")

    def _register_task(self) -> None:
        self._receive(self.stage.client.tasking.receive)

    def _trigger_task(self) -> None:
        self.relay.tell_through("queuing.relay.tasks", context="work", message={})

    def _register_ready(self) -> None:
        self.stage.settle()  # the first one has been told, which is not that of a job
        self.stage.client.on("ready", self.handler)

    def _trigger_ready(self) -> None:
        until(self.relay.words.has_acknowledged)  # what the line takes with it never would be
        self.relay.line.break_()
        self.relay.next_line()
        self.relay.shake_hands(restored=True, contexts=bool(self.stage.client.contexts))

    def _register_frame(self) -> None:
        self.stage.client.on("signalwire.socket.message", self.handler)

    def _trigger_frame(self) -> None:
        self.relay.tell("calling.call.play", call_id="nobody", control_id="nobody", state="playing")


@pytest.fixture(params=KINDS)
def handlers(request: pytest.FixtureRequest) -> Iterator[Handlers]:
    with Stage(ping_interval=3600, request_timeout=LIMIT) as stage:
        yield Handlers(stage, request.param)


def ended(done: Future[object]) -> BaseException | None:
    """What a job raised; fails where it does not end."""
    return done.exception(LIMIT)


def test_every_verb_waits_in_a_handler_up_to_its_limit(handlers: Handlers) -> None:
    scene = Scene(handlers.stage)
    for verb in table():
        act = verb.prepare(scene)
        error = ended(handlers.run(lambda act=act, limit=verb.limit: act(**{limit: LIMIT_S})))  # type: ignore[misc]
        assert isinstance(error, RelayTimeout), (verb, error)
        handlers.clear()


def test_every_verb_that_sends_gets_its_answer_in_a_handler(handlers: Handlers) -> None:
    scene = Scene(handlers.stage)
    for verb in table():
        if not verb.sends:
            continue
        act = verb.prepare(scene)
        done = handlers.run(act)
        handlers.clear(done.done, f"no {verb}")
        error = ended(done)
        assert error is None, (verb, error)
        said: Any = done.result()
        result = said.result if isinstance(said, Action) else said
        assert (result.successful, result.code, result.message) == (False, "499", f"no {verb}"), verb


def test_what_stands_apart_does_not_hang_in_a_handler_either(handlers: Handlers) -> None:
    client = handlers.stage.client
    assert ended(handlers.run(client.connect)) is None
    assert isinstance(ended(handlers.run(client.drain)), WouldDeadlock)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        task = Task("p", "t", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        assert isinstance(ended(handlers.run(lambda: task.deliver("office", {}))), ConnectFailed)
    running = handlers.run(client.run)
    until(lambda: client._life().connection._room is not None, "that it waits")
    client.disconnect()
    assert ended(running) is None


def test_closing_the_client_in_a_handler(handlers: Handlers) -> None:
    client = handlers.stage.client
    assert ended(handlers.run(client.disconnect)) is None
    assert client.state == "closed"


def test_a_handler_that_raises_is_followed_by_one_that_works(handlers: Handlers) -> None:
    def wrong() -> None:
        raise RuntimeError("on purpose")

    for _ in range(3):
        assert isinstance(ended(handlers.run(wrong)), RuntimeError)
        assert ended(handlers.run(lambda: None)) is None


def test_handlers_may_be_registered_and_removed_in_handlers(handlers: Handlers) -> None:
    stage = handlers.stage
    call, heard = stage.call("other"), threading.Event()

    def later(_: object) -> None:
        heard.set()

    def register() -> None:
        call.on("play.playing", later)
        call.off("play.paused", later)
        stage.client.on("signalwire.socket.error", later)
        stage.client.off("signalwire.socket.error", later)

    assert ended(handlers.run(register)) is None
    stage.relay.tell_play("playing", "of-nobody", "other")
    assert heard.wait(LIMIT)
    assert ended(handlers.run(lambda: call.off("play.playing"))) is None
    heard.clear()
    stage.relay.tell_play("playing", "of-nobody", "other")
    stage.settle()
    assert not heard.is_set()


def test_a_handler_that_removes_itself_and_one_that_adds_more_of_itself(stage: Stage) -> None:
    call, times = stage.call(), []

    def once(_: object) -> None:
        times.append("once")
        call.off("play.playing", once)

    def twice(_: object) -> None:
        times.append("twice")
        if times.count("twice") == 1:
            call.on("play.playing", twice)

    call.on("play.playing", once)
    call.on("play.playing", twice)
    for heard in (2, 3):  # the first event is heard before the second comes
        stage.relay.tell_play("playing", "of-nobody")
        until(lambda heard=heard: len(times) >= heard, "that they ran")  # type: ignore[misc]
    stage.settle()
    assert times.count("once") == 1


# Order and independence


def test_a_hundred_calls_hear_a_hundred_events_each_in_order() -> None:
    with Stage() as stage:
        heard: dict[str, list[str]] = {}
        together = threading.Lock()
        at_once = [0, 0]

        def handler(told: dict[str, Any]) -> None:
            with together:
                at_once[0] += 1
                at_once[1] = max(at_once)
            heard[told["call_id"]].append(told["control_id"])
            with together:
                at_once[0] -= 1

        for number in range(100):
            call = stage.call(f"call-{number}")
            heard[call.id or ""] = []
            call.on("play.playing", handler)
        for turn in range(100):
            for call_id in heard:
                stage.relay.tell_play("playing", f"event-{turn}", call_id)
        until(lambda: all(len(events) == 100 for events in heard.values()), "that all were heard", 60)
        for events in heard.values():
            assert events == [f"event-{turn}" for turn in range(100)]


def times_slower(one: Callable[[], object], other: Callable[[], object], rounds: int = 9, count: int = 60) -> float:
    """How many times as long ``one`` takes as ``other``, done in turn so that a busy machine holds up both alike."""
    ratios = []
    for turn in range(rounds):
        took: list[list[float]] = [[], []]
        for number in range(count):
            pair = [(one, took[0]), (other, took[1])]
            for act, times in pair if (turn + number) % 2 else reversed(pair):
                began = time.perf_counter()
                assert act()
                times.append(time.perf_counter() - began)
        ratios.append(statistics.median(took[0]) / statistics.median(took[1]))
    return statistics.median(ratios)


def test_with_every_worker_blocked_another_thread_pauses_a_play_as_fast_as_when_idle() -> None:
    """Requirement R2.4. Beside it, at the same time and on the same emulator, an idle client."""
    with (
        Emulator(dialects=spoken()) as relay,
        Client(**relay.credentials, max_handlers=4) as client,
        Client(**relay.credentials) as idle,
    ):
        relay.phone("+15550101")
        action = client.calling.dial(**NUMBERS).call.play_silence_async(600)
        beside = idle.calling.dial(**NUMBERS).call.play_silence_async(600)
        over, entered = threading.Event(), threading.Semaphore(0)

        def block(_: object) -> None:
            entered.release()
            over.wait(LIMIT * 6)

        for _ in range(6):
            other = client.calling.dial(**NUMBERS).call
            other.on("play.playing", block)
            other.play_silence_async(600)
        for _ in range(4):
            assert entered.acquire(timeout=LIMIT)
        assert not entered.acquire(blocking=False)
        slower = times_slower(action.pause, beside.pause)
        over.set()
    assert slower < 1.2  # the median of nine medians: about 1.0 +- 0.05


def test_handlers_that_sleep_for_minutes_hold_up_no_other_call_and_no_disconnect() -> None:
    over = threading.Event()
    with Stage() as stage:
        asleep, awake = stage.call("asleep"), stage.call("awake")
        entered, heard = threading.Event(), threading.Event()

        def sleep(_: object) -> None:
            entered.set()
            over.wait(600)

        asleep.on("play.playing", sleep)
        awake.on("play.playing", lambda _: heard.set())
        stage.relay.tell_play("playing", "x", "asleep")
        assert entered.wait(LIMIT)
        stage.relay.tell_play("playing", "x", "awake")
        assert heard.wait(LIMIT)
        began = time.monotonic()
        stage.client.disconnect()
        assert time.monotonic() - began < 2.0
        over.set()


# Many threads


def test_32_threads_with_1000_mixed_commands_each_get_their_own_answers() -> None:
    """Each caller's ids come back to it: in the answers, and by what became of its own playback."""
    threads, commands = 32, 1000
    with Emulator(dialects=spoken()) as relay, Client(**relay.credentials, request_timeout=60) as client:
        relay.phone("+15550101")
        calls = [client.calling.dial(**NUMBERS).call for _ in range(8)]
        wrong: list[object] = []

        def check(right: object, what: object) -> None:
            if not right:
                wrong.append(what)

        def work(number: int) -> int:
            call = calls[number % len(calls)]
            action = call.play_silence_async(6000)
            ids = {name: action.payload[name] for name in ("node_id", "call_id", "control_id")}
            for turn in range(commands):
                if turn % 5 == 0:
                    answer = client.execute("calling.play.pause", ids)
                    check(answer and answer.result.get("control_id") == action.control_id, answer)
                elif turn % 5 == 1:
                    check(action.resume(), action)
                elif turn % 5 == 2:
                    check(action.volume(number - 16), action)
                elif turn % 5 == 3:
                    refused = client.execute(f"calling.nonsense.{number}.{turn}", {})
                    check(f"calling.nonsense.{number}.{turn}" in refused.message, refused)
                else:
                    gone = client.execute("calling.play.stop", {**ids, "control_id": f"none-{number}-{turn}"})
                    check(gone.code == "404", gone)
            check(action.stop() and action.wait(60), action)
            return commands

        done = [Running(lambda number=number: work(number)) for number in range(threads)]  # type: ignore[misc]
        assert sum(one.result(240) for one in done) == threads * commands
        assert not wrong, wrong[:5]
        assert not client._life().connection.dropped
        assert client._life().connection.session._asked == {}
        assert all(not call._actions for call in calls)
        with suppress(RelayError):
            client.execute("test.end", {})
