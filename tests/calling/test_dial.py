"""Dialling: on the emulator, and with the relay played by the test."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
from contextlib import suppress
from queue import Empty
from typing import Any

import pytest

from relay_sync import (
    Call,
    CallIds,
    Client,
    CommandRefused,
    ConnectionLost,
    DialResult,
    NotConnected,
    OperationFailed,
    RelayTimeout,
)
from relay_sync.calling import unwanted
from relay_sync.emulator import Command, Emulator
from relay_sync.link.failures import TransportClosed
from tests.stage import FakeClock, Stage, nudge, parked, standing_time
from tests.support import ScriptedTransport, in_thread, no_space, until
from tests.words import dial_one

NUMBERS = {"from_number": "+15550100", "to_number": "+15550101"}


# -- over the whole road --------------------------------------------------------------------------------------


def test_a_dial_that_is_answered_returns_the_call(client: Client, relay: Emulator) -> None:
    relay.phone("+15550101")
    result = client.calling.dial(**NUMBERS)
    assert isinstance(result, DialResult)
    assert (bool(result), result.successful) == (True, True)
    assert result.event is not None
    assert (result.event.name, result.event.payload["call_id"]) == ("answered", result.call.id)
    assert (result.call.state, result.call.from_number, result.call.to_number) == ("answered", *NUMBERS.values())
    assert result.raise_for_status() is result


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [({"busy": True}, "busy"), ({"decline": True}, "decline"), ({"unreachable": True}, "error")],
)
def test_a_dial_that_fails_says_why(client: Client, relay: Emulator, behaviour: dict[str, Any], reason: str) -> None:
    relay.phone("+15550101", **behaviour)
    result = client.calling.dial(**NUMBERS)
    assert (bool(result), result.code) == (False, None)
    assert result.message.endswith(f" ({reason})")  # known from `ending` on, which ends a dial too
    assert (result.call.end_reason, result.call.busy, result.call.failed) == (
        reason,
        reason == "busy",
        reason == "error",
    )
    with pytest.raises(OperationFailed, match=reason) as caught:
        result.raise_for_status()
    assert caught.value.call_id == result.call.id


def test_a_ring_timeout_is_relay_s_and_ends_the_dial(client: Client, relay: Emulator) -> None:
    relay.phone("+15550101", no_answer=True)
    with in_thread(lambda: client.calling.dial(**NUMBERS, timeout=20)) as dialling:
        command = relay.expect(dial_one())
        relay.phone("+15550101").wait_for("ringing")
        relay.clock.advance(20)
    assert device_of(command)["params"]["timeout"] == 20
    assert (dialling.result().successful, dialling.result().call.end_reason) == (False, "noAnswer")


def test_no_ring_timeout_is_sent_where_none_was_given(client: Client, relay: Emulator) -> None:
    relay.phone("+15550101")
    client.calling.dial(**NUMBERS)
    assert device_of(relay.journal.commands(dial_one())[0]) == {"type": "phone", "params": NUMBERS}


def device_of(command: Command) -> Any:
    """The one device that was dialled."""
    return command.params["device"] if "device" in command.params else command.params["devices"][0][0]


def test_a_call_is_made_first_and_dialled_later(client: Client, relay: Emulator) -> None:
    relay.phone("+15550101")
    call = client.calling.new_call(**NUMBERS)
    assert relay.journal.commands() == []
    result = call.dial()
    assert result.successful
    assert result.call is call


def test_a_refused_dial_has_relay_s_code_and_message(client: Client, relay: Emulator) -> None:
    """Defects 45 and 64: dropped from the tables, and the code is kept."""
    relay.refuse_next(dial_one(), "402", "No money")
    result = client.calling.dial(**NUMBERS)
    assert (result.successful, result.code, result.message) == (False, "402", "No money")
    with pytest.raises(CommandRefused, match="No money") as caught:
        result.raise_for_status()
    assert (caught.value.code, caught.value.method) == ("402", "calling.dial")
    table = client._life().table
    assert not table._by_id
    assert not table._by_tag
    assert (result.call.active, result.call.state) == (False, None)


@pytest.mark.parametrize("first", [True, False])
def test_the_dial_s_answer_may_come_after_its_events(relay: Emulator, client: Client, first: bool) -> None:
    """Defect 55: expected before it is sent."""
    relay.phone("+15550101")
    if first:
        relay.before_reply(dial_one())
    assert client.calling.dial(**NUMBERS).successful


# -- bad input --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameter", ["from_number", "to_number"])
@pytest.mark.parametrize("number", ["", "  ", None, 15550101, b"+15550101", ["+15550101"]])
def test_a_number_that_is_no_text_is_refused_before_anything_is_sent(stage: Stage, parameter: str, number: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        stage.client.calling.dial(**{**NUMBERS, parameter: number})
    message = str(caught.value)
    assert f"{parameter}={number!r}" in message
    assert "'+15550100'" in message
    assert stage.relay.line.sent.empty()


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "30", True, 10**400])
def test_a_ring_timeout_that_is_no_time_is_refused(stage: Stage, timeout: Any) -> None:
    """Defect 32."""
    with pytest.raises((TypeError, ValueError), match="timeout="):
        stage.client.calling.dial(**NUMBERS, timeout=timeout)
    assert stage.relay.line.sent.empty()


@pytest.mark.parametrize("wait_timeout", ["30", True, float("nan")])
def test_a_limit_that_is_no_time_is_refused(stage: Stage, wait_timeout: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"timeout=.*give a number of seconds"):
        stage.client.calling.dial(**NUMBERS, wait_timeout=wait_timeout)
    with pytest.raises((TypeError, ValueError), match=r"timeout=.*give a number of seconds"):
        stage.new_call().dial(wait_timeout=wait_timeout)
    assert stage.relay.line.sent.empty()


def test_an_unknown_call_type_is_refused(stage: Stage) -> None:
    with pytest.raises(ValueError, match="call_type='fone' is unknown: did you mean 'phone'"):
        stage.client.calling.dial(call_type="fone", **NUMBERS)


def test_a_sip_call_is_sent_with_the_names_of_sip(stage: Stage) -> None:
    """Defect 47."""
    call = stage.client.calling.new_call(call_type="sip", from_number="sip:a@x.example", to_number="sip:b@x.example")
    with in_thread(call.dial):
        params = stage.relay.accept_command("calling.begin")
        stage.relay.tell_state("ended", tag=call.tag)
    assert params["device"] == {"type": "sip", "params": {"from": "sip:a@x.example", "to": "sip:b@x.example"}}
    assert (call.from_number, call.to_number) == ("sip:a@x.example", "sip:b@x.example")


# -- every order ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", ["answered", "ending", "ended"])
def test_a_dial_ends_with_answered_ending_or_ended(stage: Stage, last: str) -> None:
    call = stage.new_call()
    with in_thread(call.dial) as dialling:
        stage.relay.accept_command("calling.begin")
        stage.relay.tell_state("created", tag=call.tag)
        stage.relay.tell_state("ringing", tag=call.tag)
        stage.relay.tell_state(last, tag=call.tag)
    assert dialling.result().successful is (last == "answered")


def test_the_event_of_a_dial_is_the_answer_even_if_the_call_ended_at_once(stage: Stage) -> None:
    call = stage.new_call()
    with in_thread(call.dial) as dialling:
        command = stage.relay.take_command("calling.begin")
        for state in ("answered", "ending", "ended"):
            stage.relay.tell_state(state, tag=call.tag)
        stage.relay.answer(command, {"code": "200", "message": "Call started"})
    result = dialling.result()
    assert result.successful
    assert result.event is not None
    assert result.event.name == "answered"
    assert result.call.state == "ended"


def test_events_of_a_dialled_call_find_it_by_its_tag_and_then_by_its_id(stage: Stage) -> None:
    """Defects 43, 52 and 54: one object for one call."""
    call = stage.call("call-9")
    table = stage.client._life().table
    assert table._by_id == {"call-9": call}
    assert table._by_tag == {}
    stage.relay.tell_state("ended", "call-9", tag=call.tag)
    stage.settle()
    assert call.state == "ended"
    assert stage.tables == []


def test_the_dial_event_may_come_before_the_answered_state(stage: Stage) -> None:
    """Defect 59: the call is answered when dial returns."""
    call = stage.new_call()
    with in_thread(call.dial) as dialling:
        stage.relay.accept_command("calling.begin")
        winner = {"call_id": "call-1", "node_id": "node-1", "tag": call.tag, "dial_winner": True}
        stage.relay.tell("calling.call.dial", dial_state="dialing", tag=call.tag)
        stage.relay.tell("calling.call.dial", dial_state="answered", tag=call.tag, call=winner)
    assert dialling.result().successful
    assert (call.id, call.state) == ("call-1", "answered")
    stage.relay.tell_state("answered", tag=call.tag)
    stage.settle()
    assert (call.state, call.prev_state) == ("answered", None)


def test_a_dial_event_of_failure_ends_the_dial(stage: Stage) -> None:
    call = stage.new_call()
    with in_thread(call.dial) as dialling:
        stage.relay.accept_command("calling.begin")
        stage.relay.tell("calling.call.dial", dial_state="failed", tag=call.tag, reason="busy")
    result = dialling.result()
    assert (result.successful, result.message) == (False, "the dial failed: busy")
    assert stage.tables == []


def test_new_calls_that_are_never_dialled_leave_nothing_behind(stage: Stage) -> None:
    """Defect 45: registered when dialled, dropped on refusal."""
    for _ in range(10):
        stage.new_call().on("ended", print)
    assert stage.tables == []
    call = stage.new_call()
    with in_thread(call.dial):
        stage.relay.refuse_command("calling.begin")
    assert stage.tables == []
    with in_thread(call.dial) as again:
        assert "the dial was refused" in again.result().message
    assert stage.relay.line.sent.empty()


def test_a_call_is_dialled_once(stage: Stage) -> None:
    call = stage.call()
    result = call.dial()
    assert (result.successful, result.message) == (
        False,
        "the call was dialled already: make a new one; nothing was sent",
    )
    assert result.call is call
    stage.relay.tell_state("ended")
    stage.settle()
    assert call.dial().message == "the call has ended; nothing was sent"
    assert stage.relay.line.sent.empty()


def test_a_call_dialled_from_two_threads_is_dialled_once(stage: Stage) -> None:
    call = stage.new_call()
    stage.relay.refuse_next()
    stage.relay.line.break_()
    until(lambda: stage.client.state == "reconnecting")
    with in_thread(call.dial) as one, in_thread(call.dial) as two:
        parked(stage.client._life().connection, 2)  # both have looked at the call, and wait for the connection
        stage.relay.next_line()
        stage.come_back()
        stage.relay.accept_command("calling.begin")
        stage.relay.tell_state("answered", tag=call.tag)
    assert sorted(result.successful for result in (one.result(), two.result())) == [False, True]
    assert stage.relay.line.sent.empty()


def test_an_inbound_call_cannot_be_dialled(stage: Stage) -> None:
    calls: list[Any] = []
    with in_thread(lambda: stage.client.calling.receive(["office"], calls.append)):
        stage.relay.accept_command("signalwire.receive")
    stage.inbound()
    until(lambda: calls)
    result = calls[0].dial()
    assert (result.successful, "inbound" in result.message) == (False, True)
    assert stage.relay.line.sent.empty()


# -- limits, interruptions, losses ----------------------------------------------------------------------------------


def test_without_a_limit_a_dial_is_bounded_by_ring_time_and_request_timeout(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    limits: list[float | None] = []
    monkeypatch.setattr(
        "relay_sync.calling.dial.Deadline", lambda limit, name: (limits.append(limit), clock.deadline(limit))[1]
    )
    for timeout in (None, 30, 2.5):
        call = stage.new_call(timeout=timeout)
        with in_thread(call.dial):
            stage.relay.accept_command("calling.begin")
            stage.relay.tell_state("ended", tag=call.tag)
    assert limits == [130.0, 40.0, 12.5]


def given_up(stage: Stage) -> str:
    """A dial that was sent and given up; returns its tag."""
    with standing_time() as clock, in_thread(lambda: stage.client.calling.dial(**NUMBERS, wait_timeout=5)) as dialling:
        tag = stage.relay.take_command("calling.begin")["params"]["params"]["tag"]
        clock.now += 6
        with pytest.raises(RelayTimeout) as caught:
            dialling.result()
    assert caught.value.sent
    assert isinstance(tag, str)
    return tag


def test_a_dial_that_times_out_hangs_up_its_leg_when_it_shows_up(stage: Stage) -> None:
    """Defect 57: nobody's call is left ringing."""
    tag = given_up(stage)
    stage.relay.tell_state("created", "late-1", tag=tag)
    params = stage.relay.accept_command("calling.end")
    assert params == {"call_id": "late-1", "node_id": "node-1", "reason": "hangup"}
    stage.relay.tell_state("ringing", "late-1", tag=tag)
    stage.relay.tell_state("ended", "late-1", tag=tag)
    stage.settle()
    assert stage.relay.line.sent.empty()
    assert stage.tables == []


def test_a_dial_that_times_out_while_it_rings_is_hung_up_at_once(
    client: Client, relay: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defect 57."""
    phone, clock = relay.phone("+15550101", no_answer=True), FakeClock()
    monkeypatch.setattr("relay_sync.calling.dial.Deadline", clock.deadline)
    with in_thread(lambda: client.calling.dial(**NUMBERS)) as dialling:
        call = ringing(client)
        clock.now += 131
        nudge(client, call)
        with pytest.raises(RelayTimeout, match=r"was not answered within 130\.0 s"):
            dialling.result()
    assert phone.wait_for("ended")
    until(lambda: not client._life().table._by_id)
    assert [command.method for command in relay.journal.commands()] == [dial_one(), "calling.end"]


def ringing(client: Client) -> Call:
    """The one call that is being dialled, once its dial waits for the other side."""
    calls = client._life().table._by_id
    until(lambda: [call for call in list(calls.values()) if call.state == "ringing"])
    (call,) = calls.values()
    parked(call)
    return call


def test_call_dial_that_times_out_leaves_the_call_to_its_owner(
    client: Client, relay: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, clock = relay.phone("+15550101", no_answer=True), FakeClock()
    monkeypatch.setattr("relay_sync.calling.dial.Deadline", clock.deadline)
    call = client.calling.new_call(**NUMBERS)
    with in_thread(call.dial) as dialling:
        ringing(client)
        clock.now += 131
        nudge(client, call)
        with pytest.raises(RelayTimeout) as caught:
            dialling.result()
    assert caught.value.call_id == call.id
    assert relay.journal.commands("calling.end") == []
    with in_thread(call.wait_for_answered) as waiting:
        phone.answer()
    assert waiting.result() is True
    assert call.hangup().successful


def test_a_hang_up_that_the_connection_s_loss_cut_off_is_repeated_until_relay_has_answered(stage: Stage) -> None:
    """Whoever gave up a dial is told that its legs are hung up, and a call that is left up costs money."""
    stage.relay.tell_state("created", "late-1", tag=given_up(stage))
    for _ in range(2):
        stage.relay.take_command("calling.end")
        stage.reconnect(restored=True)
    assert stage.relay.accept_command("calling.end")["call_id"] == "late-1"
    stage.settle()
    assert stage.relay.line.sent.empty()
    assert stage.tables == []


def test_a_leg_that_nobody_wants_is_hung_up_after_an_outage_that_is_longer_than_a_command_may_take(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Stage(request_timeout=0.3) as stage, caplog.at_level("INFO"):
        stage.relay.tell_state("created", "late-1", tag=given_up(stage))
        stage.relay.take_command("calling.end")
        stage.relay.line.break_()
        stage.relay.next_line()
        until(lambda: "is not hung up yet: calling.end was not sent" in caplog.text)
        stage.relay.shake_hands(restored=True)

        def answered() -> bool:
            with suppress(Empty):  # again, where a slow machine was late with the answer
                stage.relay.answer(
                    stage.relay.words.command(stage.relay.line.take(0.05)), {"code": "404", "message": "gone"}
                )
            return stage.tables == []

        until(answered)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_log_handler_that_raises_leaves_no_leg_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", unwanted.logger.name)
    monkeypatch.setattr(unwanted.logger, "handle", no_space)
    stage.relay.tell_state("created", "late-1", tag=given_up(stage))
    stage.relay.take_command("calling.end")
    stage.reconnect(restored=True)
    assert stage.relay.accept_command("calling.end")["call_id"] == "late-1"
    until(lambda: stage.tables == [])


@pytest.mark.parametrize(("code", "loud"), [("404", False), ("410", False), ("500", True)])
def test_a_hang_up_that_relay_refused_is_not_repeated(
    stage: Stage, caplog: pytest.LogCaptureFixture, code: str, loud: bool
) -> None:
    stage.relay.tell_state("created", "late-1", tag=given_up(stage))
    with caplog.at_level("WARNING"):
        stage.relay.refuse_command("calling.end", code, "no such thing")
        stage.reconnect(restored=True)
        stage.settle()
    assert stage.relay.line.sent.empty()
    assert stage.tables == []
    assert ("which nobody wants: no such thing" in caplog.text) is loud


def test_what_nobody_wants_ends_with_the_session(stage: Stage) -> None:
    stage.relay.tell_state("created", "late-1", tag=given_up(stage))
    stage.relay.take_command("calling.end")
    stage.reconnect(restored=False)
    stage.settle()
    assert stage.relay.line.sent.empty()
    assert stage.tables == []


def test_an_ended_leg_of_a_dial_that_was_given_up_is_not_hung_up(stage: Stage) -> None:
    tag = given_up(stage)
    stage.relay.tell_state("ended", "late-1", tag=tag)
    stage.settle()
    assert stage.relay.line.sent.empty()


def test_a_dial_that_is_lost_hangs_up_its_leg_after_the_session_was_restored(stage: Stage) -> None:
    with in_thread(lambda: stage.client.calling.dial(**NUMBERS)) as dialling:
        tag = stage.relay.take_command("calling.begin")["params"]["params"]["tag"]
        stage.reconnect()
    with pytest.raises(ConnectionLost) as caught:
        dialling.result()
    assert caught.value.method == "calling.dial"
    stage.relay.tell_state("ringing", "late-1", tag=tag)
    assert stage.relay.accept_command("calling.end")["call_id"] == "late-1"


def test_a_dial_that_surely_was_not_sent_leaves_nothing_and_may_be_repeated(stage: Stage) -> None:
    """Defect 45."""
    call = stage.new_call()

    class Closing(ScriptedTransport):
        def send(self, text: str, timeout: float) -> None:
            if dial_one() in text:
                self.incoming.put(TransportClosed("closing"))
                raise TransportClosed("closing")
            super().send(text, timeout)

    stage.relay.prepare(Closing())
    stage.reconnect()
    stage.relay.refuse_next()
    with standing_time() as clock, in_thread(lambda: call.dial(wait_timeout=5)) as dialling:
        stage.relay.next_line()
        parked(stage.client._life().connection)
        clock.now += 6
        with pytest.raises(NotConnected, match="was not sent"):
            dialling.result()
    assert stage.tables == []
    stage.come_back()
    with in_thread(call.dial) as dialling:
        stage.relay.accept_command("calling.begin")
        stage.relay.tell_state("answered", tag=call.tag)
    assert dialling.result().successful


def test_ctrl_c_in_a_dial_raises_there_and_hangs_up_what_it_began() -> None:
    """Defect 57, with a real signal in a process of its own."""
    program = textwrap.dedent(
        """
        import os, signal, sys, threading
        from relay_sync import Client
        from relay_sync.emulator import Emulator

        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
        with Emulator(dialects=[os.environ["RELAY_SYNC_TEST_DIALECT"]]) as relay:
            phone = relay.phone("+15550101", no_answer=True)
            with Client(**relay.credentials) as client:
                def interrupt():
                    phone.wait_for("ringing")
                    os.kill(os.getpid(), signal.SIGINT)
                threading.Thread(target=interrupt).start()
                try:
                    client.calling.dial(from_number="+15550100", to_number="+15550101")
                except KeyboardInterrupt:
                    print("interrupted", phone.wait_for("ended"), phone.end_reason, client.state)
                phone.behaviour = type(phone.behaviour)()
                print(client.calling.dial(from_number="+15550100", to_number="+15550101").successful)
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=os.environ)
    assert done.stderr == ""
    assert done.stdout.split("\n")[:2] == ["interrupted True hangup ready", "True"]


# -- its result -------------------------------------------------------------------------------------------------------


def test_a_dial_result_pickles_with_the_ids_of_its_call(stage: Stage) -> None:
    call = stage.call("call-7")
    stage.relay.tell_state("ended", "call-7")
    result = DialResult(successful=True, call=call, _outcome="done")
    copied = pickle.loads(pickle.dumps(result))
    assert copied.call == CallIds("call-7", "node-1", call.tag)
    assert (copied.successful, type(copied)) == (True, DialResult)
    assert pickle.loads(pickle.dumps(copied)) == copied
    failed = pickle.loads(pickle.dumps(DialResult(call=call, message="busy")))
    with pytest.raises(OperationFailed) as caught:
        failed.raise_for_status()
    assert caught.value.call_id == "call-7"
