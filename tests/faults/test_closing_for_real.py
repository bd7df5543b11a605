"""disconnect() against peers that have fallen silent, over TCP and TLS: from everywhere, in every state, in time."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from relay_sync import Client, ConnectionLost, NotConnected
from relay_sync.emulator import Emulator
from tests.proxying import HttpProxy, TcpFront, TlsFront, running
from tests.stage import at_once, parked
from tests.support import LIMIT, Running, until
from tests.words import chosen

IN_TIME_S = 2.0
ROADS = ["tcp", "tls"]


class Way:
    """An emulator behind a front that can fall silent, and how to reach it."""

    def __init__(self, relay: Emulator, front: HttpProxy, scheme: str, options: dict[str, Any]) -> None:
        self.relay, self.front, self.scheme, self.options = relay, front, scheme, options

    def client(self, port: int | None = None, **more: Any) -> Client:
        address = f"{self.scheme}://127.0.0.1:{self.front.port if port is None else port}"
        return Client(self.relay.project, self.relay.token, address, dialect=chosen(), **self.options, **more)

    def silence(self, client: Client) -> None:
        self.front.silence(client._life().connection._transport._stream._sock.getsockname()[1])  # type: ignore[union-attr]


@pytest.fixture(params=ROADS)
def way(request: pytest.FixtureRequest, relay: Emulator, tmp_path: Path) -> Iterator[Way]:
    if request.param == "tcp":
        with running(TcpFront(relay.port)) as front:
            yield Way(relay, front, "ws", {})
        return
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with running(TlsFront(relay.port, context)) as secure:
        yield Way(relay, secure, "wss", {"ca_file": tmp_path / "ca.pem"})


@pytest.fixture
def mute() -> Iterator[int]:
    """A port that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def closed(client: Client, close: Callable[[], object] | None = None) -> None:
    """Close it, in time, and see that nothing of it is left."""
    thread = client._life().connection._thread
    began = time.monotonic()
    (close or client.disconnect)()
    assert time.monotonic() - began < IN_TIME_S
    assert client.state == "closed"
    assert thread is not None
    until(lambda: thread.ident is not None, "that it has begun, which may be after the close")
    thread.join(IN_TIME_S)
    assert not thread.is_alive()


def test_a_silent_peer_holds_nobody(way: Way) -> None:
    client = way.client()
    client.connect()
    call = client.calling.dial(from_number="+15550100", to_number="+15550101").call
    action = call.play_silence_async(600)
    way.silence(client)
    waits = [Running(action.wait), Running(call.wait_for_ended), Running(client.run)]
    for waited in (action, call, client._life().connection):
        parked(waited)
    asked = Running(lambda: action.pause())
    until(lambda: client._life().connection.session._asked, "that the command is under way")
    until(lambda: not client._life().connection._transport._stream._writing.locked())  # type: ignore[union-attr]
    closed(client)
    closed(client)
    with pytest.raises((ConnectionLost, NotConnected)):  # by whether it was quicker than the close
        asked.result()
    for waiting in waits:
        waiting.result()
    assert action.state == "failed"


def test_a_peer_that_takes_no_data_either_holds_nobody(way: Way) -> None:
    client = way.client(request_timeout=30)
    client.connect()
    front_ends = [sock for sock in way.front._sockets if sock.fileno() >= 0]
    assert front_ends
    way.silence(client)
    stream = client._life().connection._transport._stream  # type: ignore[union-attr]
    stream._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    sending = [Running(lambda: client.execute("x", {"a": "x" * 4_000_000})) for _ in range(2)]
    until(stream._writing.locked, "that a frame is being written")
    closed(client)
    for one in sending:
        with pytest.raises((ConnectionLost, NotConnected)):
            one.result()


def test_from_another_thread_and_from_ten_at_once(way: Way) -> None:
    client = way.client()
    client.connect()
    way.silence(client)

    def ten() -> None:
        for closing in [Running(client.disconnect) for _ in range(10)]:
            closing.result()

    closed(client, ten)


@pytest.mark.parametrize("kind", ["call", "future", "ready", "inbound"])
def test_from_a_handler(way: Way, kind: str) -> None:
    client = way.client()
    took: list[float] = []
    done = threading.Event()

    def close(*_: object) -> None:
        way.silence(client)
        began = time.monotonic()
        client.disconnect()
        took.append(time.monotonic() - began)
        done.set()

    if kind == "ready":
        client.on("ready", close)
    with suppress(NotConnected):  # the handler may be done before connect() has woken to see that it was ready
        client.connect()
    thread = client._life().connection._thread
    if kind == "inbound":
        client.calling.receive(["office"], close)
        way.relay.phone("+15550155").call(context="office")
    elif kind != "ready":
        call = client.calling.dial(from_number="+15550100", to_number="+15550101").call
        action = call.play_silence_async(600)
        if kind == "call":
            call.on("play.paused", close)
            action.pause()
        else:
            action.future.add_done_callback(close)
            action.stop()
    assert done.wait(LIMIT)
    assert took[0] < IN_TIME_S
    assert client.state == "closed"
    assert thread is not None
    thread.join(IN_TIME_S)
    assert not thread.is_alive()


def test_while_connecting_to_a_peer_that_never_speaks(way: Way, mute: int) -> None:
    """Under TLS in the handshake, else in the upgrade."""
    client = way.client(mute, connect_timeout=60)
    connecting = Running(client.connect)
    until(lambda: client.state == "connecting")
    closed(client)
    with pytest.raises(NotConnected):
        connecting.result()


def test_while_relay_does_not_answer_the_handshake(way: Way) -> None:
    client = way.client(connect_timeout=60)
    way.relay.silence(new_connections=True)
    connecting = Running(client.connect)
    until(lambda: getattr(client._life().connection._transport, "_ready", False), "that the socket is open")
    closed(client)
    with pytest.raises(NotConnected):
        connecting.result()


def test_in_the_pause_of_a_reconnect(way: Way) -> None:
    client = way.client()
    client.connect()
    connection = client._life().connection
    connection._reader._standing.attempts, connection._reader._jitter = 10, lambda: 1.0
    connection._transport.shut()  # type: ignore[union-attr]
    until(lambda: connection._transport is None and client.state == "reconnecting")
    asked = Running(lambda: client.execute("x", {}))
    closed(client)
    with pytest.raises(NotConnected):
        asked.result()


def test_while_reconnecting_to_a_peer_that_never_speaks(way: Way, mute: int, monkeypatch: pytest.MonkeyPatch) -> None:
    client = way.client()
    client.connect()
    at_once(client)
    connection = client._life().connection
    first = connection._transport
    connection._reader._open_transport = way.client(mute)._open_transport
    first.shut()  # type: ignore[union-attr]
    until(lambda: connection._transport not in (None, first), "that the next socket is being opened")
    closed(client)


def test_a_client_that_was_closed_so_connects_again(way: Way) -> None:
    client = way.client()
    for _ in range(3):
        client.connect()
        way.silence(client)
        closed(client)
    client.connect()
    assert client.calling.receive(["office"], lambda call: None).successful
    closed(client)
