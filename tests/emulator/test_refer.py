"""``calling.refer`` over bare frames in stepped time (protocol.md 12)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from relay_sync.emulator import Assumptions, Emulator
from tests.emulator.conftest import Connect
from tests.emulator.raw import Frame, RawClient
from tests.emulator.told import told

DESK = "sip:desk@emulator.example"


def sip_call(client: RawClient) -> Frame:
    """Start a call to a SIP address that answers at once; return its ids."""
    device = {"type": "sip", "params": {"from": "sip:me@emulator.example", "to": "sip:you@emulator.example"}}
    begun = client.command("calling.begin", {"tag": str(uuid.uuid4()), "device": device})
    assert begun["code"] == "200", begun
    client.wait_event("state", "answered", call_id=begun["call_id"])
    return {"node_id": begun["node_id"], "call_id": begun["call_id"]}


def refer(client: RawClient, call: Frame, to: str = DESK, **more: Any) -> Frame:
    return client.command("calling.refer", {**call, "device": {"type": "sip", "params": {"to": to, **more}}})


def referred(client: RawClient) -> list[tuple[float, str, str | None, str | None]]:
    """Take the events: when, the state, the code of the response and that of the notification."""
    return [
        (at, params["state"], params.get("sip_refer_response_code"), params.get("sip_notify_response_code"))
        for at, params in told(client, "refer")
    ]


@pytest.mark.parametrize(
    ("to", "end"),
    [
        ("sip:desk@emulator.example", (0.0, "success", "202", "200")),
        ("sip:slow@emulator.example", (2.0, "success", "202", "200")),
        ("sip:busy@emulator.example", (0.0, "busy", "202", "486")),
        ("sip:nobody@emulator.example", (30.0, "noAnswer", "202", "408")),
        ("sip:decline@emulator.example", (0.0, "cancel", "202", "603")),
        ("sip:gone@emulator.example", (0.0, "error", "202", "404")),
        ("sips:anybody@b.example", (0.0, "success", "202", "200")),
    ],
)
def test_the_phone_at_the_address_decides(client: RawClient, to: str, end: tuple[float, str, str, str]) -> None:
    call = sip_call(client)
    reply = refer(client, call, to)
    assert reply == {"code": "200", "message": "Starting SIP REFER", "call_id": call["call_id"]}
    client.relay.clock.advance(60)
    assert referred(client) == [(0.0, "inProgress", None, None), end]


def test_a_phone_described_by_the_test_decides_too(client: RawClient) -> None:
    client.relay.phone("sip:me@test.example", decline=True, answer_after=3)
    call = sip_call(client)
    assert refer(client, call, "sip:me@test.example")["code"] == "200"
    client.relay.clock.advance(3)
    assert referred(client)[1] == (3.0, "cancel", "202", "603")


def test_every_event_names_the_call_and_the_address(client: RawClient) -> None:
    call = sip_call(client)
    refer(client, call, headers=[{"name": "X-Ref", "value": "1"}], username="me", password="secret")
    events = [params for _, params in told(client, "refer")]
    assert len(events) == 2
    assert all(params["sip_refer_to"] == DESK for params in events)
    assert all((params["call_id"], params["node_id"]) == (call["call_id"], call["node_id"]) for params in events)


def test_the_password_is_not_in_the_journal(client: RawClient) -> None:
    refer(client, sip_call(client), password="hunter2-canary")
    assert "hunter2-canary" not in "".join(str(frame) for frame in client.relay.journal.frames)


def test_the_address_may_be_called_uri(client: RawClient) -> None:
    call = sip_call(client)
    reply = client.command("calling.refer", {**call, "device": {"type": "sip", "params": {"uri": DESK}}})
    assert reply["code"] == "200"
    assert [state for _, state, _, _ in referred(client)] == ["inProgress", "success"]


def test_the_call_ends_after_a_success_and_not_after_a_failure(client: RawClient) -> None:
    call = sip_call(client)
    refer(client, call, "sip:busy@emulator.example")
    client.relay.clock.advance(1)
    client.drain()
    refer(client, call)
    assert client.drain() == [
        "reply:calling.refer", "refer:inProgress", "refer:success", "state:ending", "state:ended"
    ]  # fmt: skip
    assert client.wait_event("state", "ended")["end_reason"] == "hangup"


@pytest.mark.parametrize("answer", [True, False])
def test_refer_ends_call(connect: Connect, answer: bool) -> None:
    with Emulator(stepped=True, ping_interval=None, assumptions=Assumptions(refer_ends_call=answer)) as relay:
        client = connect(relay)
        refer(client, sip_call(client))
        relay.clock.advance(10)
        assert [call.state for call in relay.calls] == ([] if answer else ["answered"])


def test_one_at_a_time(client: RawClient) -> None:
    call = sip_call(client)
    refer(client, call, "sip:slow@emulator.example")
    assert refer(client, call) == {"code": "409", "message": "One of these is running already"}
    client.relay.clock.advance(2)
    assert [state for _, state, _, _ in referred(client)] == ["inProgress", "success"]


@pytest.mark.parametrize(
    ("answer", "order"),
    [
        ("before", ["refer:error", "state:ending", "state:ended"]),
        ("after", ["state:ending", "state:ended", "refer:error"]),
        ("never", ["state:ending", "state:ended"]),
    ],
)
def test_the_end_of_the_call_ends_it(connect: Connect, answer: Any, order: list[str]) -> None:
    with Emulator(stepped=True, ping_interval=None, assumptions=Assumptions(plays_at_call_end=answer)) as relay:
        client = connect(relay)
        call = sip_call(client)
        refer(client, call, "sip:slow@emulator.example")
        client.drain()
        relay.phones["sip:you@emulator.example"].hang_up()
        relay.clock.advance(60)
        assert client.drain() == order


def test_a_fault_ends_it_with_error(client: RawClient) -> None:
    client.relay.fail_next("calling.refer")
    call = sip_call(client)
    assert refer(client, call, "sip:slow@emulator.example")["code"] == "200"
    client.relay.clock.advance(60)
    assert referred(client) == [(0.0, "inProgress", None, None), (0.0, "error", "503", None)]


def test_a_phone_call_is_refused(client: RawClient) -> None:
    call = client.answered()
    assert refer(client, call) == {"code": "409", "message": "Only a SIP call can be referred"}
    assert referred(client) == []


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ({"type": "phone", "params": {}}, "calling.refer: device has the unknown type 'phone'; known are sip"),
        ({"type": "sip", "params": {}}, "calling.refer: device params of sip needs to"),
        (
            {"type": "sip", "params": {"to": "desk"}},
            "calling.refer: device params of sip: to must be an address that begins with sip: or sips:, not 'desk'",
        ),
        (
            {"type": "sip", "params": {"to": DESK, "headers": {"X-Ref": "1"}}},
            "calling.refer: device params of sip: headers must be a list, not {'X-Ref': '1'}",
        ),
        (
            {"type": "sip", "params": {"to": DESK, "headers": ["X-Ref"]}},
            "calling.refer: device params of sip: headers must hold objects, not 'X-Ref'",
        ),
        (
            {"type": "sip", "params": {"to": DESK, "headers": [{"name": "X-Ref"}]}},
            "calling.refer: device a header needs value",
        ),
        (
            {"type": "sip", "params": {"to": DESK, "headers": [{"name": "Via", "value": ""}]}},
            "calling.refer: device a header: name must begin with X-, not 'Via'",
        ),
        ({"type": "sip", "params": {"to": DESK, "from": "x"}}, "calling.refer: device params of sip has no field from"),
    ],
)
def test_a_wrong_field_is_400_and_named(client: RawClient, device: Frame, message: str) -> None:
    call = sip_call(client)
    assert client.command("calling.refer", {**call, "device": device}) == {"code": "400", "message": message}
