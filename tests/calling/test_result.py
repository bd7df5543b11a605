"""Results: small frozen values that say what happened."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

import relay_sync
from relay_sync import (
    CallIds,
    CommandRefused,
    ConnectionLost,
    DialResult,
    Event,
    ExecuteResult,
    HangupResult,
    OperationFailed,
    PlayPauseResult,
    PlayResult,
    Result,
    StopResult,
)
from relay_sync.wire.events import Answer

IDS = CallIds("call-1", "node-1", "tag-1")
EVENT = Event("error", {"call_id": "call-1", "control_id": "ctl-1", "state": "error"})
KINDS = sorted(
    (kind for kind in vars(relay_sync).values() if inspect.isclass(kind) and issubclass(kind, Result)),
    key=lambda kind: kind.__name__,
)


def make(kind: type[Result], **fields: Any) -> Any:
    return kind(**fields, **({"call": IDS} if kind is DialResult else {}))


@pytest.mark.parametrize("kind", KINDS)
def test_every_result_is_a_frozen_value_with_slots(kind: type[Result]) -> None:
    """Defect 27: a snapshot, and no live view."""
    result = make(kind, successful=True, code="200", message="OK", event=EVENT, _outcome="done")
    assert not hasattr(result, "__dict__")
    for field in ("successful", "code", "message", "event"):
        with pytest.raises(AttributeError):
            setattr(result, field, None)
    assert result == make(kind, successful=True, code="200", message="OK", event=EVENT, _outcome="done")
    assert result != make(kind, successful=False, code="200", message="OK", event=EVENT)
    assert result.raise_for_status() is result


@pytest.mark.parametrize("kind", KINDS)
def test_every_result_pickles_and_stays_equal(kind: type[Result]) -> None:
    for result in (make(kind, successful=True, code="200", event=EVENT, _outcome="done"), make(kind, message="no")):
        copied = pickle.loads(pickle.dumps(result))
        assert copied == result
        assert type(copied) is kind
        assert copied._outcome == result._outcome


@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_of_a_result_is_its_success_and_always_a_bool(kind: type[Result]) -> None:
    """Defect 110: never undefined."""
    assert bool(make(kind, successful=True)) is True
    assert bool(make(kind)) is False
    assert make(kind).successful is False


@pytest.mark.parametrize("kind", KINDS)
def test_the_repr_of_a_result_is_one_line(kind: type[Result]) -> None:
    shown = repr(make(kind, message="a\nb"))
    assert "\n" not in shown
    assert shown.startswith(kind.__name__)
    assert "_outcome" not in shown


def test_results_of_different_kinds_differ() -> None:
    assert PlayPauseResult(successful=True) != StopResult(successful=True)


def test_fields_are_given_by_name_only() -> None:
    with pytest.raises(TypeError):
        PlayResult(True)  # type: ignore[misc]


def test_results_add_what_the_operation_adds() -> None:
    assert HangupResult(reason="busy").reason == "busy"
    assert ExecuteResult(result={"a": 1}).result == {"a": 1}
    assert DialResult(call=IDS).call.call_id == "call-1"  # type: ignore[arg-type, attr-defined]


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (PlayResult(message="No money", code="402", _outcome="refused"), CommandRefused, "No money"),
        (PlayResult(message="ended with 'error'", event=EVENT), OperationFailed, "PlayResult: ended with 'error'"),
        (PlayResult(message="session lost", _outcome="lost"), ConnectionLost, "PlayResult: session lost"),
        (PlayResult(), OperationFailed, "PlayResult: not successful"),
        (StopResult.unsent("it is over"), OperationFailed, "StopResult: it is over; nothing was sent"),
    ],
)
def test_raise_for_status_raises_what_happened(result: Result, error: type[Exception], message: str) -> None:
    """Defects 29 and 64: code and message are kept."""
    with pytest.raises(error) as caught:
        result.raise_for_status()
    assert type(caught.value) is error
    assert str(caught.value) == message
    assert caught.value.code == result.code  # type: ignore[attr-defined]


def test_raise_for_status_names_the_ids_that_the_event_has() -> None:
    with pytest.raises(OperationFailed) as caught:
        PlayResult(event=EVENT).raise_for_status()
    assert (caught.value.call_id, caught.value.control_id) == ("call-1", "ctl-1")


def test_raise_for_status_before_the_end_is_the_caller_s_mistake() -> None:
    with pytest.raises(RuntimeError, match=r"not over yet; wait\(\) for its end first") as caught:
        PlayResult(message="it is not over yet", _outcome="pending").raise_for_status()
    assert not isinstance(caught.value, relay_sync.RelayError)


@pytest.mark.parametrize(
    ("answer", "successful", "outcome"),
    [
        (Answer(True, "200", "OK", {}), True, "done"),
        (Answer(True, None, "", {}), True, "done"),
        (Answer(False, "404", "No such call", {}), False, "refused"),
        (Answer(False, None, "", {}), False, "refused"),
    ],
)
def test_an_answer_becomes_a_result_with_relay_s_code_and_message(
    answer: Answer, successful: bool, outcome: str
) -> None:
    """Defects 29 and 62."""
    result = StopResult.of(answer)
    assert (result.successful, result.code, result.message) == (successful, answer.code, answer.message)
    assert result._outcome == outcome


def test_events_are_frozen_values_that_pickle() -> None:
    assert pickle.loads(pickle.dumps(EVENT)) == EVENT
    with pytest.raises(AttributeError):
        EVENT.name = "x"  # type: ignore[misc]
    assert CallIds("a", None, "t") == ("a", None, "t")
