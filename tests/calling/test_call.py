"""A call: what it shows, waiting for its states, its handlers."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from relay_sync import Call, RelayTimeout
from relay_sync.wire.states import CALL_STATES
from tests.stage import Stage, parked
from tests.support import in_thread, until

DEVICE = {"type": "phone", "params": {"from_number": "+15550100", "to_number": "+15550101", "timeout": 30}}


# -- what it shows ----------------------------------------------------------------------------------------


def test_a_call_that_was_not_dialled_shows_what_it_was_made_with(stage: Stage) -> None:
    """Defects 36 and 46: every attribute is there, and nothing is invented."""
    call = stage.new_call(timeout=30)
    assert (call.id, call.node_id, call.state, call.prev_state, call.context) == (None,) * 5
    assert (call.end_reason, call.peer, call.direction) == (None,) * 3
    assert (call.call_type, call.from_number, call.to_number) == ("phone", "+15550100", "+15550101")
    assert (call.timeout, call.device) == (30, DEVICE)
    assert (call.active, call.ended, call.answered, call.failed, call.busy) == (True, False, False, False, False)
    assert call.tag


def test_tags_are_unique(stage: Stage) -> None:
    assert len({stage.new_call().tag for _ in range(100)}) == 100


def test_the_properties_follow_the_states(stage: Stage) -> None:
    call = stage.call()
    assert (call.id, call.node_id, call.direction) == ("call-1", "node-1", "outbound")
    assert (call.state, call.prev_state) == ("answered", "created")
    assert (call.active, call.ended, call.answered) == (True, False, True)
    stage.relay.tell_state("ending", end_reason="hangup")
    assert call.wait_for_ending(timeout=10)
    assert (call.state, call.prev_state, call.active, call.ended, call.answered) == (
        "ending",
        "answered",
        False,
        True,
        False,
    )
    stage.relay.tell_state("ended", end_reason="hangup")
    assert call.wait_for_ended(timeout=10)
    assert (call.state, call.prev_state, call.active, call.ended) == ("ended", "ending", False, True)
    assert (call.end_reason, call.busy, call.failed) == ("hangup", False, False)


@pytest.mark.parametrize(
    ("reason", "busy", "failed"), [("busy", True, False), ("error", False, True), ("noAnswer", False, False)]
)
def test_busy_and_failed_tell_why_it_ended(stage: Stage, reason: str, busy: bool, failed: bool) -> None:
    """Defects 22 and 23: the end reason is Relay's end_reason."""
    call = stage.call()
    stage.relay.tell_state("ended", end_reason=reason, reason="something else")
    call.wait_for_ended(timeout=10)
    assert (call.end_reason, call.busy, call.failed) == (reason, busy, failed)


def test_the_device_is_a_copy(stage: Stage) -> None:
    call = stage.new_call(timeout=30)
    call.device["params"]["to_number"] = "changed"
    assert call.device == DEVICE


def test_what_was_dialled_stays_known_when_events_say_less(stage: Stage) -> None:
    call = stage.new_call(timeout=30)
    with in_thread(call.dial):
        stage.relay.accept_command("calling.begin")
        less = {"type": "phone", "params": {"from_number": "+15550100", "to_number": "+15550101"}}
        stage.relay.tell_state("answered", tag=call.tag, device=less)
    assert (call.timeout, call.device) == (30, DEVICE)


def test_a_state_event_without_a_device_harms_nothing(stage: Stage) -> None:
    """Defect 46."""
    stage.inbound(device=None)
    call = inbound_call(stage)
    assert (call.from_number, call.to_number, call.call_type, call.timeout, call.device) == (None, None, None, None, {})


def inbound_call(stage: Stage) -> Call:
    table = stage.client._life().table
    until(lambda: table._by_id)
    (call,) = table._by_id.values()
    stage.relay.refuse_command("calling.pass")  # nobody handles it here: it was passed back, and is refused
    return call


def test_a_sip_device_is_kept_as_it_was_received(stage: Stage) -> None:
    """Defect 47: from and to of a SIP device."""
    device = {"type": "sip", "params": {"from": "sip:ann@a.example", "to": "sip:bob@b.example", "headers": [{"x": 1}]}}
    stage.inbound(device=device)
    call = inbound_call(stage)
    assert (call.from_number, call.to_number, call.call_type) == ("sip:ann@a.example", "sip:bob@b.example", "sip")
    assert call.device == device


@pytest.mark.parametrize("device", ["phone", {"type": "phone"}, {"params": {}}, {"type": "phone", "params": []}, [1]])
def test_a_device_that_is_none_harms_nothing(stage: Stage, device: Any) -> None:
    stage.inbound(device=device)
    call = inbound_call(stage)
    assert (call.from_number, call.timeout) == (None, None)
    assert isinstance(call.device, dict)


def test_states_may_be_skipped_but_are_never_taken_back(stage: Stage) -> None:
    call = stage.call()
    for late in ("ringing", "created", "answered"):
        stage.relay.tell_state(late)
    stage.settle()
    assert (call.state, call.prev_state) == ("answered", "created")
    stage.relay.tell_state("ended")
    stage.relay.tell_state("ending")
    stage.settle()
    assert call.state == "ended"


def test_an_unknown_state_is_kept_and_logged_and_opens_no_way_back(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    call = stage.call()
    with caplog.at_level(logging.WARNING, "relay_sync"):
        stage.relay.tell_state("parked")
        stage.relay.tell_state("parked")
        stage.settle()
    assert call.state == "parked"
    assert caplog.text.count("'parked'") == 1
    stage.relay.tell_state("ringing")
    stage.settle()
    assert call.state == "parked"
    stage.relay.tell_state("ending")
    stage.settle()
    assert call.state == "ending"


@pytest.mark.parametrize("state", [None, 5, [], {"a": 1}])
def test_a_state_that_is_no_text_is_dropped(stage: Stage, state: object) -> None:
    call = stage.call()
    stage.relay.tell("calling.call.state", call_id="call-1", call_state=state)
    stage.settle()
    assert call.state == "answered"


@pytest.mark.parametrize(
    "params", [{}, {"call_id": None}, {"call_id": 7}, {"call_id": []}, {"call_id": "unknown"}, {"tag": {}}]
)
def test_an_event_about_no_call_of_ours_is_dropped(stage: Stage, params: dict[str, Any]) -> None:
    """Defect 48: a missing call id harms nothing."""
    call = stage.call()
    for event_type in ("state", "play", "dial", "connect", "collect", "nonsense"):
        stage.relay.tell(f"calling.call.{event_type}", call_state="ended", state="finished", **params)
    stage.relay.tell("calling.call.receive", call_state="created", **{**params, "call_id": None})
    stage.relay.tell("calling.error", code=1)
    stage.settle()
    assert (call.state, stage.client.state) == ("answered", "ready")


def test_its_repr_is_one_line_without_numbers(stage: Stage) -> None:
    call = stage.call("a-long-call-id-123456")
    assert repr(call) == "<Call answered outbound id=…123456>"
    assert repr(stage.new_call()) == "<Call not dialled outbound id=…>"
    assert repr(stage.play(call, "paused")).startswith("<PlayAction paused call=…123456 control=…")


# -- waiting for its states ---------------------------------------------------------------------------------


def test_wait_for_takes_arguments_and_a_list_alike(stage: Stage) -> None:
    call = stage.call()
    assert call.wait_for("ending", "answered")
    assert call.wait_for(["ending", "answered"])
    assert call.wait_for(("answered",), "ended")
    assert call.wait_for_answered()


@pytest.mark.parametrize("events", [(), ([],)])
def test_wait_for_nothing_in_particular_waits_for_the_end(stage: Stage, events: Any) -> None:
    call = stage.call()
    with pytest.raises(RelayTimeout):
        call.wait_for(*events, timeout=0)
    with in_thread(lambda: call.wait_for(*events)) as waiting:
        parked(call)
        stage.relay.tell_state("ended")
    assert waiting.result() is True


def test_waiting_for_the_answer_of_a_call_that_is_never_answered_is_false(stage: Stage) -> None:
    """Defects 37 and 40: only states that really occurred count, and the end wakes everybody."""
    call = stage.new_call()
    with in_thread(call.dial) as dialling, in_thread(call.wait_for_answered) as waiting:
        stage.relay.accept_command("calling.begin")
        parked(call)
        for state in ("created", "ringing", "ending", "ended"):
            stage.relay.tell_state(state, tag=call.tag, end_reason="noAnswer")
    assert waiting.result() is False
    assert not dialling.result().successful
    assert call.wait_for_answered() is False
    assert call.wait_for("answered", "ringing") is True
    assert call.wait_for_ringing() is True
    assert call.wait_for_ended() is True


def test_waiting_for_a_state_that_was_skipped_is_false_at_once(stage: Stage) -> None:
    call = stage.call()
    assert call.wait_for_ringing(timeout=0) is False
    assert call.wait_for("created", timeout=0) is True


def test_one_can_wait_for_a_call_that_is_not_dialled_yet(stage: Stage) -> None:
    """Defect 36."""
    call = stage.new_call()
    with in_thread(call.wait_for_answered) as waiting:
        parked(call)
        with in_thread(call.dial):
            stage.relay.accept_command("calling.begin")
            stage.relay.tell_state("answered", tag=call.tag)
    assert waiting.result() is True
    assert not stage.client._life().table._watched


@pytest.mark.parametrize("end", ["session", "disconnect"])
def test_the_session_s_end_wakes_even_who_waits_for_a_call_that_is_not_dialled(stage: Stage, end: str) -> None:
    """Defect 79."""
    call = stage.new_call()
    with in_thread(call.wait_for_answered) as waiting:
        parked(call)
        if end == "session":
            stage.reconnect(restored=False)
        else:
            stage.client.disconnect()
    assert waiting.result() is False
    assert stage.tables == []


def test_a_wait_that_timed_out_leaves_the_next_one_alone(stage: Stage) -> None:
    """Defects 41 and 42."""
    call = stage.call()
    for _ in range(3):
        with pytest.raises(RelayTimeout, match=r"was not ended within 0\.0 s") as caught:
            call.wait_for_ended(timeout=0)
        assert caught.value.call_id == "call-1"
    stage.relay.tell_state("ended")
    assert call.wait_for_ended(timeout=10)
    assert call._room is None
    assert stage.tables == []


def test_two_waiters_on_one_state_of_a_call_both_wake(stage: Stage) -> None:
    """Defect 38."""
    call = stage.call()
    with in_thread(call.wait_for_ended) as one, in_thread(call.wait_for_ended) as two:
        parked(call, 2)
        stage.relay.tell_state("ended")
    assert one.result() is two.result() is True


@pytest.mark.parametrize("events", [("answerd",), (["ended", "gone"],), ("none",), (7,), (None,), ([None],)])
def test_waiting_for_what_is_no_state_is_refused_with_those_there_are(stage: Stage, events: Any) -> None:
    call = stage.call()
    with pytest.raises(
        (TypeError, ValueError), match=r"events=.*give one of answered, created, ended, ending, ringing"
    ):
        call.wait_for(*events, timeout=0)


# -- handlers ---------------------------------------------------------------------------------------------


def test_handlers_get_one_dict_with_the_fields_of_the_event_and_its_type(stage: Stage) -> None:
    call = stage.call()
    told: list[dict[str, Any]] = []
    assert call.on("ending", told.append) is call
    stage.relay.tell_state("ending", end_reason="busy")
    until(lambda: told)
    assert told == [
        {
            "event_type": "calling.call.state",
            "call_id": "call-1",
            "node_id": "node-1",
            "call_state": "ending",
            "end_reason": "busy",
        }
    ]


def test_the_general_name_comes_before_the_specific_one_and_relay_s_own_last(stage: Stage) -> None:
    call = stage.call()
    order: list[str] = []
    action = stage.play(call)
    for name in ("calling.call.state", "ended", "stateChange", "calling.call.play", "play.paused", "play.stateChange"):
        call.on(name, lambda event, name=name: order.append(name))
    stage.tell_play(action, "paused")
    stage.relay.tell_state("ended")
    until(lambda: len(order) == 6)
    assert order == [
        "play.stateChange",
        "play.paused",
        "calling.call.play",
        "stateChange",
        "ended",
        "calling.call.state",
    ]


def test_handlers_of_one_event_run_in_the_order_they_were_added_and_each_once(stage: Stage) -> None:
    """Defect 49: several handlers for one event."""
    call = stage.call()
    order: list[int] = []
    for number in range(5):
        call.on("ended", lambda event, number=number: order.append(number))
    stage.relay.tell_state("ended")
    until(lambda: len(order) == 5)
    assert order == [0, 1, 2, 3, 4]


def test_every_state_and_play_event_has_a_name(stage: Stage) -> None:
    call = stage.new_call()
    told: list[str] = []
    names = ["stateChange", *CALL_STATES, "play.stateChange"]
    names += [f"play.{state}" for state in ("playing", "paused", "finished", "error")]
    for name in names:
        call.on(name, lambda event, name=name: told.append(name))
    with in_thread(call.dial):
        stage.relay.accept_command("calling.begin")
        for state in ("created", "ringing", "answered"):
            stage.relay.tell_state(state, tag=call.tag)
    for last in ("finished", "error"):
        action = stage.play(call)
        stage.tell_play(action, "paused")
        stage.tell_play(action, last)
        action.wait(10)
    for state in ("ending", "ended"):
        stage.relay.tell_state(state)
    until(lambda: "ended" in told)
    assert set(told) == set(names)


def test_off_removes_one_handler_or_all_of_an_event(stage: Stage) -> None:
    """Defects 49 and 50: there is an off, and it looks at the handler."""
    call = stage.call()
    told: list[str] = []

    def kept(event: dict[str, Any]) -> None:
        told.append("kept")

    def removed(event: dict[str, Any]) -> None:
        told.append("removed")

    call.on("ending", kept).on("ending", removed).on("ended", removed)
    assert call.off("ending", removed) is call
    call.off("ended").off("stateChange")
    call.on("ended", kept)
    for state in ("ending", "ended"):
        stage.relay.tell_state(state)
    until(lambda: len(told) == 2)
    assert told == ["kept", "kept"]


def test_off_removes_a_bound_method(stage: Stage) -> None:
    told: list[str] = []

    class Owner:
        def handle(self, event: dict[str, Any]) -> None:
            told.append("never")

    owner, call = Owner(), stage.call()
    call.on("ending", owner.handle).off("ending", owner.handle)
    assert not call._handlers
    call.on("ending", lambda event: told.append("told"))
    stage.relay.tell_state("ending")
    until(lambda: told)
    assert told == ["told"]


def test_a_handler_that_removes_itself_skips_no_other(stage: Stage) -> None:
    """Defects 38 and 104: the list is not changed while it is gone through."""
    call = stage.call()
    order: list[str] = []

    def once(event: dict[str, Any]) -> None:
        order.append("once")
        call.off("play.stateChange", once)

    call.on("play.stateChange", once)
    call.on("play.stateChange", lambda event: order.append("always"))
    action = stage.play(call)
    until(lambda: len(order) == 2)  # which handlers hear of an event is settled when it comes
    stage.tell_play(action, "paused")
    until(lambda: len(order) > 2)
    assert order == ["once", "always", "always"]


def test_busy_and_failed_are_right_in_the_handlers_of_the_end(stage: Stage) -> None:
    """Defect 26: state first, handlers after."""
    call = stage.call()
    seen: list[tuple[Any, ...]] = []
    for name in ("stateChange", "ended"):
        call.on(name, lambda event: seen.append((call.state, call.busy, call.failed, call.active, call.end_reason)))
    stage.relay.tell_state("ended", end_reason="busy")
    until(lambda: len(seen) == 2)
    assert seen == [("ended", True, False, False, "busy")] * 2


def test_the_action_shows_the_event_when_the_handler_runs(stage: Stage) -> None:
    call = stage.call()
    action = stage.play(call)
    seen: list[tuple[str, bool]] = []
    call.on("play.finished", lambda event: seen.append((action.state, action.result.successful)))
    stage.tell_play(action, "finished")
    until(lambda: seen)
    assert seen == [("finished", True)]


def test_handlers_may_block_and_use_the_call(stage: Stage) -> None:
    """Defects 92 and 93: user code never runs on the connection's thread."""
    call = stage.call()
    results: list[bool] = []
    call.on("ending", lambda event: results.append(call.play_audio("x").successful))
    stage.relay.tell_state("ending")
    params = stage.relay.accept_command("calling.play")
    stage.relay.tell_play("playing", params["control_id"])
    stage.relay.tell_play("finished", params["control_id"])
    until(lambda: results)
    assert results == [True]


def test_a_slow_handler_delays_its_own_call_only(stage: Stage) -> None:
    slow, quick = stage.call("call-1"), stage.call("call-2")
    go_on, done = threading.Event(), threading.Event()
    order: list[str] = []

    def wait(event: dict[str, Any]) -> None:
        go_on.wait(10)
        order.append("slow")

    slow.on("ending", wait).on("ended", lambda event: (order.append("after"), done.set()))
    quick.on("ended", lambda event: (order.append("quick"), go_on.set()))
    stage.relay.tell_state("ending", "call-1")
    stage.relay.tell_state("ended", "call-1")
    stage.relay.tell_state("ended", "call-2")
    assert done.wait(10)
    assert order == ["quick", "slow", "after"]


def test_a_handler_that_raises_is_logged_and_stops_no_other(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Defect 66."""
    call = stage.call()
    done = threading.Event()
    call.on("ended", lambda event: 1 / 0)
    call.on("ended", lambda event: done.set())
    stage.relay.tell_state("ended")
    assert done.wait(10)
    assert "ZeroDivisionError" in caplog.text
    assert stage.client.connected


def test_each_handler_has_a_dict_of_its_own(stage: Stage) -> None:
    call = stage.call()
    told: list[dict[str, Any]] = []

    def spoil(event: dict[str, Any]) -> None:
        event["call_state"] = event["device"]["type"] = "spoilt"

    call.on("ended", spoil)
    call.on("ended", told.append)
    stage.relay.tell_state("ended", device=DEVICE)
    until(lambda: told)
    assert (told[0]["call_state"], told[0]["device"]) == ("ended", DEVICE)
    assert call.device == DEVICE


def test_handlers_are_dropped_when_the_call_is_over(stage: Stage) -> None:
    """Defect 103."""
    call = stage.call()
    told: list[Any] = []
    call.on("ended", told.append)
    stage.relay.tell_state("ended")
    until(lambda: told)
    assert call._handlers is None
    call.on("ended", told.append).off("ended")
    assert call._handlers is None


def test_handlers_of_events_of_an_operation_that_is_not_ours_run_too(stage: Stage) -> None:
    """Defects 51 and 21: every family has its names, and an unknown state has one too."""
    call = stage.call()
    told: list[str] = []
    for name in ("tap.stateChange", "tap.tapping", "record.paused", "fax.page", "detect.update"):
        call.on(name, lambda event, name=name: told.append(name))
    stage.relay.tell("calling.call.tap", call_id="call-1", control_id="x", state="tapping")
    stage.relay.tell("calling.call.record", call_id="call-1", control_id="x", state="paused")
    stage.relay.tell("calling.call.fax", call_id="call-1", control_id="x", fax={"type": "page", "params": {}})
    stage.settle()
    until(lambda: len(told) == 4)
    assert told == ["tap.stateChange", "tap.tapping", "record.paused", "fax.page"]


@pytest.mark.parametrize("name", ["answerd", "", "play.stopped", "ANSWERED", "none"])
def test_an_unknown_event_name_is_refused_with_those_there_are(stage: Stage, name: str) -> None:
    call = stage.new_call()
    for method in (lambda: call.on(name, print), lambda: call.off(name)):
        with pytest.raises(ValueError, match=f"event='{name}' is unknown: .*give one of .*answered"):
            method()


def test_the_nearest_event_name_is_suggested(stage: Stage) -> None:
    with pytest.raises(ValueError, match="did you mean 'answered'"):
        stage.new_call().on("answerd", print)


@pytest.mark.parametrize("name", [None, 3, b"ended", ["ended"]])
def test_an_event_name_that_is_no_text_is_refused(stage: Stage, name: Any) -> None:
    with pytest.raises(TypeError, match="event="):
        stage.new_call().on(name, print)


@pytest.mark.parametrize("handler", [None, "print", 3, {}])
def test_a_handler_that_cannot_be_called_is_refused(stage: Stage, handler: Any) -> None:
    with pytest.raises(TypeError, match=r"callback=.* cannot be called: give a function"):
        stage.new_call().on("ended", handler)
