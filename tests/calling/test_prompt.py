"""Prompts: what they send, what completes them, what they collect (api.md 7.5, protocol.md 11.2)."""

from __future__ import annotations

import inspect
import pickle
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from relay_sync import Call, RelayTimeout
from relay_sync.calling.collect import PromptOptions
from relay_sync.calling.prompt import PromptAction, PromptResult, PromptVolumeResult
from tests.calling.moves import begin, block, sent_by, tell
from tests.link.support import MovedClock
from tests.stage import URL, Stage, parked
from tests.support import in_thread, until

AUDIO = {"type": "audio", "params": {"url": URL}}


@pytest.fixture
def call(stage: Stage) -> Call:
    return stage.call()


@pytest.fixture
def asking(stage: Stage, call: Call) -> PromptAction:
    return begin(stage, lambda: call.prompt_audio_async("both", URL, digits_max=4, partial_results=True))


def collected(kind: str, final: bool | str | None = None, **params: Any) -> dict[str, Any]:
    return {"result": {"type": kind, "params": params}} | ({} if final is None else {"final": final})


# -- what is sent -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "sent"),
    [
        (lambda c: c.prompt_async("digits", [{"type": "audio", "url": URL}], digits_max=1), AUDIO),
        (lambda c: c.prompt_audio_async("digits", URL, digits_max=1), AUDIO),
        (
            lambda c: c.prompt_tts_async("digits", "PIN?", "en-GB", "male", digits_max=1),
            {"type": "tts", "params": {"text": "PIN?", "language": "en-GB", "gender": "male"}},
        ),
        (
            lambda c: c.prompt_ringtone_async("digits", "it", 6, digits_max=1),
            {"type": "ringtone", "params": {"name": "it", "duration": 6}},
        ),
        (
            lambda c: c.prompt_silence_async("digits", 1.5, digits_max=1),
            {"type": "silence", "params": {"duration": 1.5}},
        ),
    ],
)
def test_each_form_sends_its_media_nested(stage: Stage, call: Call, ask: Callable[[Call], Any], sent: Any) -> None:
    assert sent_by(stage, lambda: ask(call)) == {"play": [sent], "collect": {"digits": {"max": 1}}}


@pytest.mark.parametrize(
    ("kind", "options", "collect"),
    [
        ("speech", {}, {"speech": {}}),
        ("digits", {"digits_max": 3}, {"digits": {"max": 3}}),
        ("both", {"digits_max": 3}, {"digits": {"max": 3}, "speech": {}}),
        (
            "both",
            {
                "initial_timeout": 0,
                "partial_results": False,
                "digits_max": 4,
                "digits_terminators": "#*",
                "digits_timeout": 2.5,
                "end_silence_timeout": 0,
                "speech_timeout": 30,
                "speech_language": "en-GB",
                "speech_hints": ("yes", "no"),
            },
            {
                "initial_timeout": 0,
                "partial_results": False,
                "digits": {"max": 4, "terminators": "#*", "digit_timeout": 2.5},
                "speech": {
                    "end_silence_timeout": 0,
                    "speech_timeout": 30,
                    "language": "en-GB",
                    "hints": ["yes", "no"],
                },
            },
        ),
        ("speech", {"speech_hints": None, "initial_timeout": None, "digits_max": None}, {"speech": {}}),
        ("digits", {"digits_max": 1, "digits_terminators": ""}, {"digits": {"max": 1, "terminators": ""}}),
    ],
)
def test_only_what_was_given_is_collected_and_falsy_values_count(
    stage: Stage, call: Call, kind: str, options: Any, collect: Any
) -> None:
    """Defects 11, 24 and 31."""
    sent = sent_by(stage, lambda: call.prompt_audio_async(kind, URL, **options))
    assert sent == {"play": [AUDIO], "collect": collect}


@pytest.mark.parametrize("volume", [-4, 0, 2.5])
def test_the_volume_is_sent_where_it_was_given(stage: Stage, call: Call, volume: float) -> None:
    assert sent_by(stage, lambda: call.prompt_audio_async("speech", URL, volume=volume))["volume"] == volume
    assert "volume" not in sent_by(stage, lambda: call.prompt_audio_async("speech", URL, volume=None))


@pytest.mark.parametrize(
    ("kind", "options", "error", "named"),
    [
        ("digit", {}, ValueError, r"prompt_type='digit'.*did you mean 'digits'"),
        (None, {}, TypeError, "prompt_type=None"),
        ("digits", {}, ValueError, "digits_max is missing"),
        ("both", {"digits_max": None}, ValueError, "digits_max is missing"),
        ("digits", {"digits_max": 0}, ValueError, "digits_max=0"),
        ("digits", {"digits_max": 2.0}, TypeError, "digits_max=2.0"),
        ("digits", {"digits_max": 1, "speech_timeout": 5}, ValueError, r"speech_timeout=5 .*'speech' or 'both'"),
        ("digits", {"digits_max": 1, "speech_hints": ["a"]}, ValueError, "speech_hints"),
        ("speech", {"digits_max": 1}, ValueError, r"digits_max=1 .*'digits' or 'both', not for 'speech'"),
        ("speech", {"digits_terminators": "#"}, ValueError, "digits_terminators"),
        ("digits", {"digits_max": 1, "digits_terminators": "x"}, ValueError, r"digits_terminators='x': 'x' is not"),
        ("digits", {"digits_max": 1, "digits_terminators": 5}, TypeError, "digits_terminators=5"),
        ("digits", {"digits_max": 1, "digits_timeout": -1}, ValueError, r"digits_timeout=-1.*from 0 up"),
        ("speech", {"initial_timeout": float("inf")}, ValueError, "initial_timeout=inf"),
        ("speech", {"initial_timeout": "4"}, TypeError, "initial_timeout='4'"),
        ("speech", {"speech_hints": "yes"}, TypeError, "speech_hints='yes'"),
        ("speech", {"speech_hints": []}, ValueError, r"speech_hints=\[\]"),
        ("speech", {"speech_language": ""}, ValueError, "speech_language=''"),
        ("speech", {"partial_results": 1}, TypeError, "partial_results=1"),
        ("speech", {"volume": 41}, ValueError, r"volume=41.*-40 to 40"),
        ("speech", {"volume": "loud"}, TypeError, "volume='loud'"),
        ("speech", {"speach_timeout": 5}, TypeError, r"speach_timeout=5.*did you mean 'speech_timeout'"),
        ("speech", {"qwertz": 5}, TypeError, "qwertz=5: a prompt has no such option$"),
    ],
)
def test_a_mistake_is_named_before_anything_is_sent(
    stage: Stage, call: Call, kind: Any, options: Any, error: type[Exception], named: str
) -> None:
    """Defects 7 and 32."""
    for verb in (call.prompt_audio, call.prompt_audio_async):
        with pytest.raises(error, match=named):
            verb(kind, URL, **options)
    stage.settle()  # the next command on the wire is its own


def test_lists_that_the_caller_gave_are_neither_changed_nor_kept(stage: Stage, call: Call) -> None:
    """Defects 4 and 5."""
    media, hints = [{"type": "tts", "text": "Yes or no?"}], ["yes"]
    action = begin(stage, lambda: call.prompt_async("speech", media, speech_hints=hints))
    assert media == [{"type": "tts", "text": "Yes or no?"}]
    hints.append("no")
    assert action.payload["collect"]["speech"]["hints"] == ["yes"]


@pytest.mark.parametrize("form", ["", "_async"])
@pytest.mark.parametrize("verb", ["prompt", "prompt_audio", "prompt_tts", "prompt_ringtone", "prompt_silence"])
def test_every_form_shows_every_option_to_help_and_completion(verb: str, form: str) -> None:
    parameters = inspect.signature(getattr(Call, verb + form)).parameters
    assert set(PromptOptions.__annotations__) < set(parameters)
    assert all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters.values())
    assert "wait_timeout" in parameters
    assert f"def {verb}{form}(" in inspect.getsource(getattr(Call, verb + form))


# -- what completes it --------------------------------------------------------------------------------------


def test_digits_with_their_terminator(stage: Stage, asking: PromptAction) -> None:
    tell(stage, asking, "collect", collected("digit", digits="1234", terminator="#"))
    result = asking.wait(10)
    assert (result.successful, result.type, result.prompt_type) == (True, "digit", "digit")
    assert (result.result, result.terminator, result.confidence) == ("1234", "#", None)
    assert asking.state == "successful"


def test_speech_with_its_confidence(stage: Stage, asking: PromptAction) -> None:
    tell(stage, asking, "collect", collected("speech", True, text="I would", confidence=61.5))
    result = asking.wait(10)
    assert (result.type, result.result, result.terminator, result.confidence) == ("speech", "I would", None, 61.5)


@pytest.mark.parametrize(
    ("kind", "params", "value"),
    [("digit", {"digits": "12"}, "12"), ("digit", {"digits": 12}, "12"), ("speech", {"text": "yes"}, "yes")],
)
def test_a_result_without_terminator_or_confidence_is_fine(
    stage: Stage, asking: PromptAction, kind: str, params: Any, value: str
) -> None:
    """Defect 8."""
    tell(stage, asking, "collect", collected(kind, **params))
    result = asking.wait(10)
    assert (result.successful, result.result, result.terminator, result.confidence) == (True, value, None, None)


def test_a_result_without_params_is_one_without_values(stage: Stage, asking: PromptAction) -> None:
    tell(stage, asking, "collect", {"result": {"type": "digit"}})
    assert (asking.wait(10).successful, asking.result.result) == (True, None)


@pytest.mark.parametrize("kind", ["no_input", "no_match", "error"])
def test_the_state_is_the_type_of_a_result_that_is_no_success(stage: Stage, asking: PromptAction, kind: str) -> None:
    tell(stage, asking, "collect", {"result": {"type": kind}})
    result = asking.wait(10)
    assert (result.successful, result.type, result.result, asking.state) == (False, kind, None, kind)


@pytest.mark.parametrize("final", [False, "false"])
def test_partial_results_and_the_start_of_the_input_complete_nothing(
    stage: Stage, asking: PromptAction, final: Any
) -> None:
    """Defects 9 and 10."""
    partials = [
        {"result": {"type": "start_of_input"}},
        {"result": {"type": "start_of_speech"}},
        {"state": "collecting"},
        collected("speech", final, text="I"),
        collected("digit", final, digits="1"),
        collected("speech", final, text="I would", confidence=3),
    ]
    stream = asking.events(timeout=10)
    tell(stage, asking, "collect", *partials)
    assert (asking.completed, asking.state) == (False, "speech")
    tell(stage, asking, "collect", collected("speech", True, text="I would like", confidence=90))
    assert asking.wait(10).result == "I would like"
    texts = [event.payload.get("result", {}).get("params", {}).get("text") for event in stream]
    assert texts == [None, None, None, "I", None, "I would", "I would like"]


def test_what_is_played_never_ends_the_prompt_but_its_handlers_hear_of_it(
    stage: Stage, call: Call, asking: PromptAction
) -> None:
    heard: list[str] = []
    call.on("play.stateChange", lambda event: heard.append(event["state"]))
    for state in ("playing", "finished", "error"):
        stage.relay.tell_play(state, asking.control_id)
    stage.settle()
    assert (asking.completed, asking.state) == (False, "")
    until(lambda: heard == ["playing", "finished", "error"])
    tell(stage, asking, "collect", collected("digit", digits="1"))
    assert asking.wait(10).successful


def test_a_state_in_place_of_a_result_ends_it_too(stage: Stage, asking: PromptAction) -> None:
    tell(stage, asking, "collect", {"state": "error"})
    result = asking.wait(10)
    assert (result.successful, result.type, result.event and result.event.name, asking.state) == (
        False,
        None,
        "error",
        "error",
    )


def test_the_event_of_the_result_is_the_result_object(stage: Stage, asking: PromptAction) -> None:
    """As in v2 (api.md 10)."""
    told = collected("digit", True, digits="1", terminator="")
    tell(stage, asking, "collect", told)
    event = asking.wait(10).event
    assert event is not None
    assert (event.name, event.payload) == ("digit", told["result"])


def test_handlers_of_prompt_are_given_everything(stage: Stage, call: Call, asking: PromptAction) -> None:
    heard: list[dict[str, Any]] = []
    for name in ("prompt", "collect", "calling.call.collect"):
        call.on(name, heard.append)
    tell(stage, asking, "collect", collected("digit", False, digits="1"), collected("digit", True, digits="12"))
    until(lambda: len(heard) == 6)
    assert {event["event_type"] for event in heard} == {"calling.call.collect"}
    assert [event["final"] for event in heard] == [False] * 3 + [True] * 3
    assert heard[0]["control_id"] == asking.control_id


@pytest.mark.parametrize(
    ("verb", "media"),
    [
        ("prompt", [{"type": "audio", "url": URL}]),
        ("prompt_audio", URL),
        ("prompt_tts", "PIN?"),
        ("prompt_ringtone", "us"),
        ("prompt_silence", 2),
    ],
)
def test_the_blocking_forms_return_what_was_collected(stage: Stage, call: Call, verb: str, media: Any) -> None:
    running, control_id = block(stage, lambda: getattr(call, verb)("digits", media, digits_max=4))
    tell(stage, control_id, "collect", collected("digit", digits="9"))
    result = running.result()
    assert (type(result), result.result) == (PromptResult, "9")


def test_one_can_wait_for_the_type_and_for_successful(stage: Stage, asking: PromptAction) -> None:
    digit, successful = partial(asking.wait_for_state, "digit"), partial(asking.wait_for_state, "successful")
    with in_thread(digit) as one, in_thread(successful) as two:
        parked(asking, 2)
        tell(stage, asking, "collect", collected("digit", digits="1"))
    assert (one.result(), two.result()) == (True, True)
    assert asking.wait_for_state("no_input", 10) is False
    with pytest.raises(ValueError, match="state='sucessful' is unknown: did you mean 'successful'"):
        asking.wait_for_state("sucessful")


def test_results_are_values_that_pickle(stage: Stage, asking: PromptAction) -> None:
    tell(stage, asking, "collect", collected("digit", digits="1"))
    result = asking.wait(10)
    assert pickle.loads(pickle.dumps(result)) == result


# -- stop, volume -----------------------------------------------------------------------------------------------


@pytest.fixture
def clock(stage: Stage, asking: PromptAction) -> MovedClock:
    """The connection's clock, which stands still from now on."""
    clock = MovedClock(time.monotonic())
    stage.client._life().connection._clock = clock
    return clock


def stop(stage: Stage, asking: PromptAction, code: str = "200") -> Any:
    with in_thread(asking.stop) as stopping:
        frame = stage.relay.take_command("calling.play_and_collect.stop")
        stage.relay.answer(frame, {"code": code, "message": "said " + code})
    return stopping.result()


def test_a_stopped_prompt_of_which_nothing_is_told_ends_after_a_while(
    stage: Stage, asking: PromptAction, clock: MovedClock
) -> None:
    """protocol.md 11.2: which event follows a stop is not documented."""
    assert stop(stage, asking).successful
    clock.move(0.9)
    stage.settle()
    assert asking.completed is False
    clock.move(0.2)
    stage.settle()
    result = asking.wait(10)
    assert (result.successful, result.type, result.event, asking.state) == (False, None, None, "finished")
    assert "was stopped" in result.message


def test_the_wait_for_a_stopped_prompt_is_woken_by_the_clock_alone(
    stage: Stage, asking: PromptAction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay_sync.calling.stopping.STOP_GRACE_S", 0.001)
    with in_thread(asking.wait) as waiting:
        parked(asking)
        assert stop(stage, asking).successful
    assert not waiting.result().successful


@pytest.mark.parametrize(
    ("event", "state", "successful"),
    [
        ({"result": {"type": "no_input"}}, "no_input", False),
        ({"result": {"type": "error"}}, "error", False),
        ({"state": "finished"}, "finished", False),
        (collected("digit", digits="12"), "successful", True),
    ],
)
def test_a_stopped_prompt_ends_at_once_with_what_is_told(
    stage: Stage, asking: PromptAction, clock: MovedClock, event: Any, state: str, successful: bool
) -> None:
    assert stop(stage, asking).successful
    tell(stage, asking, "collect", event)
    assert asking.completed
    assert (asking.state, asking.result.successful) == (state, successful)
    before = asking.result
    clock.move(5)
    stage.settle()
    assert asking.result is before


def test_what_was_told_before_the_answer_to_the_stop_counts(
    stage: Stage, asking: PromptAction, clock: MovedClock
) -> None:
    with in_thread(asking.stop) as stopping:
        frame = stage.relay.take_command("calling.play_and_collect.stop")
        stage.relay.tell("calling.call.collect", call_id="call-1", control_id=asking.control_id, **collected("digit"))
        stage.relay.answer(frame, {"code": "200", "message": "OK"})
    assert stopping.result().successful
    assert asking.result.successful
    assert stage.client._life().connection._timers == []


def test_a_refused_stop_ends_nothing(stage: Stage, asking: PromptAction, clock: MovedClock) -> None:
    result = stop(stage, asking, "409")
    assert (result.successful, result.code, result.message) == (False, "409", "said 409")
    clock.move(5)
    stage.settle()
    with pytest.raises(RelayTimeout):
        asking.wait(0)


def test_a_call_that_ends_after_the_stop_wins_over_the_clock(
    stage: Stage, asking: PromptAction, clock: MovedClock
) -> None:
    assert stop(stage, asking).successful
    stage.relay.tell_state("ended", end_reason="hangup")
    clock.move(5)
    stage.settle()
    assert asking.state == "failed"
    assert "the call has ended" in asking.result.message


def test_the_volume_is_checked_and_sent(stage: Stage, asking: PromptAction) -> None:
    with in_thread(lambda: asking.volume(-4.5)) as commanding:
        params = stage.relay.accept_command("calling.play_and_collect.volume")
    assert type(commanding.result()) is PromptVolumeResult
    ids = {"node_id": "node-1", "call_id": "call-1", "control_id": asking.control_id}
    assert params == {**ids, "volume": -4.5}
    for wrong, error in ((41, ValueError), ("1", TypeError), (True, TypeError)):
        with pytest.raises(error, match="volume="):
            asking.volume(wrong)  # type: ignore[arg-type]  # that is the point
