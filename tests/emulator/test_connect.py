"""``calling.connect`` and ``calling.disconnect``: two phones that hear each other (protocol.md 10.7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from relay_sync.emulator import Emulator, Phone
from tests.emulator.raw import Frame, RawClient, phone, silence
from tests.emulator.sounds import RATE, noise, placed

CALLER, OTHER = "+15550101", "+15550102"
US = {"type": "ringtone", "params": {"name": "us"}}


@pytest.fixture
def call(client: RawClient) -> Frame:
    """A call to CALLER that is answered, and nothing left to read."""
    call = client.answered(CALLER)
    client.drain()
    client.events.clear()
    return call


@pytest.fixture
def other(relay: Emulator) -> Phone:
    return relay.phone(OTHER)


def connect(client: RawClient, call: Frame, *steps: list[Frame] | Frame, **more: Any) -> Frame:
    devices = [step if isinstance(step, list) else [step] for step in steps]
    return client.command("calling.connect", {**call, "devices": devices, **more})


def told(client: RawClient, state: str) -> Frame:
    """Take the next connect event, which must be ``state``."""
    event = client.wait_event("connect")
    assert event["connect_state"] == state, event
    return event


def bridged(client: RawClient, call: Frame, to: str = OTHER, **more: Any) -> Frame:
    """Connect; return the ids of the peer."""
    assert connect(client, call, phone(to), **more)["code"] == "200"
    told(client, "connecting")
    peer = told(client, "connected")["peer"]
    client.drain()
    client.events.clear()
    return {"node_id": peer["node_id"], "call_id": peer["call_id"]}


class TestEvents:
    def test_the_events_come_in_the_order_of_the_reference(self, client: RawClient, call: Frame, other: Phone) -> None:
        assert connect(client, call, phone(OTHER, 20)) == {
            "code": "200", "message": "Connecting", "call_id": call["call_id"],
        }  # fmt: skip
        assert client.drain() == [
            "reply:calling.connect", "connect:connecting", "state:created", "state:ringing", "state:answered",
            "connect:connected",
        ]  # fmt: skip
        assert other.state == "answered"

    def test_each_state_event_of_a_leg_tells_its_peer(self, client: RawClient, call: Frame, other: Phone) -> None:
        connect(client, call, phone(OTHER, 20))
        created = client.wait_event("state", "created")
        device = {"type": "phone", "params": {"from_number": "+15550100", "to_number": OTHER, "timeout": 20}}
        assert created == {
            "call_state": "created",
            "direction": "outbound",
            "device": device,
            "peer": call,
            "call_id": created["call_id"],
            "node_id": call["node_id"],
        }
        other.hang_up()
        for state in ("ringing", "answered", "ending", "ended"):
            assert client.wait_event("state", state, call_id=created["call_id"])["peer"] == call

    def test_connected_names_the_peer_and_its_device(self, client: RawClient, call: Frame) -> None:
        connect(client, call, phone(OTHER))
        created = client.wait_event("state", "created")
        told(client, "connecting")
        assert told(client, "connected") == {
            "connect_state": "connected",
            "peer": {"call_id": created["call_id"], "node_id": call["node_id"], "device": phone(OTHER)},
            **call,
        }

    def test_a_tag_is_on_the_legs_and_in_the_peer(self, client: RawClient, call: Frame) -> None:
        connect(client, call, phone(OTHER), tag="leg-tag")
        assert client.wait_event("state", "created")["tag"] == "leg-tag"
        told(client, "connecting")
        assert told(client, "connected")["peer"]["tag"] == "leg-tag"

    def test_both_calls_tell_whom_they_are_bridged_to(self, relay: Emulator, client: RawClient, call: Frame) -> None:
        peer = bridged(client, call)
        assert {one.id: one.peer for one in relay.calls} == {
            call["call_id"]: peer["call_id"], peer["call_id"]: call["call_id"],
        }  # fmt: skip
        client.command("calling.disconnect", call)
        assert [one.peer for one in relay.calls] == [None, None]

    @pytest.mark.parametrize(("first", "order"), [
        (False, ["state:answered", "connect:connected"]),
        (True, ["connect:connected", "state:answered"]),
    ])  # fmt: skip
    def test_connected_event_first(self, assumed: Any, first: bool, order: list[str]) -> None:
        client = assumed(connected_event_first=first)
        call = client.answered(CALLER)
        client.drain()
        connect(client, call, phone(OTHER))
        assert client.drain()[-2:] == order


class TestSeriesAndParallel:
    def test_devices_in_series_are_tried_one_after_the_other(
        self, relay: Emulator, client: RawClient, call: Frame
    ) -> None:
        relay.phone(OTHER, busy=True)
        connect(client, call, phone(OTHER), phone("+15550103"))
        assert client.drain() == [
            "reply:calling.connect", "connect:connecting", "state:created", "state:ending", "state:ended",
            "state:created", "state:ringing", "state:answered", "connect:connected",
        ]  # fmt: skip
        assert relay.phones["+15550103"].state == "answered"

    def test_the_others_of_a_step_are_cancelled_when_one_answers(
        self, relay: Emulator, client: RawClient, call: Frame
    ) -> None:
        slow = relay.phone(OTHER, answer_after=5)
        quick = relay.phone("+15550103", answer_after=2)
        connect(client, call, [phone(OTHER), phone("+15550103")])
        told(client, "connecting")
        relay.clock.advance(10)
        assert told(client, "connected")["peer"]["device"] == phone("+15550103")
        assert (slow.state, slow.end_reason, quick.state) == ("ended", "cancel", "answered")

    def test_failed_tells_why_the_last_leg_ended(self, relay: Emulator, client: RawClient, call: Frame) -> None:
        relay.phone(OTHER, busy=True)
        relay.phone("+15550103", no_answer=True)
        connect(client, call, phone(OTHER), phone("+15550103", 7))
        told(client, "connecting")
        relay.clock.advance(7)
        assert told(client, "failed") == {"connect_state": "failed", "failed_reason": "noAnswer", **call}

    def test_a_call_that_was_not_connected_can_be_connected_again(
        self, relay: Emulator, client: RawClient, call: Frame
    ) -> None:
        relay.phone(OTHER, decline=True)
        connect(client, call, phone(OTHER))
        told(client, "connecting")
        assert told(client, "failed")["failed_reason"] == "decline"
        assert bridged(client, call, "+15550103")

    def test_a_caller_that_hangs_up_takes_the_ringing_leg_along(
        self, relay: Emulator, client: RawClient, call: Frame
    ) -> None:
        ringing = relay.phone(OTHER, no_answer=True)
        connect(client, call, phone(OTHER), phone("+15550103"))
        client.drain()
        relay.phones[CALLER].hang_up()
        assert client.drain() == ["state:ending", "state:ended", "state:ending", "state:ended"]
        assert (ringing.state, ringing.end_reason) == ("ended", "cancel")
        assert "+15550103" not in relay.phones  # the next step is not tried


class TestEndOfABridge:
    def test_disconnect_parts_them_and_both_live_on(
        self, relay: Emulator, client: RawClient, call: Frame, other: Phone
    ) -> None:
        peer = bridged(client, call)
        reply = client.command("calling.disconnect", call)
        assert reply == {"code": "200", "message": "Disconnecting", "call_id": call["call_id"]}
        assert told(client, "disconnected") == {"connect_state": "disconnected", "peer": peer, **call}
        assert client.drain() == ["reply:calling.disconnect", "connect:disconnected"]
        assert [one.state for one in relay.calls] == ["answered", "answered"]
        assert client.play(call, "p", silence(1))["code"] == "200"

    def test_the_peer_may_be_named_too(self, client: RawClient, call: Frame) -> None:
        peer = bridged(client, call)
        assert client.command("calling.disconnect", peer)["code"] == "200"
        assert told(client, "disconnected")["call_id"] == call["call_id"]

    def test_parted_calls_can_be_connected_again(self, client: RawClient, call: Frame) -> None:
        bridged(client, call)
        client.command("calling.disconnect", call)
        told(client, "disconnected")
        assert bridged(client, call, "+15550103")

    @pytest.mark.parametrize("both", [False, True])
    def test_disconnected_for_peer(self, assumed: Any, both: bool) -> None:
        client = assumed(disconnected_for_peer=both)
        call = client.answered(CALLER)
        peer = bridged(client, call)
        client.command("calling.disconnect", call)
        client.drain()
        about = [event["params"]["params"]["call_id"] for event in client.events]
        assert about == [call["call_id"], peer["call_id"]][: 1 + both]

    def test_when_the_peer_hangs_up_the_call_is_told_and_lives_on(
        self, relay: Emulator, client: RawClient, call: Frame, other: Phone
    ) -> None:
        bridged(client, call)
        client.order.clear()
        other.hang_up()
        assert client.drain() == ["state:ending", "state:ended", "connect:disconnected"]
        assert relay.phones[CALLER].state == "answered"

    def test_when_the_call_hangs_up_its_peer_lives_on_and_nothing_is_told_of_the_bridge(
        self, relay: Emulator, client: RawClient, call: Frame, other: Phone
    ) -> None:
        bridged(client, call)
        client.order.clear()
        relay.phones[CALLER].hang_up()
        assert client.drain() == ["state:ending", "state:ended"]
        assert other.state == "answered"

    @pytest.mark.parametrize("who", [CALLER, OTHER])
    def test_hangup_of_bridged(self, assumed: Any, who: str) -> None:
        client = assumed(hangup_of_bridged="both_end")
        bridged(client, client.answered(CALLER))
        client.relay.phones[who].hang_up()
        for number in (CALLER, OTHER):
            assert (client.relay.phones[number].state, client.relay.phones[number].end_reason) == ("ended", "hangup")

    def test_a_phone_that_hangs_up_as_it_answers_was_connected_for_a_moment(
        self, relay: Emulator, client: RawClient, call: Frame
    ) -> None:
        relay.phone(OTHER, hang_up_after=0)
        connect(client, call, phone(OTHER))
        assert client.drain()[-4:] == ["connect:connected", "state:ending", "state:ended", "connect:disconnected"]

    def test_stopping_the_emulator_ends_bridges_in_silence(self, relay: Emulator, client: RawClient) -> None:
        bridged(client, client.answered(CALLER))
        relay.phone("+15550109", no_answer=True)
        connect(client, client.answered("+15550108"), phone("+15550109"))
        relay.stop()
        assert [relay.phones[number].state for number in (CALLER, OTHER, "+15550108", "+15550109")] == ["ended"] * 4


class TestRefusals:
    def test_a_call_that_is_connected_is_409(self, client: RawClient, call: Frame) -> None:
        peer = bridged(client, call)
        for leg in (call, peer):
            assert connect(client, leg, phone("+15550103")) == {"code": "409", "message": "Call is connected already"}

    def test_a_call_that_is_being_connected_is_409(self, relay: Emulator, client: RawClient, call: Frame) -> None:
        relay.phone(OTHER, no_answer=True)
        connect(client, call, phone(OTHER))
        assert connect(client, call, phone(OTHER)) == {"code": "409", "message": "Call is being connected"}
        assert client.command("calling.disconnect", call)["code"] == "409"

    def test_a_call_that_is_not_connected_cannot_be_disconnected(self, client: RawClient, call: Frame) -> None:
        assert client.command("calling.disconnect", call) == {"code": "409", "message": "Call is not connected"}

    @pytest.mark.parametrize("code", ["400", "409"])
    def test_connect_before_answer(self, assumed: Any, code: str) -> None:
        client = assumed(connect_before_answer=code)
        client.relay.phone(CALLER, no_answer=True)
        begun = client.begin(CALLER)
        call = {"node_id": begun["node_id"], "call_id": begun["call_id"]}
        assert connect(client, call, phone(OTHER))["code"] == code

    def test_unknown_and_ended_calls_are_404_and_410(self, client: RawClient, call: Frame) -> None:
        assert connect(client, {**call, "call_id": "nobody"}, phone(OTHER))["code"] == "404"
        assert client.command("calling.disconnect", {**call, "call_id": "nobody"})["code"] == "404"
        client.command("calling.end", call)
        assert connect(client, call, phone(OTHER))["code"] == "410"
        assert client.command("calling.disconnect", call)["code"] == "410"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"devices": []},
            {"devices": [[]]},
            {"devices": [phone(OTHER)]},
            {"devices": [[{"type": "phone", "params": {"to_number": OTHER}}]]},
            {"devices": [[phone(OTHER)]], "ringback": [3]},
            {"devices": [[phone(OTHER)]], "ringback": {"type": "ringtone", "params": {"name": "xx"}}},
            {"devices": [[phone(OTHER)]], "ringback": US["params"]},
            {"devices": [[phone(OTHER)]], "max_duration": 0},
            {"devices": [[phone(OTHER)]], "control_id": "c"},
            {},
        ],
    )
    def test_wrong_fields_are_400(self, client: RawClient, call: Frame, wrong: Frame) -> None:
        assert client.command("calling.connect", {**call, **wrong})["code"] == "400"
        assert client.drain() == ["reply:calling.connect"]

    def test_a_tag_in_use_is_400(self, client: RawClient, call: Frame) -> None:
        client.begin("+15550109", tag="mine")
        assert connect(client, call, phone(OTHER), tag="mine")["code"] == "400"


class TestSound:
    """Sample by sample, in stepped time. CALLER answered at 0.0 s; the other phone later."""

    def test_each_hears_the_other_from_the_bridge_on(self, relay: Emulator, client: RawClient, call: Frame) -> None:
        here, there = relay.phones[CALLER], relay.phone(OTHER, answer_after=2)
        early, mine, yours = noise(1, 0.5), noise(2, 1.0), noise(3, 0.7)
        relay.clock.advance(1.0)
        here.play(early)  # before anybody hears it
        connect(client, call, phone(OTHER))
        relay.clock.advance(2.5)  # the other answers at 3.0
        assert here.play(mine) == 1.0
        relay.clock.advance(0.25)
        assert there.play(yours) == 0.7
        relay.clock.advance(1.25)  # 5.0
        assert np.array_equal(here.said.samples, placed(5.0, (1.0, early), (3.5, mine)))
        assert np.array_equal(there.said.samples, placed(2.0, (0.75, yours)))
        assert np.array_equal(there.heard.samples, placed(2.0, (0.5, mine)))
        assert np.array_equal(here.heard.samples, placed(5.0, (3.75, yours)))

    def test_the_bridge_begins_and_ends_in_the_midst_of_a_sound(
        self, relay: Emulator, client: RawClient, call: Frame
    ) -> None:
        here, there = relay.phones[CALLER], relay.phone(OTHER, answer_after=1)
        sound = noise(4, 3.0)
        connect(client, call, phone(OTHER))
        here.play(sound)
        relay.clock.advance(2.125)
        client.command("calling.disconnect", call)
        relay.clock.advance(2.0)
        assert np.array_equal(there.heard.samples, placed(3.125, (0.0, sound[1 * RATE : 17 * RATE // 8])))

    @pytest.mark.parametrize("seed", range(5))
    def test_at_moments_between_two_samples_nothing_is_lost_or_heard_twice(
        self, relay: Emulator, client: RawClient, seed: int
    ) -> None:
        random = np.random.default_rng(seed)

        def pass_time() -> None:
            relay.clock.advance(float(random.uniform(0, 0.3)))

        pass_time()
        call = client.answered(CALLER)
        here, there = relay.phones[CALLER], relay.phone(OTHER, answer_after=float(random.uniform(0, 1)))
        connect(client, call, phone(OTHER))
        relay.clock.advance(1.0)
        sounds = [noise(seed + number, 0.1) for number in (20, 30, 40)]
        for sound in sounds:
            pass_time()
            assert len(here.heard) >= 0  # renders the lines up to this very moment
            assert len(there.heard) >= 0
            here.play(sound)
            there.play(sound)
        relay.clock.advance(1.0)
        for heard in (here.heard.samples, there.heard.samples):
            sounding = heard[heard.nonzero()[0][0] :]
            for sound in sounds:
                at = next(start for start in range(len(sounding)) if np.array_equal(sounding[start:][:800], sound))
                assert not sounding[:at].any()
                sounding = sounding[at + 800 :]
            assert not sounding.any()

    def test_looking_meanwhile_changes_nothing(self, relay: Emulator, client: RawClient, call: Frame) -> None:
        here, there = relay.phones[CALLER], relay.phone(OTHER)
        bridged(client, call)
        sound = noise(5, 1.0)
        for start in range(0, len(sound), 1000):
            here.play(sound[start : start + 1000])
            relay.clock.advance(1000 / RATE)
            assert len(there.heard) == len(here.heard) == start + 1000
        assert np.array_equal(there.heard.samples, sound)

    def test_a_playback_and_the_other_phone_are_heard_together(
        self, relay: Emulator, client: RawClient, call: Frame, tmp_path: Path
    ) -> None:
        bridged(client, call)
        music, voice = noise(6, 1.0), noise(7, 1.0)
        soundfile.write(tmp_path / "music.wav", music, RATE, subtype="PCM_16")
        item = {"type": "audio", "params": {"url": str(tmp_path / "music.wav")}}
        client.play(call, "p", item)
        relay.phones[OTHER].play(voice)
        relay.clock.advance(1.0)
        assert np.array_equal(relay.phones[CALLER].heard.samples, music + voice)
        assert not relay.phones[OTHER].heard.samples.any()  # the playback is the caller's alone

    def test_who_hangs_up_is_not_heard_any_more_and_all_is_kept(
        self, relay: Emulator, client: RawClient, call: Frame
    ) -> None:
        here, there = relay.phones[CALLER], relay.phone(OTHER)
        bridged(client, call)
        mine, yours = noise(8, 2.0), noise(9, 2.0)
        here.play(mine)
        there.play(yours)
        relay.clock.advance(0.5)
        there.hang_up()
        relay.clock.advance(2.0)
        assert np.array_equal(there.heard.samples, mine[: RATE // 2])
        assert np.array_equal(there.said.samples, yours[: RATE // 2])
        assert np.array_equal(here.heard.samples, placed(2.5, (0, yours[: RATE // 2])))
        assert np.array_equal(here.said.samples, placed(2.5, (0, mine)))

    @pytest.mark.parametrize("as_list", [True, False])
    def test_the_caller_hears_the_ringback_again_and_again_until_it_is_connected(
        self, relay: Emulator, client: RawClient, call: Frame, as_list: bool, tmp_path: Path
    ) -> None:
        sound = noise(10, 0.75)
        soundfile.write(tmp_path / "ringback.wav", sound, RATE, subtype="PCM_16")
        ringback = {"type": "audio", "params": {"url": str(tmp_path / "ringback.wav")}}
        there = relay.phone(OTHER, answer_after=2)
        relay.clock.advance(1.0)
        connect(client, call, phone(OTHER), ringback=[ringback] if as_list else ringback)
        relay.clock.advance(4.0)
        wanted = placed(5.0, (1.0, sound), (1.75, sound), (2.5, sound[: RATE // 2]))
        assert np.array_equal(relay.phones[CALLER].heard.samples, wanted)
        assert not there.heard.samples.any()

    def test_an_empty_list_is_none(self, relay: Emulator, client: RawClient, call: Frame) -> None:
        """The current Node client sends it when it was given no ringback."""
        relay.phone(OTHER, answer_after=1)
        connect(client, call, phone(OTHER), ringback=[])
        relay.clock.advance(1)
        assert not relay.phones[CALLER].heard.samples.any()
        assert client.wait_event("connect", "connected")

    def test_the_ringback_ends_when_the_attempt_fails(self, relay: Emulator, client: RawClient, call: Frame) -> None:
        relay.phone(OTHER, decline=True, answer_after=1)
        connect(client, call, phone(OTHER), ringback=[US])
        relay.clock.advance(3.0)
        heard = relay.phones[CALLER].heard
        assert heard.between(0, 1).rms_db() > -40
        assert not heard.between(1.0).samples.any()

    def test_a_ringback_that_cannot_be_had_is_silent_and_the_call_is_connected(
        self, relay: Emulator, client: RawClient, call: Frame, tmp_path: Path
    ) -> None:
        nothing = {"type": "audio", "params": {"url": str(tmp_path / "nothing.wav")}}
        relay.phone(OTHER, answer_after=1)
        connect(client, call, phone(OTHER), ringback=nothing)
        relay.clock.advance(2.0)
        told(client, "connecting")
        told(client, "connected")
        assert not relay.phones[CALLER].heard.samples.any()


class TestTalking:
    def test_speech_is_heard_by_the_other_phone_and_its_text_is_kept(
        self, relay: Emulator, client: RawClient, call: Frame
    ) -> None:
        here, there = relay.phones[CALLER], relay.phone(OTHER)
        bridged(client, call)
        seconds = here.say("Good morning")
        assert seconds > 0.3
        relay.clock.advance(seconds)
        heard, said = there.heard.samples, here.said.samples
        linear = np.abs(said.astype(np.int32)) < 20_000  # louder ones go through a second limiter
        assert np.array_equal(heard[linear], said[linear])
        assert there.heard.rms_db() > -60

    def test_a_phone_says_one_thing_after_the_other(self, relay: Emulator, client: RawClient, call: Frame) -> None:
        here = relay.phones[CALLER]
        first, second = noise(11, 0.5), noise(12, 0.25)
        assert here.play(first) == 0.5
        assert here.play(second) == 0.75
        relay.clock.advance(1.0)
        assert np.array_equal(here.said.samples, placed(1.0, (0, first), (0.5, second)))

    def test_hush_cuts_off_what_is_being_said(self, relay: Emulator, client: RawClient, call: Frame) -> None:
        here = relay.phones[CALLER]
        sound = noise(13, 1.0)
        here.play(sound)
        here.play(sound)
        relay.clock.advance(0.5)
        here.hush()
        relay.clock.advance(2.0)
        assert np.array_equal(here.said.samples, placed(2.5, (0, sound[: RATE // 2])))

    def test_keys_are_tones_in_the_voice(self, relay: Emulator, client: RawClient, call: Frame) -> None:
        from relay_sync.emulator.media import DigitDetector

        here = relay.phones[CALLER]
        relay.clock.advance(here.press("1w2#"))
        detector = DigitDetector()
        found = detector.feed(here.said.samples) + detector.flush()
        assert "".join(digit.digit for digit in found) == "12#"

    def test_a_file_and_floats_and_what_was_heard_can_be_sent(
        self, relay: Emulator, client: RawClient, call: Frame, tmp_path: Path
    ) -> None:
        here = relay.phones[CALLER]
        sound = noise(14, 0.25)
        soundfile.write(tmp_path / "sound.wav", sound, RATE, subtype="PCM_16")
        here.play(tmp_path / "sound.wav")
        here.play(sound / 32768)
        relay.clock.advance(0.5)
        here.play(here.said)
        relay.clock.advance(0.5)
        assert np.array_equal(here.said.samples, np.tile(sound, 4))

    @pytest.mark.parametrize("wrong", ["", "12x", "é", None])
    def test_keys_that_do_not_exist_are_refused(self, client: RawClient, call: Frame, wrong: Any) -> None:
        with pytest.raises(ValueError, match="digit"):
            client.relay.phones[CALLER].press(wrong)

    @pytest.mark.parametrize("wrong", ["/no/such/file.wav", np.zeros((2, 2)), np.zeros(4, np.int32)])
    def test_what_is_no_sound_is_refused(self, client: RawClient, call: Frame, wrong: Any) -> None:
        with pytest.raises(ValueError, match=r"file|row|samples"):
            client.relay.phones[CALLER].play(wrong)

    def test_without_an_answered_call_a_phone_cannot_talk(self, relay: Emulator, client: RawClient) -> None:
        quiet = relay.phone(CALLER, no_answer=True)
        for act in (lambda: quiet.say("Hello"), lambda: quiet.press("1"), lambda: quiet.play([0.0]), quiet.hush):
            with pytest.raises(RuntimeError, match="it is idle"):
                act()
        client.begin(CALLER)
        with pytest.raises(RuntimeError, match="it is ringing"):
            quiet.say("Hello")
        assert len(quiet.said) == 0

    def test_a_phone_may_say_and_press_by_itself(self, relay: Emulator, client: RawClient) -> None:
        talker = relay.phone("+15550109", says="Press on", presses="7")
        client.answered("+15550109")
        relay.clock.advance(3.0)
        (call,) = relay.on_thread(lambda: list(relay.switch.calls))
        assert [(one.kind, one.text) for one in call.voice.utterances] == [("speech", "Press on"), ("digits", "7")]
        assert talker.said.rms_db() > -60
