"""``calling.join_conference``, ``calling.join_room`` and their ends: phones that hear each other (protocol.md 13)."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from relay_sync.emulator import Emulator, Phone
from tests.emulator.conftest import Connect
from tests.emulator.raw import Frame, RawClient, phone
from tests.emulator.sounds import RATE, Samples, noise, placed

NUMBERS = ["+15550101", "+15550102", "+15550103"]
CHANGES = {"conference-start", "participant-join", "participant-leave", "conference-end"}


@pytest.fixture
def calls(client: RawClient) -> list[Frame]:
    """Three calls, answered at 0, 1 and 2 s."""
    calls = []
    for number in NUMBERS:
        calls.append(client.answered(number))
        if number != NUMBERS[-1]:
            client.relay.clock.advance(1)
    client.drain()
    client.events.clear()
    return calls


@pytest.fixture
def phones(relay: Emulator, calls: list[Frame]) -> list[Phone]:
    return [relay.phones[number] for number in NUMBERS]


def join(client: RawClient, call: Frame, name: str = "standup", **more: Any) -> Frame:
    return client.command("calling.join_conference", {**call, "name": name, **more})


def leave(client: RawClient, call: Frame, conference_id: str) -> Frame:
    return client.command("calling.leave_conference", {**call, "conference_id": conference_id})


def news(client: RawClient) -> list[Frame]:
    """Take the events of conferences that have come."""
    client.drain()
    found = [event for event in client.events if event["params"]["event_type"] == "calling.conference"]
    client.events.clear()
    return [event["params"]["params"] for event in found]


def statuses(client: RawClient) -> list[tuple[str, int]]:
    return [(event["status"], event["size"]) for event in news(client)]


def talk(relay: Emulator, phones: list[Phone], seconds: float = 1.0) -> list[Samples]:
    """Have all of them speak at once; return what."""
    sounds = [noise(seed, seconds) for seed in range(len(phones))]
    for speaker, sound in zip(phones, sounds, strict=True):
        speaker.play(sound)
    relay.clock.advance(seconds)
    return sounds


def last(listener: Phone, seconds: float = 1.0) -> Samples:
    """What a phone has heard in the last seconds."""
    return listener.heard.samples[-round(seconds * RATE) :]


class TestSound:
    def test_each_hears_the_others_and_not_itself(
        self, relay: Emulator, client: RawClient, calls: list[Frame], phones: list[Phone]
    ) -> None:
        for call in calls:
            assert join(client, call)["code"] == "200"
        a, b, c = talk(relay, phones)
        for listener, heard in zip(phones, (b + c, a + c, a + b), strict=True):
            assert np.array_equal(last(listener), heard)

    def test_who_comes_later_hears_from_then_on_and_who_leaves_until_then(
        self, relay: Emulator, client: RawClient, calls: list[Frame], phones: list[Phone]
    ) -> None:
        conference = join(client, calls[0])["conference_id"]
        mine = noise(1, 3.0)
        phones[0].play(mine)
        relay.clock.advance(1)
        assert join(client, calls[1])["conference_id"] == conference
        relay.clock.advance(1)
        assert leave(client, calls[1], conference)["message"] == "Leaving conference"
        relay.clock.advance(1)
        assert np.array_equal(last(phones[1], 3.0), placed(3.0, (1.0, mine[RATE : 2 * RATE])))

    def test_a_muted_one_hears_and_is_not_heard(
        self, relay: Emulator, client: RawClient, calls: list[Frame], phones: list[Phone]
    ) -> None:
        join(client, calls[0])
        join(client, calls[1], muted=True)
        a, _ = talk(relay, phones[:2])
        assert not last(phones[0]).any()
        assert np.array_equal(last(phones[1]), a)

    def test_a_coach_is_heard_by_one_alone(
        self, relay: Emulator, client: RawClient, calls: list[Frame], phones: list[Phone]
    ) -> None:
        join(client, calls[0])
        join(client, calls[1])
        news(client)
        assert join(client, calls[2], coach=calls[0]["call_id"])["code"] == "200"
        assert news(client)[0]["coaching"] is True
        a, b, c = talk(relay, phones)
        for listener, heard in zip(phones, (b + c, a, a + b), strict=True):
            assert np.array_equal(last(listener), heard)

    def test_one_on_hold_hears_nobody_and_is_not_heard(
        self, relay: Emulator, client: RawClient, calls: list[Frame], phones: list[Phone]
    ) -> None:
        for call in calls:
            join(client, call)
        news(client)
        client.command("calling.hold", calls[0])
        _, b, c = talk(relay, phones)
        assert not last(phones[0]).any()
        assert np.array_equal(last(phones[1]), c)
        assert np.array_equal(last(phones[2]), b)
        client.command("calling.unhold", calls[0])
        assert [(event["status"], event["hold"]) for event in news(client)] == [
            ("participant-hold", True), ("participant-unhold", False)
        ]  # fmt: skip

    def test_until_it_starts_they_hear_the_wait_url_and_not_each_other(
        self, relay: Emulator, client: RawClient, calls: list[Frame], phones: list[Phone], tmp_path: Path
    ) -> None:
        music = noise(9, 0.4)
        soundfile.write(tmp_path / "music.wav", music, RATE, subtype="PCM_16")
        join(client, calls[0], start_on_enter=False, wait_url=str(tmp_path / "music.wav"))
        join(client, calls[1], start_on_enter=False)
        talk(relay, phones[:2])
        assert np.array_equal(last(phones[0]), np.tile(music, 3)[:RATE])
        assert not last(phones[1]).any()
        join(client, calls[2])
        a, b = talk(relay, phones[:2])
        assert np.array_equal(last(phones[0]), b)
        assert np.array_equal(last(phones[1]), a)

    def test_who_leaves_before_it_starts_hears_no_music_any_more(
        self, relay: Emulator, client: RawClient, calls: list[Frame], phones: list[Phone]
    ) -> None:
        conference = join(client, calls[0], start_on_enter=False, wait_url="welcome.mp3")["conference_id"]
        relay.clock.advance(1)
        leave(client, calls[0], conference)
        relay.clock.advance(1)
        assert phones[0].heard.samples[-2 * RATE : -RATE].any()
        assert not last(phones[0]).any()

    @pytest.mark.parametrize(
        ("beep", "beeps"),
        [("true", 2), ("onEnter", 1), ("onExit", 1), ("false", 0), (True, 2), (False, 0)],
    )
    def test_a_beep_is_heard_by_the_others(
        self, relay: Emulator, client: RawClient, calls: list[Frame], phones: list[Phone], beep: Any, beeps: int
    ) -> None:
        join(client, calls[0])
        conference = join(client, calls[1], beep=beep)["conference_id"]
        relay.clock.advance(1)
        entered = last(phones[0]).any()
        leave(client, calls[1], conference)
        relay.clock.advance(1)
        assert int(entered) + int(last(phones[0]).any()) == beeps

    @pytest.mark.parametrize(
        ("answer", "beeps"), [("false", False), ("true", True), ("onEnter", True), ("onExit", False)]
    )
    def test_conference_beep(self, assumed: Any, answer: str, beeps: bool) -> None:
        client = assumed(conference_beep=answer)
        call = client.answered(NUMBERS[0])
        join(client, call)
        client.relay.clock.advance(1)
        assert client.relay.phones[NUMBERS[0]].heard.samples.any() == beeps

    def test_a_recording_has_all_of_them(
        self, relay: Emulator, client: RawClient, calls: list[Frame], phones: list[Phone], tmp_path: Path
    ) -> None:
        conference = join(client, calls[0], record="record-from-start")["conference_id"]
        relay.clock.advance(0.5)
        join(client, calls[1])
        a, b = talk(relay, phones[:2])
        leave(client, calls[0], conference)
        _, later = talk(relay, phones[:2])  # the first is there no more
        leave(client, calls[1], conference)
        told = {event["status"]: event for event in news(client)}
        assert list(told) == [
            "participant-join", "conference-start", "record-start", "participant-leave", "record-stop", "conference-end"
        ]  # fmt: skip
        with urllib.request.urlopen(told["record-stop"]["url"], timeout=10) as response:
            (tmp_path / "all.wav").write_bytes(response.read())
        assert np.array_equal(
            soundfile.read(tmp_path / "all.wav", dtype="int16")[0], placed(2.5, (0.5, a + b), (1.5, later))
        )
        assert told["record-stop"]["duration"] == 2.5
        assert relay.recordings[-1].url == told["record-stop"]["url"]


class TestEvents:
    def test_they_tell_of_each_change(self, relay: Emulator, client: RawClient, calls: list[Frame]) -> None:
        reply = join(client, calls[0])
        conference = reply["conference_id"]
        assert reply == {
            "code": "200", "message": "Joining conference", "call_id": calls[0]["call_id"], "conference_id": conference
        }  # fmt: skip
        joined, started = news(client)
        about = {"conference_id": conference, "name": "standup", "size": 1}
        state = {"muted": False, "hold": False, "coaching": False}
        assert joined == {"status": "participant-join", **about, **state, **calls[0]}
        assert started == {"status": "conference-start", **about, "node_id": calls[0]["node_id"]}
        join(client, calls[1], muted=True)
        assert [(event["status"], event["size"], event["muted"]) for event in news(client)] == [
            ("participant-join", 2, True)
        ]
        leave(client, calls[0], conference)
        leave(client, calls[1], conference)
        left, also_left, ended = news(client)
        assert (left["status"], left["size"], left["call_id"]) == ("participant-leave", 1, calls[0]["call_id"])
        assert (also_left["status"], also_left["size"]) == ("participant-leave", 0)
        assert ended == {
            "status": "conference-end", **about, "size": 0, "reason_ended": "last-participant-left",
            "node_id": calls[0]["node_id"],
        }  # fmt: skip
        assert join(client, calls[0])["conference_id"] != conference  # another one of that name

    def test_one_with_end_on_exit_takes_all_along_and_their_calls_live_on(
        self, relay: Emulator, client: RawClient, calls: list[Frame], phones: list[Phone]
    ) -> None:
        join(client, calls[0])
        join(client, calls[1], end_on_exit=True)
        join(client, calls[2], end_on_exit=True)
        news(client)
        phones[1].hang_up()
        events = news(client)
        assert [(event["status"], event["size"]) for event in events] == [
            ("participant-leave", 2), ("participant-leave", 1), ("participant-leave", 0), ("conference-end", 0)
        ]  # fmt: skip
        assert events[-1]["reason_ended"] == "participant-with-end-conference-on-exit-left"
        assert [each.state for each in phones] == ["answered", "ended", "answered"]
        talk(relay, [phones[0]])
        assert not last(phones[2]).any()

    def test_a_hang_up_is_a_leaving(
        self, relay: Emulator, client: RawClient, calls: list[Frame], phones: list[Phone]
    ) -> None:
        join(client, calls[0])
        join(client, calls[1])
        news(client)
        phones[0].hang_up()
        assert statuses(client) == [("participant-leave", 1)]
        (b,) = talk(relay, phones[1:2])
        assert b.any()
        assert not last(phones[1]).any()

    def test_each_client_hears_of_its_own_calls_and_of_the_conference(
        self, relay: Emulator, client: RawClient, calls: list[Frame], connect: Connect
    ) -> None:
        other = connect(relay)
        theirs = other.answered("+15550109")
        conference = join(client, calls[0])["conference_id"]
        join(other, theirs)
        assert statuses(client) == [("participant-join", 1), ("conference-start", 1)]
        assert statuses(other) == [("participant-join", 2)]
        leave(client, calls[0], conference)
        leave(other, theirs, conference)
        assert statuses(client) == [("participant-leave", 1), ("conference-end", 0)]
        assert statuses(other) == [("participant-leave", 0), ("conference-end", 0)]

    @pytest.mark.parametrize(("answer", "sizes"), [("one", [1]), ("two", [2])])
    def test_conference_starts_with(self, assumed: Any, answer: str, sizes: list[int]) -> None:
        client = assumed(conference_starts_with=answer)
        for number in NUMBERS[:2]:
            join(client, client.answered(number))
        assert [size for status, size in statuses(client) if status == "conference-start"] == sizes

    @pytest.mark.parametrize("answer", [False, True])
    def test_conference_speech_events(self, assumed: Any, answer: bool) -> None:
        client = assumed(conference_speech_events=answer)
        join(client, client.answered(NUMBERS[0]))
        news(client)
        client.relay.phones[NUMBERS[0]].play(noise(1, 1.0))
        client.relay.clock.advance(2)
        spoken = ["participant-speech-start", "participant-speech-stop"] if answer else []
        assert [status for status, _ in statuses(client)] == spoken


class TestRefusals:
    def test_a_full_one_is_409(self, client: RawClient, calls: list[Frame]) -> None:
        join(client, calls[0], max_participants=1)
        assert join(client, calls[1]) == {"code": "409", "message": "Conference is full"}

    def test_a_call_is_in_one_place(self, client: RawClient, calls: list[Frame]) -> None:
        join(client, calls[0])
        in_one = {"code": "409", "message": "Call is in a conference already"}
        assert join(client, calls[0], "another") == in_one
        assert client.command("calling.join_room", {**calls[0], "name": "lobby"}) == in_one
        assert client.command("calling.queue.enter", {**calls[0], "queue_name": "q"}) == in_one
        assert client.command("calling.connect", {**calls[0], "devices": [[phone("+15550109")]]}) == in_one

    def test_a_connected_call_can_not_join(self, client: RawClient, calls: list[Frame]) -> None:
        client.command("calling.connect", {**calls[0], "devices": [[phone("+15550109")]]})
        client.wait_event("connect", "connected")
        assert join(client, calls[0])["message"] == "Call is connected already"

    def test_leaving_where_it_is_not_is_409(self, client: RawClient, calls: list[Frame]) -> None:
        assert leave(client, calls[0], "nowhere")["code"] == "409"
        join(client, calls[0])
        assert leave(client, calls[0], "nowhere")["code"] == "409"
        assert client.command("calling.leave_room", calls[0]) == {"code": "409", "message": "Call is not in a room"}

    def test_only_somebody_there_can_be_coached(self, client: RawClient, calls: list[Frame]) -> None:
        join(client, calls[0])
        assert join(client, calls[1], coach=calls[2]["call_id"])["code"] == "409"

    @pytest.mark.parametrize(
        "more",
        [{"max_participants": 0}, {"max_participants": 251}, {"beep": "twice"}, {"muted": "yes"}, {"record": "all"}],
    )
    def test_what_can_not_be_is_400(self, client: RawClient, calls: list[Frame], more: Frame) -> None:
        assert join(client, calls[0], **more)["code"] == "400"


class TestRoom:
    def test_all_hear_each_other_and_nothing_is_told(
        self, relay: Emulator, client: RawClient, calls: list[Frame], phones: list[Phone]
    ) -> None:
        for call in calls:
            reply = client.command("calling.join_room", {**call, "name": "lobby"})
            assert reply == {"code": "200", "message": "OK", "call_id": call["call_id"]}
        a, b, c = talk(relay, phones)
        for listener, heard in zip(phones, (b + c, a + c, a + b), strict=True):
            assert np.array_equal(last(listener), heard)
        assert client.command("calling.leave_room", calls[0])["code"] == "200"
        phones[1].hang_up()
        talk(relay, [phones[0]])
        assert not last(phones[2]).any()
        assert not last(phones[0]).any()
        assert {entry.partition(":")[0] for entry in client.drain()} == {"reply", "state"}

    def test_rooms_of_two_names_are_two(
        self, relay: Emulator, client: RawClient, calls: list[Frame], phones: list[Phone]
    ) -> None:
        client.command("calling.join_room", {**calls[0], "name": "lobby"})
        client.command("calling.join_room", {**calls[1], "name": "attic"})
        talk(relay, phones[:2])
        assert not last(phones[0]).any()
        assert not last(phones[1]).any()
