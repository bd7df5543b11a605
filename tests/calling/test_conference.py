"""Conferences: who hears of what, and that nothing is kept for long (api.md 15, protocol.md 13)."""

from __future__ import annotations

from typing import Any

import pytest

from relay_sync import Call
from tests.stage import Stage
from tests.support import in_thread

Fields = dict[str, Any]


@pytest.fixture
def calls(stage: Stage) -> tuple[Call, Call]:
    return stage.call("call-1"), stage.call("call-2")


def join(stage: Stage, call: Call, conference_id: str = "conf-1") -> None:
    with in_thread(lambda: call.join_conference("room-1")) as joining:
        stage.relay.accept_command("calling.join_conference", conference_id=conference_id)
    assert joining.result().conference_id == conference_id


def tell(stage: Stage, status: str, conference_id: str = "conf-1", **more: Any) -> None:
    stage.relay.tell("calling.conference", conference_id=conference_id, name="room-1", status=status, **more)
    stage.settle()


def heard(call: Call) -> list[str]:
    """What the iterator of a call has so far."""
    stream = HEARD[call]
    return [event.name.removeprefix("conference.") for event in stream._queue]


HEARD: dict[Call, Any] = {}


@pytest.fixture(autouse=True)
def listening(calls: tuple[Call, Call]) -> Any:
    HEARD.update({call: call.events(timeout=10) for call in calls})
    yield
    HEARD.clear()


def attendance(stage: Stage) -> list[Any]:
    table = stage.client._life().table._attendance
    return [kept for kept in (table._legs, table._conferences) if kept]


def test_news_of_a_participant_come_to_that_call_alone(stage: Stage, calls: tuple[Call, Call]) -> None:
    for call in calls:
        join(stage, call)
    tell(stage, "participant-join", call_id="call-1", size=1)
    tell(stage, "participant-join", call_id="call-2", size=2)
    tell(stage, "participant-mute", call_id="call-2", muted=True)
    assert heard(calls[0]) == ["participant-join"]
    assert heard(calls[1]) == ["participant-join", "participant-mute"]


def test_news_of_the_whole_come_to_every_call_in_it_and_to_no_other(stage: Stage, calls: tuple[Call, Call]) -> None:
    third = stage.call("call-3")
    HEARD[third] = third.events(timeout=10)
    for call in calls:
        join(stage, call)
    tell(stage, "conference-start")
    tell(stage, "record-start", "another-conference")
    tell(stage, "participant-join", call_id="somebody-else's")
    assert heard(calls[0]) == heard(calls[1]) == ["conference-start", "participant-join"]
    assert heard(third) == []


def test_handlers_are_given_the_whole_event(stage: Stage, calls: tuple[Call, Call]) -> None:
    seen: list[Fields] = []
    for name in ("conference.stateChange", "conference.record-stop", "calling.conference"):
        calls[0].on(name, seen.append)
    join(stage, calls[0])
    tell(stage, "record-stop", size=3)
    stage.client.disconnect()
    assert [(event["status"], event["size"], event["event_type"]) for event in seen] == [
        ("record-stop", 3, "calling.conference")
    ] * 3


def test_a_join_that_is_told_before_it_is_answered_counts(stage: Stage, calls: tuple[Call, Call]) -> None:
    with in_thread(lambda: calls[0].join_conference("room-1")):
        frame = stage.relay.take_command("calling.join_conference")
        stage.relay.tell("calling.conference", conference_id="conf-1", status="participant-join", call_id="call-1")
        stage.relay.tell("calling.conference", conference_id="conf-1", status="conference-start")
        stage.relay.answer(frame, {"code": "200", "message": "OK"})
    assert heard(calls[0]) == ["participant-join", "conference-start"]


def test_one_that_has_left_hears_of_the_end(stage: Stage, calls: tuple[Call, Call]) -> None:
    join(stage, calls[0])
    with in_thread(lambda: calls[0].leave_conference("conf-1")):
        stage.relay.accept_command("calling.leave_conference")
    tell(stage, "conference-end", reason_ended="last-participant-left")
    assert heard(calls[0]) == ["conference-end"]
    assert attendance(stage) == []
    tell(stage, "conference-start")
    assert heard(calls[0]) == ["conference-end"]


def test_a_join_that_was_refused_hears_nothing(stage: Stage, calls: tuple[Call, Call]) -> None:
    with in_thread(lambda: calls[0].join_conference("room-1")):
        frame = stage.relay.take_command("calling.join_conference")
        stage.relay.answer(frame, {"code": "409", "message": "full", "conference_id": "conf-1"})
    tell(stage, "conference-start")
    assert heard(calls[0]) == []
    assert attendance(stage) == []


def test_the_end_of_a_call_ends_its_hearing_and_nothing_is_kept(stage: Stage, calls: tuple[Call, Call]) -> None:
    for call in calls:
        join(stage, call)
        join(stage, call, "conf-2")
    stage.relay.tell_state("ended", "call-1")
    stage.settle()
    tell(stage, "conference-start")
    assert heard(calls[1]) == ["conference-start"]
    tell(stage, "conference-end", "conf-2")
    stage.relay.tell_state("ended", "call-2")
    stage.settle()
    assert attendance(stage) == []


def test_a_join_answered_after_the_call_has_ended_keeps_nothing(stage: Stage, calls: tuple[Call, Call]) -> None:
    with in_thread(lambda: calls[0].join_conference("room-1")):
        frame = stage.relay.take_command("calling.join_conference")
        stage.relay.tell_state("ended", "call-1")
        stage.relay.answer(frame, {"code": "200", "message": "OK", "conference_id": "conf-1"})
    assert attendance(stage) == []


def test_the_loss_of_the_session_forgets_them_all(stage: Stage, calls: tuple[Call, Call]) -> None:
    for call in calls:
        join(stage, call)
    stage.reconnect(restored=False)
    stage.settle()
    assert attendance(stage) == []


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"conference_id": 5, "status": "conference-start"},
        {"conference_id": "conf-1", "call_id": [1]},
        {"conference_id": ["conf-1"], "call_id": "call-9", "status": {}},
        {"status": "conference-end"},
    ],
)
def test_strange_news_harm_nothing(stage: Stage, calls: tuple[Call, Call], event: Fields) -> None:
    stage.relay.tell("calling.conference", **event)
    stage.settle()
    join(stage, calls[0])
    tell(stage, "conference-start")
    assert heard(calls[0]) == ["conference-start"]


def test_news_of_a_call_without_a_conference_s_id_still_come_to_it(stage: Stage, calls: tuple[Call, Call]) -> None:
    stage.relay.tell("calling.conference", call_id="call-1", status="participant-hold")
    stage.settle()
    assert heard(calls[0]) == ["participant-hold"]


def test_a_coach_may_be_named_by_the_call(stage: Stage, calls: tuple[Call, Call]) -> None:
    with in_thread(lambda: calls[0].join_conference("room-1", coach=calls[1], beep=True)):
        sent = stage.relay.accept_command("calling.join_conference")
    assert (sent["coach"], sent["beep"]) == ("call-2", "true")
