"""What is done to the sound of a call: hold, denoise, echo, transcriptions, play in a direction or a loop."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from relay_sync.emulator import Emulator, Phone
from tests.emulator.raw import Frame, RawClient, audio, phone, silence
from tests.emulator.sounds import RATE, Samples, noise, placed
from tests.emulator.told import told

HERE, THERE = "+15550101", "+15550102"


@pytest.fixture
def call(client: RawClient) -> Frame:
    call = client.answered(HERE)
    client.drain()
    return call


@pytest.fixture
def here(relay: Emulator, call: Frame) -> Phone:
    return relay.phones[HERE]


def bridged(client: RawClient, call: Frame) -> Phone:
    """Connect the call to THERE, at once."""
    client.command("calling.connect", {**call, "devices": [[phone(THERE)]]})
    client.wait_event("connect", "connected")
    client.drain()
    return client.relay.phones[THERE]


def file_of(tmp_path: Path, sound: Samples) -> Frame:
    path = tmp_path / "sound.wav"
    soundfile.write(path, sound, RATE, subtype="PCM_16")
    return audio(path)


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as response:
        content: bytes = response.read()
        return content


class TestHold:
    def test_nothing_is_heard_either_way_until_it_is_over(
        self, relay: Emulator, client: RawClient, call: Frame, here: Phone
    ) -> None:
        there = bridged(client, call)
        mine, yours = noise(1, 4.0), noise(2, 4.0)
        here.play(mine)
        there.play(yours)
        relay.clock.advance(1)
        assert client.command("calling.hold", call) == {
            "code": "200", "message": "Call on hold", "call_id": call["call_id"]
        }  # fmt: skip
        assert [each.held for each in relay.calls] == [True, False]
        relay.clock.advance(1.5)
        assert client.command("calling.unhold", call) == {
            "code": "200", "message": "Call off hold", "call_id": call["call_id"]
        }  # fmt: skip
        relay.clock.advance(1.5)
        for phone_, sound in ((there, mine), (here, yours)):
            expected = placed(4.0, (0.0, sound[:RATE]), (2.5, sound[RATE * 5 // 2 :]))
            assert np.array_equal(phone_.heard.samples, expected)
        assert np.array_equal(here.said.samples, mine)  # it has spoken all the same
        assert told(client, "hold", "state") == [(1.0, "hold"), (2.5, "unhold")]

    def test_what_plays_goes_on_unheard(
        self, relay: Emulator, client: RawClient, call: Frame, here: Phone, tmp_path: Path
    ) -> None:
        sound = noise(3, 2.0)
        client.play(call, "p", file_of(tmp_path, sound))
        relay.clock.advance(0.5)
        client.command("calling.hold", call)
        relay.clock.advance(1)
        client.command("calling.unhold", call)
        relay.clock.advance(2)
        assert np.array_equal(here.heard.samples, placed(3.5, (0.0, sound[:4000]), (1.5, sound[12000:])))
        assert client.wait_event("play", "finished")

    def test_what_is_played_to_others_in_its_place_is_not_heard_either(
        self, relay: Emulator, client: RawClient, call: Frame, tmp_path: Path
    ) -> None:
        there = bridged(client, call)
        sound = noise(3, 2.0)
        client.play(call, "p", file_of(tmp_path, sound), direction="speak")
        relay.clock.advance(0.5)
        client.command("calling.hold", call)
        relay.clock.advance(1)
        client.command("calling.unhold", call)
        relay.clock.advance(1)
        assert np.array_equal(there.heard.samples, placed(2.5, (0.0, sound[:4000]), (1.5, sound[12000:])))

    def test_keys_and_words_are_not_heard_by_relay_either(
        self, relay: Emulator, client: RawClient, call: Frame, here: Phone
    ) -> None:
        client.command("calling.detect", {**call, "control_id": "d", "detect": {"type": "digit", "params": {}}})
        client.command("calling.hold", call)
        here.press("1")
        relay.clock.advance(1)
        client.command("calling.unhold", call)
        here.press("2")
        relay.clock.advance(1)
        assert [event for _, event in told(client, "detect", "detect", "params", "event")] == ["2"]

    def test_twice_is_as_once(self, client: RawClient, call: Frame) -> None:
        for method in ("calling.unhold", "calling.hold", "calling.hold", "calling.unhold", "calling.unhold"):
            assert client.command(method, call)["code"] == "200"
        assert [state for _, state in told(client, "hold", "state")] == ["hold", "unhold"]

    @pytest.mark.parametrize("answer", ["unhold", "nothing"])
    def test_unhold_event(self, assumed: Any, answer: str) -> None:
        client = assumed(unhold_event=answer)
        call = client.answered(HERE)
        client.command("calling.hold", call)
        client.command("calling.unhold", call)
        assert [state for _, state in told(client, "hold", "state")] == ["hold", "unhold"][: 1 + (answer == "unhold")]

    @pytest.mark.parametrize(("answer", "code"), [(True, "200"), (False, -32601)])
    def test_hold_implemented(self, assumed: Any, answer: bool, code: str | int) -> None:
        client = assumed(hold_implemented=answer)
        call = client.answered(HERE)
        assert client.command("calling.hold", call)["code"] == code
        assert client.command("calling.unhold", call)["code"] == code


def test_denoise_is_told_when_it_changes(client: RawClient, call: Frame) -> None:
    for method in ("calling.denoise", "calling.denoise", "calling.denoise.stop", "calling.denoise.stop"):
        assert client.command(method, call) == {"code": "200", "message": "OK", "call_id": call["call_id"]}
    assert [denoised for _, denoised in told(client, "denoise", "denoised")] == [True, False]


class TestEcho:
    def test_the_phone_hears_itself_until_the_time_is_up(
        self, relay: Emulator, client: RawClient, call: Frame, here: Phone
    ) -> None:
        mine = noise(1, 5.0)
        here.play(mine)
        relay.clock.advance(1)
        reply = client.command("calling.echo", {**call, "timeout": 2.5})
        assert reply == {"code": "200", "message": "OK", "call_id": call["call_id"]}
        relay.clock.advance(4)
        assert np.array_equal(here.heard.samples, placed(5.0, (1.0, mine[RATE : RATE * 7 // 2])))
        assert told(client, "echo", "state") == [(1.0, "echoing"), (3.5, "finished")]

    @pytest.mark.parametrize("more", [{}, {"timeout": 0}])
    def test_without_a_time_it_lasts_to_the_end(
        self, relay: Emulator, client: RawClient, call: Frame, here: Phone, more: Frame
    ) -> None:
        client.command("calling.echo", {**call, **more})
        assert client.command("calling.echo", call)["message"] == "One of these is running already"
        relay.clock.advance(3600)
        here.hang_up()
        assert client.drain()[-3:] == ["echo:finished", "state:ending", "state:ended"]

    @pytest.mark.parametrize("answer", [True, False])
    def test_echo_end_event(self, assumed: Any, answer: bool) -> None:
        client = assumed(echo_end_event=answer)
        client.command("calling.echo", {**client.answered(HERE), "timeout": 1})
        client.relay.clock.advance(2)
        assert [state for _, state in told(client, "echo", "state")] == ["echoing", "finished"][: 1 + answer]


class TestTranscribe:
    def start(self, client: RawClient, call: Frame, control_id: str = "t") -> Frame:
        return client.command("calling.transcribe", {**call, "control_id": control_id})

    def stop(self, client: RawClient, call: Frame) -> Frame:
        return client.command("calling.transcribe.stop", {**call, "control_id": "t"})

    def test_the_file_says_what_the_phone_said_meanwhile(
        self, relay: Emulator, client: RawClient, call: Frame, here: Phone
    ) -> None:
        relay.clock.advance(here.say("not this"))
        began = relay.clock.timestamp()
        self.start(client, call)
        relay.clock.advance(here.say("but this"))
        relay.clock.advance(here.say("and that"))
        assert self.stop(client, call)["code"] == "200"
        begun, done = client.wait_event("transcribe"), client.wait_event("transcribe")
        assert begun == {
            "state": "transcribing", "control_id": "t", "recording_id": done["recording_id"], **call
        }  # fmt: skip
        assert fetch(done["url"]).decode() == "but this and that\n"
        assert done["size"] == len("but this and that\n")
        assert done["start_time"] == pytest.approx(began)
        assert done["end_time"] == pytest.approx(relay.clock.timestamp())
        assert done["duration"] == pytest.approx(done["end_time"] - done["start_time"], abs=1e-3)
        assert done["state"] == "finished"

    @pytest.mark.parametrize("answer", ["text", "wav"])
    def test_transcript(self, assumed: Any, tmp_path: Path, answer: str) -> None:
        client = assumed(transcript=answer)
        call = client.answered(HERE)
        self.start(client, call)
        client.relay.phones[HERE].play(noise(1, 0.5))
        client.relay.clock.advance(0.5)
        self.stop(client, call)
        content = fetch(client.wait_event("transcribe", "finished")["url"])
        if answer == "text":
            assert content == b"\n"
        else:
            path = tmp_path / "said.wav"
            path.write_bytes(content)
            assert np.array_equal(soundfile.read(path, dtype="int16")[0], noise(1, 0.5))

    def test_one_at_a_time_runs_on_a_call(self, client: RawClient, call: Frame) -> None:
        assert self.start(client, call)["code"] == "200"
        assert self.start(client, call, "other")["code"] == "409"
        self.stop(client, call)
        assert self.start(client, call, "other")["code"] == "200"

    def test_the_call_ends_it(self, client: RawClient, call: Frame, here: Phone) -> None:
        self.start(client, call)
        client.drain()
        here.hang_up()
        assert client.drain() == ["transcribe:finished", "state:ending", "state:ended"]


@pytest.mark.parametrize("method", ["calling.live_transcribe", "calling.live_translate"])
@pytest.mark.parametrize("shape", ["key", "action"])
def test_a_live_kind_takes_both_shapes_of_action(client: RawClient, call: Frame, method: str, shape: str) -> None:
    def act(verb: str) -> str:
        action = {verb: {"language": "en-US"}} if shape == "key" else {"action": verb, "language": "en-US"}
        return str(client.command(method, {**call, "action": action})["code"])

    assert [act(verb) for verb in ("stop", "start", "start", "summarize", "inject", "stop", "summarize")] == [
        "409", "200", "409", "200", "200", "200", "409"
    ]  # fmt: skip


@pytest.mark.parametrize("action", [{}, "start", {"begin": {}}, {"start": {}, "stop": {}}, {"action": "begin"}])
def test_an_action_that_is_none_is_400(client: RawClient, call: Frame, action: Any) -> None:
    assert client.command("calling.live_transcribe", {**call, "action": action})["code"] == "400"


class TestDirectionOfPlay:
    @pytest.mark.parametrize(
        ("direction", "heard_here", "heard_there"),
        [(None, True, False), ("listen", True, False), ("speak", False, True), ("both", True, True)],
    )
    def test_who_hears_it(
        self, relay: Emulator, client: RawClient, call: Frame, here: Phone, tmp_path: Path,
        direction: str | None, heard_here: bool, heard_there: bool,
    ) -> None:  # fmt: skip
        there = bridged(client, call)
        sound = noise(1, 1.0)
        more = {} if direction is None else {"direction": direction}
        assert client.play(call, "p", file_of(tmp_path, sound), **more)["code"] == "200"
        relay.clock.advance(0.25)
        client.control(call, "p", "pause")
        relay.clock.advance(0.5)
        client.control(call, "p", "resume")
        relay.clock.advance(1.25)
        played = placed(2.0, (0.0, sound[:2000]), (0.75, sound[2000:]))
        for phone_, hears in ((here, heard_here), (there, heard_there)):
            assert np.array_equal(phone_.heard.samples, played if hears else placed(2.0))
        assert not here.said.samples.any()
        assert client.wait_event("play", "finished")

    def test_it_mixes_with_what_the_phone_says(
        self, relay: Emulator, client: RawClient, call: Frame, here: Phone, tmp_path: Path
    ) -> None:
        there = bridged(client, call)
        mine, played = noise(1, 1.0), noise(2, 1.0)
        here.play(mine)
        client.play(call, "p", file_of(tmp_path, played), direction="speak")
        relay.clock.advance(1)
        assert np.array_equal(there.heard.samples, mine + played)

    @pytest.mark.parametrize("seed", range(5))
    def test_at_moments_between_two_samples_nothing_goes_wrong(
        self, relay: Emulator, client: RawClient, tmp_path: Path, caplog: pytest.LogCaptureFixture, seed: int
    ) -> None:
        random = np.random.default_rng(seed)

        def pass_time() -> None:
            relay.clock.advance(float(random.uniform(0, 0.1)))
            assert len(there.heard) >= 0  # renders the lines up to this very moment

        relay.clock.advance(float(random.uniform(0, 0.1)))
        call = client.answered(HERE)
        relay.clock.advance(float(random.uniform(0, 0.1)))
        there = bridged(client, call)
        sound = noise(seed, 0.2)
        for number in range(5):
            pass_time()
            client.play(call, f"p{number}", file_of(tmp_path, sound), direction="speak")
            for verb in ("pause", "resume"):
                pass_time()
                client.control(call, f"p{number}", verb)
            relay.clock.advance(0.3)
            assert client.wait_event("play", "finished", control_id=f"p{number}")
        heard = there.heard.samples
        played = heard[np.flatnonzero(heard)[0] :]
        assert np.array_equal(played[played != 0], np.tile(sound[sound != 0], 5))
        assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []

    def test_there_are_three(self, client: RawClient, call: Frame) -> None:
        assert client.play(call, "p", silence(1), direction="up")["code"] == "400"


class TestLoop:
    def test_it_is_played_so_many_times_without_a_gap(
        self, relay: Emulator, client: RawClient, call: Frame, here: Phone, tmp_path: Path
    ) -> None:
        sound = noise(1, 0.3)
        client.play(call, "p", file_of(tmp_path, sound), silence(0.1), loop=3)
        relay.clock.advance(2)
        once = placed(0.4, (0.0, sound))
        assert np.array_equal(here.heard.samples, placed(2.0, (0.0, np.tile(once, 3))))
        assert told(client, "play", "state")[-1] == (1.2, "finished")

    def test_for_ever_is_until_it_is_stopped(
        self, relay: Emulator, client: RawClient, call: Frame, here: Phone, tmp_path: Path
    ) -> None:
        sound = noise(1, 0.3)
        client.play(call, "p", file_of(tmp_path, sound), loop=0)
        relay.clock.advance(1)
        client.control(call, "p", "pause")
        relay.clock.advance(1)
        client.control(call, "p", "resume")
        relay.clock.advance(100)
        assert client.control(call, "p", "stop")["code"] == "200"
        relay.clock.advance(1)
        repeated = np.tile(sound, 400)
        expected = placed(103, (0.0, repeated[:RATE]), (2.0, repeated[RATE : 101 * RATE]))
        assert np.array_equal(here.heard.samples, expected)
        assert [state for _, state in told(client, "play", "state")] == ["paused", "playing", "finished"]

    def test_nothing_for_ever_is_over_at_once(self, client: RawClient, call: Frame, tmp_path: Path) -> None:
        assert client.play(call, "p", file_of(tmp_path, placed(0)), loop=0)["code"] == "200"
        client.relay.clock.advance(0)
        assert client.wait_event("play", "finished")

    @pytest.mark.parametrize("loop", [-1, 1.5, "2", True, 10**9])
    def test_it_is_a_whole_number(self, client: RawClient, call: Frame, loop: Any) -> None:
        assert client.play(call, "p", silence(1), loop=loop)["code"] == "400"
