"""Consumers: what they take, what stops them, and what is left when they have stopped."""

from __future__ import annotations

import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

import pytest

from relay_sync import (
    AuthenticationFailed,
    Call,
    ConfigurationError,
    ConnectFailed,
    Consumer,
    Message,
    RelayError,
    Task,
)
from relay_sync.emulator import Emulator, Phone
from tests.link.support import Child, program
from tests.stage import at_once
from tests.support import LIMIT, Running, in_thread, until
from tests.words import blade_only, chosen, make_words

CONTEXT = "office"


class Told(Consumer):
    """Tells the test each hook that runs, in order."""

    contexts = (CONTEXT,)

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.told: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()

    def tell(self, *what: Any) -> None:
        self.told.put(what)

    def next(self) -> tuple[Any, ...]:
        return self.told.get(timeout=LIMIT)

    def setup(self) -> None:
        self.tell("setup")

    def ready(self) -> None:
        self.tell("ready")

    def teardown(self) -> None:
        self.tell("teardown")


class Desk(Told):
    """Takes calls, each until the test says that it may go."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.go = threading.Event()

    def on_incoming_call(self, call: Call) -> None:
        call.answer()
        self.tell("call", call.from_number)
        assert self.go.wait(LIMIT)
        self.tell("done", call.hangup().successful)


class Office(Told):
    """Takes everything."""

    def on_incoming_call(self, call: Call) -> None:
        self.tell("call", call.context, call.state, call.from_number)

    def on_incoming_message(self, message: Message) -> None:
        self.tell("message", message.body, message.state)

    def on_message_state_change(self, message: Message) -> None:
        self.tell("state", message.state)

    def on_task(self, message: Any) -> None:
        self.tell("task", message)


@contextmanager
def serving(consumer: Told) -> Iterator[Running[None]]:
    """Run a consumer during the block, from its ready() on."""
    with in_thread(consumer.run) as running:
        try:
            assert consumer.next() == ("setup",)
            assert consumer.next() == ("ready",)
            yield running
        finally:
            consumer.stop(0)
    running.result()


def caller(relay: Emulator, number: str = "+15550101") -> Phone:
    phone = relay.phone(number)
    phone.call(context=CONTEXT)
    return phone


# -- what it takes ------------------------------------------------------------------------------------------


def test_the_hooks_come_in_order_and_everything_is_delivered(relay: Emulator) -> None:
    office = Office(**relay.credentials)
    assert office.client is None
    with in_thread(office.run) as running:
        assert office.next() == ("setup",)
        assert office.next() == ("ready",)
        assert office.client is not None
        assert office.client.connected
        assert office.client.contexts == [CONTEXT]

        phone = caller(relay)
        assert office.next() == ("call", CONTEXT, "created", phone.number)
        phone.text(context=CONTEXT, body="hello")
        assert office.next() == ("message", "hello", "received")
        assert Task(**relay.credentials).deliver(CONTEXT, {"number": 1})
        assert office.next() == ("task", {"number": 1})
        office.client.messaging.send(from_number="+15550100", to_number=phone.number, context=CONTEXT, body="hi")
        states = [office.next() for _ in range(4)]
        assert states == [("state", state) for state in ("queued", "initiated", "sent", "delivered")]

        assert office.stop() == 0
        assert office.next() == ("teardown",)
    running.result()
    assert office.client.state == "closed"
    until(lambda: relay.connections == 0, "that the connection is closed")
    assert office.told.empty()


def test_the_contexts_are_registered_once_in_the_handshake(relay: Emulator) -> None:
    with serving(Office(**relay.credentials, contexts=["office", "home"])):
        assert relay.contexts == {"office": 1, "home": 1}
    if chosen() == "blade":
        (command,) = relay.journal.commands("signalwire.receive")
        assert command.params == {"contexts": ["office", "home"]}
    else:
        assert relay.journal.commands("signalwire.receive") == []


def test_only_what_is_overridden_is_taken(relay: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    class Tasks(Told):
        def on_task(self, message: Any) -> None:
            self.tell("task", message)

    tasks = Tasks(**relay.credentials)
    with serving(tasks):
        assert tasks.client is not None
        assert tasks.client.calling._handler_for(CONTEXT) is None
        phone = caller(relay)
        assert relay.expect("calling.pass").code in (None, "200")  # given back, not left ringing
        phone.text(context=CONTEXT, body="hello")
        relay.deliver_task(CONTEXT, {"number": 1})
        assert tasks.next() == ("task", {"number": 1})
    assert "nobody handles calls for the context 'office'" in caplog.text


def test_a_hook_may_be_put_on_the_object_as_well(relay: Emulator) -> None:
    told = Told(**relay.credentials)
    told.on_task = lambda message: told.tell("task", message)  # type: ignore[method-assign]
    with serving(told):
        relay.deliver_task(CONTEXT, {})
        assert told.next() == ("task", {})


def test_one_that_overrides_nothing_receives_nothing(relay: Emulator) -> None:
    with serving(Told(**relay.credentials)):
        assert relay.contexts == {}


def test_a_hook_that_raises_is_logged_and_the_next_is_served(relay: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    class Clumsy(Told):
        def on_task(self, message: Any) -> None:
            self.tell("task", message)
            raise LookupError("no such thing")

        def ready(self) -> None:
            super().ready()
            raise ValueError("not so ready")

    clumsy = Clumsy(**relay.credentials)
    with serving(clumsy):
        for number in range(2):
            relay.deliver_task(CONTEXT, {"number": number})
            assert clumsy.next() == ("task", {"number": number})
    until(lambda: caplog.text.count("LookupError: no such thing") == 2)
    assert "ValueError: not so ready" in caplog.text


def test_hooks_of_several_calls_run_side_by_side_up_to_the_limit_and_the_next_call_is_passed_back(
    relay: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    class Two(Desk):
        client_options: ClassVar[dict[str, Any]] = {"max_handlers": 2}

    two = Two(**relay.credentials)
    with serving(two):
        for number in ("+15550101", "+15550102"):
            caller(relay, number)
            assert two.next() == ("call", number)
        caller(relay, "+15550103")
        relay.expect("calling.pass")
        assert "all 2 handlers are busy" in caplog.text
        two.go.set()
        assert [two.next(), two.next()] == [("done", True)] * 2


def test_it_is_ready_again_after_a_reconnect_and_serves_on(relay: Emulator) -> None:
    office = Office(**relay.credentials)
    with serving(office):
        assert office.client is not None
        at_once(office.client)
        relay.drop_connections()
        assert office.next() == ("ready",)
        assert relay.contexts == {CONTEXT: 1}
        caller(relay)
        assert office.next()[0] == "call"


# -- what it needs ------------------------------------------------------------------------------------------


def test_contexts_and_credentials_may_be_attributes_arguments_or_set_in_setup(relay: Emulator) -> None:
    class Late(Told):
        contexts = ()

        def setup(self) -> None:
            self.project, self.token, self.host = relay.project, relay.token, relay.url
            self.contexts = [CONTEXT]
            super().setup()

        def on_task(self, message: Any) -> None:
            raise NotImplementedError

    with serving(Late()):
        assert relay.contexts == {CONTEXT: 1}

    class Fixed(Told):
        project, token, host = relay.project, relay.token, relay.url

        def on_task(self, message: Any) -> None:
            raise NotImplementedError

    with serving(Fixed(contexts=["home"])):
        assert relay.contexts == {"home": 1}


def test_credentials_may_come_from_the_environment(relay: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", relay.project)
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", relay.token)
    monkeypatch.setenv("SIGNALWIRE_RELAY_HOST", relay.url)
    with serving(Told()):
        assert relay.connections == 1


@pytest.mark.parametrize("contexts", [None, (), []])
def test_without_contexts_nothing_is_begun(relay: Emulator, contexts: Any) -> None:
    consumer = Told(**relay.credentials)
    consumer.contexts = contexts
    with pytest.raises(ConfigurationError, match=r"contexts=.*Told serves none; set the attribute"):
        consumer.run()
    assert [consumer.next(), consumer.next()] == [("setup",), ("teardown",)]
    assert consumer.client is None
    assert not relay.journal.frames


@pytest.mark.parametrize(("contexts", "error"), [("office", TypeError), ([5], TypeError), ([""], ValueError)])
def test_contexts_that_are_no_list_of_names_are_refused(relay: Emulator, contexts: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="contexts="):
        Told(**relay.credentials, contexts=contexts).run()
    assert not relay.journal.frames


def test_without_credentials_it_says_what_it_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SIGNALWIRE_")]:
        monkeypatch.delenv(name)
    with pytest.raises(ConfigurationError, match="SIGNALWIRE_PROJECT_ID"):
        Told().run()


def test_an_unknown_argument_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="tokken"):
        Told(tokken="x")


def test_refused_credentials_end_it_with_teardown(relay: Emulator) -> None:
    """Defect 109."""
    consumer = Told(project=relay.project, token="PTwrong", host=relay.url)
    with pytest.raises(AuthenticationFailed):
        consumer.run()
    assert [consumer.next(), consumer.next()] == [("setup",), ("teardown",)]


@blade_only
def test_refused_contexts_end_it_and_it_is_never_ready(relay: Emulator) -> None:
    """Defect 108: it is ready once its contexts are registered, and not before."""
    relay.refuse_next("signalwire.receive", "403", "Not your context")
    office = Office(**relay.credentials)
    with pytest.raises(ConnectFailed, match=r"the contexts \['office'\]: Not your context \(code 403\)") as info:
        office.run()
    assert info.value.code == "403"
    assert [office.next(), office.next()] == [("setup",), ("teardown",)]
    assert office.told.empty()
    until(lambda: relay.connections == 0, "that the connection is closed")


@blade_only
def test_contexts_refused_at_a_reconnect_are_told_in_the_log_and_it_is_not_ready(
    relay: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    office = Office(**relay.credentials)
    with serving(office):
        assert office.client is not None
        at_once(office.client)
        relay.refuse_next("signalwire.receive", "403", "Not any more")
        relay.drop_connections(resume=False)
        until(lambda: "Not any more" in caplog.text, "that the refusal is logged")
        relay.drop_connections(resume=False)
        assert office.next() == ("ready",)
        assert office.told.empty()


@blade_only
def test_a_reconnect_whose_contexts_were_refused_is_not_taken_for_ready_because_the_next_one_came_meanwhile(
    relay: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    office, gate = Office(**relay.credentials), threading.Event()
    with serving(office):
        client = office.client
        assert client is not None
        at_once(client)
        # The client's handlers stand still until both handshakes are over.
        client.on("signalwire.socket.close", lambda: gate.wait(LIMIT))
        relay.refuse_next("signalwire.receive", "403", "Not any more")
        relay.drop_connections(resume=False)
        until(lambda: "Not any more" in caplog.text, "that the refusal is logged")
        relay.drop_connections(resume=False)
        relay.journal.wait_for_command("signalwire.receive", count=3)
        until(lambda: client.connected, "that all is well again")
        gate.set()
        assert office.next() == ("ready",)
        done = threading.Event()
        client._life()._lane.put(done.set)
        assert done.wait(LIMIT)
        assert office.told.empty()


def test_setup_that_raises_is_followed_by_teardown(relay: Emulator) -> None:
    class Unset(Told):
        def setup(self) -> None:
            raise LookupError("no configuration")

    unset = Unset(**relay.credentials)
    with pytest.raises(LookupError, match="no configuration"):
        unset.run()
    assert unset.next() == ("teardown",)
    assert unset.stop() == 0


def test_a_connection_that_can_t_be_had_again_ends_it_with_the_reason(relay: Emulator) -> None:
    consumer = Told(**relay.credentials)
    with in_thread(consumer.run) as running:
        assert [consumer.next(), consumer.next()] == [("setup",), ("ready",)]
        assert consumer.client is not None
        at_once(consumer.client)
        relay.refuse_next(make_words().first, -32002, "Unauthorized")
        relay.drop_connections(resume=False)
        assert consumer.next() == ("teardown",)
    with pytest.raises(AuthenticationFailed):
        running.result()


# -- stopping -----------------------------------------------------------------------------------------------


def test_stop_lets_live_handlers_finish_and_passes_new_calls_back(relay: Emulator) -> None:
    desk = Desk(**relay.credentials)
    with serving(desk):
        phone = caller(relay)
        assert desk.next() == ("call", phone.number)
        with in_thread(desk.stop) as stopping:
            assert desk.client is not None
            until(lambda: desk.client and desk.client._life().table.draining)
            caller(relay, "+15550102")
            relay.journal.wait_for_command("calling.pass", answered=True)
            desk.go.set()
        assert stopping.result() == 0
        assert [desk.next(), desk.next()] == [("done", True), ("teardown",)]
    assert phone.end_reason == "hangup"
    assert len(relay.journal.commands("calling.answer")) == 1


def test_stop_says_how_many_were_cut_and_their_waits_end(relay: Emulator) -> None:
    class Patient(Told):
        def on_incoming_call(self, call: Call) -> None:
            call.answer()
            self.tell("call", call.from_number)
            call.wait_for_ended()
            self.tell("over", call.failed)

    patient = Patient(**relay.credentials)
    with serving(patient):
        for number in ("+15550101", "+15550102"):
            caller(relay, number)
            assert patient.next() == ("call", number)
        assert patient.stop(drain=0) == 2
        assert sorted(patient.next() for _ in range(3)) == [("over", True), ("over", True), ("teardown",)]
    assert patient.stop() == 0


def test_a_message_s_and_a_task_s_handler_are_waited_for_too(relay: Emulator) -> None:
    class Slow(Told):
        go = threading.Event()

        def on_task(self, message: Any) -> None:
            self.tell("task")
            assert self.go.wait(LIMIT)
            self.tell("done")

        on_incoming_message = on_task

    slow = Slow(**relay.credentials)
    with serving(slow):
        relay.deliver_task(CONTEXT, {})
        relay.phone("+15550101").text(context=CONTEXT, body="hello")
        assert [slow.next(), slow.next()] == [("task",), ("task",)]
        with in_thread(slow.stop) as stopping:
            until(lambda: slow.client and slow.client._life().table.draining)
            slow.go.set()
        assert stopping.result() == 0
        assert [slow.next() for _ in range(3)] == [("done",), ("done",), ("teardown",)]


def test_the_handler_of_a_call_s_event_is_waited_for_too(relay: Emulator) -> None:
    class Eventful(Told):
        go = threading.Event()

        def on_incoming_call(self, call: Call) -> None:
            call.on("answered", self.answered)
            call.answer()

        def answered(self, params: dict[str, Any]) -> None:
            self.tell("answered")
            assert self.go.wait(LIMIT)
            self.tell("done")

    eventful = Eventful(**relay.credentials)
    with serving(eventful):
        caller(relay)
        assert eventful.next() == ("answered",)
        with in_thread(eventful.stop) as stopping:
            until(lambda: eventful.client and eventful.client._life().table.draining)
            eventful.go.set()
        assert stopping.result() == 0
        assert [eventful.next(), eventful.next()] == [("done",), ("teardown",)]


def test_a_second_stop_with_less_time_cuts_sooner(relay: Emulator) -> None:
    desk = Desk(**relay.credentials)
    with serving(desk):
        caller(relay)
        desk.next()
        with in_thread(lambda: desk.stop(drain=None)) as stopping:
            until(lambda: desk.client and desk.client._life().table.draining)
            assert desk.stop(drain=0) == 1
        assert stopping.result() == 1
        desk.go.set()
        assert {desk.next(), desk.next()} == {("done", False), ("teardown",)}


def test_stop_from_a_hook_returns_at_once_and_the_hook_is_waited_for(relay: Emulator) -> None:
    class OneCall(Told):
        def on_incoming_call(self, call: Call) -> None:
            self.tell("stop", self.stop())
            call.answer()
            self.tell("hangup", call.hangup().successful)

    one = OneCall(**relay.credentials)
    with serving(one):
        caller(relay)
        assert [one.next() for _ in range(3)] == [("stop", 0), ("hangup", True), ("teardown",)]


@pytest.mark.parametrize("hook", ["setup", "ready", "teardown"])
def test_stop_from_any_other_hook_returns_at_once_too(relay: Emulator, hook: str) -> None:
    told = Told(**relay.credentials)
    setattr(told, hook, lambda: told.tell(hook, told.stop()))
    with in_thread(told.run) as running:
        seen = [told.next()]
        while seen[-1][0] != "teardown":
            if seen[-1] == ("ready",):
                told.stop()
            seen.append(told.next())
    running.result()
    assert (hook, 0) in seen


def test_disconnect_in_a_hook_ends_it_as_it_did_in_v2(relay: Emulator) -> None:
    class OneTask(Told):
        def on_task(self, message: Any) -> None:
            assert self.client is not None
            self.client.disconnect()

    one = OneTask(**relay.credentials)
    with in_thread(one.run) as running:
        assert [one.next(), one.next()] == [("setup",), ("ready",)]
        relay.deliver_task(CONTEXT, {})
        assert one.next() == ("teardown",)
    running.result()


def test_stop_before_run_lets_run_return_at_once_and_after_it_does_nothing(relay: Emulator) -> None:
    consumer = Told(**relay.credentials)
    assert consumer.stop() == 0
    consumer.run()
    assert [consumer.next(), consumer.next()] == [("setup",), ("teardown",)]
    assert not relay.journal.frames
    assert consumer.stop() == 0
    with serving(consumer):
        assert consumer.client is not None


def test_it_may_run_again_after_a_stop(relay: Emulator) -> None:
    office = Office(**relay.credentials)
    for _ in range(2):
        with serving(office):
            relay.deliver_task(CONTEXT, {})
            assert office.next() == ("task", {})
        assert office.next() == ("teardown",)


def test_it_does_not_run_twice_at_a_time(relay: Emulator) -> None:
    consumer = Told(**relay.credentials)
    with serving(consumer):
        with pytest.raises(RuntimeError, match="running already"):
            consumer.run()
        assert consumer.client is not None
        assert consumer.client.connected


@pytest.fixture
def mute() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"ws://127.0.0.1:{server.getsockname()[1]}"


def test_stop_while_connecting_does_not_wait_for_the_connection(mute: str) -> None:
    class Slow(Told):
        client_options: ClassVar[dict[str, Any]] = {"connect_timeout": 1000.0}

    slow = Slow(project="p", token="t", host=mute)
    with in_thread(slow.run) as running:
        assert slow.next() == ("setup",)
        until(lambda: slow.client and slow.client.state == "connecting")
        assert slow.stop() == 0
        assert slow.next() == ("teardown",)
    running.result()


def test_disconnect_while_connecting_ends_it_too(mute: str) -> None:
    consumer = Told(project="p", token="t", host=mute)
    with in_thread(consumer.run) as running:
        assert consumer.next() == ("setup",)
        until(lambda: consumer.client and consumer.client.state == "connecting")
        assert consumer.client is not None
        consumer.client.disconnect()
        assert consumer.next() == ("teardown",)
    running.result()


def test_stop_says_so_in_the_log_when_teardown_takes_too_long(
    relay: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("relay_sync.consumer.CLOSE_S", 0.0)
    go = threading.Event()

    class Slow(Told):
        def teardown(self) -> None:
            assert go.wait(LIMIT)

    slow = Slow(**relay.credentials)
    with serving(slow):
        assert slow.stop(0) == 0
        go.set()
    assert "has not ended yet; it ends by itself" in caplog.text


@pytest.mark.parametrize("drain", ["5", float("nan"), True])
def test_a_drain_that_is_no_time_is_refused(drain: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="drain="):
        Told().stop(drain)


def test_hangup_on_exit_ends_the_calls_that_are_up(relay: Emulator) -> None:
    class Polite(Told):
        client_options: ClassVar[dict[str, Any]] = {"hangup_on_exit": True}

        def on_incoming_call(self, call: Call) -> None:
            call.answer()
            self.tell("call")

    polite = Polite(**relay.credentials)
    with serving(polite):
        phone = caller(relay)
        assert polite.next() == ("call",)
        polite.stop()
    assert phone.wait_for("ended")


def test_its_repr_is_one_line_without_credentials(relay: Emulator) -> None:
    assert repr(Told(**relay.credentials)) == "<Told new>"


# -- draining a client --------------------------------------------------------------------------------------


def test_a_client_can_be_drained_without_a_consumer(relay: Emulator) -> None:
    from relay_sync import Client

    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    go = threading.Event()

    def take(call: Call) -> None:
        call.answer()
        told.put("call")
        assert go.wait(LIMIT)

    with Client(**relay.credentials) as client:
        assert client.drain() == 0
        client.disconnect()
        client.connect()  # takes calls again
        client.calling.receive([CONTEXT], take)
        caller(relay)
        assert told.get(timeout=LIMIT) == "call"
        assert client.drain(timeout=0) == 1
        with in_thread(lambda: client.drain(None)) as draining:
            go.set()
        assert draining.result() == 0


def test_a_handler_that_drains_its_client_is_told_that_it_would_wait_for_itself(relay: Emulator) -> None:
    told: queue.SimpleQueue[Exception] = queue.SimpleQueue()

    class Draining(Told):
        def on_task(self, message: Any) -> None:
            assert self.client is not None
            try:
                self.client.drain()
            except RelayError as error:
                told.put(error)

    with serving(Draining(**relay.credentials)):
        relay.deliver_task(CONTEXT, {})
        assert type(told.get(timeout=LIMIT)).__name__ == "WouldDeadlock"


# -- signals ------------------------------------------------------------------------------------------------

SCRIPT = """
import signal, threading
from relay_sync import Consumer
from tests.support import until

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have us started with another
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and so may nohup

def say(*words):
    print(*words, flush=True)

def mine(number, frame):
    say("mine", number)

class Desk(Consumer):
    project, token, host = {project!r}, {token!r}, {host!r}
    contexts = ["office"]

    def ready(self):
        workers = self.client._life().conversations
        drain = workers.drain

        def told(enough):
            say("draining")  # calls are passed back from here on
            return drain(enough)

        workers.drain = told
        say("ready")

    def teardown(self):
        say("teardown")

    def on_incoming_call(self, call):
        call.answer()
        say("call")
        if call.wait_for_ended():
            say("over")

"""


@pytest.fixture
def child(relay: Emulator) -> Callable[..., AbstractContextManager[Child]]:
    """Run a program with a consumer in it, in a process of its own."""

    def start(main: str, **changes: str) -> AbstractContextManager[Child]:
        return program(SCRIPT.format(**{**relay.credentials, **changes}) + main)

    return start


Start = Callable[..., AbstractContextManager[Child]]
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals cannot be sent to another process there")


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_lets_live_handlers_finish_and_the_program_goes_on_after_run(
    relay: Emulator, child: Start, name: str
) -> None:
    with child("Desk().run(); say('after')") as desk:
        assert desk.line() == "ready"
        phone = caller(relay)
        assert desk.line() == "call"
        desk.process.send_signal(getattr(signal, name))
        assert desk.line() == "draining"
        caller(relay, "+15550102")
        relay.journal.wait_for_command("calling.pass", answered=True)
        phone.hang_up()
        assert desk.end() == (0, "over\nteardown\nafter\n", "")


@posix
def test_a_second_signal_cuts_what_is_left(relay: Emulator, child: Start) -> None:
    with child("Desk().run(); say('after')") as desk:
        assert desk.line() == "ready"
        phone = caller(relay)
        assert desk.line() == "call"
        desk.process.send_signal(signal.SIGTERM)
        assert desk.line() == "draining"
        desk.process.send_signal(signal.SIGINT)
        assert desk.end() == (0, "teardown\nafter\n", "")
    assert phone.state == "answered"


@posix
def test_a_signal_while_connecting_does_not_wait_for_the_connection(child: Start, mute: str) -> None:
    main = """
desk = Desk()
desk.client_options = {"connect_timeout": 1000.0}

def tell():
    until(lambda: desk.client and desk.client.state == "connecting")
    say("connecting")

threading.Thread(target=tell).start()
desk.run()
"""
    with child(main, host=mute) as desk:
        assert desk.line() == "connecting"
        desk.process.send_signal(signal.SIGTERM)
        assert desk.end() == (0, "teardown\n", "")


@posix
def test_the_program_s_own_signal_handlers_are_back_after_run_and_what_it_ignores_stays_ignored(child: Start) -> None:
    main = """
signal.signal(signal.SIGINT, mine)
signal.signal(signal.SIGHUP, signal.SIG_IGN)

class Short(Desk):
    def ready(self):
        say(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN, signal.getsignal(signal.SIGINT) is not mine)
        self.stop()

short = Short()
for contexts in (["office"], "office"):
    short.contexts = contexts
    try:
        short.run()
    except TypeError as error:
        say("TypeError")
    signal.raise_signal(signal.SIGINT)
    say(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)
"""
    with child(main) as desk:
        assert desk.line() == "True True"
        assert desk.end()[:2] == (0, "teardown\nmine 2\nTrue True\nteardown\nTypeError\nmine 2\nTrue True\n")


@posix
def test_without_signal_handling_ctrl_c_disconnects_and_raises(relay: Emulator, child: Start) -> None:
    main = """
try:
    Desk().run(handle_signals=False)
except KeyboardInterrupt:
    say("interrupted")
"""
    with child(main) as desk:
        assert desk.line() == "ready"
        desk.process.send_signal(signal.SIGINT)
        assert desk.end() == (0, "teardown\ninterrupted\n", "")
    relay.wait_for(lambda relay: relay.connections == 0)


@posix
def test_stop_may_be_called_in_a_signal_handler_of_the_program_s_own(child: Start) -> None:
    main = """
desk = Desk()
signal.signal(signal.SIGUSR1, lambda number, frame: say("stop", desk.stop()))
desk.run()
"""
    with child(main) as desk:
        assert desk.line() == "ready"
        desk.process.send_signal(signal.SIGUSR1)
        assert desk.end() == (0, "stop 0\ndraining\nteardown\n", "")


def test_in_another_thread_no_signal_handler_is_touched(relay: Emulator) -> None:
    before = [signal.getsignal(number) for number in signal.valid_signals()]
    with serving(Told(**relay.credentials)):
        assert [signal.getsignal(number) for number in signal.valid_signals()] == before


def test_in_the_main_thread_signals_can_be_left_alone(relay: Emulator) -> None:
    before = [signal.getsignal(number) for number in signal.valid_signals()]
    seen: list[object] = []

    class Short(Told):
        def ready(self) -> None:
            seen.extend(signal.getsignal(number) for number in signal.valid_signals())
            self.stop()

    Short(**relay.credentials).run(handle_signals=False)
    assert seen == before
