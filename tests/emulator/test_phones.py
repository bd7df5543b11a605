"""Phones in a test's hand."""

from __future__ import annotations

import threading

import pytest

from relay_sync.emulator import Emulator, Phone
from tests.emulator.raw import RawClient, frames_of
from tests.support import in_thread


@pytest.fixture
def handset(relay: Emulator) -> Phone:
    """A phone that rings until somebody presses a button."""
    return relay.phone("+15550101", no_answer=True)


def test_a_phone_is_answered_by_hand(relay: Emulator, client: RawClient, handset: Phone) -> None:
    assert handset.state == "idle"
    client.begin("+15550101")
    assert handset.state == "ringing"
    relay.clock.advance(3)
    handset.answer()
    assert client.wait_event("state", "answered")
    assert handset.state == "answered"
    relay.clock.advance(2)
    handset.hang_up()
    assert client.wait_event("state", "ended")["end_reason"] == "hangup"
    assert handset.heard.duration == 2.0


@pytest.mark.parametrize(("button", "reason"), [("decline", "decline"), ("busy", "busy"), ("hang_up", "hangup")])
def test_a_ringing_call_is_turned_down_by_hand(client: RawClient, handset: Phone, button: str, reason: str) -> None:
    client.begin("+15550101")
    getattr(handset, button)()
    assert client.wait_event("state", "ended")["end_reason"] == reason
    assert (handset.state, handset.end_reason) == ("ended", reason)


def test_a_reason_can_be_given(client: RawClient, handset: Phone) -> None:
    client.begin("+15550101")
    handset.hang_up("error")
    assert client.wait_event("state", "ended")["end_reason"] == "error"
    with pytest.raises(ValueError, match="boredom"):
        handset.hang_up("boredom")


@pytest.mark.parametrize("button", ["answer", "decline", "busy", "hang_up"])
def test_buttons_do_nothing_without_a_call(client: RawClient, handset: Phone, button: str) -> None:
    with pytest.raises(RuntimeError, match=r"\+15550101 can't .*: it is idle"):
        getattr(handset, button)()
    client.begin("+15550101")
    handset.hang_up()
    with pytest.raises(RuntimeError, match="it is ended"):
        getattr(handset, button)()


def test_an_answered_call_can_not_be_answered_or_declined_again(client: RawClient, handset: Phone) -> None:
    client.begin("+15550101")
    handset.answer()
    for button in (handset.answer, handset.decline, handset.busy):
        with pytest.raises(RuntimeError, match="it is answered"):
            button()


def test_one_can_wait_for_a_state_before_and_after_it_comes(client: RawClient, handset: Phone) -> None:
    lying_down = threading.Event()

    def wait() -> bool:
        lying_down.set()
        return handset.wait_for("ringing")

    with in_thread(wait) as waiting:
        lying_down.wait(10)
        client.begin("+15550101")
    assert waiting.result()
    assert handset.wait_for("created")
    assert handset.wait_for("ringing", timeout=0)


def test_waiting_for_what_can_not_come_any_more_returns_false(client: RawClient, handset: Phone) -> None:
    client.begin("+15550101")
    handset.decline()
    assert handset.wait_for("answered") is False
    assert handset.wait_for("ended") is True


def test_one_can_wait_for_a_call_by_its_number(client: RawClient, handset: Phone) -> None:
    client.begin("+15550101")
    handset.hang_up()
    with pytest.raises(TimeoutError, match="call 2 of"):
        handset.wait_for("ringing", timeout=0, call=2)
    client.begin("+15550101")
    assert handset.wait_for("ringing", call=2)
    assert [call.state for call in handset.calls] == ["ended", "ringing"]


def test_an_unknown_state_is_refused(handset: Phone) -> None:
    with pytest.raises(ValueError, match="levitating"):
        handset.wait_for("levitating")


def test_a_phone_takes_several_calls_and_its_buttons_act_on_the_latest(
    relay: Emulator, client: RawClient, handset: Phone
) -> None:
    for _ in range(2):
        client.begin("+15550101")
    handset.answer()
    assert [call.state for call in handset.calls] == ["ringing", "answered"]
    assert "answered" in repr(handset)


def test_what_was_heard_in_an_earlier_call_is_let_go(relay: Emulator, client: RawClient) -> None:
    first = client.answered()
    relay.clock.advance(5)
    client.command("calling.end", first)
    assert relay.phones["+15550101"].heard.duration == 5.0
    client.answered()
    relay.clock.advance(1)
    assert relay.phones["+15550101"].heard.duration == 1.0


def test_a_phone_can_be_used_when_the_emulator_has_stopped(dialect: str) -> None:
    relay = Emulator()
    with relay, frames_of[dialect](relay).ready() as client:
        client.answered()
        handset = relay.phones["+15550101"]
    assert (handset.state, handset.end_reason) == ("ended", "error")
    assert len(handset.calls) == 1
    with pytest.raises(RuntimeError, match="not running"):
        handset.call(context="office")
