"""Starting, stopping, and what is seen from outside."""

from __future__ import annotations

import errno
import socket
import threading
import time
import urllib.request
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from relay_sync.emulator import DEMO_PROJECT, DEMO_TOKEN, Emulator
from tests.emulator.conftest import Connect
from tests.emulator.raw import RawClient, audio, silence
from tests.support import in_thread


def our_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("relay-")]


def test_it_starts_and_stops_in_milliseconds_and_leaves_no_thread(connect: Connect) -> None:
    with Emulator() as relay:  # the first one loads what is loaded on demand
        connect(relay)
    took = []
    for _ in range(5):
        relay = Emulator()
        began = time.perf_counter()
        relay.start()
        started = time.perf_counter()
        connect(relay)
        assert our_threads()
        closing = time.perf_counter()
        relay.stop()
        took.append(started - began + time.perf_counter() - closing)
        assert our_threads() == []
    assert min(took) < 0.1


def test_media_workers_end_with_it(noise: Path, connect: Connect) -> None:
    with Emulator() as relay:
        client = connect(relay)
        client.play(client.answered(), "p", audio(noise))
        assert [name for name in our_threads() if "media" in name]
    assert our_threads() == []


def test_nothing_is_started_before_start() -> None:
    relay = Emulator()
    assert not relay.running
    assert our_threads() == []
    assert relay.calls == []
    assert relay.connections == 0
    assert relay.phone("+15550101").state == "idle"
    assert len(relay.phone("+15550101").heard) == 0
    assert "stopped" in repr(relay)
    relay.stop()


def test_starting_and_stopping_twice_is_as_good_as_once() -> None:
    relay = Emulator()
    relay.start()
    port = relay.port
    relay.start()
    assert relay.port == port
    relay.stop()
    relay.stop()


def test_a_restart_takes_the_same_port_and_begins_afresh(connect: Connect) -> None:
    relay = Emulator()
    with relay:
        url = relay.url
        client = connect(relay)
        call = client.answered()
        handset = relay.phones["+15550101"]
    assert handset.state == "ended"
    with relay:
        assert relay.url == url
        again = connect(relay)
        assert again.command("calling.end", call)["code"] == "404"
        again.answered()
        assert len(handset.calls) == 2


def test_clients_are_told_when_it_stops(connect: Connect) -> None:
    relay = Emulator()
    with relay:
        client = connect(relay)
    opcode, data = client.ws.recv_data()
    assert (opcode, data[:2]) == (8, (1001).to_bytes(2, "big"))


def test_it_stops_quickly_under_silent_and_talking_clients(connect: Connect) -> None:
    relay = Emulator()
    with relay:
        silent = connect(relay)
        relay.silence()
        talking = connect(relay)
        call = talking.answered()
        talking.play(call, "p", silence(1000))
        silent.send(f"{silent.space}.ping", {})
        began = time.perf_counter()
    assert time.perf_counter() - began < 1.0


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        relay = Emulator(port=port)
        with pytest.raises(OSError, match=f"port {port} on 127.0.0.1 is in use") as caught:
            relay.start()
        assert caught.value.errno == errno.EADDRINUSE
        assert our_threads() == []
    with relay:
        assert relay.port == port


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        Emulator("192.0.2.1").start()
    assert our_threads() == []


def test_many_run_at_once_and_know_nothing_of_each_other(connect: Connect) -> None:
    relays = [Emulator(stepped=True) for _ in range(5)]
    for relay in relays:
        relay.start()
    try:
        assert len({relay.port for relay in relays}) == 5
        connect(relays[0], "office")
        assert [relay.connections for relay in relays] == [1, 0, 0, 0, 0]
        relays[1].clock.advance(5)
        assert [relay.clock.now() for relay in relays] == [0, 5, 0, 0, 0]
    finally:
        for relay in relays:
            relay.stop()


def test_credentials_are_what_a_client_needs() -> None:
    with Emulator() as relay:
        assert relay.credentials == {"project": DEMO_PROJECT, "token": DEMO_TOKEN, "host": relay.url}
        assert relay.url == f"ws://127.0.0.1:{relay.port}"
    with Emulator(project="p", token="t") as relay, RawClient(relay) as client:
        assert relay.credentials["project"] == "p"
        assert client.connect()["authorization"]["project"] == "p"


def test_a_browser_is_told_what_this_is(relay: Emulator) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{relay.port}/any/path", timeout=10) as page:
        assert "WebSocket" in page.read().decode()


def test_any_path_will_do(relay: Emulator) -> None:
    with RawClient(relay, "/api/relay/wss") as client:
        assert client.connect()["sessionid"]


def test_calls_are_seen_as_they_are(relay: Emulator, client: RawClient) -> None:
    relay.phone("+15550101", answer_after=1)
    reply = client.begin("+15550101", tag="tag-9")
    (call,) = relay.calls
    assert (call.id, call.tag, call.state, call.direction) == (reply["call_id"], "tag-9", "ringing", "outbound")
    assert (call.from_number, call.to_number, call.context) == ("+15550100", "+15550101", None)
    assert (call.created_at, call.answered_at, call.plays) == (0.0, None, {})
    relay.clock.advance(3)
    ids = {"call_id": call.id, "node_id": reply["node_id"]}
    client.play(ids, "p", silence(60))
    assert relay.calls[0].answered_at == 1.0
    assert relay.calls[0].plays == {"p": "playing"}
    client.command("calling.end", ids)
    assert relay.calls == []
    assert relay.phones["+15550101"].calls[0].ended_at == 3.0


def test_one_can_wait_for_anything_to_become_true(relay: Emulator, client: RawClient) -> None:
    with in_thread(lambda: relay.wait_for(lambda relay: any(call.state == "answered" for call in relay.calls))):
        client.begin("+15550101")
    with pytest.raises(TimeoutError, match="waited 0 s"):
        relay.wait_for(lambda relay: False, timeout=0)


def test_a_blocking_call_on_its_own_thread_is_refused(relay: Emulator) -> None:
    with pytest.raises(RuntimeError, match="wait for itself"):
        relay.on_thread(relay.drop_connections)


def test_any_thread_may_use_it(relay: Emulator, connect: Connect) -> None:
    clients = [connect(relay, "office") for _ in range(4)]

    def work(client: RawClient, number: int) -> None:
        for _ in range(10):
            call = client.answered(f"+1555000{number}")
            client.play(call, "p", silence(60))
            assert len(relay.phones[f"+1555000{number}"].calls) > 0
            relay.journal.commands()
            client.command("calling.end", call)

    with ExitStack() as running:
        for number, client in enumerate(clients):
            running.enter_context(in_thread(partial(work, client, number)))
    assert relay.calls == []
    assert [len(phone.calls) for phone in relay.phones.values()] == [10] * 4


@pytest.mark.parametrize("interval", [0, -1])
def test_a_ping_interval_is_above_zero_or_none(interval: float) -> None:
    with pytest.raises(ValueError, match="ping_interval"):
        Emulator(ping_interval=interval)


def test_a_clock_that_is_none_is_named_with_what_to_give_instead() -> None:
    with pytest.raises(TypeError, match=r"clock='stepped': give a Clock, or speed=, or stepped=True"):
        Emulator(clock="stepped")  # type: ignore[arg-type]
