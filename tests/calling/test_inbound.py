"""Inbound calls: over the whole road, and with the relay played by the test."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from relay_sync import Call, Client, ConnectionLost, NotConnected, RelayTimeout
from relay_sync.calling import table
from relay_sync.emulator import Emulator
from tests.stage import Stage, at_once, parked, standing_time
from tests.support import in_thread, no_space, until

CALLER = "+15550107788"


def receive(stage: Stage, handler: Any, *contexts: str) -> None:
    with in_thread(lambda: stage.client.calling.receive(list(contexts), handler)) as receiving:
        stage.relay.accept_command("signalwire.receive")
    assert receiving.result().successful


# -- over the whole road ------------------------------------------------------------------------------------


def test_an_inbound_call_is_answered_and_played_to_in_its_handler(client: Client, relay: Emulator) -> None:
    results: list[Any] = []

    def handle(call: Call) -> None:
        seen = (call.state, call.direction, call.context, call.from_number, call.to_number)
        results.append(seen)
        results.append(call.answer())
        results.append(call.play_silence(1).successful)
        results.append(call.hangup().successful)

    assert client.calling.receive(["office"], handle).successful
    relay.route("+15550100", "office")
    phone = relay.phone(CALLER)
    phone.call("+15550100")
    relay.expect("calling.play")
    until(lambda: relay.calls and relay.calls[0].plays)
    relay.clock.advance(1)
    assert phone.wait_for("ended")
    until(lambda: len(results) == 4)
    assert results[0] == ("created", "inbound", "office", CALLER, "+15550100")
    assert results[1].successful
    assert results[2:] == [True, True]


def test_a_handler_may_be_registered_before_connecting(relay: Emulator) -> None:
    handled = threading.Event()
    client = Client(**relay.credentials)
    result = client.calling.receive(["office"], lambda call: handled.set())
    assert (result.successful, result.code) == (True, None)
    assert client.contexts == ["office"]
    with client:
        relay.phone(CALLER).call(context="office")
        assert handled.wait(10)


def test_contexts_are_registered_again_after_a_reconnect_and_after_a_new_connect(
    client: Client, relay: Emulator
) -> None:
    """Defects 74, 75, 76 and 77: remembered, and each once."""
    handled: list[str | None] = []
    client.calling.receive(["office", "sales"], lambda call: (handled.append(call.id), call.hangup()))
    for number, again in enumerate(("resumed", "fresh", "new")):
        if again == "new":
            client.disconnect()
            client.connect()
        else:
            relay.drop_connections(resume=again == "resumed")
        until(lambda: relay.contexts == {"office": 1, "sales": 1})
        relay.phone(CALLER).call(context=("office", "sales")[number % 2])
        until(lambda: len(set(handled)) == number + 1)  # noqa: B023  (called at once)
    assert len(handled) == 3


def test_each_call_goes_to_the_handler_of_its_context_only(client: Client, relay: Emulator) -> None:
    """Defect 53: filtered by context."""
    told: list[tuple[str, str | None]] = []
    for name in ("office", "sales"):
        client.calling.receive([name], lambda call, name=name: (told.append((name, call.context)), call.hangup()))
    for name in ("sales", "office", "sales"):
        phone = relay.phone(CALLER)
        phone.call(context=name)
        assert phone.wait_for("ended")
    until(lambda: len(told) == 3)
    assert told == [("sales", "sales"), ("office", "office"), ("sales", "sales")]


def test_a_refused_context_is_reported_and_forgotten(client: Client, relay: Emulator) -> None:
    """Defect 78: the error is told to the caller."""
    relay.refuse_next("signalwire.receive", "402", "No money")
    result = client.calling.receive(["office"], print)
    assert (result.successful, result.code, result.message) == (False, "402", "No money")
    assert client.contexts == []
    relay.drop_connections()
    until(lambda: client.connected)
    assert relay.contexts == {}


# -- the relay is played by the test -------------------------------------------------------------------------


def test_the_context_of_a_call_is_the_event_s(stage: Stage) -> None:
    """Defect 56."""
    calls: list[Call] = []
    receive(stage, calls.append, "office")
    stage.inbound()
    until(lambda: calls)
    call = calls[0]
    assert (call.context, call.direction, call.state, call.id, call.node_id) == (
        "office",
        "inbound",
        "created",
        "call-in",
        "node-1",
    )
    assert (call.from_number, call.tag) == (CALLER, "")


def test_registering_a_context_twice_gives_each_call_one_handler(stage: Stage) -> None:
    """Defect 77."""
    told: list[str] = []
    receive(stage, lambda call: told.append("first"), "office", "sales")
    receive(stage, lambda call: told.append("second"), "office", "office")
    assert stage.client.contexts == ["office", "sales"]
    stage.inbound("call-a", "office")
    until(lambda: told)
    stage.inbound("call-b", "sales")
    until(lambda: len(told) == 2)
    assert told == ["second", "first"]


def test_a_call_offered_twice_is_handled_once(stage: Stage) -> None:
    calls: list[Call] = []
    receive(stage, calls.append, "office")
    stage.inbound()
    stage.inbound()
    stage.settle()
    until(lambda: calls)
    assert len(calls) == 1


def test_a_call_for_a_context_that_nobody_handles_is_passed_back_loudly(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Defect 58."""
    receive(stage, print, "office")
    stage.inbound("call-x", "unheard-of")
    assert stage.relay.accept_command("calling.pass") == {"call_id": "call-x", "node_id": "node-1"}
    until(lambda: stage.tables == [])
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "nobody handles calls for the context 'unheard-of'; the call is passed back" in record.getMessage()


def test_a_call_without_a_context_is_passed_back(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    receive(stage, print, "office")
    stage.inbound("call-x", context=None)  # type: ignore[arg-type]  # what a broken peer may send
    stage.relay.accept_command("calling.pass")
    until(lambda: stage.tables == [])


def test_a_call_above_the_limit_is_passed_back_loudly_and_with_its_number_masked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Defect 58."""
    go_on = threading.Event()
    handled: list[str | None] = []

    def handle(call: Call) -> None:
        handled.append(call.id)
        go_on.wait(10)

    with Stage(max_handlers=2) as stage:
        receive(stage, handle, "office")
        for number in range(2):
            stage.inbound(f"call-{number}")
        until(lambda: len(handled) == 2)
        stage.inbound("call-above")
        assert stage.relay.accept_command("calling.pass")["call_id"] == "call-above"
        (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert "all 2 handlers are busy" in record.getMessage()
        assert "max_handlers" in record.getMessage()
        assert CALLER not in caplog.text
        assert "7788" in record.getMessage()
        go_on.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_call_above_the_limit_is_passed_back_though_a_log_handler_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table.logger, "handle", no_space)
    go_on = threading.Event()
    with Stage(max_handlers=1) as stage:
        receive(stage, lambda call: go_on.wait(10), "office")
        stage.inbound("call-taken")
        until(lambda: stage.client._life().conversations.busy == 1)
        stage.inbound("call-above")
        assert stage.relay.accept_command("calling.pass")["call_id"] == "call-above"
        go_on.set()


def test_long_conversations_hold_up_neither_events_nor_other_handlers() -> None:
    """Design 3: conversations have workers of their own."""
    with Stage(max_handlers=1) as stage:
        over, told = threading.Event(), threading.Event()
        receive(stage, lambda call: (call.on("ending", lambda event: told.set()), over.wait(10)), "office")
        stage.inbound()
        table = stage.client._life().table
        until(lambda: table._by_id and table._by_id["call-in"]._handlers)
        stage.relay.tell_state("ending", "call-in")
        assert told.wait(10)
        over.set()


def test_a_handler_of_inbound_calls_that_raises_is_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Defect 66."""
    receive(stage, lambda call: 1 / 0, "office")
    stage.inbound()
    until(lambda: "ZeroDivisionError" in caplog.text)
    assert "call-in" in caplog.text
    assert stage.client.connected


def test_a_pass_that_fails_is_logged_and_harms_nothing(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "relay_sync")
    stage.inbound("call-x")
    stage.relay.take_command("calling.pass")
    stage.reconnect()
    until(lambda: "is not passed back yet" in caplog.text)
    stage.relay.refuse_command("calling.pass")
    stage.settle()
    assert stage.client.connected


def test_a_call_passed_back_may_be_offered_again(stage: Stage) -> None:
    calls: list[Call] = []
    receive(stage, calls.append, "office")
    stage.inbound()
    until(lambda: calls)
    with in_thread(calls[0].pass_):
        stage.relay.accept_command("calling.pass")
    stage.inbound()
    until(lambda: len(calls) == 2)
    assert calls[1] is not calls[0]
    assert calls[1].active


def test_a_call_may_be_offered_while_it_rings(stage: Stage) -> None:
    calls: list[Call] = []
    receive(stage, calls.append, "office")
    stage.inbound(call_state="ringing")
    until(lambda: calls)
    assert calls[0].state == "ringing"
    assert calls[0].wait_for("created", timeout=0) is False


# -- registering: what goes wrong -------------------------------------------------------------------------------


def test_a_refused_registration_gives_the_context_back_to_its_former_handler(stage: Stage) -> None:
    told: list[str] = []
    receive(stage, lambda call: told.append("first"), "office")
    with in_thread(lambda: stage.client.calling.receive(["office", "new"], lambda call: told.append("second"))):
        stage.relay.refuse_command("signalwire.receive", "500", "Not now")
    assert stage.client.contexts == ["office"]
    stage.inbound("call-a", "office")
    until(lambda: told)
    assert told == ["first"]
    stage.inbound("call-b", "new")
    assert stage.relay.accept_command("calling.pass")["call_id"] == "call-b"


def test_a_registration_that_surely_was_not_sent_changes_nothing(stage: Stage) -> None:
    told: list[str] = []
    receive(stage, lambda call: told.append("first"), "office")
    stage.client.disconnect()
    with pytest.raises(NotConnected, match="was not sent"):
        stage.client.calling.receive(["office", "new"], lambda call: told.append("second"))
    assert stage.client.contexts == ["office"]
    stage.connect(contexts=True)
    stage.inbound("call-a", "office")
    until(lambda: told)
    assert told == ["first"]


def test_a_registration_whose_fate_is_unknown_is_made_sure_of_at_the_next_connection(stage: Stage) -> None:
    """Defect 75."""
    told: list[str] = []
    with in_thread(lambda: stage.client.calling.receive(["office"], lambda call: told.append("told"))) as receiving:
        stage.relay.take_command("signalwire.receive")
        stage.reconnect(contexts=True)
    with pytest.raises(ConnectionLost):
        receiving.result()
    stage.inbound()
    until(lambda: told)
    with (
        standing_time() as clock,
        in_thread(lambda: stage.client.calling.receive(["sales"], print, wait_timeout=5)) as receiving,
    ):
        stage.relay.take_command("signalwire.receive")
        clock.now += 6
        with pytest.raises(RelayTimeout):
            receiving.result()
    assert stage.client.contexts == ["office", "sales"]


@pytest.mark.parametrize("contexts", ["office", None, 3, [], [""], [None], ["office", 3], [[]]])
def test_contexts_that_are_no_list_of_names_are_refused(stage: Stage, contexts: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="contexts"):
        stage.client.calling.receive(contexts, print)
    assert stage.relay.line.sent.empty()
    assert stage.client.contexts == []


def test_a_handler_of_inbound_calls_that_cannot_be_called_is_refused(stage: Stage) -> None:
    with pytest.raises(TypeError, match="handler='print' cannot be called: give a function"):
        stage.client.calling.receive(["office"], "print")  # type: ignore[arg-type]
    assert stage.client.contexts == []


def test_calls_reach_handlers_registered_by_many_threads_at_once(client: Client, relay: Emulator) -> None:
    """Design 1: any thread, any number at once."""
    at_once(client)
    names = [f"context-{number}" for number in range(16)]
    told: list[tuple[str, str | None]] = []

    def register(name: str) -> None:
        client.calling.receive([name], lambda call: (told.append((name, call.context)), call.hangup()))

    threads = [threading.Thread(target=register, args=(name,), name=f"test-{name}") for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    for name in names:
        relay.phone(CALLER).call(context=name)
    until(lambda: len(told) == 16)
    assert sorted(told) == sorted((name, name) for name in names)


def test_a_call_that_nobody_takes_is_passed_back_again_where_the_connection_was_lost_under_that(stage: Stage) -> None:
    """Else it would ring here for as long as the caller has patience: no other consumer is offered it."""
    stage.inbound("call-in")
    assert stage.relay.take_command("calling.pass")["params"]["params"]["call_id"] == "call-in"
    stage.reconnect()
    stage.relay.accept_command("calling.pass")
    stage.settle()
    assert stage.tables == []


def test_a_call_that_nobody_takes_is_passed_back_again_where_relay_does_not_answer() -> None:
    with Stage(request_timeout=0.05, ping_interval=3600) as stage:
        stage.inbound("call-in")
        for _ in range(2):
            stage.relay.take_command("calling.pass")
        stage.client.disconnect()  # ends it
        until(lambda: not stage.client._life().chores.busy)


def test_a_call_that_can_not_be_passed_back_while_the_connection_is_away_is_once_it_is_back() -> None:
    with Stage(request_timeout=0.05, ping_interval=3600) as stage:
        stage.inbound("call-in")
        stage.relay.take_command("calling.pass")
        lose(stage)
        until(lambda: parked(stage.client._life().connection) is None)
        stage.relay.shake_hands(restored=True)
        stage.relay.refuse_command("calling.pass", "409")  # any answer will do
        until(lambda: not stage.client._life().chores.busy)
        stage.settle()


# -- contexts, and the moments at which they change -----------------------------------------------------------


def lose(stage: Stage) -> None:
    """Break the connection, and have the next one hang in its opening."""
    stage.relay.line.break_()
    stage.relay.next_line()
    until(lambda: stage.client.state == "reconnecting")


def test_a_context_whose_command_was_surely_not_sent_is_not_registered_by_the_handshake_either(stage: Stage) -> None:
    lose(stage)
    with in_thread(lambda: stage.client.calling.receive(["office"], print)) as receiving:
        parked(stage.client._life().connection)
        assert stage.client.contexts == []
        stage.client.disconnect()
        with pytest.raises(NotConnected):
            receiving.result()
    assert stage.client.contexts == []


def test_a_context_that_is_left_is_registered_until_the_command_leaves(stage: Stage) -> None:
    receive(stage, print, "office")
    lose(stage)
    with in_thread(lambda: stage.client.unreceive(["office"])) as leaving:
        parked(stage.client._life().connection)
        assert stage.client.contexts == ["office"]
        stage.client.disconnect()
        with pytest.raises(NotConnected):
            leaving.result()
    assert stage.client.contexts == ["office"]


def test_of_two_threads_that_register_a_context_the_one_that_is_refused_takes_nothing_from_the_other(
    stage: Stage,
) -> None:
    calls: list[Any] = []
    with in_thread(lambda: stage.client.calling.receive(["office"], print)) as first:
        refused = stage.relay.take_command("signalwire.receive")
        with in_thread(lambda: stage.client.calling.receive(["office"], calls.append)) as second:
            stage.relay.accept_command("signalwire.receive")
        assert second.result().successful
        stage.relay.answer(refused, {"code": "403", "message": "Too many at once"})
    assert not first.result().successful
    stage.inbound()
    until(lambda: calls, "that the handler that was accepted is called")
