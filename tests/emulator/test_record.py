"""``calling.record``: real files of what was said and heard, and where they can be had (protocol.md 11.4, 16.3)."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from relay_sync.emulator import Assumptions, Emulator, Phone
from relay_sync.emulator.media import RECORD_BEEP, ToneDetector
from tests.emulator.raw import Frame, Stages, audio, frames_of, silence

RATE = 8000
NUMBER = "+15550101"
LIMIT = 10.0
ECHO = {"audio": {"format": "wav", "direction": "speak", "stereo": False}}
FOREVER: Frame = {"initial_timeout": 0, "end_silence_timeout": 0}

Samples = NDArray[Any]


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

    def record(self, control: str = "r", **audio: Any) -> Frame:
        """Start a recording, as wav unless said otherwise."""
        return self._command("calling.record", control, record={"audio": {"format": "wav", **audio}})

    def control(self, verb: str, control: str = "r", **more: Any) -> Frame:
        return self._command(f"calling.record.{verb}", control, **more)

    def _command(self, method: str, control: str, **more: Any) -> Frame:
        reply = self.client.command(method, {**self.call, "control_id": control, **more})
        self.advance(0)  # what follows from it at once has been sent
        return reply

    def advance(self, seconds: float) -> None:
        self.relay.clock.advance(seconds)

    def told(self, control: str = "r") -> list[tuple[float, Frame]]:
        """Return when each record event came, and what it told besides the ids."""
        ids = {**self.call, "control_id": control}
        events = [
            event for event in self.relay.journal.events("calling.call.record") if event.params["control_id"] == control
        ]
        assert all(event.params.items() >= ids.items() for event in events)
        return [(event.at, {key: event.params[key] for key in event.params if key not in ids}) for event in events]

    def states(self) -> list[tuple[float, str]]:
        return [(at, told["state"]) for at, told in self.told()]

    def stopped(self) -> Samples:
        """Stop the recording and return what it has, in 16 bits."""
        assert self.control("stop")["code"] == "200"
        return decode(self.fetched())

    def fetched(self) -> bytes:
        """Return the file that the last event names."""
        return fetch(self.told()[-1][1]["url"])


@pytest.fixture
def stage(stages: Stages) -> Stage:
    return Stage(stages)


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=LIMIT) as response:
        content: bytes = response.read()
        assert int(response.headers["Content-Length"]) == len(content)
        return content


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=LIMIT) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def decode(content: bytes) -> Samples:
    samples, rate = soundfile.read(io.BytesIO(content), dtype="int16")
    assert rate == RATE
    return np.asarray(samples)


def noise_of(seconds: float, seed: int = 3) -> Samples:
    """Noise at about -20 dBFS that no limiter touches."""
    return np.random.default_rng(seed).normal(0, 3000, round(seconds * RATE)).clip(-20000, 20000).astype(np.int16)


# What is in the file


def test_the_file_has_what_the_phone_said_to_the_sample(stage: Stage) -> None:
    stage.advance(0.5)
    reply = stage.record(**FOREVER)
    url = reply.pop("url")
    assert reply == {
        "code": "200", "message": "Recording", "call_id": stage.call["call_id"], "control_id": "r"
    }  # fmt: skip
    assert url.startswith(stage.relay.http_url + "/recordings/")
    assert url.endswith(".wav")
    sound = noise_of(1.5)
    stage.advance(0.25)
    stage.phone.play(sound)
    stage.advance(2)
    assert stage.control("stop")["code"] == "200"
    assert stage.states() == [(0.5, "recording"), (2.75, "finished")]
    content = fetch(url)
    assert stage.told()[0][1] == {"state": "recording", "record": ECHO}
    assert stage.told()[1][1] == {
        "state": "finished", "url": url, "duration": 2.25, "size": len(content), "record": ECHO
    }  # fmt: skip
    recorded = decode(content)
    assert len(recorded) == 2.25 * RATE
    assert not recorded[:2000].any()
    assert np.abs(recorded[2000:14000].astype(int) - sound).max() <= 1
    assert not recorded[14000:].any()
    assert np.array_equal(recorded, stage.phone.said.samples[4000:22000])


@pytest.mark.parametrize("stereo", [False, True])
@pytest.mark.parametrize("direction", ["listen", "speak", "both"])
def test_each_direction_is_recorded_in_mono_and_stereo(stage: Stage, noise: Path, direction: str, stereo: bool) -> None:
    stage.record(direction=direction, stereo=stereo, **FOREVER)
    stage.client.play(stage.call, "p", audio(noise))
    stage.phone.play(noise_of(1))
    stage.advance(1)
    recorded = stage.stopped().astype(int)
    heard, said = stage.phone.heard.samples.astype(int), stage.phone.said.samples.astype(int)
    assert heard.any()
    assert said.any()
    left = said if direction != "listen" else 0 * said
    right = heard if direction != "speak" else 0 * heard
    if stereo:
        assert recorded.shape == (RATE, 2)
        assert np.array_equal(recorded, np.stack([left, right], 1))
    else:
        assert np.abs(recorded - (left + right)).max() <= 1


@pytest.mark.parametrize("stereo", [False, True])
def test_an_mp3_plays_as_long_as_it_says_and_sounds_alike(stage: Stage, stereo: bool) -> None:
    stage.record(format="mp3", stereo=stereo, **FOREVER)
    stage.phone.say("This is a message for the office.")
    stage.advance(2.5)
    stage.control("stop")
    told = stage.told()[-1][1]
    content = stage.fetched()
    assert (told["duration"], told["size"]) == (2.5, len(content))
    assert told["url"].endswith(".mp3")
    assert told["record"]["audio"]["format"] == "mp3"
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        assert (file.format, file.channels, file.samplerate) == ("MP3", 1 + stereo, RATE)
    decoded = decode(content).astype(float)
    mono = decoded[:, 0] if stereo else decoded
    assert len(mono) == 2.5 * RATE
    assert np.corrcoef(mono, stage.phone.said.samples)[0, 1] > 0.95


def test_the_media_types_are_those_of_the_formats(stage: Stage) -> None:
    for audio_format, media_type in [("mp3", "audio/mpeg"), ("wav", "audio/wav")]:
        url = stage.record(audio_format, format=audio_format, **FOREVER)["url"]
        stage.control("stop", audio_format)
        stage.advance(0)
        with urllib.request.urlopen(url, timeout=LIMIT) as response:
            assert response.headers["Content-Type"] == media_type


def test_by_default_it_is_an_mp3_of_what_is_said(stage: Stage) -> None:
    params = {**stage.call, "control_id": "r", "record": {"audio": {}}}
    assert stage.client.command("calling.record", params)["url"].endswith(".mp3")
    stage.advance(0)
    (recording,) = stage.told()
    assert recording[1]["record"] == {"audio": {"format": "mp3", "direction": "speak", "stereo": False}}


def test_the_beep_is_heard_and_the_recording_begins_after_it(stage: Stage) -> None:
    stage.record(beep=True, direction="both", **FOREVER)
    stage.phone.play(noise_of(2))
    stage.advance(1)
    recorded = stage.stopped()
    detector = ToneDetector(RECORD_BEEP)
    (beep,) = [*detector.feed(stage.phone.heard.samples), *detector.flush()]
    assert beep.start == near(0, 40)
    assert beep.end == near(0.3 * RATE, 40)
    assert np.array_equal(recorded, stage.phone.said.samples[2400:RATE])
    assert stage.told()[-1][1]["duration"] == 0.7


def test_a_pause_is_left_out_or_silent(stage: Stage) -> None:
    sound = noise_of(6)
    stage.phone.play(sound)
    stage.record(**FOREVER)
    stage.advance(1)
    assert stage.control("pause")["message"] == "Paused"
    stage.advance(1)
    assert stage.control("resume")["message"] == "Resumed"
    stage.advance(1)
    assert stage.control("pause", behavior="silence")["code"] == "200"
    stage.advance(1)
    assert stage.control("resume")["code"] == "200"
    stage.advance(1)
    assert stage.control("pause", behavior="skip")["code"] == "200"
    stage.advance(1)
    recorded = stage.stopped()
    said = stage.phone.said.samples
    wanted = [said[:8000], said[16000:24000], np.zeros(8000, np.int16), said[32000:40000]]
    assert np.array_equal(recorded, np.concatenate(wanted))
    states = ["recording", "paused", "recording", "paused", "recording", "paused", "finished"]
    assert [state for _, state in stage.states()] == states
    assert stage.told()[1][1] == {"state": "paused", "record": ECHO}


def test_an_empty_recording_is_a_file_too(stage: Stage) -> None:
    stage.record(**FOREVER)
    assert len(stage.stopped()) == 0
    told = stage.told()[-1][1]
    assert (told["duration"], told["size"]) == (0.0, len(stage.fetched()))


# What ends it


@pytest.mark.parametrize(("more", "seconds"), [({}, 5.0), ({"initial_timeout": 1.25}, 1.25)])
def test_without_a_sound_it_ends_at_the_exact_moment_with_no_input(stage: Stage, more: Frame, seconds: float) -> None:
    stage.advance(0.3)
    url = stage.record(**more)["url"]
    stage.advance(60)
    assert stage.states() == [(near(0.3), "recording"), (near(0.3 + seconds), "no_input")]
    assert stage.told()[-1][1] == {"state": "no_input", "record": ECHO}
    assert status(url) == 404
    assert stage.control("stop")["code"] == "404"
    assert stage.relay.recordings == []


def test_the_time_for_the_first_sound_runs_from_the_end_of_the_beep(stage: Stage) -> None:
    stage.record(beep=True, initial_timeout=1, direction="both")
    stage.advance(60)
    assert stage.states()[-1] == (near(1.3), "no_input")


def test_silence_after_speech_ends_it_and_is_left_out(stage: Stage) -> None:
    stage.record()
    stage.advance(2)
    stage.phone.play(noise_of(1.5))
    stage.advance(60)
    assert stage.states() == [(0.0, "recording"), (near(4.5), "finished")]
    recorded = decode(stage.fetched())
    assert np.array_equal(recorded, stage.phone.said.samples[: int(3.5 * RATE)])


@pytest.mark.parametrize("seconds", [0.1, 0.75, 3.0])
def test_end_silence_timeout_is_exact(stage: Stage, seconds: float) -> None:
    stage.record(end_silence_timeout=seconds)
    stage.phone.play(noise_of(1))
    stage.advance(0.5 + seconds)
    stage.advance(60)
    assert stage.states()[-1] == (near(1 + seconds, 0.02 if seconds < 0.2 else 1e-9), "finished")
    assert stage.told()[-1][1]["duration"] == near(1.0)


def test_sound_between_begins_the_silence_anew(stage: Stage) -> None:
    stage.record()
    for _ in range(3):
        stage.phone.play(noise_of(0.5))
        stage.advance(1.4)
    stage.advance(60)
    assert stage.states()[-1] == (near(2 * 1.4 + 0.5 + 1.0), "finished")


def test_what_is_not_recorded_is_not_listened_to(stage: Stage, noise: Path) -> None:
    stage.record("speak", direction="speak", initial_timeout=2)
    stage.record("listen", direction="listen", initial_timeout=2)
    stage.client.play(stage.call, "p", audio(noise))
    stage.advance(60)
    assert [told["state"] for _, told in stage.told("speak")] == ["recording", "no_input"]
    assert [(at, told["state"]) for at, told in stage.told("listen")] == [(0.0, "recording"), (near(11.0), "finished")]


@pytest.mark.parametrize(
    ("more", "key", "ends"),
    [({}, "#", True), ({}, "*", True), ({}, "5", False), ({"terminators": "57"}, "5", True),
     ({"terminators": "57"}, "#", False), ({"terminators": ""}, "#", False)],
)  # fmt: skip
def test_a_terminator_ends_it_and_is_left_out(stage: Stage, more: Frame, key: str, ends: bool) -> None:
    stage.record(**FOREVER, **more)
    stage.phone.play(noise_of(1))
    stage.advance(1.5)
    stage.phone.press(key)
    stage.advance(5)
    assert len(stage.states()) == 1 + ends
    if ends:
        at, told = stage.told()[-1]
        assert at == near(1.64)  # 40 ms after the key
        assert told["duration"] == near(1.5, 0.005)
        recorded = decode(stage.fetched())
        assert np.array_equal(recorded, stage.phone.said.samples[: len(recorded)])


@pytest.mark.parametrize(("answer", "silence_kept", "key_kept"), [("trimmed", 0.0, 0.0), ("kept", 1.0, 0.14)])
def test_record_end(stages: Stages, answer: str, silence_kept: float, key_kept: float) -> None:
    stage = Stage(stages, record_end=answer)
    stage.record("a")
    stage.phone.play(noise_of(1))
    stage.advance(10)
    assert stage.told("a")[-1][1]["duration"] == near(1 + silence_kept)
    stage.record("b")
    stage.phone.play(noise_of(1))
    stage.advance(1.5)
    stage.phone.press("#")
    stage.advance(10)
    assert stage.told("b")[-1][1]["duration"] == near(1.5 + key_kept, 0.005)


def test_times_stand_still_while_it_is_paused(stage: Stage) -> None:
    stage.record(initial_timeout=2)
    stage.advance(1)
    stage.control("pause")
    stage.phone.play(noise_of(1))
    stage.advance(20)
    stage.control("resume")
    stage.advance(0.5)
    stage.phone.play(noise_of(0.5))
    stage.advance(1)  # half a second of silence
    stage.control("pause")
    stage.advance(20)
    stage.control("resume")
    stage.advance(20)
    assert stage.states()[-1] == (near(43.0), "finished")
    assert stage.told()[-1][1]["duration"] == near(2.0)


def test_no_input_comes_after_a_pause_too(stage: Stage) -> None:
    stage.record(initial_timeout=2)
    stage.advance(1.21)
    stage.control("pause")
    stage.advance(10)
    stage.control("resume")
    stage.advance(10)
    assert stage.states()[-1] == (near(12.0), "no_input")


@pytest.mark.parametrize(("sensitivity", "state"), [(44, "no_input"), (80, "finished"), (0, "no_input")])
def test_input_sensitivity_says_what_is_a_sound(stage: Stage, sensitivity: int, state: str) -> None:
    stage.record(input_sensitivity=sensitivity)
    stage.phone.play((noise_of(1).astype(np.float32) / 32768 * 0.01).astype(np.float32))  # about -61 dBFS
    stage.advance(20)
    assert stage.states()[-1][1] == state


# Commands on it


def test_a_stop_is_answered_and_then_it_finishes(stage: Stage) -> None:
    stage.record(**FOREVER)
    stage.advance(1)
    assert stage.control("stop") == {
        "code": "200", "message": "Stopped", "call_id": stage.call["call_id"], "control_id": "r"
    }  # fmt: skip
    stage.advance(0)
    order = ["reply:calling.record", "record:recording", "reply:calling.record.stop", "record:finished"]
    assert stage.client.drain() == order
    for verb in ("stop", "pause", "resume"):
        assert stage.control(verb)["code"] == "404"


def test_on_request_it_finishes_before_the_stop_is_answered(stage: Stage) -> None:
    stage.record(**FOREVER)
    stage.relay.before_reply("calling.record.stop")
    assert stage.control("stop")["code"] == "200"
    assert stage.client.drain()[2:] == ["record:finished", "reply:calling.record.stop"]


def test_the_file_is_not_there_before_it_has_finished(stage: Stage) -> None:
    url = stage.record(**FOREVER)["url"]
    stage.advance(1)
    assert status(url) == 404
    stage.control("stop")
    assert status(url) == 200
    assert status(url.replace("/recordings/", "/recordings/x")) == 404


def test_a_paused_one_can_be_stopped(stage: Stage) -> None:
    stage.record(**FOREVER)
    stage.advance(1)
    stage.control("pause", behavior="silence")
    stage.advance(1)
    assert len(stage.stopped()) == 2 * RATE


@pytest.mark.parametrize("answer", ["200", "409"])
def test_a_pause_of_a_paused_one_is_answered_as_that_of_a_play(stages: Stages, answer: str) -> None:
    stage = Stage(stages, pause_of_paused=answer, resume_of_playing=answer)
    stage.record(**FOREVER)
    assert stage.control("resume")["code"] == answer
    stage.control("pause")
    assert stage.control("pause")["code"] == answer
    assert [state for _, state in stage.states()] == ["recording", "paused"]


def test_several_record_at_once(stage: Stage) -> None:
    stage.record("a", **FOREVER)
    assert stage.record("a")["code"] == "409"
    stage.phone.play(noise_of(3))
    stage.advance(1)
    stage.record("b", **FOREVER)
    stage.advance(1)
    stage.control("stop", "a")
    stage.control("stop", "b")
    first, second = stage.relay.recordings
    assert np.array_equal(first.samples[RATE:], second.samples)


# The end of the call


@pytest.mark.parametrize(
    ("answer", "order"),
    [
        ("before", ["record:finished", "state:ending", "state:ended"]),
        ("after", ["state:ending", "state:ended", "record:finished"]),
        ("never", ["state:ending", "state:ended"]),
    ],
)
def test_the_end_of_the_call_ends_it_and_the_file_is_there(stages: Stages, answer: str, order: list[str]) -> None:
    stage = Stage(stages, plays_at_call_end=answer)
    url = stage.record(format="mp3")["url"]
    stage.phone.play(noise_of(2))
    stage.advance(1)
    stage.client.drain()
    stage.phone.hang_up()
    stage.advance(100)
    assert stage.client.drain() == order
    assert len(decode(fetch(url))) == RATE
    (recording,) = stage.relay.recordings
    assert recording.duration == 1.0


def test_a_call_that_ends_right_after_a_stop_does_not_overtake_it(stage: Stage) -> None:
    stage.record(format="mp3", **FOREVER)
    stage.phone.play(noise_of(20))
    stage.advance(20)
    stage.client.drain()
    stage.client.post("calling.record.stop", {**stage.call, "control_id": "r"})
    stage.client.post("calling.end", stage.call)
    stage.client.wait_event("state", "ended")
    stage.advance(0)
    order = [entry for entry in stage.client.drain() if not entry.startswith("reply")]
    assert order == ["record:finished", "state:ending", "state:ended"]
    assert len(stage.relay.recordings) == 1


# For Python


def test_python_has_the_recordings_as_they_are_served(stage: Stage, tmp_path: Path) -> None:
    url = stage.record(stereo=True, direction="both", **FOREVER)["url"]
    stage.phone.play(noise_of(1))
    stage.advance(1)
    assert stage.relay.recordings == []
    stage.stopped()
    (recording,) = stage.relay.recordings
    assert (recording.url, recording.call_id, recording.control_id) == (url, stage.call["call_id"], "r")
    assert (recording.format, recording.direction, recording.stereo) == ("wav", "both", True)
    assert (recording.duration, recording.size) == (1.0, len(fetch(url)))
    assert recording.content == fetch(url)
    assert recording.samples.shape == (RATE, 2)
    assert recording.save(tmp_path / "r.wav").read_bytes() == recording.content


def test_recordings_outlive_the_emulator_they_were_made_in(dialect: str) -> None:
    relay = Emulator(stepped=True, ping_interval=None)
    with relay, frames_of[dialect](relay).ready() as client:
        call = client.answered(NUMBER)
        client.command("calling.record", {**call, "control_id": "r", "record": {"audio": {}}})
        relay.clock.advance(1)
    (recording,) = relay.recordings  # made when the emulator hung up
    assert recording.duration == 1.0


@pytest.mark.parametrize("answer", [False, True])
def test_record_result_nested(stages: Stages, answer: bool) -> None:
    stage = Stage(stages, record_result_nested=answer)
    url = stage.record(**FOREVER)["url"]
    stage.advance(1)
    stage.control("stop")
    facts = {"url": url, "duration": 1.0, "size": 16044}
    flat = {"state": "finished", **facts, "record": ECHO}
    nested = {"state": "finished", "record": {**facts, "format": "wav"}}
    assert stage.told()[-1][1] == (nested if answer else flat)


def test_a_failure_on_request_is_an_error_and_no_file(stage: Stage) -> None:
    stage.relay.fail_next("calling.record")
    url = stage.record()["url"]
    stage.advance(20)
    assert stage.states() == [(0.0, "recording"), (0.0, "error")]
    assert status(url) == 404


# What is refused


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        {"audio": None},
        {"audio": []},
        {"video": {}},
        {"audio": {}, "video": {}},
        {"audio": {"beep": "yes"}},
        {"audio": {"beep": 1}},
        {"audio": {"stereo": None}},
        {"audio": {"format": "ogg"}},
        {"audio": {"format": None}},
        {"audio": {"format": ["mp3"]}},
        {"audio": {"direction": "up"}},
        {"audio": {"initial_timeout": -1}},
        {"audio": {"initial_timeout": "5"}},
        {"audio": {"end_silence_timeout": -0.5}},
        {"audio": {"end_silence_timeout": True}},
        {"audio": {"terminators": "x"}},
        {"audio": {"terminators": 5}},
        {"audio": {"input_sensitivity": 101}},
        {"audio": {"input_sensitivity": -1}},
        {"audio": {"colour": "red"}},
    ],
)
def test_what_can_not_be_recorded_is_400(stage: Stage, record: Any) -> None:
    reply = stage.client.command("calling.record", {**stage.call, "control_id": "r", "record": record})
    assert reply["code"] == "400", reply
    assert "record" in reply["message"]
    stage.advance(10)
    assert stage.client.drain() == ["reply:calling.record"]


@pytest.mark.parametrize(
    "more",
    [
        {"beep": False, "stereo": False, "direction": "speak", "terminators": ""},
        {"initial_timeout": 1e308, "end_silence_timeout": 1e308},
        {"input_sensitivity": 0},
        {"input_sensitivity": 100},
    ],
)
def test_whatever_the_table_allows_is_taken(stage: Stage, more: Frame) -> None:
    assert stage.record(**more)["code"] == "200"


@pytest.mark.parametrize("behavior", ["", "loud", None, True])
def test_a_pause_must_behave(stage: Stage, behavior: Any) -> None:
    stage.record(**FOREVER)
    assert stage.control("pause", behavior=behavior)["code"] == "400"


@pytest.mark.parametrize("verb", ["stop", "pause", "resume"])
def test_an_unknown_control_id_is_404(stage: Stage, verb: str) -> None:
    assert stage.control(verb)["code"] == "404"
    stage.client.play(stage.call, "r", silence(5))
    assert stage.control(verb)["code"] == "404"


def test_a_recording_needs_an_answered_call(stage: Stage) -> None:
    stage.relay.phone("+15550102", no_answer=True)
    ringing = stage.client.begin("+15550102")
    stage.call = {"call_id": ringing["call_id"], "node_id": ringing["node_id"]}
    assert stage.record()["code"] == "409"
