"""Collecting without a prompt: what ends it and what does not (api.md 15, protocol.md 11.3 and 16.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from relay_sync import Call, CollectAction, CollectResult, ReplyResult
from tests.calling.moves import begin
from tests.stage import Stage
from tests.support import in_thread, until

Fields = dict[str, Any]
DIGITS = {"max": 4}


@pytest.fixture
def call(stage: Stage) -> Call:
    return stage.call()


@pytest.fixture
def collecting(stage: Stage, call: Call) -> Callable[..., CollectAction]:
    def collecting(**options: Any) -> CollectAction:
        action = begin(stage, lambda: call.collect_async(**{"digits": DIGITS, **options}))
        assert isinstance(action, CollectAction)
        return action

    return collecting


def tell(stage: Stage, action: CollectAction, *events: Fields) -> None:
    for event in events:
        stage.relay.tell("calling.call.collect", call_id="call-1", control_id=action.control_id, **event)
    stage.settle()


def collected(kind: str, **more: Any) -> Fields:
    params = {"digit": {"digits": "12", "terminator": "#"}, "speech": {"text": "hello", "confidence": "81.5"}}
    return {"result": {"type": kind, "params": params.get(kind, {})}, **more}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"digits": {"max": 1}}, {"digits": {"max": 1}}),
        ({"speech": {}}, {"speech": {}}),
        (
            {
                "digits": {"max": 4, "terminators": "#", "digit_timeout": 2.5},
                "speech": {
                    "end_silence_timeout": 1, "speech_timeout": 30, "language": "en-GB", "hints": ("yes", "no"),
                    "engine": "Google", "model": "enhanced",
                },
                "initial_timeout": 0, "partial_results": True, "continuous": False, "send_start_of_input": True,
                "start_input_timers": False,
            },
            {
                "digits": {"max": 4, "terminators": "#", "digit_timeout": 2.5},
                "speech": {
                    "end_silence_timeout": 1, "speech_timeout": 30, "language": "en-GB", "hints": ["yes", "no"],
                    "engine": "Google", "model": "enhanced",
                },
                "initial_timeout": 0, "partial_results": True, "continuous": False, "send_start_of_input": True,
                "start_input_timers": False,
            },
        ),
        ({"digits": {"max": 1, "terminators": None}, "initial_timeout": None}, {"digits": {"max": 1}}),
    ],
)  # fmt: skip
def test_what_to_collect_stands_directly_in_the_params(stage: Stage, call: Call, given: Any, sent: Any) -> None:
    action = begin(stage, lambda: call.collect_async(**given))
    ids = {"node_id": "node-1", "call_id": "call-1", "control_id": action.control_id}
    assert action.payload == {**ids, **sent}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "digits and speech are both missing"),
        ({"digits": {}}, "digits: digits needs 'max'"),
        ({"digits": {"max": None}}, "needs 'max'"),
        ({"digits": 4}, "digits=4: give a dict"),
        ({"digits": {"max": 0}}, "digits: max=0: give a whole number, 1 or more"),
        (
            {"digits": {"max": 4, "terminator": "#"}},
            "digits: digits knows no 'terminator': give some of max, terminators, digit_timeout",
        ),
        ({"digits": {"max": 4, "terminators": "x"}}, "digits: terminators='x': 'x' is not one of"),
        (
            {"digits": {"max": 4, "digit_timeout": -1}},
            "digits: digit_timeout=-1: give a finite number of seconds from 0",
        ),
        ({"speech": {"speech_timeout": "30"}}, "speech: speech_timeout='30': give a number of seconds"),
        ({"speech": {"hints": "yes"}}, "speech: hints='yes': give a list of words"),
        ({"speech": {5: 6}}, "speech has the key 5: give a dict whose keys are strings"),
        ({"speech": {}, "initial_timeout": -1}, "initial_timeout=-1"),
        ({"speech": {}, "continuous": 1}, "continuous=1: give True or False"),
        ({"speech": {}, "start_input_timers": "no"}, "start_input_timers='no'"),
    ],
)
def test_a_mistake_is_named_before_anything_is_sent(stage: Stage, call: Call, given: Any, words: str) -> None:
    for verb in (call.collect, call.collect_async):
        with pytest.raises((TypeError, ValueError)) as caught:
            verb(**given)
        assert words in str(caught.value)
    stage.settle()


@pytest.mark.parametrize(
    ("event", "type_", "result", "terminator", "confidence"),
    [
        (collected("digit"), "digit", "12", "#", None),
        (collected("speech", state="finished"), "speech", "hello", None, 81.5),
        (collected("digit", state="collecting"), "digit", "12", "#", None),
    ],
)
def test_the_result_holds_what_was_collected(
    stage: Stage, collecting: Any, event: Fields, type_: str, result: str, terminator: Any, confidence: Any
) -> None:
    action = collecting()
    tell(stage, action, event)
    found = action.result
    assert type(found) is CollectResult
    assert (found.successful, found.type, found.result) == (True, type_, result)
    assert (found.terminator, found.confidence) == (terminator, confidence)
    assert found.event.name == type_
    assert found.event.payload == event["result"]
    assert action.state == "successful"


@pytest.mark.parametrize(
    "event",
    [
        {"result": {"type": "start_of_input"}},
        {"result": {"type": "start_of_speech"}},
        {"state": "collecting"},
        collected("speech", final=False),
        collected("digit", final="false"),
        {"result": {"type": "hummed"}},
    ],
)
def test_partial_results_and_the_start_of_the_input_end_nothing(stage: Stage, collecting: Any, event: Fields) -> None:
    action = collecting(partial_results=True)
    tell(stage, action, event)
    assert not action.completed
    tell(stage, action, collected("digit", final=True))
    assert action.result.successful


class TestContinuous:
    GOES_ON = (
        {"result": {"type": "start_of_input"}},
        collected("digit"),
        collected("digit", final=False),
        collected("speech", state="collecting", final=True),
        collected("no_match", final=False),
    )

    @pytest.mark.parametrize("event", GOES_ON)
    def test_a_result_that_is_not_called_the_last_ends_nothing(
        self, stage: Stage, collecting: Any, event: Fields
    ) -> None:
        action = collecting(continuous=True, speech={})
        tell(stage, action, event, event)
        assert not action.completed

    @pytest.mark.parametrize(
        "event",
        [collected("digit", final=True), collected("digit", state="finished"), collected("speech", final="true")],
    )
    def test_the_one_that_is_the_last_ends_it(self, stage: Stage, collecting: Any, event: Fields) -> None:
        action = collecting(continuous=True, speech={})
        tell(stage, action, event)
        assert action.result.successful
        assert action.result.type == event["result"]["type"]

    @pytest.mark.parametrize(
        ("kind", "before", "successful", "state"),
        [
            ("no_input", True, True, "successful"),
            ("no_match", True, True, "successful"),
            ("error", True, False, "error"),
            ("no_input", False, False, "no_input"),
            ("error", False, False, "error"),
        ],
    )
    def test_what_is_always_final_ends_it_too(
        self, stage: Stage, collecting: Any, kind: str, before: bool, successful: bool, state: str
    ) -> None:
        action = collecting(continuous=True)
        tell(stage, action, *([collected("digit")] if before else []), collected(kind))
        assert (action.completed, action.result.successful, action.state) == (True, successful, state)
        assert action.result.result == ("12" if successful else None)

    @pytest.mark.parametrize("told", [True, False], ids=["Relay says finished", "Relay says nothing"])
    def test_stopped_it_has_the_last_that_was_collected(
        self, stage: Stage, collecting: Any, told: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("relay_sync.calling.stopping.STOP_GRACE_S", 30.0 if told else 0.0)
        action = collecting(continuous=True, speech={})
        tell(stage, action, collected("digit"), collected("speech", final=False))
        with in_thread(action.stop):
            stage.relay.accept_command("calling.collect.stop")
        if told:
            tell(stage, action, {"state": "finished"})
        result = action.wait(10)
        assert (result.successful, result.type, result.result) == (True, "speech", "hello")

    def test_stopped_with_nothing_collected_it_is_no_success(
        self, stage: Stage, collecting: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("relay_sync.calling.stopping.STOP_GRACE_S", 0.0)
        action = collecting(continuous=True)
        with in_thread(action.stop):
            stage.relay.accept_command("calling.collect.stop")
        result = action.wait(10)
        assert (result.successful, result.result, action.state) == (False, None, "finished")
        assert "was stopped" in result.message

    def test_every_result_is_among_the_events(self, stage: Stage, collecting: Any) -> None:
        action = collecting(continuous=True, speech={})
        events = action.events(timeout=10)
        tell(stage, action, collected("digit"), collected("speech"), {"state": "finished"})
        assert [event.name for event in events] == ["digit", "speech", "finished"]


def test_the_timers_are_started_by_a_command_of_their_own(stage: Stage, collecting: Any) -> None:
    action = collecting(start_input_timers=False)
    with in_thread(action.start_input_timers) as starting:
        sent = stage.relay.accept_command("calling.collect.start_input_timers", timers="on")
    assert sent == {"node_id": "node-1", "call_id": "call-1", "control_id": action.control_id}
    result = starting.result()
    assert type(result) is ReplyResult
    assert result.result["timers"] == "on"
    assert not action.completed


def test_a_collect_and_a_prompt_of_one_call_take_each_its_own_events(stage: Stage, call: Call, collecting: Any) -> None:
    heard: list[str] = []
    call.on("collect", lambda event: heard.append(str(event["control_id"])))
    action = collecting()
    prompt = begin(stage, lambda: call.prompt_tts_async("digits", "PIN?", digits_max=4))
    tell(stage, action, collected("digit"))
    assert (action.completed, prompt.completed) == (True, False)
    stage.relay.tell("calling.call.collect", call_id="call-1", control_id=prompt.control_id, **collected("no_input"))
    assert prompt.wait(10).type == "no_input"
    until(lambda: len(heard) == 2)
    assert heard == [action.control_id, prompt.control_id]
