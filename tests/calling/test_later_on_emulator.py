"""The later commands of the real client, over the emulator (api.md 15, protocol.md 13)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from relay_sync import Call, Client, ConferenceResult, Event
from relay_sync.emulator import Emulator, PayStep
from tests.emulator.site import Site
from tests.support import Running, in_thread, until

T = TypeVar("T")

PLAIN = "+15550199001"
PRESSES = "+15550199022"


def dial(client: Client, to: str = PLAIN) -> Call:
    result = client.calling.dial(from_number="+15550100", to_number=to)
    assert result.successful
    return result.call


@pytest.fixture
def call(client: Client) -> Call:
    return dial(client)


def passing(relay: Emulator, command: str, seconds: float, verb: Callable[[], T]) -> T:
    """Run a blocking ``verb``; let ``seconds`` pass once its command has arrived."""
    before = len(relay.journal.commands(command))
    with in_thread(verb) as running:
        relay.expect(command, count=before + 1)
        relay.clock.advance(seconds)
    return running.result()


def test_keys_are_collected_without_a_prompt(client: Client, relay: Emulator) -> None:
    call = dial(client, "+15550101")
    action = call.collect_async(digits={"max": 4, "terminators": "#"}, send_start_of_input=True)
    relay.phone("+15550101").press("12#")
    relay.clock.advance(5)
    result = action.wait(10)
    assert (result.successful, result.type, result.result, result.terminator) == (True, "digit", "12", "#")


def test_a_collect_that_waits_for_its_timers_goes_on_until_they_are_started(call: Call, relay: Emulator) -> None:
    action = call.collect_async(digits={"max": 4}, initial_timeout=2, start_input_timers=False)
    relay.clock.advance(60)
    assert not action.completed
    assert action.start_input_timers().successful
    relay.clock.advance(3)
    assert (action.wait(10).successful, action.state) == (False, "no_input")


def test_a_continuous_collect_tells_each_and_has_the_last_when_it_is_stopped(client: Client, relay: Emulator) -> None:
    call = dial(client, "+15550101")
    action = call.collect_async(digits={"max": 2}, continuous=True)
    events = action.events(timeout=10)
    for keys in ("12", "34"):
        relay.phone("+15550101").press(keys)
        relay.clock.advance(3)
    assert not action.completed
    with in_thread(action.stop) as stopping:
        relay.expect("calling.collect.stop")
        relay.clock.advance(1)
    assert stopping.result().successful
    assert (action.wait(10).successful, action.result.result) == (True, "34")
    assert [event.payload["result"]["params"]["digits"] for event in events if event.name == "digit"] == ["12", "34"]


def test_a_collect_that_was_stopped_ends(call: Call) -> None:
    action = call.collect_async(digits={"max": 2})
    assert action.stop().successful
    assert not action.wait(10).successful


@pytest.fixture
def site() -> Iterator[Site]:
    """A WebSocket server that keeps what comes."""
    site = Site()
    yield site
    site.stop()


def test_a_stream_sends_its_frames_and_ends_by_stop(call: Call, relay: Emulator, site: Site) -> None:
    url = site.url()
    action = call.stream_async(url, name="main", track="both_tracks", custom_parameters={"k": "v"})
    until(lambda: action.state == "streaming")
    relay.clock.advance(1)
    assert action.stop().successful
    result = action.wait(10)
    assert (result.successful, result.url, result.name) == (True, url, "main")
    until(lambda: len(site.texts) > 10)


@pytest.mark.parametrize(
    ("steps", "successful", "error_type"),
    [
        ((), True, None),
        ((PayStep("payment-card-number"), PayStep("payment-failed", error_type="declined")), False, "declined"),
    ],
)
def test_a_payment_goes_as_its_script_says(
    call: Call, relay: Emulator, steps: Any, successful: bool, error_type: str | None
) -> None:
    if steps:
        relay.scripts.pay(*steps)
    result = passing(relay, "calling.pay", 10, lambda: call.pay("https://pay.example/c", charge_amount="9.99"))
    assert (result.successful, result.error_type) == (successful, error_type)


def test_a_payment_that_is_stopped_is_no_success(call: Call) -> None:
    action = call.pay_async("https://pay.example/c", max_attempts=2, security_code=True)
    assert action.stop().successful
    assert not action.wait(10).successful


def test_a_transcription_ends_with_what_it_made(call: Call, relay: Emulator) -> None:
    action = call.transcribe_async()
    refused = call.transcribe_async()
    assert (refused.result.code, refused.state) == ("409", "failed")
    relay.clock.advance(2)
    assert action.stop().successful
    result = action.wait(10)
    assert result.successful
    assert result.url is not None
    assert result.recording_id


def test_an_agent_talks_until_it_is_stopped(call: Call, relay: Emulator) -> None:
    action = call.ai_async(prompt={"text": "Be brief."})
    assert call.ai_message("The caller is a member", "system").successful
    assert call.ai_hold(5).successful
    assert call.ai_unhold().successful
    relay.clock.advance(5)
    assert not action.completed
    assert action.stop().successful
    assert action.wait(10).successful


def test_a_call_waits_in_a_queue_until_somebody_takes_it(client: Client, call: Call, relay: Emulator) -> None:
    waiting = call.queue_enter_async("support")
    until(lambda: waiting.state == "enqueue")
    assert (waiting.position, waiting.size) == (1, 1)
    agent = dial(client, "+15550110")
    device = {"type": "queue", "params": {"queue_name": "support"}}
    with in_thread(lambda: agent.connect(device, wait_timeout=10)) as connecting:
        relay.expect("calling.connect")
        relay.clock.advance(1)
    assert connecting.result().successful
    result = waiting.wait(10)
    assert (result.successful, result.queue_name, waiting.state) == (True, "support", "dequeue")


@pytest.mark.parametrize("by", ["action", "call"])
def test_a_call_leaves_a_queue(call: Call, relay: Emulator, by: str) -> None:
    waiting = call.queue_enter_async("support")
    until(lambda: waiting.state == "enqueue")
    left = waiting.leave() if by == "action" else call.queue_leave("support", waiting.queue_id)
    assert left.successful
    relay.clock.advance(1)
    assert (waiting.wait(10).successful, waiting.state) == (False, "leave")
    assert call.active


def test_calls_meet_in_a_conference_and_hear_of_it(client: Client, relay: Emulator) -> None:
    calls = [dial(client, number) for number in ("+15550101", "+15550102")]
    heard: list[list[Event]] = []
    joined: list[ConferenceResult] = []
    for call in calls:
        stream = call.events(timeout=10)
        heard.append([])
        Running(lambda stream=stream, into=heard[-1]: into.extend(stream))  # type: ignore[misc]  # ends with the call
        joined.append(call.join_conference("room-1", beep=False))
    assert joined[0].conference_id == joined[1].conference_id is not None
    relay.clock.advance(1)
    assert calls[1].leave_conference(joined[1]).successful
    assert calls[0].leave_conference(joined[0]).successful
    names = ("conference.participant-join", "conference.conference-end")
    for events in heard:
        until(lambda events=events: set(names) <= {event.name for event in events})  # type: ignore[misc]
    for call in calls:
        call.hangup()


def test_the_sound_can_be_held_denoised_and_echoed(call: Call, relay: Emulator) -> None:
    heard: list[str] = []
    for name in ("hold.stateChange", "denoise.stateChange", "echo.stateChange"):
        call.on(name, lambda _, name=name: heard.append(name))
    for verb in (call.hold, call.unhold, call.denoise, call.denoise_stop, lambda: call.echo(2)):
        assert verb().successful
    until(lambda: len(heard) >= 5)
    assert set(heard) == {"hold.stateChange", "denoise.stateChange", "echo.stateChange"}


def test_keys_are_bound_to_a_command_and_unbound(client: Client, relay: Emulator) -> None:
    call = dial(client, "+15550101")
    media = {"play": [{"type": "silence", "params": {"duration": 1}}], "control_id": "bound"}
    assert call.bind_digit("*1", "calling.play", media, realm="menu", max_triggers=1).successful
    stream = call.events(timeout=10)
    relay.phone("+15550101").press("*1")
    relay.clock.advance(3)
    assert next(event.name for event in stream if event.name.startswith("play.")) == "play.playing"
    assert call.clear_digit_bindings("menu").successful


def test_rooms_events_of_one_s_own_and_live_words_are_taken(call: Call) -> None:
    for verb in (
        lambda: call.join_room("lobby"),
        call.leave_room,
        lambda: call.user_event("order_placed", order_id="7"),
        lambda: call.live_transcribe({"start": {"language": "en-US"}}),
        lambda: call.live_transcribe({"stop": {}}),
        lambda: call.live_translate({"action": "start", "language": "en-US"}),
        lambda: call.amazon_bedrock(prompt={"text": "Be brief."}),
    ):
        result = verb()
        assert result.successful, result


def test_a_call_that_was_transferred_is_no_longer_ours(call: Call) -> None:
    assert call.transfer("https://app.example/swml").successful
    assert not call.active


def test_an_error_that_no_answer_told_comes_to_its_call(call: Call, relay: Emulator) -> None:
    heard: list[Any] = []
    call.on("error", heard.append)
    relay.report_error("500", "Internal failure", call_id=call.id)
    until(lambda: heard)
    assert (heard[0]["code"], heard[0]["message"]) == ("500", "Internal failure")


def test_a_loop_plays_so_often(call: Call, relay: Emulator) -> None:
    media = [{"type": "silence", "duration": 1}]
    action = call.play_async(media, loop=3, direction="both")
    relay.clock.advance(2.5)
    assert not action.completed
    relay.clock.advance(1)
    assert action.wait(10).successful


def test_the_generic_door_leads_to_the_same_places(call: Call, relay: Emulator) -> None:
    assert call.execute("calling.hold").successful
    refused = call.execute("calling.leave_conference", {"conference_id": "none"})
    assert (refused.successful, call.active) == (False, True)
    media = {"play": [{"type": "silence", "params": {"duration": 5}}]}
    action = call.start("calling.play", media, states=["playing", "paused"], sub_commands=["stop", "pause"])
    assert action.wait_for_state("playing", 10)
    assert action.control("pause").successful
    assert action.wait_for_state("paused", 10)
    assert action.control("stop").successful
    assert (action.wait(10).successful, action.state) == (True, "finished")
