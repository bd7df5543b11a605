"""Hanging up, answering, passing back: with the relay played by the test."""

from __future__ import annotations

from typing import Any

import pytest

from relay_sync import (
    AnswerResult,
    Call,
    Client,
    CommandRefused,
    ConnectionLost,
    HangupResult,
    NotConnected,
    OperationFailed,
    PassResult,
    RelayTimeout,
)
from relay_sync.emulator import Emulator
from tests.stage import Stage, parked, standing_time
from tests.support import in_thread, until

REASONS = ["hangup", "cancel", "busy", "noAnswer", "decline", "error"]


@pytest.fixture
def offered(stage: Stage) -> Call:
    """An inbound call that nobody has answered."""
    calls: list[Call] = []
    with in_thread(lambda: stage.client.calling.receive(["office"], calls.append)):
        stage.relay.accept_command("signalwire.receive")
    stage.inbound()
    until(lambda: calls)
    return calls[0]


# -- hang up ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", REASONS)
def test_hangup_sends_its_reason_and_returns_relay_s(client: Client, relay: Emulator, reason: str) -> None:
    """Defect 22."""
    relay.phone("+15550101")
    call = client.calling.dial(from_number="+15550100", to_number="+15550101").call
    result = call.hangup(reason)
    assert isinstance(result, HangupResult)
    assert (result.successful, result.reason, call.end_reason, call.state) == (True, reason, reason, "ended")
    assert result.event is not None
    assert result.event.name == "ended"
    assert relay.journal.commands("calling.end")[0].params == {
        "node_id": call.node_id,
        "call_id": call.id,
        "reason": reason,
    }


def test_the_reason_sent_stands_where_relay_gives_none(stage: Stage) -> None:
    call = stage.call()
    with in_thread(lambda: call.hangup("cancel")) as hanging_up:
        stage.relay.accept_command("calling.end")
        stage.relay.tell_state("ended")
    assert (hanging_up.result().reason, call.end_reason) == ("cancel", None)


def test_relay_s_reason_wins_over_the_one_that_was_sent(stage: Stage) -> None:
    call = stage.call()
    with in_thread(call.hangup) as hanging_up:
        stage.relay.accept_command("calling.end")
        stage.relay.tell_state("ended", end_reason="busy")
    assert (hanging_up.result().successful, hanging_up.result().reason) == (True, "busy")


@pytest.mark.parametrize("reason", ["", "bye", "no_answer", None, 3])
def test_an_unknown_reason_is_refused_before_anything_is_sent(stage: Stage, reason: Any) -> None:
    call = stage.call()
    with pytest.raises((TypeError, ValueError), match=r"reason=.*give one of busy, cancel, decline, error, hangup"):
        call.hangup(reason)
    assert stage.relay.line.sent.empty()


def test_hangup_returns_only_when_the_call_has_ended(stage: Stage) -> None:
    call = stage.call()
    with in_thread(call.hangup) as hanging_up:
        stage.relay.accept_command("calling.end")
        stage.relay.tell_state("ending")
        parked(call)
        stage.settle()
        assert hanging_up.thread.is_alive()
        stage.relay.tell_state("ended")
    assert hanging_up.result().successful


def test_the_end_may_be_told_before_the_answer_to_the_hangup(stage: Stage) -> None:
    call = stage.call()
    with in_thread(call.hangup) as hanging_up:
        command = stage.relay.take_command("calling.end")
        stage.relay.tell_state("ended", end_reason="hangup")
        stage.relay.answer(command, {"code": "200"})
    assert hanging_up.result().successful


def test_a_refused_hangup_is_reported_as_refused(stage: Stage) -> None:
    call = stage.call()
    with in_thread(call.hangup) as hanging_up:
        stage.relay.refuse_command("calling.end", "410", "Call is gone")
    result = hanging_up.result()
    assert (result.successful, result.code, result.message, result.reason) == (False, "410", "Call is gone", "hangup")
    with pytest.raises(CommandRefused) as caught:
        result.raise_for_status()
    error = caught.value
    assert (error.code, error.method, error.call_id) == ("410", "calling.end", "call-1")
    assert call.state == "answered"


def test_hanging_up_an_ended_call_sends_nothing(stage: Stage) -> None:
    call = stage.call()
    stage.relay.tell_state("ended", end_reason="busy")
    call.wait_for_ended(timeout=10)
    result = call.hangup()
    assert (result.successful, result.code, result.reason) == (False, None, "busy")
    assert result.message == "the call has ended (busy); nothing was sent"
    assert stage.relay.line.sent.empty()
    with pytest.raises(OperationFailed, match="nothing was sent"):
        result.raise_for_status()


def test_hanging_up_a_call_that_was_not_dialled_sends_nothing_and_says_what_to_do(stage: Stage) -> None:
    call = stage.new_call()
    for result in (call.hangup(), call.answer(), call.pass_(), call.play_silence(1)):
        assert not result.successful
        assert "dial() it first; nothing was sent" in result.message
    assert stage.relay.line.sent.empty()


def test_a_hangup_that_times_out_leaves_the_call_as_it_is(stage: Stage) -> None:
    call = stage.call()
    with standing_time() as clock, in_thread(lambda: call.hangup(wait_timeout=5)) as hanging_up:
        stage.relay.take_command("calling.end")
        clock.now += 6
        with pytest.raises(RelayTimeout, match=r"no answer to calling.end within 5\.0 s") as caught:
            hanging_up.result()
    assert (caught.value.method, caught.value.call_id) == ("calling.end", "call-1")
    assert call.active


@pytest.mark.parametrize("end", ["session", "disconnect"])
def test_a_hangup_whose_session_is_lost_does_not_claim_success(stage: Stage, end: str) -> None:
    call = stage.call()
    with in_thread(call.hangup) as hanging_up:
        stage.relay.accept_command("calling.end")
        parked(call)
        if end == "session":
            stage.reconnect(restored=False)
        else:
            stage.client.disconnect()
    result = hanging_up.result()
    assert (result.successful, result.reason) == (False, "hangup")
    with pytest.raises(ConnectionLost):
        result.raise_for_status()
    assert (call.state, call.failed, call.active) == ("ended", True, False)


@pytest.mark.parametrize("verb", ["hangup", "answer", "pass_"])
def test_a_verb_is_not_sent_when_its_call_went_while_it_waited_for_the_connection(stage: Stage, verb: str) -> None:
    call = stage.call() if verb == "hangup" else ringing_call(stage)
    stage.relay.refuse_next()
    stage.relay.line.break_()
    until(lambda: stage.client.state == "reconnecting")
    with in_thread(getattr(call, verb)) as trying:
        parked(stage.client._life().connection)
        stage.relay.next_line()
        stage.come_back(restored=False)
    assert not trying.result().successful
    assert "nothing was sent" in trying.result().message
    assert stage.relay.line.sent.empty()


def ringing_call(stage: Stage) -> Call:
    call = stage.new_call()
    with in_thread(call.dial) as dialling:
        stage.relay.accept_command("calling.begin")
        stage.relay.tell_state("ringing", tag=call.tag)
        stage.relay.tell("calling.call.dial", tag=call.tag, call_id="call-1", dial_state="dialing")
        parked(call)
        stage.settle()
        stage.relay.tell_state("ending", tag=call.tag)
    assert not dialling.result().successful
    return call


# -- answer -----------------------------------------------------------------------------------------------


def test_answer_returns_when_the_call_is_answered(stage: Stage, offered: Call) -> None:
    with in_thread(offered.answer) as answering:
        assert stage.relay.accept_command("calling.answer") == {"node_id": "node-1", "call_id": "call-in"}
        parked(offered)
        assert answering.thread.is_alive()
        stage.relay.tell_state("answered", "call-in")
    result = answering.result()
    assert isinstance(result, AnswerResult)
    assert (result.successful, offered.state) == (True, "answered")
    assert result.event is not None
    assert result.event.name == "answered"


@pytest.mark.parametrize("end", ["ending", "ended"])
def test_answer_is_no_success_when_the_call_ended_instead(stage: Stage, offered: Call, end: str) -> None:
    """Defect 18."""
    with in_thread(offered.answer) as answering:
        stage.relay.accept_command("calling.answer")
        stage.relay.tell_state(end, "call-in", end_reason="cancel")
    result = answering.result()
    assert (result.successful, result.code) == (False, None)
    assert "cancel" in result.message


def test_answering_an_answered_call_is_successful_at_once_and_sends_nothing(stage: Stage, offered: Call) -> None:
    """Defect 19."""
    stage.relay.tell_state("answered", "call-in")
    assert offered.wait_for_answered(timeout=10)
    result = offered.answer()
    assert result.successful
    assert result.event is not None
    assert result.event.name == "answered"
    assert stage.relay.line.sent.empty()


def test_a_refused_answer_is_reported_as_refused(stage: Stage, offered: Call) -> None:
    with in_thread(offered.answer) as answering:
        stage.relay.refuse_command("calling.answer", "404", "Call does not exist")
    assert (answering.result().successful, answering.result().code) == (False, "404")
    with pytest.raises(CommandRefused, match="Call does not exist"):
        answering.result().raise_for_status()


def test_answering_an_ended_call_sends_nothing(stage: Stage, offered: Call) -> None:
    stage.relay.tell_state("ended", "call-in", end_reason="cancel")
    offered.wait_for_ended(timeout=10)
    assert offered.answer().message == "the call has ended (cancel); nothing was sent"
    assert stage.relay.line.sent.empty()


def test_an_answer_that_times_out_can_be_waited_for(stage: Stage, offered: Call) -> None:
    with standing_time() as clock, in_thread(lambda: offered.answer(wait_timeout=5)) as answering:
        late = stage.relay.take_command("calling.answer")
        clock.now += 6
        with pytest.raises(RelayTimeout):
            answering.result()
    stage.relay.answer(late, {"code": "200", "message": "OK"})
    stage.relay.tell_state("answered", "call-in")
    assert offered.wait_for_answered(timeout=10)


# -- pass back ----------------------------------------------------------------------------------------------


def test_a_call_that_was_passed_back_is_no_longer_ours(stage: Stage, offered: Call) -> None:
    with in_thread(offered.wait_for_answered) as waiting:
        parked(offered)
        with in_thread(offered.pass_) as passing:
            assert stage.relay.accept_command("calling.pass") == {"node_id": "node-1", "call_id": "call-in"}
    assert isinstance(passing.result(), PassResult)
    assert (passing.result().successful, passing.result().code) == (True, "200")
    assert waiting.result() is False
    assert offered.active is False
    assert offered.answer().message == "the call was passed back; nothing was sent"
    assert stage.tables == []


def test_a_refused_pass_leaves_the_call_ours(stage: Stage, offered: Call) -> None:
    with in_thread(offered.pass_) as passing:
        stage.relay.refuse_command("calling.pass", "409", "Too late")
    assert (passing.result().successful, passing.result().code) == (False, "409")
    with in_thread(offered.answer) as answering:
        stage.relay.accept_command("calling.answer")
        stage.relay.tell_state("answered", "call-in")
    assert answering.result().successful


@pytest.mark.parametrize("verb", ["hangup", "answer", "pass_"])
def test_after_disconnect_nothing_is_sent(stage: Stage, offered: Call, verb: str) -> None:
    stage.client.disconnect()
    result = getattr(offered, verb)()
    assert (
        result.successful,
        "the client was disconnected; connect() and make a new call; nothing was sent" in result.message,
    ) == (False, True)
    with pytest.raises(NotConnected, match=r"call connect\(\)"):
        stage.new_call().dial()
