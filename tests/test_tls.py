"""TLS between client and Relay: whom it trusts, and what happens when it can't, at the first connection and later."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from relay_sync import Client, ConnectFailed, NotConnected
from relay_sync.emulator import Emulator
from tests.proxying import TlsFront
from tests.stage import at_once
from tests.support import Running, until

REMEDIES = r"ca_file= or SIGNALWIRE_RELAY_CA_FILE"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trust") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def server(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def front(relay: Emulator, authority: trustme.CA) -> Iterator[TlsFront]:
    front = TlsFront(relay.port, server(authority))
    front.start()
    yield front
    front.stop()


def client_of(relay: Emulator, front: TlsFront, **more: Any) -> Client:
    return Client(relay.project, relay.token, f"wss://127.0.0.1:{front.port}", **more)


@pytest.mark.parametrize("way", ["ca_file", "path", "variable", "ssl_context", "system"])
def test_an_authority_can_be_trusted_in_each_way(
    relay: Emulator, front: TlsFront, ca_file: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    more: dict[str, Any] = {}
    if way == "ca_file":
        more["ca_file"] = str(ca_file)
    elif way == "path":
        more["ca_file"] = ca_file
    elif way == "variable":
        monkeypatch.setenv("SIGNALWIRE_RELAY_CA_FILE", str(ca_file))
    elif way == "ssl_context":
        more["ssl_context"] = ssl.create_default_context(cafile=str(ca_file))
    else:
        monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))  # where OpenSSL is told of the system's authorities
    with client_of(relay, front, **more) as client:
        assert client.connected
        assert client.calling.receive(["office"], lambda call: None).successful


def test_a_context_of_the_callers_goes_before_the_files(relay: Emulator, front: TlsFront, ca_file: Path) -> None:
    empty = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ConnectFailed, match=r"127\.0\.0\.1 is not trusted"):
        client_of(relay, front, ca_file=ca_file, ssl_context=empty).connect()


@pytest.mark.parametrize("why", ["authority", "host", "expired"])
def test_a_certificate_that_is_not_trusted_is_told_at_once_with_host_and_remedies_and_not_tried_again(
    relay: Emulator, front: TlsFront, authority: trustme.CA, ca_file: Path, why: str
) -> None:
    if why == "authority":
        front.context = server(trustme.CA())
    elif why == "host":
        front.context = server(authority, "elsewhere.example")
    else:
        import datetime

        front.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
        authority.issue_cert("127.0.0.1", not_after=past, not_before=past).configure_cert(front.context)
    client = client_of(relay, front, ca_file=ca_file)
    waiting = Running(client.connect)
    with pytest.raises(ConnectFailed, match=rf"127\.0\.0\.1.*{REMEDIES}"):
        waiting.result()
    assert client.state == "closed"
    assert front.accepted == 1
    with pytest.raises(NotConnected, match="not trusted"):
        client.execute("calling.play", {})
    front.context = server(authority)
    client.connect()
    assert client.connected
    client.disconnect()


def test_a_certificate_that_is_not_trusted_any_more_closes_a_client_that_reconnects_and_everybody_is_told(
    relay: Emulator, front: TlsFront, ca_file: Path
) -> None:
    with client_of(relay, front, ca_file=ca_file) as client:
        at_once(client)
        errors: list[Exception] = []
        client.on("signalwire.socket.error", errors.append)
        call = client.calling.dial(from_number="+15550100", to_number="+15550101").call
        action = call.play_silence_async(60)
        waits = [Running(action.wait), Running(lambda: call.wait_for_ended()), Running(client.run)]
        until(lambda: client._life().connection._room and call._room and action._room, "that all wait")
        accepted = front.accepted
        front.context = server(trustme.CA())
        began = time.monotonic()
        client._life().connection._transport.shut()  # type: ignore[union-attr]
        result = waits[0].result()
        assert (result.successful, action.state) == (False, "failed")
        assert "not trusted" in result.message
        assert "connect() and make a new call" in result.message
        waits[1].result()
        with pytest.raises(ConnectFailed, match=rf"127\.0\.0\.1 is not trusted.*{REMEDIES}"):
            waits[2].result()
        assert time.monotonic() - began < 5.0
        assert client.state == "closed"
        assert front.accepted == accepted + 1
        until(lambda: errors, "that the handlers are told")
        assert isinstance(errors[0], ConnectFailed)
        with pytest.raises(NotConnected, match="not trusted"):
            client.execute("calling.play", {})
