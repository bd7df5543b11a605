"""Calls to phones: calling.begin, calling.dial, calling.end, and how phones behave (protocol.md 10)."""

from __future__ import annotations

import math
from typing import Any

import pytest

from relay_sync.emulator import MAGIC_NUMBERS, Behaviour, Emulator
from tests.emulator.conftest import Connect
from tests.emulator.raw import RawClient, phone

LIFE = ["reply:calling.begin", "state:created", "state:ringing", "state:answered"]


def sip(to: str, **more: Any) -> dict[str, Any]:
    return {"type": "sip", "params": {"from": "sip:me@a.example", "to": to, **more}}


def dial(client: RawClient, *steps: list[dict[str, Any]], tag: str = "tag-1") -> dict[str, Any]:
    return client.command("calling.dial", {"tag": tag, "devices": list(steps)})


def test_a_phone_answers_at_once_without_the_clock_moving(client: RawClient) -> None:
    reply = client.begin("+15550101", timeout=20, tag="tag-1")
    assert client.drain() == [*LIFE]
    for outer in client.events:
        event = outer["params"]
        assert outer["protocol"] == client.protocol
        assert outer["event"] == "queuing.relay.events"
        assert event["event_channel"] == client.protocol
        assert event["timestamp"] > 1e9
        assert event["project_id"] == client.relay.project
        params = event["params"]
        assert (params["call_id"], params["node_id"]) == (reply["call_id"], reply["node_id"])
        assert params["tag"] == "tag-1"
        assert params["direction"] == "outbound"
        assert params["device"] == phone("+15550101", 20)
        assert "end_reason" not in params


def test_answer_after_is_exact_on_the_clock(relay: Emulator, client: RawClient) -> None:
    relay.phone("+15550101", answer_after=2.5)
    client.begin("+15550101")
    relay.clock.advance(2.4)
    assert client.drain() == LIFE[:3]
    relay.clock.advance(10)
    assert client.drain() == LIFE[3:]
    assert relay.calls[0].answered_at == 2.5


@pytest.mark.parametrize(
    ("behaviour", "seconds", "states", "reason"),
    [
        ({"busy": True}, 0, ["created", "ending", "ended"], "busy"),
        ({"unreachable": True}, 0, ["created", "ending", "ended"], "error"),
        ({"decline": True}, 0, ["created", "ringing", "ending", "ended"], "decline"),
        ({"decline": True, "answer_after": 4}, 4, ["created", "ringing", "ending", "ended"], "decline"),
        ({"no_answer": True}, 30, ["created", "ringing", "ending", "ended"], "noAnswer"),
        ({"answer_after": 31}, 30, ["created", "ringing", "ending", "ended"], "noAnswer"),
        ({"hang_up_after": 3}, 3, ["created", "ringing", "answered", "ending", "ended"], "hangup"),
        ({"answer_after": 2, "hang_up_after": 3}, 5, ["created", "ringing", "answered", "ending", "ended"], "hangup"),
        ({"hang_up_after": 0}, 0, ["created", "ringing", "answered", "ending", "ended"], "hangup"),
    ],
)
def test_phones_behave_as_told(
    relay: Emulator, client: RawClient, behaviour: dict[str, Any], seconds: float, states: list[str], reason: str
) -> None:
    handset = relay.phone("+15550101", **behaviour)
    client.begin("+15550101")
    if seconds:
        relay.clock.advance(seconds - 0.001)
        assert handset.state != "ended"
        relay.clock.advance(0.001)
    assert [entry for entry in client.drain() if "state:" in entry] == [f"state:{state}" for state in states]
    for state in ("ending", "ended"):
        assert client.wait_event("state", state)["end_reason"] == reason
    assert (handset.state, handset.end_reason) == ("ended", reason)
    assert relay.calls == []
    assert handset.calls[0].ended_at == pytest.approx(seconds)


def test_the_caller_gives_up_after_the_timeout_of_the_device(relay: Emulator, client: RawClient) -> None:
    handset = relay.phone("+15550101", no_answer=True)
    client.begin("+15550101", timeout=12)
    relay.clock.advance(11.9)
    assert handset.state == "ringing"
    relay.clock.advance(0.1)
    assert handset.end_reason == "noAnswer"


@pytest.mark.parametrize("number", MAGIC_NUMBERS)
def test_magic_numbers_behave_without_any_python(relay: Emulator, client: RawClient, number: str) -> None:
    behaviour, _ = MAGIC_NUMBERS[number]
    client.begin(number)
    relay.clock.advance(60)
    states = [entry.removeprefix("state:") for entry in client.drain() if "state:" in entry]
    assert ("ringing" in states) == (not behaviour.busy and not behaviour.unreachable)
    unanswered = behaviour.busy or behaviour.unreachable or behaviour.decline or behaviour.no_answer
    assert ("answered" in states) == (not unanswered)
    assert ("ended" in states) == (unanswered or behaviour.hang_up_after is not None)


def test_a_described_phone_replaces_a_magic_number(relay: Emulator, client: RawClient) -> None:
    relay.phone("+15550199003", answer_after=1)
    client.begin("+15550199003")
    relay.clock.advance(1)
    assert client.drain() == LIFE


def test_a_phone_named_again_keeps_its_behaviour(relay: Emulator) -> None:
    relay.phone("+15550101", busy=True)
    again = relay.phone("+15550101")
    assert again.behaviour == Behaviour(busy=True)
    again.behaviour = Behaviour(no_answer=True)
    assert relay.phones["+15550101"].behaviour == Behaviour(no_answer=True)
    assert relay.phone("+15550199003").behaviour == Behaviour(busy=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"answer_after": -1},
        {"hang_up_after": math.nan},
        {"answer_after": math.inf},
        {"busy": True, "decline": True},
        {"number": ""},
        {"number": 15550101},
    ],
)
def test_a_phone_that_can_not_be_is_refused(relay: Emulator, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|is one of"):
        relay.phone(**({"number": "+15550101"} | wrong))


def test_end_tells_ending_and_ended_with_the_reason(client: RawClient) -> None:
    call = client.answered()
    client.drain()
    assert client.command("calling.end", {**call, "reason": "error"})["code"] == "200"
    assert client.drain() == ["reply:calling.end", "state:ending", "state:ended"]
    assert client.wait_event("state", "ended")["end_reason"] == "error"


def test_a_ringing_call_can_be_ended_and_the_reason_is_hangup_by_default(relay: Emulator, client: RawClient) -> None:
    handset = relay.phone("+15550101", no_answer=True)
    reply = client.begin("+15550101")
    client.command("calling.end", {"call_id": reply["call_id"], "node_id": reply["node_id"]})
    assert client.wait_event("state", "ended")["end_reason"] == "hangup"
    relay.clock.advance(60)  # its timers are gone
    assert client.drain()[-1] == "state:ended"
    assert handset.end_reason == "hangup"


def test_a_single_device_can_be_dialled(client: RawClient) -> None:
    """The Node client does so."""
    assert dial(client, [phone("+15550101", 30)]) == {"code": "200", "message": "Dialing"}
    assert client.drain() == [
        "reply:calling.dial",
        "state:created",
        "dial:dialing",
        "state:ringing",
        "state:answered",
        "dial:answered",
    ]
    leg = client.wait_event("state", "answered")
    assert leg["created_by"] == "dial"
    event = client.wait_event("dial", "answered")
    assert "call_id" not in event
    assert event["tag"] == "tag-1"
    assert event["call"]["call_id"] == leg["call_id"]
    assert event["call"]["dial_winner"] is True
    assert event["call"]["device"] == phone("+15550101", 30)


def test_the_first_of_parallel_devices_to_answer_wins_and_the_others_are_cancelled(
    relay: Emulator, client: RawClient
) -> None:
    slow, fast = relay.phone("+15550101", answer_after=5), relay.phone("sip:you@b.example", answer_after=2)
    dial(client, [phone("+15550101"), sip("sip:you@b.example", timeout=20)])
    assert client.drain() == [
        "reply:calling.dial",
        "state:created",
        "state:created",
        "dial:dialing",
        "state:ringing",
        "state:ringing",
    ]
    relay.clock.advance(30)
    assert client.drain() == ["state:answered", "dial:answered", "state:ending", "state:ended"]
    winner = client.wait_event("dial", "answered")["call"]["call_id"]
    assert winner == fast.calls[0].id
    assert client.wait_event("state", "ended")["call_id"] == slow.calls[0].id
    assert (slow.end_reason, fast.state) == ("cancel", "answered")
    assert fast.calls[0].from_number == "sip:me@a.example"


def test_of_two_that_answer_at_once_one_wins_and_the_other_never_rings(client: RawClient) -> None:
    dial(client, [phone("+15550101"), phone("+15550102")])
    assert client.drain()[4:] == ["state:ringing", "state:answered", "dial:answered", "state:ending", "state:ended"]


def test_devices_in_series_are_tried_one_after_the_other(relay: Emulator, client: RawClient) -> None:
    relay.phone("+15550101", busy=True)
    relay.phone("+15550102", no_answer=True)
    dial(client, [phone("+15550101")], [phone("+15550102", 10)], [phone("+15550103")], [phone("+15550104")])
    assert client.drain() == [
        "reply:calling.dial",
        "state:created",
        "dial:dialing",
        "state:ending",
        "state:ended",
        "state:created",
        "state:ringing",
    ]
    relay.clock.advance(10)
    assert client.drain() == [
        "state:ending",
        "state:ended",
        "state:created",
        "state:ringing",
        "state:answered",
        "dial:answered",
    ]
    assert "+15550104" not in relay.phones


def test_a_dial_that_nobody_answers_fails_with_the_last_reason(relay: Emulator, client: RawClient) -> None:
    relay.phone("+15550101", busy=True)
    relay.phone("+15550102", decline=True)
    dial(client, [phone("+15550101"), phone("+15550101")], [phone("+15550102")])
    assert client.drain()[-1] == "dial:failed"
    event = client.wait_event("dial", "failed")
    assert (event["tag"], event["reason"]) == ("tag-1", "decline")
    assert "call" not in event
    assert relay.calls == []


def test_ending_the_ringing_leg_of_a_dial_goes_on_to_the_next_step(relay: Emulator, client: RawClient) -> None:
    relay.phone("+15550101", no_answer=True)
    dial(client, [phone("+15550101")], [phone("+15550102")])
    leg = client.wait_event("state", "ringing")
    client.command("calling.end", {"call_id": leg["call_id"], "node_id": leg["node_id"]})
    assert client.wait_event("dial", "answered")["call"]["device"] == phone("+15550102")


def test_a_winner_that_hangs_up_as_it_answers_is_announced_first(relay: Emulator, client: RawClient) -> None:
    relay.phone("+15550101", hang_up_after=0)
    dial(client, [phone("+15550101")])
    assert client.drain()[-4:] == ["state:answered", "dial:answered", "state:ending", "state:ended"]


def test_strict_wants_a_tag_of_its_own_for_each_call(relay: Emulator, client: RawClient) -> None:
    assert client.begin("+15550101", tag="same")["code"] == "200"
    assert client.begin("+15550102", tag="same")["code"] == "400"
    relay.phones["+15550101"].hang_up()
    assert client.begin("+15550102", tag="same")["code"] == "200"


def test_a_thousand_calls_fit(relay: Emulator, client: RawClient) -> None:
    for number in range(1000):
        client.post("calling.begin", {"tag": f"tag-{number}", "device": phone(f"+1555{number:07}")})
    assert client.drain().count("state:answered") == 1000
    assert len(relay.calls) == 1000
    assert len({call.id for call in relay.calls}) == 1000


def test_two_clients_hear_only_of_their_own_calls(relay: Emulator, client: RawClient, connect: Connect) -> None:
    other = connect(relay)
    other.drain()
    client.answered()
    assert other.drain() == []
