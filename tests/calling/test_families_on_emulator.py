"""Prompts, recordings and digits over the emulator: what a phone really pressed, said and heard is what one gets."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import pytest
import soundfile

from relay_sync import Call, Client, CommandRefused, OperationFailed
from relay_sync.calling.prompt import PromptAction, PromptResult
from relay_sync.calling.record import RecordAction, RecordResult
from relay_sync.emulator import Assumptions, Emulator, Phone
from tests.stage import at_once
from tests.support import LIMIT, Running, in_thread, until
from tests.words import spoken

NUMBER = "+15550101"
RATE = 8000
WORDS = "I would like a taxi please"
SILENCE = [{"type": "silence", "duration": 1}]

R = TypeVar("R")


@pytest.fixture
def phone(relay: Emulator) -> Phone:
    return relay.phone(NUMBER)


@pytest.fixture
def call(phone: Phone, client: Client) -> Call:
    return dial(client)


def dial(client: Client) -> Call:
    call = client.calling.dial(from_number="+15550100", to_number=NUMBER).call
    assert call is not None
    return call


@contextmanager
def assuming(**answers: Any) -> Iterator[tuple[Emulator, Call]]:
    """An emulator with these assumptions, and a call over it."""
    assumptions = Assumptions(**answers)
    with (
        Emulator(dialects=spoken(), stepped=True, ping_interval=None, assumptions=assumptions) as relay,
        Client(**relay.credentials) as c,
    ):
        at_once(c)
        yield relay, dial(c)


@contextmanager
def blocking(relay: Emulator, method: str, verb: Callable[[], R]) -> Iterator[Running[R]]:
    """Call a blocking verb in a thread; what happens meanwhile begins when Relay has accepted it."""
    before = len(relay.journal.commands(method))
    with in_thread(verb) as running:
        relay.journal.wait_for_command(method, before + 1, answered=True)
        relay.clock.advance(0)  # its media are there
        yield running


def fetch(url: str | None) -> bytes:
    assert url
    with urllib.request.urlopen(url, timeout=LIMIT) as response:
        content: bytes = response.read()
    return content


# -- prompts ----------------------------------------------------------------------------------------------

PROMPTS: dict[str, Callable[..., Any]] = {
    "prompt": lambda call, form, **options: getattr(call, "prompt" + form)("digits", SILENCE, **options),
    "prompt_audio": lambda call, form, **options: getattr(call, "prompt_audio" + form)(
        "digits", "welcome.mp3", **options
    ),
    "prompt_tts": lambda call, form, **options: getattr(call, "prompt_tts" + form)(
        "digits", "Your PIN?", gender="male", **options
    ),
    "prompt_ringtone": lambda call, form, **options: getattr(call, "prompt_ringtone" + form)(
        "digits", "us", 2, **options
    ),
    "prompt_silence": lambda call, form, **options: getattr(call, "prompt_silence" + form)("digits", 1, **options),
}


def collected(result: PromptResult) -> tuple[bool, str | None, str | None, str | None]:
    return result.successful, result.type, result.result, result.terminator


@pytest.mark.parametrize("verb", PROMPTS)
def test_every_blocking_prompt_returns_the_digits_that_the_phone_pressed(
    relay: Emulator, call: Call, phone: Phone, verb: str
) -> None:
    prompt = PROMPTS[verb]
    ask = lambda: prompt(call, "", digits_max=9, digits_terminators="#")  # noqa: E731
    with blocking(relay, "calling.play_and_collect", ask) as asking:
        relay.clock.advance(0.5)
        phone.press("1234#")
        relay.clock.advance(2)
    result = asking.result()
    assert collected(result) == (True, "digit", "1234", "#")
    assert result.event is not None
    assert result.event.name == "digit"
    assert result.event.payload == {"type": "digit", "params": {"digits": "1234", "terminator": "#"}}
    assert phone.heard.between(0, 0.5).samples.any() == (verb not in ("prompt", "prompt_silence"))


@pytest.mark.parametrize("verb", PROMPTS)
def test_every_prompt_action_can_be_waited_for(relay: Emulator, call: Call, phone: Phone, verb: str) -> None:
    action: PromptAction = PROMPTS[verb](call, "_async", digits_max=2)
    assert not action.completed
    relay.clock.advance(0.5)
    phone.press("42")
    relay.clock.advance(2)
    assert collected(action.wait(LIMIT)) == (True, "digit", "42", "")
    assert (action.state, action.completed) == ("successful", True)
    assert action.future.result(0) == action.result
    assert not action.stop().successful


def test_speech_is_the_words_that_the_phone_said(relay: Emulator, call: Call, phone: Phone) -> None:
    def ask() -> PromptResult:
        return call.prompt_tts(
            "speech",
            "Where to?",
            volume=-3,
            end_silence_timeout=0.5,
            speech_timeout=20,
            speech_language="en-GB",
            speech_hints=["taxi"],
        )

    with blocking(relay, "calling.play_and_collect", ask) as asking:
        relay.clock.advance(4)
        phone.say(WORDS)
        relay.clock.advance(5)
    result = asking.result()
    assert collected(result) == (True, "speech", WORDS, None)
    assert result.confidence == 95.0
    assert result.prompt_type == "speech"


@pytest.mark.parametrize(("act", "what", "kind"), [("say", "yes", "speech"), ("press", "1", "digit")])
def test_of_both_the_first_one_counts(
    relay: Emulator, call: Call, phone: Phone, act: str, what: str, kind: str
) -> None:
    action = call.prompt_silence_async("both", 1, digits_max=1)
    relay.clock.advance(1.5)
    getattr(phone, act)(what)
    relay.clock.advance(5)
    result = action.wait(LIMIT)
    assert (result.type, result.result) == (kind, what)


def test_without_an_answer_there_is_no_input(relay: Emulator, call: Call) -> None:
    ask = lambda: call.prompt("digits", SILENCE, digits_max=4, initial_timeout=2)  # noqa: E731
    with blocking(relay, "calling.play_and_collect", ask) as asking:
        relay.clock.advance(3)
    result = asking.result()
    assert collected(result) == (False, "no_input", None, None)
    with pytest.raises(OperationFailed, match="no_input"):
        result.raise_for_status()


def test_a_sound_without_words_is_no_match(relay: Emulator, call: Call, phone: Phone) -> None:
    action = call.prompt_silence_async("speech", 1)
    phone.play(np.sin(np.arange(RATE) / 4))
    relay.clock.advance(5)
    assert collected(action.wait(LIMIT)) == (False, "no_match", None, None)
    assert action.state == "no_match"


def test_media_that_can_not_be_had_are_an_error(relay: Emulator, call: Call) -> None:
    action = call.prompt_audio_async("digits", "no/such/file.mp3", digits_max=1)
    relay.clock.advance(0)
    assert collected(action.wait(LIMIT)) == (False, "error", None, None)
    assert action.state == "error"


@pytest.mark.parametrize("answer", ["no_input", "error", "nothing"])
def test_a_stopped_prompt_ends_whatever_relay_tells(answer: str) -> None:
    with assuming(prompt_stopped=answer) as (relay, call):
        action = call.prompt_async("digits", SILENCE, digits_max=4)
        relay.clock.advance(0.5)
        assert action.stop().successful
        result = action.wait(LIMIT)
        assert (result.successful, action.completed) == (False, True)
        assert action.state == {"nothing": "finished"}.get(answer, answer)
        relay.journal.wait_for_event("calling.call.play", state="finished")


def test_partial_results_are_events_and_no_end(relay: Emulator, call: Call, phone: Phone) -> None:
    action = call.prompt_silence_async("digits", 1, digits_max=3, partial_results=True)
    events = action.events(LIMIT)
    phone.press("123")
    relay.clock.advance(3)
    told = [event.payload for event in events]
    results = [payload["result"]["params"]["digits"] for payload in told if "result" in payload]
    assert results == ["1", "12", "123"]
    assert action.wait(LIMIT).result == "123"


def test_the_volume_of_a_prompt_is_heard(relay: Emulator, call: Call, phone: Phone) -> None:
    action = call.prompt_ringtone_async("digits", "us", 20, digits_max=1, volume=-20)
    relay.clock.advance(1)
    assert action.volume(0).successful
    relay.clock.advance(0.5)
    quiet, loud = phone.heard.between(0.1, 0.9), phone.heard.between(1.1, 1.5)
    assert loud.rms_db() - quiet.rms_db() == pytest.approx(20, abs=1)


def test_playback_events_of_a_prompt_reach_handlers_and_end_nothing(relay: Emulator, call: Call, phone: Phone) -> None:
    heard: list[str] = []
    call.on("play.stateChange", lambda event: heard.append(event["state"]))
    call.on("prompt", lambda event: heard.append(event["result"]["type"]))
    action = call.prompt_silence_async("digits", 1, digits_max=1)
    relay.clock.advance(2)
    assert not action.completed
    phone.press("1")
    relay.clock.advance(1)
    assert action.wait(LIMIT).successful
    until(lambda: len(heard) == 3)
    assert heard == ["playing", "finished", "digit"]


def test_a_phone_that_answers_by_itself_needs_no_second_thread() -> None:
    with Emulator(dialects=spoken(), speed=20) as relay, Client(**relay.credentials) as client:
        call = client.calling.dial(from_number="+15550100", to_number="+15550199023").call
        assert call is not None
        options = {"digits_max": 9, "digits_terminators": "#", "initial_timeout": 200, "digits_timeout": 200}
        result = call.prompt_tts("digits", "Your PIN?", wait_timeout=LIMIT, **options)  # type: ignore[arg-type]
        assert collected(result) == (True, "digit", "1234", "#")


# -- recordings -------------------------------------------------------------------------------------------


def test_a_recording_is_the_file_that_its_result_names(relay: Emulator, call: Call, phone: Phone) -> None:
    record = lambda: call.record(record_format="wav", direction="both", stereo=True, beep=True)  # noqa: E731
    with blocking(relay, "calling.record", record) as recording:
        relay.clock.advance(1)
        phone.play(0.2 * np.sin(np.arange(2 * RATE) / 4))
        relay.clock.advance(10)
    result: RecordResult = recording.result()
    assert result.successful
    content = fetch(result.url)
    samples, rate = soundfile.read(io.BytesIO(content), dtype="int16")
    assert (result.size, result.duration) == (len(content), len(samples) / rate)
    assert result.duration == 2.7  # from the end of the beep to the end of the sound
    assert np.array_equal(samples[:, 0], phone.said.samples[2400 : 3 * RATE])
    assert np.array_equal(samples[:, 1], phone.heard.samples[2400 : 3 * RATE])


def recording(call: Call, **options: Any) -> RecordAction:
    """Start a recording that no silence ends."""
    return call.record_async(initial_timeout=0, end_silence_timeout=0, **options)


def test_a_recording_that_is_paused_and_stopped(relay: Emulator, call: Call, phone: Phone) -> None:
    action = recording(call, record_format="wav")
    url = action.url
    assert action.wait_for_state("recording", LIMIT)
    phone.play(0.2 * np.sin(np.arange(6 * RATE) / 4))
    relay.clock.advance(1)
    assert action.pause().successful
    assert action.state == "paused"
    assert not action.completed
    relay.clock.advance(1)
    assert action.resume().successful
    assert action.state == "recording"
    relay.clock.advance(1)
    assert action.pause("silence").successful
    relay.clock.advance(1)
    assert action.stop().successful
    result = action.wait(LIMIT)
    assert (result.successful, result.url, result.duration) == (True, url, 3.0)
    samples, _ = soundfile.read(io.BytesIO(fetch(url)), dtype="int16")
    said = phone.said.samples
    wanted = [said[:RATE], said[2 * RATE : 3 * RATE], np.zeros(RATE, np.int16)]
    assert np.array_equal(samples, np.concatenate(wanted))
    assert action.state == "finished"


def test_a_key_ends_a_recording(relay: Emulator, call: Call, phone: Phone) -> None:
    action = recording(call, terminators="5")
    phone.say("Please call me back")
    phone.press("5")
    relay.clock.advance(10)
    result = action.wait(LIMIT)
    assert result.successful
    assert len(fetch(result.url)) == result.size
    (made,) = relay.recordings
    assert (made.url, made.duration, made.format) == (result.url, result.duration, "mp3")


def test_a_recording_without_a_sound_is_no_input(relay: Emulator, call: Call) -> None:
    with blocking(relay, "calling.record", lambda: call.record(initial_timeout=2)) as running:
        relay.clock.advance(2)
    result = running.result()
    assert (result.successful, result.duration, result.size) == (False, None, None)
    assert result.event is not None
    assert result.event.name == "no_input"


def test_a_recording_may_fail(relay: Emulator, call: Call) -> None:
    relay.fail_next("calling.record")
    action = call.record_async()
    assert not action.wait(LIMIT).successful
    assert action.state == "error"


@pytest.mark.parametrize("nested", [False, True])
def test_the_facts_of_a_recording_are_read_wherever_they_are(nested: bool) -> None:
    with assuming(record_result_nested=nested) as (relay, call):
        action = recording(call, record_format="wav")
        relay.clock.advance(2)
        action.stop()
        result = action.wait(LIMIT)
        assert (result.url, result.duration, result.size) == (action.url, 2.0, 44 + 2 * 2 * RATE)


# -- digits -----------------------------------------------------------------------------------------------


def test_digits_are_heard_by_the_phone(relay: Emulator, call: Call, phone: Phone) -> None:
    with blocking(relay, "calling.send_digits", lambda: call.send_digits("12w3W#")) as sending:
        relay.clock.advance(2.29)
        assert sending.thread.is_alive()
        relay.clock.advance(0.01)
    result = sending.result()
    assert result.successful
    assert result.event is not None
    assert result.event.name == "finished"
    assert phone.digits_heard == "123#"


def test_an_action_of_digits_finishes_after_the_last(relay: Emulator, call: Call, phone: Phone) -> None:
    action = call.send_digits_async("0123456789*#ABCD")
    relay.clock.advance(3.1)
    assert (action.state, action.completed) == ("", False)
    relay.clock.advance(0.2)
    assert action.wait(LIMIT).successful
    assert action.state == "finished"
    assert phone.digits_heard == "0123456789*#ABCD"


def test_a_program_that_answers_calls_asks_and_is_answered(relay: Emulator, client: Client) -> None:
    taken: list[PromptResult] = []

    def answer(call: Call) -> None:
        call.answer()
        taken.append(call.prompt("digits", SILENCE, digits_max=4))

    client.calling.receive(["ivr"], answer)
    caller = relay.phone("+15550177")
    caller.call(context="ivr")
    relay.journal.wait_for_command("calling.play_and_collect", answered=True)
    caller.press("2580")
    relay.clock.advance(2)
    until(lambda: taken)
    assert taken[0].result == "2580"
    caller.hang_up()


# -- what all of them have in common ----------------------------------------------------------------------

FAMILIES: dict[str, tuple[str, str, Callable[[Call], Any]]] = {
    "prompt": (
        "calling.play_and_collect",
        "calling.call.collect",
        lambda call: call.prompt_silence_async("digits", 1, digits_max=2),
    ),
    "record": ("calling.record", "calling.call.record", lambda call: call.record_async()),
    "digits": ("calling.send_digits", "calling.call.send_digits", lambda call: call.send_digits_async("12")),
}
every_family = pytest.mark.parametrize("family", FAMILIES)


@every_family
def test_a_refusal_is_kept_with_its_code_and_message(relay: Emulator, call: Call, family: str) -> None:
    method, _, start = FAMILIES[family]
    relay.refuse_next(method, "402", "No credit")
    action = start(call)
    assert (action.completed, action.state) == (True, "failed")
    assert (action.result.successful, action.result.code, action.result.message) == (False, "402", "No credit")
    with pytest.raises(CommandRefused, match="No credit"):
        action.result.raise_for_status()


@every_family
@pytest.mark.parametrize("told", ["before", "after", "never"])
def test_the_end_of_the_call_ends_each(family: str, told: str) -> None:
    with assuming(plays_at_call_end=told) as (relay, call):
        action = FAMILIES[family][2](call)
        relay.clock.advance(0.1)
        relay.phone(NUMBER).hang_up()
        result = action.wait(LIMIT)
        assert action.completed
        if told == "before":  # the operation's own end came first, and stands
            states = {"prompt": "no_input", "record": "finished", "digits": "finished"}
            assert action.state == states[family]
            assert result.successful == (family != "prompt")
        else:
            assert (action.state, result.successful) == ("failed", False)


@every_family
def test_a_command_on_an_ended_call_is_not_sent(relay: Emulator, call: Call, family: str) -> None:
    method, _, start = FAMILIES[family]
    call.hangup()
    action = start(call)
    assert (action.completed, action.state, action.result.successful) == (True, "failed", False)
    assert relay.journal.commands(method) == []


@every_family
@pytest.mark.parametrize("fault", ["before_reply", "duplicate_events"])
def test_events_before_the_reply_and_twice_do_no_harm(
    relay: Emulator, call: Call, phone: Phone, family: str, fault: str
) -> None:
    method, event, start = FAMILIES[family]
    if fault == "before_reply":
        relay.before_reply(method)
    else:
        relay.duplicate_events()
    action = start(call)
    relay.clock.advance(0.2)
    phone.press("12")
    if family == "record":
        phone.press("#")
    relay.clock.advance(3)
    assert action.wait(LIMIT).successful
    relay.journal.wait_for_event(event)


@every_family
def test_each_goes_on_over_a_session_that_was_lost_and_restored(
    relay: Emulator, client: Client, call: Call, phone: Phone, family: str
) -> None:
    action = FAMILIES[family][2](call)
    assert relay.drop_connections() == 1
    relay.wait_for(lambda r: r.connections == 1 and client.connected)
    phone.press("12")
    if family == "record":
        phone.press("#")
    relay.clock.advance(3)
    assert action.wait(LIMIT).successful


@every_family
def test_each_ends_with_a_session_that_can_not_be_restored(
    relay: Emulator, client: Client, call: Call, family: str
) -> None:
    action = FAMILIES[family][2](call)
    relay.drop_connections(resume=False)
    assert not action.wait(LIMIT).successful
    assert action.state == "failed"
