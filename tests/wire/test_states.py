from __future__ import annotations

from typing import Any

import pytest

from relay_sync.wire import states
from relay_sync.wire.states import BY_EVENT_TYPE, EVENT_NAMES, OPERATIONS


def test_call_states_are_in_order_and_only_the_last_is_final() -> None:
    assert states.CALL_STATES == ("created", "ringing", "answered", "ending", "ended")
    assert {"ended"} == states.FINAL_CALL_STATES


def test_playback_has_its_states_and_verbs() -> None:
    play = OPERATIONS["play"]
    assert play.commands == ("calling.play",)
    assert play.event_type == "calling.call.play"
    assert play.states == states.PLAY_STATES == ("playing", "paused", "finished", "error")
    assert play.final == states.PLAY_FINAL == {"finished", "error"}
    assert play.sub_commands == ("stop", "pause", "resume", "volume")


def test_connect_and_dial_have_final_states() -> None:
    assert {"connected", "failed", "disconnected"} == states.CONNECT_FINAL
    assert set(states.CONNECT_STATES) - states.CONNECT_FINAL == {"connecting"}
    assert {"answered", "failed"} == states.DIAL_FINAL
    assert set(states.DIAL_STATES) - states.DIAL_FINAL == {"dialing"}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_row_is_consistent(operation: states.Operation) -> None:
    assert operation.commands
    assert all(command.startswith("calling.") for command in operation.commands)
    assert operation.event_type.startswith("calling.call.") or operation.kind == "conference"
    assert operation.final <= set(operation.states)
    assert len(set(operation.states)) == len(operation.states)
    assert operation in BY_EVENT_TYPE[operation.event_type]


def test_every_operation_of_the_reference_has_a_row() -> None:
    kinds = "play prompt collect record detect fax tap digits refer connect dial stream pay transcribe ai"
    told = "queue hold denoise echo conference"  # of which protocol.md 13 speaks alone
    assert list(OPERATIONS) == [*kinds.split(), *told.split()]


def test_prompt_and_collect_share_an_event_type() -> None:
    assert [row.kind for row in BY_EVENT_TYPE["calling.call.collect"]] == ["prompt", "collect"]
    assert sum(len(rows) for rows in BY_EVENT_TYPE.values()) == len(OPERATIONS)


@pytest.mark.parametrize(
    ("kind", "params", "state"),
    [
        ("play", {"state": "playing"}, "playing"),
        ("play", {"state": "humming"}, "humming"),
        ("play", {}, None),
        ("play", {"state": 5}, None),
        ("connect", {"connect_state": "connected"}, "connected"),
        ("dial", {"dial_state": "failed"}, "failed"),
        ("detect", {"detect": {"type": "machine", "params": {"event": "HUMAN"}}}, "HUMAN"),
        ("detect", {"detect": {"type": "machine"}}, None),
        ("detect", {"detect": "HUMAN"}, None),
        ("fax", {"fax": {"type": "page"}}, "page"),
        ("collect", {"result": {"type": "no_input"}}, "no_input"),
        ("collect", {"state": "finished"}, "finished"),
        ("pay", {"state": "finished"}, "finished"),
        ("pay", {"for": "payment-completed", "error_type": ""}, "payment-completed"),
        ("pay", {"state": "", "for": "payment-failed", "error_type": "card-declined"}, "payment-failed"),
        ("pay", {"error_type": "card-declined"}, "card-declined"),
        ("pay", {"for": 5}, None),
        ("queue", {"status": "dequeue"}, "dequeue"),
        ("denoise", {"denoised": True}, None),
    ],
)
def test_the_state_is_found_where_its_operation_keeps_it(kind: str, params: dict[str, Any], state: str | None) -> None:
    assert OPERATIONS[kind].state_of(params) == state


@pytest.mark.parametrize(
    "name",
    [
        *("stateChange", "created", "ringing", "answered", "ending", "ended"),
        *("connect.stateChange", "connect.connecting", "connect.connected", "connect.failed", "connect.disconnected"),
        *("play.stateChange", "play.playing", "play.paused", "play.error", "play.finished"),
        *("record.stateChange", "record.recording", "record.paused", "record.no_input", "record.finished"),
        *("prompt", "collect", "fax.stateChange", "fax.error", "fax.finished", "fax.page"),
        *("detect.error", "detect.finished", "detect.update"),
        *("tap.tapping", "tap.finished", "tap.stateChange", "sendDigits.finished", "sendDigits.stateChange"),
        *("refer.stateChange", "refer.inProgress", "refer.cancel", "refer.busy", "refer.noAnswer", "refer.error"),
        "refer.success",
        *("stream.streaming", "stream.finished", "pay.finished", "pay.payment-completed", "transcribe.finished"),
        *("queue.enqueue", "queue.dequeue", "queue.leave", "hold.stateChange", "denoise.stateChange", "echo.echoing"),
        *("conference.stateChange", "conference.participant-join", "conference.conference-end", "error"),
    ],
)
def test_every_name_of_the_reference_can_be_listened_to(name: str) -> None:
    assert name in EVENT_NAMES


def test_fixed_names_are_listed_once() -> None:
    assert len(states.RINGTONES) == len(set(states.RINGTONES)) == 39
    assert states.END_REASONS == ("hangup", "cancel", "busy", "noAnswer", "decline", "error")
    assert not set(states.END_REASONS) & set(states.FURTHER_END_REASONS)


@pytest.mark.parametrize(
    ("kind", "params", "names"),
    [
        ("play", {"state": "paused"}, ("play.stateChange", "play.paused")),
        ("play", {"state": "humming"}, ("play.stateChange", "play.humming")),
        ("play", {}, ("play.stateChange",)),
        ("record", {"state": "no_input"}, ("record.stateChange", "record.no_input")),
        ("prompt", {"result": {"type": "digit"}}, ("collect", "prompt")),
        ("prompt", {}, ("collect", "prompt")),
        ("collect", {"result": {"type": "digit"}}, ("prompt", "collect")),
        ("detect", {"detect": {"params": {"event": "HUMAN"}}}, ("detect.update",)),
        ("detect", {"detect": {"params": {"event": "5"}}}, ("detect.update",)),
        ("detect", {"detect": {"params": {"event": "finished"}}}, ("detect.finished",)),
        ("detect", {"detect": {"params": {"event": "ERROR"}}}, ("detect.error",)),
        ("detect", {"detect": {}}, ()),
        ("fax", {"fax": {"type": "page"}}, ("fax.stateChange", "fax.page")),
        ("tap", {"state": "tapping"}, ("tap.stateChange", "tap.tapping")),
        ("digits", {"state": "finished"}, ("sendDigits.stateChange", "sendDigits.finished")),
        ("refer", {"state": "noAnswer"}, ("refer.stateChange", "refer.noAnswer")),
        ("connect", {"connect_state": "failed"}, ("connect.stateChange", "connect.failed")),
        ("dial", {"dial_state": "failed"}, ()),
        ("queue", {"status": "leave"}, ("queue.stateChange", "queue.leave")),
        ("denoise", {"denoised": False}, ("denoise.stateChange",)),
        ("conference", {"status": "record-stop"}, ("conference.stateChange", "conference.record-stop")),
    ],
)
def test_an_event_goes_by_the_names_of_the_reference(kind: str, params: dict[str, Any], names: tuple[str, ...]) -> None:
    assert OPERATIONS[kind].names_of(params) == names


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_the_names_of_known_states_can_be_listened_to(operation: states.Operation) -> None:
    for state in operation.states:
        told: Any = state
        for key in reversed(operation.state_at):
            told = {key: told}
        assert set(operation.names_of(told)) <= set(operation.names)


def test_detect_handlers_are_given_the_detect_object_and_all_others_the_params() -> None:
    detect = {"type": "machine", "params": {"event": "HUMAN"}}
    assert OPERATIONS["detect"].told({"detect": detect, "call_id": "call-1"}) == detect
    assert OPERATIONS["detect"].told({"detect": 5}) == {"detect": 5}
    for kind in ("play", "prompt", "fax", "connect"):
        assert OPERATIONS[kind].told({"call_id": "call-1"}) == {"call_id": "call-1"}


@pytest.mark.parametrize(
    ("kind", "params", "told"),
    [
        ("prompt", {"result": {"type": "digit"}, "final": True}, {"type": "digit"}),
        ("detect", {"detect": {"type": "fax"}}, {"type": "fax"}),
        ("fax", {"fax": {"type": "page"}}, {"type": "page"}),
        ("fax", {"fax": None}, {"fax": None}),
        ("play", {"state": "playing"}, {"state": "playing"}),
        ("connect", {"connect_state": "failed"}, {"connect_state": "failed"}),
    ],
)
def test_the_object_that_tells_is_found(kind: str, params: dict[str, Any], told: dict[str, Any]) -> None:
    assert OPERATIONS[kind].object_of(params) == told


@pytest.mark.parametrize(
    ("kind", "written", "state"),
    [
        ("detect", "human", "HUMAN"),
        ("detect", "not_ready", "NOT_READY"),
        ("detect", "Finished", "finished"),
        ("detect", "1#", "1#"),
        ("play", "Finished", "Finished"),
    ],
)
def test_only_detection_reads_states_whatever_their_case(kind: str, written: str, state: str) -> None:
    found: Any = written
    for key in reversed(OPERATIONS[kind].state_at):
        found = {key: found}
    assert OPERATIONS[kind].state_of(found) == state


@pytest.mark.parametrize(
    ("params", "state"),
    [
        ({"state": "finished"}, "finished"),
        ({"state": "collecting"}, "collecting"),
        ({"state": "finished", "result": {"type": "no_match"}}, "no_match"),
        ({"state": 5, "result": None}, None),
    ],
)
def test_a_collect_event_without_a_result_tells_its_state_elsewhere(params: dict[str, Any], state: str | None) -> None:
    assert OPERATIONS["prompt"].state_of(params) == state
