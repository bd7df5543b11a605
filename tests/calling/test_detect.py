"""Detections: what they send, what ends each form, what they report (api.md 7.7, protocol.md 11.5)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from relay_sync import Call
from relay_sync.calling.detect import DetectAction, DetectResult
from tests.calling.moves import begin, block, sent_by, tell
from tests.stage import Stage
from tests.support import until


@pytest.fixture
def call(stage: Stage) -> Call:
    return stage.call()


def detected(kind: str, *events: str) -> list[dict[str, Any]]:
    return [{"detect": {"type": kind, "params": {"event": event}}} for event in events]


MACHINE: dict[str, Any] = {
    "initial_timeout": 0,
    "end_silence_timeout": 1.5,
    "machine_voice_threshold": 1.25,
    "machine_words_threshold": 6,
}


# -- what is sent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "sent"),
    [
        (lambda c: c.detect_async("machine"), {"detect": {"type": "machine", "params": {}}}),
        (
            lambda c: c.detect_async("machine", True, 0, **MACHINE),
            {"detect": {"type": "machine", "params": MACHINE}, "timeout": 0},
        ),
        (
            lambda c: c.detect_answering_machine_async(False, 25, 0, 1.5, 1.25, 6),
            {"detect": {"type": "machine", "params": MACHINE}, "timeout": 25},
        ),
        (lambda c: c.amd_async(timeout=5.5), {"detect": {"type": "machine", "params": {}}, "timeout": 5.5}),
        (lambda c: c.detect_fax_async(), {"detect": {"type": "fax", "params": {}}}),
        (lambda c: c.detect_fax_async("CNG", 9), {"detect": {"type": "fax", "params": {"tone": "CNG"}}, "timeout": 9}),
        (lambda c: c.detect_digit_async(), {"detect": {"type": "digit", "params": {}}}),
        (
            lambda c: c.detect_digit_async("12#", 9),
            {"detect": {"type": "digit", "params": {"digits": "12#"}}, "timeout": 9},
        ),
    ],
)
def test_each_form_sends_only_what_was_given(
    stage: Stage, call: Call, start: Callable[[Call], DetectAction], sent: Any
) -> None:
    """Defect 31: a timeout of 0 is sent. ``wait_for_beep`` is ours alone."""
    assert sent_by(stage, lambda: start(call)) == sent


def test_amd_is_short_for_detect_answering_machine() -> None:
    assert Call.amd is Call.detect_answering_machine
    assert Call.amd_async is Call.detect_answering_machine_async


@pytest.mark.parametrize(
    ("kind", "given", "error", "named"),
    [
        ("machin", {}, ValueError, "detect_type='machin'.*did you mean 'machine'"),
        ("machine", {"wait_for_beep": 1}, TypeError, "wait_for_beep=1"),
        ("fax", {"wait_for_beep": True}, ValueError, "wait_for_beep=True is for detect_type='machine'"),
        ("machine", {"timeout": -1}, ValueError, "timeout=-1.*from 0 up"),
        ("machine", {"timeout": "30"}, TypeError, "timeout='30'"),
        ("machine", {"initial_timeout": -0.5}, ValueError, "initial_timeout=-0.5"),
        ("machine", {"machine_voice_threshold": "1"}, TypeError, "machine_voice_threshold='1'"),
        ("machine", {"machine_words_threshold": 0}, ValueError, "machine_words_threshold=0"),
        ("machine", {"machine_words_threshold": 2.5}, TypeError, "machine_words_threshold=2.5"),
        ("machine", {"tone": "CED"}, ValueError, "tone='CED' is for detect_type='fax', not for 'machine'"),
        ("fax", {"tone": "ced"}, ValueError, "tone='ced'"),
        ("fax", {"digits": "1"}, ValueError, "digits='1' is for detect_type='digit'"),
        ("digit", {"digits": ""}, ValueError, "digits='' is empty"),
        ("digit", {"digits": "1w"}, ValueError, "digits='1w': 'w' is not one of"),
        ("digit", {"initial_timeout": 1}, ValueError, "initial_timeout=1 is for detect_type='machine'"),
    ],
)
def test_a_mistake_is_named_before_anything_is_sent(
    stage: Stage, call: Call, kind: str, given: Any, error: type[Exception], named: str
) -> None:
    for verb in (call.detect, call.detect_async):
        with pytest.raises(error, match=named):
            verb(kind, **given)
    stage.settle()


# -- the blocking form ----------------------------------------------------------------------------------------


BLOCKING: list[tuple[str, dict[str, Any], list[str], str, str | None]] = [
    # kind, arguments, events before the last, the last, result
    ("machine", {}, [], "HUMAN", "HUMAN"),
    ("machine", {}, [], "UNKNOWN", "UNKNOWN"),
    ("machine", {}, ["NOT_READY", "READY"], "MACHINE", "MACHINE"),
    ("machine", {}, [], "human", "HUMAN"),
    ("machine", {"wait_for_beep": True}, ["MACHINE", "NOT_READY", "HUMAN"], "READY", "MACHINE"),
    ("machine", {"wait_for_beep": True}, ["machine", "not_ready"], "ready", "MACHINE"),
    ("machine", {"wait_for_beep": True}, [], "READY", "MACHINE"),
    ("machine", {"wait_for_beep": True}, [], "HUMAN", "HUMAN"),
    ("machine", {"wait_for_beep": True}, ["NOT_READY"], "UNKNOWN", "UNKNOWN"),
    ("fax", {}, ["XYZ"], "CED", "CED"),
    ("fax", {"tone": "CNG"}, [], "cng", "CNG"),
    ("digit", {}, [], "5", "5"),
    ("digit", {"digits": "1#"}, [], "1#", "1#"),
]


@pytest.mark.parametrize(("kind", "given", "before", "last", "result"), BLOCKING)
def test_the_blocking_form_ends_at_the_first_answer(
    stage: Stage, call: Call, kind: str, given: Any, before: list[str], last: str, result: str
) -> None:
    """Defect 14: not at the first event of any kind."""
    running, control_id = block(stage, lambda: call.detect(kind, **given))
    tell(stage, control_id, "detect", *detected(kind, *before))
    assert running.thread.is_alive()
    assert call._actions
    (last_event,) = detected(kind, last)
    tell(stage, control_id, "detect", last_event)
    found = running.result()
    assert type(found) is DetectResult
    assert (found.successful, found.type, found.detect_type, found.result) == (True, kind, kind, result)
    assert found.event.payload == last_event["detect"]
    assert found.raise_for_status() is found


@pytest.mark.parametrize("end", ["finished", "error", "FINISHED"])
@pytest.mark.parametrize("kind", ["machine", "fax", "digit"])
def test_an_end_without_a_detection_has_no_result(stage: Stage, call: Call, kind: str, end: str) -> None:
    """Defect 13."""
    running, control_id = block(stage, lambda: call.detect(kind))
    tell(stage, control_id, "detect", *detected(kind, end))
    found = running.result()
    assert (found.successful, found.type, found.result, found.event.name) == (False, kind, None, end.lower())


def test_a_machine_that_never_beeped_is_told_as_such(stage: Stage, call: Call) -> None:
    running, control_id = block(stage, lambda: call.amd(wait_for_beep=True))
    tell(stage, control_id, "detect", *detected("machine", "MACHINE", "NOT_READY", "finished"))
    found = running.result()
    assert (found.successful, found.result) == (False, "MACHINE")


def test_the_helpers_block_like_detect(stage: Stage, call: Call) -> None:
    verbs: list[tuple[Callable[[], DetectResult], str, str]] = [
        (call.detect_answering_machine, "machine", "HUMAN"),
        (call.amd, "machine", "MACHINE"),
        (call.detect_fax, "fax", "CED"),
        (call.detect_digit, "digit", "7"),
    ]
    for verb, kind, event in verbs:
        running, control_id = block(stage, verb)
        tell(stage, control_id, "detect", *detected(kind, event))
        assert running.result().result == event


# -- the async form ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "events"),
    [("machine", ["MACHINE", "NOT_READY", "READY"]), ("digit", ["1", "2", "2"]), ("fax", ["CED"])],
)
def test_the_async_form_gathers_everything_until_relay_ends_it(
    stage: Stage, call: Call, kind: str, events: list[str]
) -> None:
    action = begin(stage, lambda: call.detect_async(kind))
    for event in events:
        tell(stage, action, "detect", *detected(kind, event))
        assert (action.state, action.completed) == (event, False)
    tell(stage, action, "detect", *detected(kind, "finished"))
    result = action.wait(10)
    assert (result.successful, result.type, result.result) == (True, kind, ",".join(events))
    assert action.state == "finished"
    assert result.event is not None
    assert result.event.payload == detected(kind, "finished")[0]["detect"]


@pytest.mark.parametrize(
    ("events", "result"), [(["finished"], None), (["error"], None), (["MACHINE", "error"], "MACHINE")]
)
def test_the_async_form_is_unsuccessful_without_a_detection_or_with_an_error(
    stage: Stage, call: Call, events: list[str], result: str | None
) -> None:
    action = begin(stage, lambda: call.detect_async("machine"))
    tell(stage, action, "detect", *detected("machine", *events))
    assert (action.wait(10).successful, action.result.result) == (False, result)


def test_the_async_form_can_wait_for_the_beep_too(stage: Stage, call: Call) -> None:
    """Defect 12."""
    action = begin(stage, lambda: call.amd_async(wait_for_beep=True))
    tell(stage, action, "detect", *detected("machine", "MACHINE", "NOT_READY"))
    assert (action.state, action.completed) == ("NOT_READY", False)
    tell(stage, action, "detect", *detected("machine", "READY"))
    assert (action.wait(10).successful, action.result.result, action.state) == (True, "MACHINE", "READY")


# -- both ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("detect", [None, 5, {}, {"type": "machine"}, {"params": None}, {"params": {"event": 5}}])
def test_events_that_say_nothing_end_nothing(stage: Stage, call: Call, detect: Any) -> None:
    action = begin(stage, lambda: call.detect_async("machine"))
    tell(stage, action, "detect", {"detect": detect}, {})
    assert (action.state, action.completed) == ("", False)


def test_an_event_without_a_type_is_of_the_type_that_was_asked_for(stage: Stage, call: Call) -> None:
    running, control_id = block(stage, lambda: call.detect("fax"))
    tell(stage, control_id, "detect", {"detect": {"params": {"event": "CED"}}})
    assert (running.result().type, running.result().result) == ("fax", "CED")


def test_digits_are_no_unknown_states(stage: Stage, call: Call, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    action = begin(stage, lambda: call.detect_digit_async())
    tell(stage, action, "detect", *detected("digit", "1", "#"))
    assert caplog.records == []
    other = begin(stage, lambda: call.detect_async("machine"))
    tell(stage, other, "detect", *detected("machine", "PARROT"))
    assert ["unknown state 'PARROT'" in record.getMessage() for record in caplog.records] == [True]


def test_the_beginning_and_the_end_of_a_detection_can_be_waited_for(stage: Stage, call: Call) -> None:
    action = begin(stage, lambda: call.detect_async("machine"))
    tell(stage, action, "detect", *detected("machine", "machine"))
    assert action.wait_for_state("MACHINE", 10)
    tell(stage, action, "detect", *detected("machine", "finished"))
    assert action.wait_for_state("finished", 10)
    assert action.wait_for_state("HUMAN", 10) is False


def test_handlers_are_given_the_detect_object_as_in_v2(stage: Stage, call: Call) -> None:
    heard: list[tuple[str, dict[str, Any]]] = []
    for name in ("detect.update", "detect.finished", "detect.error", "calling.call.detect"):
        call.on(name, lambda event, name=name: heard.append((name, event)))
    action = begin(stage, lambda: call.detect_async("machine"))
    tell(stage, action, "detect", *detected("machine", "MACHINE", "finished"), {"detect": {"type": "machine"}})
    until(lambda: len(heard) == 5)
    raw = "calling.call.detect"
    # The last one says nothing that a name could be made of.
    assert [name for name, _ in heard] == ["detect.update", raw, "detect.finished", raw, raw]
    assert heard[0][1] == {"type": "machine", "params": {"event": "MACHINE"}, "event_type": raw}
    assert heard[1][1]["detect"]["params"]["event"] == "MACHINE"
    assert heard[1][1]["control_id"] == action.control_id
