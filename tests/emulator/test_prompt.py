"""``calling.play_and_collect``: what is pressed and said, found in the samples, and every timer (protocol.md 11.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relay_sync.emulator import MAGIC_NUMBERS, Assumptions, Emulator, Phone
from relay_sync.emulator.media import sound_of_digits
from tests.emulator.raw import Frame, Stages, audio, frames_of, silence

RATE = 8000
NUMBER = "+15550101"
WORDS = "I would like a taxi please"
NO_INPUT = {"result": {"type": "no_input"}}
NO_MATCH = {"result": {"type": "no_match"}}


def near(seconds: float, within: float = 1e-9) -> Any:
    """Return what equals a number of seconds but for rounding, or ``within`` so much."""
    return pytest.approx(seconds, abs=within)


class Stage:
    """An emulator, a raw client and an answered call to one phone."""

    def __init__(self, stack: Stages, **answers: Any) -> None:
        relay = Emulator(stepped=True, ping_interval=None, assumptions=Assumptions(**answers))
        self.relay = stack.enter_context(relay)
        self.client = stack.enter_context(frames_of[stack.dialect](relay)).ready()
        self.phone: Phone = relay.phone(NUMBER)
        self.call = self.client.answered(NUMBER)
        self.client.drain()

    def ask(self, collect: Any, *items: Frame, **more: Any) -> Frame:
        """Start a prompt of these items, or of one second of silence, and wait until it plays."""
        play = list(items) or [silence(1)]
        params = {**self.call, "control_id": "c", "play": play, "collect": collect, **more}
        reply = self.client.command("calling.play_and_collect", params)
        self.relay.clock.advance(0)  # its media are there
        return reply

    def control(self, verb: str, **more: Any) -> Frame:
        reply = self.client.command(f"calling.play_and_collect.{verb}", {**self.call, "control_id": "c", **more})
        self.relay.clock.advance(0)  # what follows from it at once has been sent
        return reply

    def advance(self, seconds: float) -> None:
        self.relay.clock.advance(seconds)

    def collected(self) -> list[tuple[float, Frame]]:
        """Return when each collect event came, and what it told besides the ids."""
        events = self.relay.journal.events("calling.call.collect")
        ids = {**self.call, "control_id": "c"}
        assert all(event.params.items() >= ids.items() for event in events)
        return [(event.at, {key: event.params[key] for key in event.params if key not in ids}) for event in events]

    def result(self) -> tuple[float, Frame]:
        """Return the one collect event."""
        (only,) = self.collected()
        return only

    def played(self) -> list[tuple[float, str]]:
        return [(event.at, event.params["state"]) for event in self.relay.journal.events("calling.call.play")]


@pytest.fixture
def stage(stages: Stages) -> Stage:
    return Stage(stages)


def digits(pressed: str, terminator: str = "", final: bool = True) -> Frame:
    params = {"digits": pressed, "terminator": terminator}
    return {"final": final, "result": {"type": "digit", "params": params}}


def speech(text: str, confidence: float = 95.0, final: bool = True) -> Frame:
    return {"final": final, "result": {"type": "speech", "params": {"text": text, "confidence": confidence}}}


def test_its_input_timers_can_be_started_before_it_has_been_played(stage: Stage) -> None:
    stage.ask({"digits": {"max": 4}, "initial_timeout": 2}, silence(10))
    stage.advance(1)
    reply = stage.client.command("calling.collect.start_input_timers", {**stage.call, "control_id": "c"})
    assert reply["code"] == "200"
    stage.advance(20)
    assert stage.result() == (near(3.0), NO_INPUT)
    assert stage.played() == [(0.0, "playing"), (near(3.0), "finished")]


# Digits


def test_the_digits_are_those_pressed_after_the_prompt(stage: Stage) -> None:
    assert stage.ask({"digits": {"max": 4}}) == {
        "code": "200", "message": "Playing and collecting", "call_id": stage.call["call_id"], "control_id": "c"
    }  # fmt: skip
    stage.advance(1.5)
    assert stage.phone.press("1234") == near(0.8)
    stage.advance(0.73)
    assert stage.collected() == []
    stage.advance(5)
    # The last key is up after 0.7 s, and known to be so 40 ms later.
    assert stage.result() == (near(2.24), digits("1234"))
    assert stage.played() == [(0.0, "playing"), (1.0, "finished")]
    assert stage.client.drain() == ["reply:calling.play_and_collect", "play:playing", "play:finished", "collect:None"]


@pytest.mark.parametrize(
    ("pressed", "most", "terminators", "wanted"),
    [
        ("12#", 4, "#", digits("12", "#")),
        ("1*2#3", 4, "#", digits("1*2", "#")),
        ("12*", 4, "#*", digits("12", "*")),
        ("1234#", 4, "#", digits("1234")),
        ("#", 4, "#", digits("", "#")),
        ("A", 1, "", digits("A")),
        ("12D", 9, "D", digits("12", "D")),
        ("7", 1, None, digits("7")),
        ("#", 1, None, digits("#")),
    ],
)
def test_a_maximum_or_a_terminator_ends_them(
    stage: Stage, pressed: str, most: int, terminators: str | None, wanted: Frame
) -> None:
    more = {} if terminators is None else {"terminators": terminators}
    stage.ask({"digits": {"max": most, **more}})
    stage.advance(2)
    stage.phone.press(pressed)
    stage.advance(3)
    assert stage.result()[1] == wanted


def test_without_more_digits_the_digit_timeout_ends_them_at_its_sample(stage: Stage) -> None:
    stage.ask({"digits": {"max": 4, "digit_timeout": 1.2345}})
    stage.advance(2)
    stage.phone.press("12")  # the second one ends after 0.3 s
    stage.advance(20)
    at, result = stage.result()
    assert result == digits("12")
    assert at == near(2.3 + 1.2345, 0.005)  # positions of a detector are true to 5 ms


def test_the_digit_timeout_is_5_seconds_by_default_and_starts_again_with_each_key(stage: Stage) -> None:
    stage.ask({"digits": {"max": 9}})
    stage.advance(1)
    for key in "123":
        stage.phone.press(key)
        stage.advance(4.9)
    stage.advance(20)
    at, result = stage.result()
    assert result == digits("123")
    assert at == near(1 + 2 * 4.9 + 0.1 + 5.0, 0.005)


def test_a_key_that_is_down_when_the_time_is_up_still_counts(stage: Stage) -> None:
    stage.ask({"digits": {"max": 3, "digit_timeout": 1.0}})
    stage.advance(1)
    stage.phone.press("1")
    stage.advance(1.05)  # 50 ms before the time is up
    stage.phone.press("2")
    stage.advance(20)
    at, result = stage.result()
    assert result == digits("12")
    assert at == near(2.15 + 1.0, 0.005)


def test_digits_are_what_is_heard_whoever_makes_the_sound(stage: Stage) -> None:
    stage.ask({"digits": {"max": 2}})
    stage.phone.play(sound_of_digits("55", duration_s=0.02))  # too short for anybody to hear
    stage.advance(1)
    stage.phone.play(sound_of_digits("42", duration_s=0.06))
    stage.advance(1)
    assert stage.result()[1] == digits("42")


def test_a_digit_timeout_of_0_is_none(stage: Stage) -> None:
    stage.ask({"digits": {"max": 2, "digit_timeout": 0}})
    stage.phone.press("1")
    stage.advance(100)
    stage.phone.press("2")
    stage.advance(1)
    assert stage.result() == (near(100.14), digits("12"))


def test_partial_results_tell_each_digit_as_it_comes(stage: Stage) -> None:
    stage.ask({"partial_results": True, "digits": {"max": 3, "terminators": "#"}})
    stage.phone.press("12#")
    stage.advance(3)
    assert stage.collected() == [
        (near(0.14), digits("1", final=False)),
        (near(0.34), digits("12", final=False)),
        (near(0.54), digits("12", "#")),
    ]


def test_keys_pressed_after_the_end_are_nobodys(stage: Stage) -> None:
    stage.ask({"digits": {"max": 1}})
    stage.phone.press("12345")
    stage.advance(10)
    assert stage.result()[1] == digits("1")


def test_keys_pressed_before_the_prompt_are_not_collected(stage: Stage) -> None:
    stage.phone.press("99")
    stage.advance(1)
    stage.ask({"digits": {"max": 1}})
    stage.advance(10)
    assert stage.result()[1] == NO_INPUT


# Time


@pytest.mark.parametrize(("collect", "seconds"), [({}, 4.0), ({"initial_timeout": 2.5}, 2.5)])
@pytest.mark.parametrize("kind", [{"digits": {"max": 1}}, {"speech": {}}, {"digits": {"max": 1}, "speech": {}}])
def test_no_input_comes_at_the_exact_moment(stage: Stage, kind: Frame, collect: Frame, seconds: float) -> None:
    stage.advance(0.123)
    stage.ask({**kind, **collect})
    stage.advance(20)
    assert stage.result() == (near(0.123 + 1 + seconds), NO_INPUT)
    assert stage.control("stop")["code"] == "404"


@pytest.mark.parametrize(("answer", "at"), [("prompt_end", 3.0), ("prompt_start", 2.0)])
def test_initial_timeout_from(stages: Stages, answer: str, at: float) -> None:
    stage = Stage(stages, initial_timeout_from=answer)
    stage.ask({"initial_timeout": 2, "digits": {"max": 1}})
    stage.advance(20)
    assert stage.result() == (near(at), NO_INPUT)


def test_when_time_is_up_in_the_middle_of_the_prompt_that_is_over_too(stages: Stages) -> None:
    stage = Stage(stages, initial_timeout_from="prompt_start")
    stage.ask({"initial_timeout": 0.5, "digits": {"max": 1}})
    stage.advance(20)
    assert stage.played() == [(0.0, "playing"), (near(0.5), "finished")]
    assert stage.client.drain()[-2:] == ["play:finished", "collect:None"]


@pytest.mark.parametrize("answer", ["never", "at_once"])
def test_initial_timeout_zero(stages: Stages, answer: str) -> None:
    stage = Stage(stages, initial_timeout_zero=answer)
    stage.ask({"initial_timeout": 0, "digits": {"max": 1}})
    stage.advance(100)
    assert stage.collected() == ([] if answer == "never" else [(near(1.0), NO_INPUT)])


def test_a_key_pressed_just_in_time_counts(stage: Stage) -> None:
    stage.ask({"initial_timeout": 1, "digits": {"max": 2, "digit_timeout": 1}})
    stage.advance(1.95)
    stage.phone.press("1")
    stage.advance(10)
    assert stage.result()[1] == digits("1")


# The playback


def test_a_key_stops_the_prompt_as_soon_as_it_is_known(stage: Stage, noise: Path) -> None:
    stage.ask({"digits": {"max": 2}}, audio(noise))
    stage.advance(2)
    stage.phone.press("1")
    stage.advance(0.02)
    assert stage.played() == [(0.0, "playing")]
    stage.advance(0.48)
    assert stage.played() == [(0.0, "playing"), (near(2.04), "finished")]
    assert stage.collected() == []
    heard = stage.phone.heard.samples
    assert heard[: int(2.04 * RATE)].all()
    assert not heard[int(2.04 * RATE) :].any()


def test_a_word_stops_the_prompt(stage: Stage, noise: Path) -> None:
    stage.ask({"speech": {}}, audio(noise))
    stage.advance(2)
    stage.phone.say(WORDS)
    stage.advance(10)
    (_, (finished, state)) = stage.played()
    assert state == "finished"
    assert 2.03 <= finished < 2.2
    assert stage.result()[1] == speech(WORDS)


@pytest.mark.parametrize(("collect", "act"), [({"digits": {"max": 9}}, "say"), ({"speech": {}}, "press")])
def test_what_is_not_collected_stops_nothing(stage: Stage, collect: Frame, act: str) -> None:
    stage.ask(collect, silence(3))
    getattr(stage.phone, act)("yes" if act == "say" else "123")
    stage.advance(20)
    assert stage.played()[-1] == (near(3.0), "finished")
    assert stage.result() == (near(7.0), NO_INPUT)


def test_input_stops_prompt(stages: Stages) -> None:
    stage = Stage(stages, input_stops_prompt=False)
    stage.ask({"digits": {"max": 2}}, silence(5))
    stage.phone.press("12")
    stage.advance(20)
    assert stage.played() == [(0.0, "playing"), (near(0.34), "finished")]
    assert stage.result() == (near(0.34), digits("12"))

    stage.ask({"digits": {"max": 2, "digit_timeout": 10}}, silence(5))
    stage.phone.press("1")
    stage.advance(20)
    assert stage.played()[2:] == [(near(20.0), "playing"), (near(25.0), "finished")]
    assert stage.collected()[1] == (near(30.1, 0.005), digits("1"))


def test_media_that_can_not_be_played_are_an_error(stage: Stage) -> None:
    stage.ask({"digits": {"max": 1}}, audio("no/such/file.wav"))
    assert stage.played() == [(0.0, "error")]
    assert stage.result() == (0.0, {"result": {"type": "error"}})
    assert stage.client.drain() == ["reply:calling.play_and_collect", "play:error", "collect:None"]
    assert stage.control("stop")["code"] == "404"


def test_the_volume_is_that_of_the_command_and_then_that_of_the_sub_command(stage: Stage, noise: Path) -> None:
    stage.ask({"digits": {"max": 1}}, audio(noise), volume=-20)
    stage.advance(1)
    assert stage.control("volume", volume=0) == {
        "code": "200", "message": "Volume set", "call_id": stage.call["call_id"], "control_id": "c"
    }  # fmt: skip
    stage.advance(1)
    quiet, loud = stage.phone.heard.between(0, 1), stage.phone.heard.between(1.01, 2)
    assert loud.rms_db() - quiet.rms_db() == near(20, 0.5)
    stage.advance(9)
    assert stage.control("volume", volume=5)["code"] == "200"  # nothing plays any more, and it still waits for input
    assert stage.control("volume", volume=41)["code"] == "400"


def test_its_playback_is_no_play_of_its_own(stage: Stage) -> None:
    stage.ask({"digits": {"max": 1}})
    for verb in ("pause", "resume", "stop"):
        assert stage.client.control(stage.call, "c", verb)["code"] == "404"
    assert stage.client.play(stage.call, "c", silence(1))["code"] == "409"
    assert stage.ask({"digits": {"max": 1}})["code"] == "409"
    assert stage.relay.calls[0].plays == {}
    assert stage.client.play(stage.call, "p", silence(1))["code"] == "200"


# Speech


def test_the_words_are_those_said_and_the_silence_after_them_ends_them(stage: Stage) -> None:
    stage.ask({"speech": {"language": "en-US"}})
    stage.advance(2)
    length = stage.phone.say(WORDS)
    stage.advance(20)
    at, result = stage.result()
    assert result == speech(WORDS)
    voiced = np.flatnonzero(np.abs(stage.phone.said.samples) > 32768 * 10 ** (-40 / 20))[-1] / RATE
    assert voiced <= 2 + length
    assert at == near(voiced + 1.0, 0.1)


@pytest.mark.parametrize("seconds", [0.1, 0.5, 2.5])
def test_end_silence_timeout_is_counted_from_the_last_sound(stage: Stage, seconds: float) -> None:
    stage.ask({"speech": {"end_silence_timeout": seconds}})
    stage.phone.play(tone(1.0))
    stage.advance(20)
    at, result = stage.result()
    assert result == NO_MATCH  # a sound without words
    assert at == near(1.0 + seconds, 0.02)


def test_two_sentences_with_less_silence_between_them_are_one(stage: Stage) -> None:
    stage.ask({"speech": {}})
    stage.advance(stage.phone.say("a table for two"))
    stage.advance(0.5)
    stage.phone.say("at eight")
    stage.advance(10)
    assert stage.result()[1] == speech("a table for two at eight")


def test_speech_that_lasts_too_long_is_cut_off(stage: Stage) -> None:
    stage.ask({"speech": {"speech_timeout": 1.0}})
    length = stage.phone.say("one two three four five six seven eight nine ten")
    assert length > 1.5
    stage.advance(20)
    at, result = stage.result()
    assert at == near(1.0, 0.1)
    words = result["result"]["params"]["text"].split()
    assert 1 < len(words) < 10
    assert "one two three four five six seven eight nine ten".startswith(" ".join(words))


def test_partial_results_grow_word_by_word(stage: Stage) -> None:
    stage.ask({"partial_results": True, "speech": {}})
    stage.phone.say("one two three")
    stage.advance(20)
    assert [told for _, told in stage.collected()] == [
        speech("one", 61.0, final=False),
        speech("one two", 61.0, final=False),
        speech("one two three", 61.0, final=False),
        speech("one two three"),
    ]


def test_without_partial_results_there_is_one_event(stage: Stage) -> None:
    stage.ask({"partial_results": False, "speech": {}})
    stage.phone.say(WORDS)
    stage.advance(20)
    assert stage.result()[1] == speech(WORDS)


def test_speech_that_began_before_the_prompt_is_heard_from_there_on(stage: Stage) -> None:
    length = stage.phone.say("one two three four five six seven eight nine ten")
    stage.advance(length / 2)
    stage.ask({"speech": {}})
    stage.advance(20)
    assert stage.result()[1] == speech("six seven eight nine ten")


@pytest.mark.parametrize(("answer", "wanted"), [("speech", speech("no way")), ("no_match", NO_MATCH)])
def test_words_not_hinted_at(stages: Stages, answer: str, wanted: Frame) -> None:
    stage = Stage(stages, words_not_hinted_at=answer)
    stage.ask({"speech": {"hints": ["Yes", "maybe"]}})
    stage.phone.say("no way")
    stage.advance(10)
    assert stage.result()[1] == wanted
    stage.ask({"speech": {"hints": ["Yes", "maybe"]}})
    stage.phone.say("oh yes")
    stage.advance(10)
    assert stage.collected()[1][1] == speech("oh yes")


@pytest.mark.parametrize(("act", "what", "wanted"), [("say", "yes", speech("yes")), ("press", "1", digits("1"))])
def test_of_both_what_comes_first_is_collected(stage: Stage, act: str, what: str, wanted: Frame) -> None:
    stage.ask({"digits": {"max": 1}, "speech": {}})
    stage.advance(1.5)
    getattr(stage.phone, act)(what)
    stage.advance(10)
    assert stage.result()[1] == wanted


def test_a_key_ends_speech(stage: Stage) -> None:
    stage.ask({"digits": {"max": 1}, "speech": {}})
    stage.phone.say("hm")
    stage.phone.press("5")  # follows at once
    stage.phone.say("no, I mean")
    stage.advance(10)
    assert stage.result()[1] == digits("5")


# The end


@pytest.mark.parametrize("answer", ["no_input", "error", "nothing"])
@pytest.mark.parametrize("moment", [0.5, 1.5])
def test_prompt_stopped(stages: Stages, answer: str, moment: float) -> None:
    stage = Stage(stages, prompt_stopped=answer)
    stage.ask({"digits": {"max": 4}})
    stage.advance(moment)
    stage.phone.press("1")
    stage.advance(0.2)
    assert stage.control("stop") == {
        "code": "200", "message": "Stopped", "call_id": stage.call["call_id"], "control_id": "c"
    }  # fmt: skip
    stage.advance(20)
    told = stage.collected()
    assert told == ([] if answer == "nothing" else [(near(moment + 0.2), {"result": {"type": answer}})])
    assert [state for _, state in stage.played()] == ["playing", "finished"]
    assert stage.control("stop")["code"] == "404"


def test_a_stop_while_it_plays_ends_the_playback_first(stage: Stage) -> None:
    stage.ask({"digits": {"max": 4}})
    stage.advance(0.5)
    stage.control("stop")
    assert stage.client.drain()[2:] == ["reply:calling.play_and_collect.stop", "play:finished", "collect:None"]


def test_what_was_pressed_before_a_stop_is_heard_before_it(stage: Stage) -> None:
    stage.ask({"digits": {"max": 1}})
    stage.phone.press("7")
    stage.advance(0.139)  # the key is up and not yet known to be so
    assert stage.collected() == []
    stage.advance(0.001)
    assert stage.control("stop")["code"] == "404"
    assert stage.result()[1] == digits("7")


@pytest.mark.parametrize(
    ("answer", "order"),
    [
        ("before", ["play:finished", "collect:None", "state:ending", "state:ended"]),
        ("after", ["state:ending", "state:ended", "play:finished", "collect:None"]),
        ("never", ["state:ending", "state:ended"]),
    ],
)
def test_the_end_of_the_call_ends_it(stages: Stages, answer: str, order: list[str]) -> None:
    stage = Stage(stages, plays_at_call_end=answer)
    stage.ask({"digits": {"max": 4}}, silence(5))
    stage.advance(0.5)
    stage.client.drain()
    stage.phone.hang_up()
    stage.advance(100)
    assert stage.client.drain() == order
    assert [told for _, told in stage.collected()] == ([] if answer == "never" else [NO_INPUT])
    assert stage.control("stop")["code"] == "410"


def test_a_failure_on_request_is_an_error(stage: Stage) -> None:
    stage.relay.fail_next("calling.play_and_collect")
    assert stage.ask({"speech": {}})["code"] == "200"
    stage.advance(20)
    assert stage.result() == (0.0, {"result": {"type": "error"}})


def test_two_prompts_can_run_at_once(stage: Stage) -> None:
    stage.ask({"digits": {"max": 2}})
    params = {**stage.call, "control_id": "d", "play": [silence(1)], "collect": {"digits": {"max": 1}}}
    assert stage.client.command("calling.play_and_collect", params)["code"] == "200"
    stage.phone.press("12")
    stage.advance(5)
    events = stage.relay.journal.events("calling.call.collect")
    assert [(event.params["control_id"], event.params["result"]["params"]["digits"]) for event in events] == [
        ("d", "1"),
        ("c", "12"),
    ]


def test_a_prompt_needs_an_answered_call(stage: Stage) -> None:
    stage.relay.phone("+15550102", no_answer=True)
    ringing = stage.client.begin("+15550102")
    ids = {"call_id": ringing["call_id"], "node_id": ringing["node_id"]}
    params = {**ids, "control_id": "c", "play": [silence(1)], "collect": {"speech": {}}}
    assert stage.client.command("calling.play_and_collect", params)["code"] == "409"


# What is refused


@pytest.mark.parametrize(
    "collect",
    [
        None,
        [],
        "digits",
        {},
        {"initial_timeout": 5},
        {"digits": None},
        {"digits": {}},
        {"digits": 4},
        {"digits": {"max": 0}},
        {"digits": {"max": -1}},
        {"digits": {"max": 1.5}},
        {"digits": {"max": "4"}},
        {"digits": {"max": True}},
        {"digits": {"max": 1, "terminators": "x"}},
        {"digits": {"max": 1, "terminators": "w"}},
        {"digits": {"max": 1, "terminators": None}},
        {"digits": {"max": 1, "digit_timeout": -1}},
        {"digits": {"max": 1, "digit_timeout": "1"}},
        {"digits": {"max": 1, "timeout": 1}},
        {"speech": []},
        {"speech": {"end_silence_timeout": -0.1}},
        {"speech": {"end_silence_timeout": None}},
        {"speech": {"speech_timeout": "x"}},
        {"speech": {"language": ""}},
        {"speech": {"language": 5}},
        {"speech": {"hints": "yes"}},
        {"speech": {"hints": [""]}},
        {"speech": {"hints": [1]}},
        {"speech": {"colour": "red"}},
        {"speech": {}, "initial_timeout": -1},
        {"speech": {}, "initial_timeout": True},
        {"speech": {}, "partial_results": "yes"},
        {"speech": {}, "partial_results": 1},
        {"speech": {}, "continuous": True},
    ],
)
def test_what_can_not_be_collected_is_400(stage: Stage, collect: Any) -> None:
    reply = stage.ask(collect)
    assert reply["code"] == "400", reply
    assert "collect" in reply["message"]
    stage.advance(10)
    assert stage.client.drain() == ["reply:calling.play_and_collect"]


@pytest.mark.parametrize(
    "collect",
    [
        {"speech": {}},
        {"speech": {"hints": [], "engine": "Google", "model": "enhanced"}},
        {"digits": {"max": 1, "terminators": "", "digit_timeout": 0}, "speech": {}, "initial_timeout": 0},
        {"digits": {"max": 10**400}, "initial_timeout": 1e308, "speech": {"speech_timeout": 1e308}},
    ],
)
def test_whatever_the_tables_allow_is_taken(stage: Stage, collect: Frame) -> None:
    assert stage.ask(collect)["code"] == "200"


@pytest.mark.parametrize("missing", ["play", "collect", "control_id"])
def test_a_missing_field_is_named(stage: Stage, missing: str) -> None:
    params = {**stage.call, "control_id": "c", "play": [silence(1)], "collect": {"speech": {}}}
    del params[missing]
    reply = stage.client.command("calling.play_and_collect", params)
    assert reply == {"code": "400", "message": f"calling.play_and_collect needs {missing}"}


def test_media_and_volume_are_checked_as_those_of_a_play(stage: Stage) -> None:
    assert stage.ask({"speech": {}}, silence(0))["code"] == "400"
    assert stage.ask({"speech": {}}, volume=-41)["code"] == "400"


@pytest.mark.parametrize("verb", ["stop", "volume"])
def test_an_unknown_control_id_is_404(stage: Stage, verb: str) -> None:
    more = {"volume": 1} if verb == "volume" else {}
    assert stage.control(verb, **more)["code"] == "404"
    params = {**stage.call, "control_id": "s", "digits": "1"}
    stage.client.command("calling.send_digits", params)
    reply = stage.client.command(f"calling.play_and_collect.{verb}", {**stage.call, "control_id": "s", **more})
    assert reply["code"] == "404"  # there is such an operation, but of another kind


# Phones that answer prompts by themselves


def numbered(stage: Stage, number: str, collect: Frame) -> list[Frame]:
    assert number in MAGIC_NUMBERS
    stage.call = stage.client.answered(number)
    stage.ask(collect)
    stage.advance(20)
    return [told for _, told in stage.collected()]


def test_a_number_presses_keys_after_a_prompt(stage: Stage) -> None:
    assert numbered(stage, "+15550199023", {"digits": {"max": 9, "terminators": "#"}}) == [digits("1234", "#")]
    stage.ask({"digits": {"max": 2}})
    stage.advance(20)
    assert stage.collected()[1] == (near(20 + 1 + 0.5 + 0.34), digits("12"))


def test_a_number_speaks_after_a_prompt(stage: Stage) -> None:
    assert numbered(stage, "+15550199024", {"speech": {}}) == [speech("yes please")]


def test_a_number_that_speaks_presses_nothing(stage: Stage) -> None:
    assert numbered(stage, "+15550199024", {"digits": {"max": 1}}) == [NO_INPUT]


def test_a_phone_that_can_do_both_answers_in_the_way_asked_for(stage: Stage) -> None:
    stage.relay.phone(NUMBER, presses_when_asked="42#", says_when_asked="yes")
    stage.ask({"digits": {"max": 2}, "speech": {}})
    stage.advance(5)
    stage.ask({"speech": {}})
    stage.advance(10)
    assert [told for _, told in stage.collected()] == [digits("42"), speech("yes")]


def test_a_behaviour_must_be_of_keys(stage: Stage) -> None:
    with pytest.raises(ValueError, match="is no digit"):
        stage.relay.phone(NUMBER, presses_when_asked="12x")


def tone(seconds: float) -> Any:
    return (0.1 * np.sin(2 * np.pi * 300 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)
