"""Calls from phones to contexts: offered to exactly one client each, in turn (protocol.md 10.2 and 10.6)."""

from __future__ import annotations

from typing import Any

import pytest

from relay_sync.emulator import Emulator, Phone
from tests.emulator.conftest import Connect
from tests.emulator.raw import RawClient


@pytest.fixture
def caller(relay: Emulator) -> Phone:
    return relay.phone("+15550155")


def offered(client: RawClient) -> dict[str, Any]:
    """Wait for an offer; return the ids that its commands need."""
    offer = client.wait_event("receive")
    return {"node_id": offer["node_id"], "call_id": offer["call_id"]}


def test_a_call_to_a_context_is_offered_and_can_be_answered(relay: Emulator, connect: Connect, caller: Phone) -> None:
    client = connect(relay, "office")
    placed = caller.call(context="office")
    offer = client.wait_event("receive")
    assert offer == {
        "call_id": placed.id,
        "node_id": offer["node_id"],
        "context": "office",
        "call_state": "created",
        "direction": "inbound",
        "tag": "",
        "device": {"type": "phone", "params": {"from_number": "+15550155", "to_number": "+15550100000"}},
    }
    ids = {"node_id": offer["node_id"], "call_id": offer["call_id"]}
    assert client.command("calling.answer", ids) == {"code": "200", "message": "Answered", "call_id": placed.id}
    answered = client.wait_event("state", "answered")
    assert answered["direction"] == "inbound"
    assert answered["device"] == offer["device"]
    assert "tag" not in answered
    assert caller.wait_for("answered")
    caller.hang_up()
    assert client.wait_event("state", "ended")["end_reason"] == "hangup"


def test_a_number_leads_to_its_context(relay: Emulator, connect: Connect, caller: Phone) -> None:
    client = connect(relay, "sales")
    relay.route("+15550900", "sales")
    caller.call("+15550900")
    offer = client.wait_event("receive")
    assert offer["context"] == "sales"
    assert offer["device"]["params"]["to_number"] == "+15550900"


def test_a_number_that_leads_nowhere_ends_with_error(caller: Phone) -> None:
    assert caller.call("+15550901").state == "ended"
    assert caller.end_reason == "error"


def test_a_call_needs_a_number_or_a_context(caller: Phone) -> None:
    with pytest.raises(ValueError, match="number or a context"):
        caller.call()


def test_calls_are_spread_evenly_and_each_goes_to_exactly_one(relay: Emulator, connect: Connect, caller: Phone) -> None:
    consumers = [connect(relay, "office") for _ in range(3)]
    elsewhere = connect(relay, "home")
    placed = [caller.call(context="office").id for _ in range(12)]
    taken = []
    for consumer in consumers:
        assert consumer.drain() == ["receive:created"] * 4
        taken += [consumer.wait_event("receive")["call_id"] for _ in range(4)]
    assert sorted(taken) == sorted(placed)
    assert elsewhere.drain() == []


def test_a_consumer_that_joins_late_gets_its_turn_first(relay: Emulator, connect: Connect, caller: Phone) -> None:
    first = connect(relay, "office")
    caller.call(context="office")
    second = connect(relay, "office")
    caller.call(context="office")
    assert (first.drain(), second.drain()) == (["receive:created"], ["receive:created"])


def test_a_consumer_that_has_gone_gets_nothing(relay: Emulator, connect: Connect, caller: Phone) -> None:
    gone, there = connect(relay, "office"), connect(relay, "office")
    gone.close()
    relay.wait_for(lambda relay: relay.contexts == {"office": 1})
    for _ in range(4):
        caller.call(context="office")
    assert there.drain() == ["receive:created"] * 4


def test_with_no_consumer_the_phone_hears_no_answer(caller: Phone) -> None:
    assert caller.call(context="office").state == "ended"
    assert (caller.state, caller.end_reason) == ("ended", "noAnswer")
    assert len(caller.heard) == 0


def test_the_phone_gives_up_when_nobody_answers_in_time(relay: Emulator, connect: Connect, caller: Phone) -> None:
    client = connect(relay, "office")
    caller.call(context="office", timeout=20)
    offered(client)
    relay.clock.advance(20)
    assert client.wait_event("state", "ended")["end_reason"] == "noAnswer"
    client.drain()
    caller.call(context="office")
    client.command("calling.answer", offered(client))
    relay.clock.advance(100)
    assert caller.state == "answered"


@pytest.mark.parametrize("reason", ["busy", "decline", "hangup"])
def test_an_offer_can_be_turned_down(relay: Emulator, connect: Connect, caller: Phone, reason: str) -> None:
    client = connect(relay, "office")
    caller.call(context="office")
    assert client.command("calling.end", {**offered(client), "reason": reason})["code"] == "200"
    assert client.drain()[-2:] == ["state:ending", "state:ended"]
    assert caller.end_reason == reason


def test_a_passed_call_goes_to_another_consumer_and_is_lost_to_the_first(
    relay: Emulator, connect: Connect, caller: Phone
) -> None:
    first, second = connect(relay, "office"), connect(relay, "office")
    placed = caller.call(context="office")
    ids = offered(first)
    assert first.command("calling.pass", ids) == {"code": "200", "message": "Passing call", "call_id": placed.id}
    assert second.wait_event("receive")["call_id"] == placed.id
    assert first.command("calling.answer", ids)["code"] == "409"
    assert second.command("calling.answer", ids)["code"] == "200"
    caller.hang_up()
    first.drain()
    assert not first.events


def test_a_call_that_everybody_passes_ends_without_answer(relay: Emulator, connect: Connect, caller: Phone) -> None:
    consumers = [connect(relay, "office") for _ in range(2)]
    caller.call(context="office")
    for consumer in consumers:
        assert consumer.command("calling.pass", offered(consumer))["code"] == "200"
    assert (caller.state, caller.end_reason) == ("ended", "noAnswer")
    for consumer in consumers:
        assert [event for event in consumer.drain() if event.startswith("state")] == []


def test_only_an_unanswered_inbound_call_can_be_passed_or_answered(
    relay: Emulator, connect: Connect, caller: Phone
) -> None:
    client = connect(relay, "office")
    outbound = client.answered()
    assert client.command("calling.pass", outbound)["code"] == "409"
    assert client.command("calling.answer", outbound)["code"] == "409"
    caller.call(context="office")
    inbound = offered(client)
    client.command("calling.answer", inbound)
    assert client.command("calling.pass", inbound)["code"] == "409"


def test_a_phone_that_hangs_up_after_does_so_when_it_is_the_caller_too(relay: Emulator, connect: Connect) -> None:
    client = connect(relay, "office")
    caller = relay.phone("+15550156", hang_up_after=2)
    caller.call(context="office")
    client.command("calling.answer", offered(client))
    relay.clock.advance(2)
    assert client.wait_event("state", "ended")["end_reason"] == "hangup"


def test_a_message_may_ask_for_a_context_twice(relay: Emulator, connect: Connect, caller: Phone) -> None:
    client = connect(relay, "office", "office")
    client.command("signalwire.receive", {"contexts": ["office"]})
    caller.call(context="office")
    assert client.drain()[-1:] == ["receive:created"]
    assert client.order == []
