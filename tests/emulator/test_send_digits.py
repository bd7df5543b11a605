"""``calling.send_digits``: keys that a phone hears, at the sample they should be (protocol.md 11.8)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from relay_sync.emulator import Assumptions, Emulator, Phone
from relay_sync.emulator.media import sound_of_digits
from tests.emulator.conftest import Connect
from tests.emulator.raw import Frame, RawClient, audio

RATE = 8000
NUMBER = "+15550101"


def near(seconds: float, within: float = 1e-9) -> Any:
    """Return what equals a number of seconds but for rounding, or ``within`` so much."""
    return pytest.approx(seconds, abs=within)


@pytest.fixture
def call(client: RawClient) -> Frame:
    call = client.answered(NUMBER)
    client.drain()
    return call


@pytest.fixture
def phone(relay: Emulator) -> Phone:
    return relay.phone(NUMBER)


def send(client: RawClient, call: Frame, digits: Any, control: str = "s") -> Frame:
    return client.command("calling.send_digits", {**call, "control_id": control, "digits": digits})


def finished_at(relay: Emulator) -> list[tuple[str, float]]:
    events = relay.journal.events("calling.call.send_digits")
    assert {event.params["state"] for event in events} <= {"finished"}
    return [(event.params["control_id"], event.at) for event in events]


def test_the_phone_hears_the_tones_and_finished_comes_after_the_last(
    relay: Emulator, client: RawClient, call: Frame, phone: Phone
) -> None:
    relay.clock.advance(0.25)
    assert send(client, call, "12#") == {
        "code": "200", "message": "Sending Digits", "call_id": call["call_id"], "control_id": "s"
    }  # fmt: skip
    relay.clock.advance(0.5999)
    assert finished_at(relay) == []
    relay.clock.advance(0.1501)
    assert finished_at(relay) == [("s", near(0.85))]
    assert client.drain() == ["reply:calling.send_digits", "send_digits:finished"]
    heard = phone.heard.samples
    wanted = np.zeros(RATE)
    wanted[2000:6800] = sound_of_digits("12#") * 32768
    assert np.abs(heard - wanted).max() <= 1
    assert phone.digits_heard == "12#"


def test_every_key_can_be_sent_and_is_made_out(relay: Emulator, client: RawClient, call: Frame, phone: Phone) -> None:
    assert send(client, call, "0123456789*#ABCD")["code"] == "200"
    relay.clock.advance(60)
    assert phone.digits_heard == "0123456789*#ABCD"


@pytest.mark.parametrize(("digits", "seconds"), [("1w2", 0.9), ("1W2", 1.4), ("w", 0.5), ("1wW", 1.7), ("W1", 1.2)])
def test_waits_take_their_time(relay: Emulator, client: RawClient, call: Frame, digits: str, seconds: float) -> None:
    send(client, call, digits)
    relay.clock.advance(10)
    assert finished_at(relay) == [("s", near(seconds))]


@pytest.mark.parametrize("digits", ["12x3", "1 2", "a", "", "1,2", None, 12, ["1"], "+1", "\u0661", "1" * 1001])
def test_one_bad_character_refuses_all_of_them(
    relay: Emulator, client: RawClient, call: Frame, phone: Phone, digits: Any
) -> None:
    reply = send(client, call, digits)
    assert reply["code"] == "400"
    assert reply["message"].startswith("calling.send_digits: digits must be")
    relay.clock.advance(5)
    assert client.drain() == ["reply:calling.send_digits"]
    assert not phone.heard.samples.any()


def test_two_commands_follow_each_other(relay: Emulator, client: RawClient, call: Frame, phone: Phone) -> None:
    send(client, call, "12", "a")
    relay.clock.advance(0.1)
    send(client, call, "34", "b")
    assert send(client, call, "5", "b")["code"] == "409"
    relay.clock.advance(5)
    assert finished_at(relay) == [("a", near(0.4)), ("b", near(0.8))]
    assert phone.digits_heard == "1234"


def test_they_are_made_out_over_music(relay: Emulator, client: RawClient, call: Frame, phone: Phone) -> None:
    client.play(call, "p", audio("welcome.mp3"), volume=-20)
    send(client, call, "0815")
    relay.clock.advance(5)
    assert phone.digits_heard == "0815"


def test_no_command_stops_them(client: RawClient, call: Frame) -> None:
    send(client, call, "12")
    assert client.command("calling.send_digits.stop", {**call, "control_id": "s"})["code"] == -32601
    assert client.control(call, "s", "stop")["code"] == "404"


def test_a_phone_that_hangs_up_hears_no_more_of_them(
    relay: Emulator, client: RawClient, call: Frame, phone: Phone
) -> None:
    send(client, call, "1234")
    send(client, call, "5678", "t")
    relay.clock.advance(0.5)
    phone.hang_up()
    relay.clock.advance(5)
    assert client.drain() == [
        "reply:calling.send_digits",
        "reply:calling.send_digits",
        "send_digits:finished",
        "send_digits:finished",
        "state:ending",
        "state:ended",
    ]
    assert phone.digits_heard == "123"  # the third was sounding
    assert send(client, call, "1")["code"] == "410"


@pytest.mark.parametrize(("answer", "seconds"), [("W", 0.7), ("w", 1.2)])
def test_long_wait(connect: Connect, answer: Any, seconds: float) -> None:
    with Emulator(stepped=True, ping_interval=None, assumptions=Assumptions(long_wait=answer)) as relay:
        client = connect(relay)
        send(client, client.answered(NUMBER), "w1")
        relay.clock.advance(3)
        assert finished_at(relay) == [("s", near(seconds))]


def test_a_failure_on_request_is_the_end_without_a_sound(relay: Emulator, client: RawClient, call: Frame) -> None:
    relay.fail_next("calling.send_digits")
    assert send(client, call, "1234")["code"] == "200"
    relay.clock.advance(3)
    assert finished_at(relay) == [("s", 0.0)]
    assert not relay.phone(NUMBER).heard.samples.any()


def test_digits_heard_is_empty_before_a_call(phone: Phone) -> None:
    assert phone.digits_heard == ""
