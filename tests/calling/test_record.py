"""Recordings: what they send, where they end up (api.md 7.6, protocol.md 11.4)."""

from __future__ import annotations

from typing import Any

import pytest

from relay_sync import Call
from relay_sync.calling.record import RecordAction, RecordPauseResult, RecordResult, RecordResumeResult
from tests.calling.moves import begin, block, sent_by, tell
from tests.stage import Stage
from tests.support import in_thread, until

PLACE = "https://files.example/rec-1.mp3"


@pytest.fixture
def call(stage: Stage) -> Call:
    return stage.call()


@pytest.fixture
def recording(stage: Stage, call: Call) -> RecordAction:
    return begin(stage, lambda: call.record_async(), url=PLACE)


def test_without_arguments_nothing_is_said_about_the_audio(stage: Stage, call: Call) -> None:
    assert sent_by(stage, lambda: call.record_async()) == {"record": {"audio": {}}}


def test_everything_that_is_given_is_sent_and_falsy_values_count(stage: Stage, call: Call) -> None:
    """Defect 31: a timeout of 0 switches it off, and '' switches the terminators off."""
    given: dict[str, Any] = {
        "beep": False,
        "stereo": True,
        "direction": "both",
        "initial_timeout": 0,
        "end_silence_timeout": 0.0,
        "terminators": "",
    }
    sent = sent_by(stage, lambda: call.record_async(record_format="wav", **given))
    assert sent == {"record": {"audio": {"format": "wav", **given}}}


def test_arguments_may_be_given_by_position_as_in_v2(stage: Stage, call: Call) -> None:
    sent = sent_by(stage, lambda: call.record_async("audio", True, "mp3", False, "listen", 5.0, 1.0, "#*"))
    assert sent["record"]["audio"] == {
        "beep": True,
        "format": "mp3",
        "stereo": False,
        "direction": "listen",
        "initial_timeout": 5.0,
        "end_silence_timeout": 1.0,
        "terminators": "#*",
    }


@pytest.mark.parametrize(
    ("given", "error", "named"),
    [
        ({"record_type": "video"}, ValueError, "record_type='video'.*audio"),
        ({"beep": 1}, TypeError, "beep=1"),
        ({"record_format": "ogg"}, ValueError, "record_format='ogg'.*mp3, wav"),
        ({"stereo": "yes"}, TypeError, "stereo='yes'"),
        ({"direction": "Speak"}, ValueError, "direction='Speak'.*'speak'"),
        ({"initial_timeout": -1}, ValueError, "initial_timeout=-1.*from 0 up"),
        ({"end_silence_timeout": float("nan")}, ValueError, "end_silence_timeout=nan"),
        ({"end_silence_timeout": True}, TypeError, "end_silence_timeout=True"),
        ({"terminators": "a"}, ValueError, "terminators='a': 'a' is not one of"),
        ({"terminators": ["#"]}, TypeError, "terminators="),
    ],
)
def test_a_mistake_is_named_before_anything_is_sent(
    stage: Stage, call: Call, given: Any, error: type[Exception], named: str
) -> None:
    for verb in (call.record, call.record_async):
        with pytest.raises(error, match=named):
            verb(**given)
    stage.settle()


def test_the_address_is_known_once_relay_accepted(recording: RecordAction) -> None:
    assert (recording.url, recording.result.url, recording.completed) == (PLACE, PLACE, False)


@pytest.mark.parametrize("answer", [{}, {"url": None}, {"url": ["x"]}])
def test_an_answer_without_an_address_is_fine(stage: Stage, call: Call, answer: dict[str, Any]) -> None:
    assert begin(stage, lambda: call.record_async(), **answer).url is None


@pytest.mark.parametrize(
    "event",
    [
        {"url": PLACE, "duration": 4, "size": 4096, "record": {"audio": {"format": "mp3"}}},
        {"record": {"url": PLACE, "duration": 4, "size": 4096, "format": "mp3"}},
        {"url": PLACE, "duration": "4", "size": "4096"},
    ],
)
def test_the_finished_fields_are_read_at_both_places(stage: Stage, call: Call, event: dict[str, Any]) -> None:
    running, control_id = block(stage, call.record, url="https://files.example/elsewhere")
    tell(stage, control_id, "record", {"state": "finished", **event})
    result = running.result()
    assert (type(result), result.successful) == (RecordResult, True)
    assert (result.url, result.duration, result.size) == (PLACE, 4, 4096)


@pytest.mark.parametrize(
    "event", [{}, {"url": None, "duration": None, "size": "big"}, {"record": "x"}, {"duration": True}]
)
def test_what_is_missing_is_none_and_the_address_that_of_the_answer(
    stage: Stage, recording: RecordAction, event: Any
) -> None:
    tell(stage, recording, "record", {"state": "finished", **event})
    result = recording.wait(10)
    assert (result.successful, result.url, result.duration, result.size) == (True, PLACE, None, None)


@pytest.mark.parametrize("state", ["no_input", "error"])
def test_hearing_nothing_or_an_error_is_no_success(stage: Stage, recording: RecordAction, state: str) -> None:
    tell(stage, recording, "record", {"state": state})
    assert (recording.wait(10).successful, recording.state) == (False, state)


def test_paused_is_not_an_end(stage: Stage, recording: RecordAction) -> None:
    """Defect 2."""
    tell(stage, recording, "record", *({"state": state} for state in ("recording", "paused", "recording")))
    assert (recording.state, recording.completed) == ("recording", False)
    tell(stage, recording, "record", {"state": "finished", "duration": 2.5})
    assert recording.wait(10).duration == 2.5


@pytest.mark.parametrize(
    ("behavior", "sent"), [(None, {}), ("skip", {"behavior": "skip"}), ("silence", {"behavior": "silence"})]
)
def test_pause_and_resume_move_the_state(stage: Stage, recording: RecordAction, behavior: Any, sent: Any) -> None:
    ids = {"node_id": "node-1", "call_id": "call-1", "control_id": recording.control_id}
    with in_thread(lambda: recording.pause(behavior)) as pausing:
        assert stage.relay.accept_command("calling.record.pause") == {**ids, **sent}
    assert type(pausing.result()) is RecordPauseResult
    assert recording.state == "paused"
    with in_thread(recording.resume) as resuming:
        assert stage.relay.accept_command("calling.record.resume") == ids
    assert type(resuming.result()) is RecordResumeResult
    assert recording.state == "recording"


def test_an_unknown_behavior_is_named_before_anything_is_sent(stage: Stage, recording: RecordAction) -> None:
    with pytest.raises(ValueError, match=r"behavior='skp'.*did you mean 'skip'"):
        recording.pause("skp")
    stage.settle()


def test_handlers_hear_of_each_state(stage: Stage, call: Call, recording: RecordAction) -> None:
    heard: list[tuple[str, str]] = []
    for name in ("stateChange", "recording", "paused", "no_input", "finished"):
        call.on(f"record.{name}", lambda event, name=name: heard.append((name, event["state"])))
    tell(stage, recording, "record", {"state": "paused"}, {"state": "finished"})
    until(lambda: len(heard) == 4)
    assert heard == [
        ("stateChange", "paused"),
        ("paused", "paused"),
        ("stateChange", "finished"),
        ("finished", "finished"),
    ]


def test_where_the_call_ends_first_the_address_is_kept(stage: Stage, recording: RecordAction) -> None:
    stage.relay.tell_state("ended", end_reason="hangup")
    result = recording.wait(10)
    assert (result.successful, result.url, recording.url) == (False, PLACE, PLACE)
