from __future__ import annotations

from typing import Any

import pytest

from relay_sync.wire.events import (
    TASKS,
    Answer,
    Answered,
    Dropped,
    GoAway,
    Happened,
    Ready,
    Refused,
    RelayEvent,
    Silent,
)
from relay_sync.wire.jsonrpc import Failure, Request, Success

OK = Answer(True, "200", "OK", {})
EVENT = RelayEvent("e", {}, None, None)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("200", "200"),
        ("201", "201"),
        ("299", "299"),
        (200, "200"),
        (202, "202"),
        (200.0, "200"),
    ],
)
def test_any_2xx_code_is_success_as_string_or_number(code: object, text: str) -> None:
    assert Answer.of({"code": code, "message": "OK"}) == Answer(True, text, "OK", {"code": code, "message": "OK"})


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("404", "404"),
        (404, "404"),
        (409.0, "409"),
        (200.5, "200.5"),
        ("20", "20"),
        ("2000", "2000"),
        ("2x0", "2x0"),
        ("2\u0660\u0660", "2\u0660\u0660"),
        (" 200", " 200"),
        ("", ""),
        (True, "True"),
        ([200], "list"),
        ({}, "dict"),
        (float("inf"), "inf"),
    ],
)
def test_any_other_code_is_a_refusal(code: object, text: str) -> None:
    answer = Answer.of({"code": code, "message": "no"})
    assert (answer.ok, answer.code, answer.message) == (False, text, "no")


def test_a_refusal_without_a_message_is_a_refusal() -> None:
    assert Answer.of({"code": "404"}) == Answer(False, "404", "", {"code": "404"})


@pytest.mark.parametrize(("message", "text"), [(None, ""), (5, "5"), (["no"], ""), ("no", "no")])
def test_a_message_of_any_type_is_read(message: object, text: str) -> None:
    assert Answer.of({"code": "500", "message": message}).message == text


@pytest.mark.parametrize("result", [{}, {"protocol": "p"}, {"code": None}])
def test_a_result_without_a_code_is_success_without_a_code(result: dict[str, Any]) -> None:
    assert Answer.of(result) == Answer(True, None, "", result)


@pytest.mark.parametrize("result", [None, [], [1], "ok", 200, True])
def test_a_result_that_is_no_object_is_a_refusal_that_says_so(result: object) -> None:
    answer = Answer.of(result)
    assert (answer.ok, answer.code, answer.result) == (False, None, {})
    assert "not an object" in answer.message


@pytest.mark.parametrize(("code", "text"), [(-32601, "-32601"), ("x", "x"), (200, "200"), (None, None)])
def test_an_error_of_json_rpc_is_a_refusal_whatever_its_code(code: int | str | None, text: str | None) -> None:
    assert Answer.to(Failure("a", code, "no")) == Answer(False, text, "no", {})


def test_an_unwrapped_reply_is_its_result() -> None:
    assert Answer.to(Success("a", {"code": "200"})) == Answer(True, "200", "", {"code": "200"})


def test_an_event_is_read_with_its_outer_timestamp() -> None:
    event = {"event_type": "calling.call.play", "timestamp": 1767225600.25, "params": {"state": "playing"}}
    assert RelayEvent.read(event) == RelayEvent("calling.call.play", {"state": "playing"}, 1767225600.25, None)


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        (1767225600, 1767225600.0),
        ("1767225600.5", 1767225600.5),
        (None, None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        (float("inf"), None),
        (10**400, None),
        (True, None),
        ([1], None),
    ],
)
def test_a_timestamp_is_a_finite_number_or_none(raw: object, seconds: float | None) -> None:
    event = RelayEvent.read({"event_type": "e", "timestamp": raw, "params": {}})
    assert event is not None
    assert event.timestamp == seconds


@pytest.mark.parametrize(
    ("outer", "inner", "context"),
    [
        ("office", None, "office"),
        (None, "home", "home"),
        ("office", "home", "office"),
        (None, None, None),
        (5, "home", None),
        (None, ["home"], None),
    ],
)
def test_the_context_stands_outside_or_inside(outer: object, inner: object, context: str | None) -> None:
    event = RelayEvent.read({"event_type": "messaging.receive", "context": outer, "params": {"context": inner}})
    assert event is not None
    assert event.context == context


@pytest.mark.parametrize("params", [{}, {"params": None}, {"params": []}, {"params": {}}])
def test_an_event_may_come_without_params(params: dict[str, Any]) -> None:
    assert RelayEvent.read({"event_type": "e", **params}) == RelayEvent("e", {}, None, None)


def test_a_task_is_named_by_its_queue_and_is_its_own_params() -> None:
    task = {"context": "office", "message": {"action": "call"}, "timestamp": 1767225600}
    assert RelayEvent.read(task, TASKS) == RelayEvent(TASKS, task, 1767225600.0, "office")


def test_a_task_may_name_itself() -> None:
    task = {"event_type": TASKS, "context": "office", "message": {"action": "call"}}
    assert RelayEvent.read(task) == RelayEvent(TASKS, task, None, "office")


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "text",
        {},
        {"params": {}},
        {"event_type": None, "params": {}},
        {"event_type": 5, "params": {}},
        {"event_type": "e", "params": [1]},
        {"event_type": "e", "params": "x"},
    ],
)
def test_what_is_no_event_is_not_read(event: object) -> None:
    assert RelayEvent.read(event, "queuing.relay.events") is None


@pytest.mark.parametrize(
    "value",
    [
        *(OK, EVENT, Answered("t", OK), Happened(EVENT), Ready(True, None), Refused(OK, False)),
        *(GoAway(False), Dropped("k", "d"), Silent(1.0), Request("i", "m", {}), Success("i", 1), Failure("i", 1, "m")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_session_tells_is_small_and_cannot_be_changed(value: Any) -> None:
    assert not hasattr(value, "__dict__")
    for name in value._fields:
        with pytest.raises(AttributeError):
            setattr(value, name, None)
