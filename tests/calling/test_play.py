"""Playing over the whole road: client, socket, emulator and back."""

from __future__ import annotations

import copy
import inspect
import json
import uuid
from typing import Any

import pytest

from relay_sync import (
    Call,
    Client,
    PlayAction,
    PlayPauseResult,
    PlayResult,
    PlayResumeResult,
    PlayVolumeResult,
    StopResult,
)
from relay_sync.emulator import Assumptions, Emulator
from tests.support import in_thread, until
from tests.words import spoken

NUMBER = "+15550101"


@pytest.fixture
def call(relay: Emulator, client: Client) -> Call:
    relay.phone(NUMBER)
    return client.calling.dial(from_number="+15550100", to_number=NUMBER).call


def playing(call: Call, relay: Emulator, seconds: float = 60.0) -> PlayAction:
    action = call.play_silence_async(seconds)
    assert action.wait_for_state("playing", 10)
    return action


# -- the page: PlayAction -------------------------------------------------------------------------------


def test_a_play_action_has_the_five_properties_of_the_page(call: Call, relay: Emulator) -> None:
    action = playing(call, relay)
    assert isinstance(action.result, PlayResult)
    assert action.state == "playing"
    assert type(action.state) is str
    assert action.completed is False
    assert isinstance(action.payload, dict)
    assert str(uuid.UUID(action.control_id)) == action.control_id


@pytest.mark.parametrize("name", ["result", "state", "completed", "payload", "control_id", "call", "future"])
def test_its_properties_are_properties_that_cannot_be_set(call: Call, name: str) -> None:
    action = call.play_silence_async(1)
    assert isinstance(inspect.getattr_static(PlayAction, name), property)
    with pytest.raises(AttributeError):
        setattr(action, name, None)


def test_its_four_methods_return_the_results_of_the_page(call: Call, relay: Emulator) -> None:
    action = playing(call, relay)
    assert type(action.pause()) is PlayPauseResult
    assert type(action.resume()) is PlayResumeResult
    assert type(action.volume(5.0)) is PlayVolumeResult
    assert type(action.stop()) is StopResult


def test_its_face_is_the_page_and_what_blocking_code_needs() -> None:
    public = {name for name in dir(PlayAction) if not name.startswith("_")}
    page = {"result", "state", "completed", "payload", "control_id", "pause", "resume", "stop", "volume"}
    assert public == page | {"wait", "wait_for_state", "future", "call", "events", "ref"}


def test_volume_takes_the_page_s_parameter_name(call: Call, relay: Emulator) -> None:
    action = playing(call, relay)
    assert action.volume(volume=5.0).successful
    assert relay.journal.commands("calling.play.volume")[0].params["volume"] == 5.0


@pytest.mark.parametrize("verb", ["pause", "resume", "stop", "volume"])
def test_each_verb_sends_its_own_method_and_the_three_ids(call: Call, relay: Emulator, verb: str) -> None:
    """Defect 20: the method on the wire is the verb's."""
    action = playing(call, relay)
    result = getattr(action, verb)(*([3] if verb == "volume" else []))
    (command,) = relay.journal.commands(f"calling.play.{verb}")
    ids = {"node_id": call.node_id, "call_id": call.id, "control_id": action.control_id}
    assert command.params == (ids | {"volume": 3} if verb == "volume" else ids)
    assert (result.successful, result.code, result.message) == (True, "200", command.message)


def test_pause_and_resume_are_true_when_they_return_and_the_play_goes_on_to_its_end(
    call: Call, relay: Emulator
) -> None:
    """Defect 1: paused is not an end; the states after it are followed."""
    action = playing(call, relay, 2.0)
    assert action.pause().successful
    assert (action.state, action.completed, action.result.successful) == ("paused", False, False)
    relay.clock.advance(5)
    assert action.resume().successful
    assert (action.state, action.completed) == ("playing", False)
    relay.clock.advance(2)
    assert action.wait(10).successful
    assert (action.state, action.completed) == ("finished", True)


def test_a_stopped_play_finishes_successfully(call: Call, relay: Emulator) -> None:
    action = playing(call, relay)
    assert action.stop()
    result = action.wait(10)
    assert (result.successful, action.state) == (True, "finished")


def test_the_result_is_a_play_result_before_the_end_and_the_same_one_after_it(call: Call, relay: Emulator) -> None:
    action = playing(call, relay)
    before = action.result
    assert isinstance(before, PlayResult)
    assert (before.successful, before.event, before.code) == (False, None, None)
    action.stop()
    after = action.wait(10)
    assert action.result is after
    assert after.event is not None
    assert after.event.name == "finished"
    assert after.event.payload["control_id"] == action.control_id
    assert (before.successful, before.event) == (False, None)


def test_the_payload_is_what_was_sent_and_can_be_read_after_the_call(call: Call, relay: Emulator) -> None:
    action = call.play_audio_async("welcome.mp3", volume=4)
    (command,) = relay.journal.commands("calling.play")
    assert action.payload == command.params
    assert action.payload == {
        "node_id": call.node_id,
        "call_id": call.id,
        "control_id": action.control_id,
        "play": [{"type": "audio", "params": {"url": "welcome.mp3"}}],
        "volume": 4,
    }
    call.hangup()
    assert action.payload == command.params


def test_the_payload_is_a_copy_at_every_depth(call: Call) -> None:
    action = call.play_silence_async(60)
    action.payload["play"][0]["params"]["duration"] = 1
    assert action.payload["play"][0]["params"]["duration"] == 60


def test_an_action_knows_its_call(call: Call) -> None:
    assert call.play_silence_async(1).call is call


# -- the methods that play ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "arguments", "media", "volume"),
    [
        ("play_audio", ("welcome.mp3",), {"type": "audio", "params": {"url": "welcome.mp3"}}, None),
        ("play_audio", ("welcome.mp3", 2.5), {"type": "audio", "params": {"url": "welcome.mp3"}}, 2.5),
        ("play_silence", (1.5,), {"type": "silence", "params": {"duration": 1.5}}, None),
        ("play_tts", ("Hello",), {"type": "tts", "params": {"text": "Hello"}}, None),
        (
            "play_tts",
            ("Hello", "en-GB", "male", -3),
            {"type": "tts", "params": {"text": "Hello", "language": "en-GB", "gender": "male"}},
            -3,
        ),
        ("play_ringtone", ("it",), {"type": "ringtone", "params": {"name": "it"}}, None),
        ("play_ringtone", ("us", 6, 1), {"type": "ringtone", "params": {"name": "us", "duration": 6}}, 1),
    ],
)
def test_each_method_and_its_async_twin_send_their_media(
    call: Call, relay: Emulator, method: str, arguments: tuple[Any, ...], media: dict[str, Any], volume: float | None
) -> None:
    """Defect 25: the asynchronous twin of each returns while the media still play."""
    with in_thread(lambda: getattr(call, method)(*arguments)) as blocking:
        relay.expect("calling.play")
        until(lambda: len(relay.calls[0].plays) == 1)
        relay.clock.advance(60)
    action = getattr(call, method + "_async")(*arguments)
    assert type(blocking.result()) is PlayResult
    assert blocking.result().successful
    assert type(action) is PlayAction
    assert not action.completed
    for command in relay.journal.commands("calling.play"):
        assert command.params["play"] == [media]
        assert command.params.get("volume") == volume


def test_play_takes_a_list_of_media_and_ends_after_the_last(call: Call, relay: Emulator) -> None:
    media = [{"type": "silence", "duration": 1}, {"type": "ringtone", "name": "us", "duration": 1}]
    with in_thread(lambda: call.play(media)) as blocking:
        relay.expect("calling.play")
        relay.clock.advance(1.5)
        assert blocking.thread.is_alive()
        relay.clock.advance(0.5)
    assert blocking.result().successful


def test_a_media_list_is_not_changed_and_can_be_used_twice(call: Call, relay: Emulator) -> None:
    """Defects 4 and 5: arguments are copied, never changed."""
    media: list[dict[str, Any]] = [
        {"type": "audio", "url": "welcome.mp3"},
        {"type": "silence", "params": {"duration": 1}},
    ]
    before = copy.deepcopy(media)
    call.play_async(media, volume=3)
    call.play_async(media, volume=3)
    assert media == before
    first, second = relay.journal.commands("calling.play")
    assert first.params["play"] == second.params["play"]


def test_a_media_list_changed_afterwards_changes_nothing(call: Call) -> None:
    media: list[dict[str, Any]] = [{"type": "silence", "params": {"duration": 60}}]
    action = call.play_async(media)
    media[0]["params"]["duration"] = 1
    assert action.payload["play"] == [{"type": "silence", "params": {"duration": 60}}]


def test_flat_and_nested_media_go_out_alike(call: Call, relay: Emulator) -> None:
    """Defect 6: both forms are taken."""
    call.play_async([{"type": "tts", "text": "a", "gender": "male"}])
    call.play_async([{"type": "tts", "params": {"text": "a", "gender": "male"}}])
    flat, nested = (command.params["play"] for command in relay.journal.commands("calling.play"))
    assert flat == nested == [{"type": "tts", "params": {"text": "a", "gender": "male"}}]


@pytest.mark.parametrize("volume", [0, 0.0, -0.0])
def test_a_volume_of_zero_is_not_sent(call: Call, relay: Emulator, volume: float) -> None:
    call.play_silence_async(1)
    call.play_audio_async("welcome.mp3", volume)
    assert all("volume" not in command.params for command in relay.journal.commands("calling.play"))


def test_two_plays_on_one_call_keep_apart(call: Call, relay: Emulator) -> None:
    one, two = playing(call, relay), playing(call, relay)
    one.pause()
    assert (one.state, two.state) == ("paused", "playing")
    two.stop()
    assert two.wait(10).successful
    assert (one.state, one.completed) == ("paused", False)


# -- how it can end ------------------------------------------------------------------------------------------


def test_audio_that_cannot_be_fetched_ends_in_error_and_says_so(call: Call, relay: Emulator) -> None:
    result = call.play_audio("http://127.0.0.1:1/nothing.mp3")
    assert (result.successful, result.code) == (False, None)
    assert result.event is not None
    assert result.event.name == "error"
    assert "error" in result.message


def test_a_refused_play_returns_a_completed_action_with_relay_s_code_and_message(call: Call, relay: Emulator) -> None:
    relay.refuse_next("calling.play", "402", "No money")
    action = call.play_silence_async(5)
    assert (action.completed, action.state) == (True, "failed")
    result = action.result
    assert (result.successful, result.code, result.message, result.event) == (False, "402", "No money", None)
    assert action.wait(0) is result
    assert not call.play_silence_async(5).completed


def test_the_end_of_the_call_ends_its_plays(call: Call, relay: Emulator) -> None:
    """Defect 33: no wait outlives the call."""
    action = playing(call, relay)
    with in_thread(action.wait) as waiting:
        relay.phone(NUMBER).hang_up()
    assert action.completed
    assert waiting.result() is action.result


@pytest.mark.parametrize("verb", ["pause", "resume", "stop", "volume"])
def test_a_command_on_an_ended_play_is_not_sent(call: Call, relay: Emulator, verb: str) -> None:
    action = playing(call, relay)
    action.stop()
    action.wait(10)
    sent = len(relay.journal.commands())
    result = getattr(action, verb)(*([3] if verb == "volume" else []))
    assert len(relay.journal.commands()) == sent
    assert (result.successful, result.code) == (False, None)
    assert "over already (finished)" in result.message
    assert "nothing was sent" in result.message


def test_a_play_on_an_ended_call_is_not_sent(call: Call, relay: Emulator) -> None:
    call.hangup()
    sent = len(relay.journal.commands())
    action = call.play_silence_async(5)
    result = call.play_silence(5)
    assert len(relay.journal.commands()) == sent
    for one in (action.result, result):
        assert (one.successful, one.code) == (False, None)
        assert "the call has ended (hangup); nothing was sent" in one.message
    assert (action.state, action.completed) == ("failed", True)


@pytest.mark.parametrize(("code", "successful"), [("200", True), ("409", False)])
def test_a_pause_of_a_paused_play_is_sent_and_relay_s_answer_reported(code: str, successful: bool) -> None:
    assumptions = Assumptions(pause_of_paused=code)  # type: ignore[arg-type]  # the two that are allowed
    with (
        Emulator(dialects=spoken(), stepped=True, assumptions=assumptions) as relay,
        Client(**relay.credentials) as client,
    ):
        relay.phone(NUMBER)
        action = playing(client.calling.dial(from_number="+15550100", to_number=NUMBER).call, relay)
        assert action.pause().successful
        again = action.pause()
        assert (again.successful, again.code) == (successful, code)
        assert action.state == "paused"
        assert len(relay.journal.commands("calling.play.pause")) == 2


def test_what_is_sent_is_json(call: Call, relay: Emulator) -> None:
    call.play_tts_async("Grüße – “quoted” \u2028 \ud83d\ude00")
    frames = [frame for frame in relay.journal.frames if frame.inner == "calling.play"]
    (command,) = relay.journal.commands("calling.play")
    assert json.loads(frames[0].text)
    assert command.params["play"][0]["params"]["text"].startswith("Grüße")
