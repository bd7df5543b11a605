"""Losing the connection and coming back (protocol.md 5.5 and 6.3)."""

from __future__ import annotations

from relay_sync.emulator import Emulator
from tests.emulator.conftest import Connect, in_blade
from tests.emulator.raw import RawClient, silence


def come_back(connect: Connect, relay: Emulator, before: RawClient) -> tuple[RawClient, bool]:
    """Connect anew as the client that ``before`` was; tell whether the session was restored."""
    client = connect(relay, ready=False)
    restored = client.come_back(before)
    client.order.clear()
    return client, restored


def test_a_session_is_resumed_by_its_id_and_protocol(relay: Emulator, client: RawClient, connect: Connect) -> None:
    call = client.answered()
    client.play(call, "p", silence(60))
    assert relay.drop_connections() == 1
    again, restored = come_back(connect, relay, client)
    assert restored
    assert again.session_id == client.session_id
    assert again.protocol == client.protocol
    assert again.control(call, "p", "pause")["code"] == "200"
    assert again.wait_event("play", "paused")["control_id"] == "p"
    relay.phones["+15550101"].hang_up()
    assert again.wait_event("state", "ended")["call_id"] == call["call_id"]


def test_calls_go_on_while_the_connection_is_lost(relay: Emulator, client: RawClient) -> None:
    client.answered()
    relay.drop_connections()
    relay.clock.advance(60)
    assert relay.calls[0].state == "answered"


@in_blade
def test_without_the_protocol_a_resumed_session_gets_a_new_one(
    relay: Emulator, client: RawClient, connect: Connect
) -> None:
    call = client.answered()
    relay.drop_connections()
    again = connect(relay, ready=False)
    assert again.connect(sessionid=client.session_id)["session_restored"]
    assert again.setup() != client.protocol
    relay.phones["+15550101"].hang_up()
    again.drain()
    assert {event["protocol"] for event in again.events} == {again.protocol}
    assert again.wait_event("state", "ended")["call_id"] == call["call_id"]


def test_a_forgotten_session_is_not_restored(relay: Emulator, client: RawClient, connect: Connect) -> None:
    call = client.answered()
    relay.drop_connections(resume=False)
    again, restored = come_back(connect, relay, client)
    assert not restored
    assert again.session_id != client.session_id
    assert again.protocol != client.protocol
    assert again.command("calling.end", call)["code"] == "409"


def test_forgetting_sessions_leaves_connections_alone(relay: Emulator, client: RawClient, connect: Connect) -> None:
    relay.forget_sessions()
    client.answered()
    client.close()
    _, restored = come_back(connect, relay, client)
    assert not restored


@in_blade
def test_an_unknown_session_is_not_restored(relay: Emulator, connect: Connect) -> None:
    client = connect(relay, ready=False)
    assert client.connect(sessionid="nobody")["session_restored"] is False


def test_the_signature_stays_the_same_over_connections(relay: Emulator, connect: Connect) -> None:
    first, second = connect(relay, ready=False), connect(relay, ready=False)
    signatures = {client.connect()["authorization"]["signature"] for client in (first, second)}
    assert len(signatures) == 1


def test_a_resumed_session_takes_over_from_a_half_open_connection(
    relay: Emulator, client: RawClient, connect: Connect
) -> None:
    client.answered()
    relay.silence()
    again, restored = come_back(connect, relay, client)
    assert restored
    relay.wait_for(lambda relay: relay.connections == 1)
    relay.phones["+15550101"].hang_up()
    assert again.wait_event("state", "ended")


def test_a_session_outlives_a_close_by_the_client(relay: Emulator, client: RawClient, connect: Connect) -> None:
    client.close()
    relay.wait_for(lambda relay: relay.connections == 0)
    _, restored = come_back(connect, relay, client)
    assert restored


def test_sessions_end_with_the_emulator(connect: Connect) -> None:
    relay = Emulator()
    with relay:
        client = connect(relay)
    with relay:
        _, restored = come_back(connect, relay, client)
    assert not restored
