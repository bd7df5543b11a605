"""The generic door: what this library has no verb for, by its wire name."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from relay_sync import (
    Call,
    CommandRefused,
    ConnectionLost,
    ExecuteResult,
    GenericAction,
    GenericResult,
    NotConnected,
    OperationFailed,
    RelayTimeout,
)
from tests.calling.moves import begin
from tests.stage import URL, Stage, parked
from tests.support import Running, in_thread, until

Fields = dict[str, Any]
KNOWN = {"states": ["humming", "paused"], "final": ["done", "broken"], "success": ["done"]}


@pytest.fixture
def call(stage: Stage) -> Call:
    return stage.call()


@pytest.fixture
def humming(stage: Stage, call: Call) -> GenericAction:
    return begin(stage, lambda: call.start("calling.hum", {"tune": 7}, **KNOWN))


def tell(stage: Stage, action: GenericAction, *states: str, event_type: str = "calling.call.hum") -> None:
    for state in states:
        stage.relay.tell(event_type, call_id="call-1", control_id=action.control_id, state=state)
    stage.settle()


# -- execute ------------------------------------------------------------------------------------------------------


def test_execute_fills_in_the_ids_and_returns_every_field(stage: Stage, call: Call) -> None:
    given = {"a": [1]}
    with in_thread(lambda: call.execute("calling.something", given)) as running:
        frame = stage.relay.take_command("calling.something")
        stage.relay.answer(frame, {"code": "200", "message": "OK", "extra": {"b": 2}})
    assert frame["params"]["params"] == {"node_id": "node-1", "call_id": "call-1", "a": [1]}
    result = running.result()
    assert type(result) is ExecuteResult
    assert result.result == {"code": "200", "message": "OK", "extra": {"b": 2}}


def test_execute_without_parameters_sends_the_ids_alone(stage: Stage, call: Call) -> None:
    with in_thread(lambda: call.execute("calling.something")):
        sent = stage.relay.accept_command("calling.something")
    assert sent == {"node_id": "node-1", "call_id": "call-1"}


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("something", {}, "method='something': give a wire name that begins with 'calling.'"),
        ("calling.", {}, "method='calling.'"),
        ("", {}, "method=''"),
        (None, {}, "method=None"),
        ("calling.x", [1], "params=[1]: give a dict"),
        ("calling.x", {5: 6}, "params has the key 5: give a dict whose keys are strings"),
        ("calling.x", {"a": float("nan")}, "give what JSON can carry"),
        ("calling.x", {"a": object()}, "give what JSON can carry"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(
    stage: Stage, call: Call, method: Any, params: Any, words: str
) -> None:
    for verb in (call.execute, call.start):
        with pytest.raises((TypeError, ValueError)) as caught:
            verb(method, params)
        assert words in str(caught.value)
    stage.settle()
    assert not call._actions


# -- start: its life -------------------------------------------------------------------------------------------------


def test_start_fills_in_the_ids(call: Call, humming: GenericAction) -> None:
    ids = {"node_id": "node-1", "call_id": "call-1", "control_id": humming.control_id}
    assert humming.payload == {**ids, "tune": 7}
    assert (humming.state, humming.completed, humming.call) == ("", False, call)


def test_it_goes_through_its_states_to_a_final_one(stage: Stage, humming: GenericAction) -> None:
    events = humming.events(timeout=10)
    with in_thread(lambda: humming.wait_for_state("paused", 10)) as waiting:
        parked(humming)
        tell(stage, humming, "humming", "paused")
    assert waiting.result() is True
    assert (humming.state, humming.completed) == ("paused", False)
    tell(stage, humming, "humming", "done", "broken")
    result = humming.wait(10)
    assert type(result) is GenericResult
    assert (result.successful, humming.state, result.event.name) == (True, "done", "done")
    assert result.event.payload["control_id"] == humming.control_id
    assert [event.name for event in events] == ["humming", "paused", "humming", "done"]
    assert humming.future.result(0) is result
    assert pickle.loads(pickle.dumps(result)) == result


def test_a_final_state_that_is_no_success_is_a_failure(stage: Stage, humming: GenericAction) -> None:
    tell(stage, humming, "broken")
    assert (humming.result.successful, humming.state) == (False, "broken")
    with pytest.raises(OperationFailed, match=r"calling\.hum ended with 'broken'"):
        humming.result.raise_for_status()


def test_by_default_it_ends_as_most_do(stage: Stage, call: Call) -> None:
    for state, successful in (("finished", True), ("error", False)):
        action = begin(stage, lambda: call.start("calling.hum"))
        tell(stage, action, "humming", state)
        assert (action.completed, action.result.successful) == (True, successful)


def test_a_refusal_ends_it(stage: Stage, call: Call) -> None:
    with in_thread(lambda: call.start("calling.hum", **KNOWN)) as starting:
        stage.relay.refuse_command("calling.hum", "409", "busy humming")
    action = starting.result()
    assert (action.state, action.completed, action.result.code) == ("failed", True, "409")
    with pytest.raises(CommandRefused, match="busy humming"):
        action.result.raise_for_status()
    assert not call._actions


@pytest.mark.parametrize(("code", "gone"), [("404", False), ("410", True)])
def test_only_what_says_so_for_sure_is_taken_for_the_call_s_end(
    stage: Stage, call: Call, code: str, gone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay_sync.calling.leg.GONE_GRACE_S", 0.0)
    with in_thread(lambda: call.start("calling.hum")) as starting:
        stage.relay.refuse_command("calling.hum", code)
    assert starting.result().result.code == code
    if gone:
        until(lambda: not call.active)
    else:
        stage.settle()
        assert stage.client._life().connection._timers == []
        assert call.active


def test_an_event_before_the_answer_is_not_lost(stage: Stage, call: Call) -> None:
    with in_thread(lambda: call.start("calling.hum", **KNOWN)) as starting:
        frame = stage.relay.take_command("calling.hum")
        control_id = frame["params"]["params"]["control_id"]
        stage.relay.tell("calling.call.hum", call_id="call-1", control_id=control_id, state="done")
        stage.relay.answer(frame, {"code": "200", "message": "OK"})
    assert starting.result().result.successful


def test_the_call_ends_meanwhile(stage: Stage, humming: GenericAction) -> None:
    stage.relay.tell_state("ended", end_reason="hangup")
    assert (humming.wait(10).successful, humming.state) == (False, "failed")
    assert "the call has ended (hangup)" in humming.result.message


def test_a_session_that_was_not_restored_ends_it(stage: Stage, humming: GenericAction) -> None:
    stage.reconnect(restored=False)
    with pytest.raises(ConnectionLost):
        humming.wait(10).raise_for_status()


def test_a_session_that_was_restored_goes_on(stage: Stage, humming: GenericAction) -> None:
    stage.reconnect(restored=True)
    tell(stage, humming, "done")
    assert humming.result.successful


def test_a_connection_lost_before_the_answer_leaves_it_unknown(stage: Stage, call: Call) -> None:
    running = Running(lambda: call.start("calling.hum", **KNOWN))
    stage.relay.take_command("calling.hum")
    stage.reconnect(restored=True)
    with pytest.raises(ConnectionLost) as caught:
        running.result()
    assert (caught.value.method, caught.value.call_id) == ("calling.hum", "call-1")
    assert not call._actions


def test_without_time_nothing_is_sent(stage: Stage, call: Call) -> None:
    with pytest.raises(RelayTimeout) as caught:
        call.start("calling.hum", wait_timeout=0)
    assert caught.value.sent is False
    assert not call._actions
    stage.settle()


def test_while_reconnecting_it_is_surely_not_sent(stage: Stage, call: Call) -> None:
    stage.relay.refuse_next()
    stage.relay.line.break_()
    until(lambda: stage.client.state == "reconnecting")
    with pytest.raises(NotConnected):
        call.start("calling.hum", wait_timeout=0)
    stage.relay.next_line()
    stage.come_back()


def test_on_a_call_that_has_ended_nothing_is_sent(stage: Stage, call: Call) -> None:
    stage.relay.tell_state("ended")
    call.wait_for_ended(timeout=10)
    assert "nothing was sent" in call.start("calling.hum").result.message
    stage.settle()


# -- start: where its events are ------------------------------------------------------------------------------------


def test_its_events_may_be_of_another_name_and_its_state_deep_within(stage: Stage, call: Call) -> None:
    where = {"event_type": "calling.song", "state_key": "song.params.event"}
    action = begin(stage, lambda: call.start("calling.hum", **where, **KNOWN))
    tell(stage, action, "done")  # of the default name: not its own
    assert not action.completed
    song = {"song": {"params": {"event": "done"}}}
    stage.relay.tell("calling.song", call_id="call-1", control_id=action.control_id, **song)
    assert action.wait(10).event.payload == {"params": {"event": "done"}}


def test_it_may_be_one_that_its_events_tell_by_no_control_id(stage: Stage, call: Call) -> None:
    action = begin(stage, lambda: call.start("calling.hum", controlled=False, **KNOWN))
    assert action.payload == {"node_id": "node-1", "call_id": "call-1"}
    second = call.start("calling.hum", controlled=False, **KNOWN)
    assert "calling.hum is running on this call already" in second.result.message
    stage.relay.tell("calling.call.hum", call_id="call-1", state="done")
    assert action.wait(10).successful
    assert not call._actions


def test_an_operation_that_is_known_can_be_started_by_its_wire_name_too(stage: Stage, call: Call) -> None:
    heard: list[str] = []
    call.on("play.finished", lambda event: heard.append(event["state"]))
    media = {"play": [{"type": "audio", "params": {"url": URL}}]}
    action = begin(stage, lambda: call.start("calling.play", media))
    tell(stage, action, "playing", "finished", event_type="calling.call.play")
    assert action.result.successful
    until(lambda: heard == ["finished"])


def test_handlers_can_be_added_for_what_is_not_known(stage: Stage, call: Call, humming: GenericAction) -> None:
    heard: list[Fields] = []
    call.on("calling.call.hum", heard.append)
    tell(stage, humming, "humming", "done")
    until(lambda: len(heard) == 2)
    assert [event["state"] for event in heard] == ["humming", "done"]
    call.off("calling.call.hum")


@pytest.mark.parametrize("wrong", ["hum.done", "call.hum", "", None, 5])
def test_other_names_that_are_not_known_are_still_refused(call: Call, wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="event="):
        call.on(wrong, print)


@pytest.mark.parametrize(("known", "logged"), [({}, False), ({"states": ["humming"]}, True)])
def test_a_state_that_was_not_named_is_kept_and_logged_only_where_some_were(
    stage: Stage, call: Call, known: Fields, logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    action = begin(stage, lambda: call.start("calling.hum", **known))
    tell(stage, action, "whistling")
    assert (action.state, action.completed) == ("whistling", False)
    assert ("unknown state 'whistling'" in caplog.text) is logged


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"final": []}, "final=[] is empty"),
        ({"final": "done"}, "final='done': give a list"),
        ({"success": ["done"]}, "success=['done'] has states that are not in final=['finished', 'error']"),
        ({"success": "finished"}, "success='finished': give a list"),
        ({"states": "humming"}, "states='humming': give a list"),
        ({"state_key": ""}, "state_key=''"),
        ({"event_type": "call.hum"}, "event_type='call.hum': give a wire name"),
        ({"sub_commands": "stop"}, "sub_commands='stop'"),
        ({"controlled": 1}, "controlled=1"),
        ({"params": {"call_id": "c"}}, "params['call_id']='c': it is filled in"),
        ({"params": {"control_id": "c"}}, "params['control_id']='c'"),
        ({"wait_timeout": "1"}, "timeout='1'"),
        ({"bogus": 1}, "bogus"),
    ],
)
def test_a_mistake_in_the_description_is_named(stage: Stage, call: Call, given: Fields, words: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call.start("calling.hum", **given)
    assert words in str(caught.value)
    stage.settle()


@pytest.mark.parametrize("none", [(), [], iter(())], ids=["tuple", "list", "iterator"])
def test_none_of_the_ends_need_be_a_success(stage: Stage, call: Call, none: Any) -> None:
    action = begin(stage, lambda: call.start("calling.hum", success=none))
    tell(stage, action, "finished")
    assert not action.result.successful


# -- control --------------------------------------------------------------------------------------------------------


def test_a_control_sends_its_own_method_and_says_what_relay_answered(stage: Stage, humming: GenericAction) -> None:
    with in_thread(lambda: humming.control("louder", verb="sung", accepted=3)) as running:
        frame = stage.relay.take_command("calling.hum.louder")
        stage.relay.answer(frame, {"code": "200", "message": "OK", "level": 4})
    ids = {"node_id": "node-1", "call_id": "call-1", "control_id": humming.control_id}
    assert frame["params"]["params"] == {**ids, "verb": "sung", "accepted": 3}
    assert running.result().result["level"] == 4
    with in_thread(lambda: humming.control("stop")) as running:
        stage.relay.refuse_command("calling.hum.stop", "409")
    assert not running.result()


def test_a_control_of_one_that_is_over_is_not_sent(stage: Stage, humming: GenericAction) -> None:
    tell(stage, humming, "done")
    assert "over already" in humming.control("stop").message
    stage.settle()


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda action: action.control("stpo"), "verb='stpo' is unknown: did you mean 'stop'?"),
        (lambda action: action.control(5), "verb=5"),
        (lambda action: action.control("stop", wait_timeout="1"), "timeout='1'"),
        (lambda action: action.control("stop", a=float("inf")), "give what JSON can carry"),
    ],
)
def test_a_control_that_cannot_be_is_refused(
    stage: Stage, call: Call, act: Callable[[GenericAction], object], words: str
) -> None:
    action = begin(stage, lambda: call.start("calling.hum", sub_commands=["stop", "pause"]))
    with pytest.raises((TypeError, ValueError)) as caught:
        act(action)
    assert words in str(caught.value)
    stage.settle()
