"""Proxies: which one is meant, and every way through it or not, for the socket and for tasks."""

from __future__ import annotations

import logging
import socket
import ssl
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from relay_sync import Client, ConfigurationError, ConnectFailed, NotConnected, RelayTimeout, Task
from relay_sync.config import resolve
from relay_sync.emulator import Emulator
from relay_sync.link.proxy import parse
from relay_sync.proxies import proxy_for
from tests.proxying import proxying, tls_before
from tests.stage import PROJECT, TOKEN, at_once
from tests.support import Running, until

HOST = "relay.example.com"  # not loopback by its name; the proxy alone knows where it is
PASSWORD = "canary-pass/word:@é"
LOGIN = f"ann:{PASSWORD}"
QUOTED = "ann:canary-pass%2Fword%3A%40%C3%A9"


@pytest.fixture(autouse=True)
def no_proxy_around_us(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


# Which one


WSS, WS = f"wss://{HOST}", f"ws://{HOST}"


@pytest.mark.parametrize(
    ("url", "given", "environ", "port"),
    [
        (WSS, None, {}, None),
        (WSS, None, {"HTTPS_PROXY": "http://p:1"}, 1),
        (WSS, None, {"https_proxy": "p:2", "HTTPS_PROXY": "http://p:1"}, 2),
        (WSS, None, {"HTTP_PROXY": "http://p:1"}, None),
        (WS, None, {"HTTP_PROXY": "http://p:1", "HTTPS_PROXY": "http://p:2"}, 1),
        (WS, None, {"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, None),
        (WS, None, {"http_proxy": "http://p:1", "REQUEST_METHOD": "GET"}, 1),
        (WSS, None, {"ALL_PROXY": "http://p:3"}, 3),
        (WSS, None, {"all_proxy": "http://p:3", "HTTPS_PROXY": "http://p:1"}, 1),
        (WSS, None, {"HTTPS_PROXY": "", "ALL_PROXY": "http://p:3"}, 3),
        (WSS, None, {"HTTPS_PROXY": "http://p"}, 80),
        (WSS, "http://q:9", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, 9),
        (WSS, False, {"HTTPS_PROXY": "http://p:1"}, None),
        ("ws://127.0.0.1:8080", "http://q:9", {}, 9),
        *((f"wss://{host}", None, {"HTTPS_PROXY": "http://p:1"}, None) for host in ("localhost", "127.8.8.8", "[::1]")),
        *(
            (WSS, None, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": listed}, None)
            for listed in ("*", HOST, "example.com", ".example.com", "*.example.com", "x, Example.COM", f"{HOST}:443")
        ),
        *(
            (WSS, None, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": listed}, 1)
            for listed in ("ample.com", f"{HOST}:444", "example.org", ".", "10.0.0.0/8", "com.example")
        ),
        ("wss://10.1.2.3", None, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, None),
        ("wss://11.1.2.3", None, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, 1),
        ("wss://10.1.2.3:99", None, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.1.2.3:99"}, None),
        ("wss://[fd00::1]", None, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "fd00::/16"}, None),
        (WSS, None, {"HTTPS_PROXY": "http://p:1", "no_proxy": "other.org", "NO_PROXY": "*"}, 1),
    ],
)
def test_the_proxy_is_the_one_that_is_meant(url: str, given: Any, environ: dict[str, str], port: int | None) -> None:
    proxy = proxy_for(url, given, environ)
    assert (None if proxy is None else proxy.port) == port


@pytest.mark.parametrize(
    "address",
    [
        "",
        " ",
        "http://",
        "http://p:x",
        "http://p:0",
        "http://p:70000",
        "http://p/path",
        "p p",
        "http://p?q",
        "http://p#f",
    ],
)
@pytest.mark.parametrize("place", ["proxy=", "HTTPS_PROXY"])
def test_what_is_no_proxy_is_refused_with_its_source_and_the_shape(address: str, place: str) -> None:
    given, environ = (address, {}) if place == "proxy=" else (None, {"HTTPS_PROXY": address})
    if place != "proxy=" and not address:
        return  # an empty variable is none
    with pytest.raises(ConfigurationError, match=rf"{place} is not the address of a proxy: give http://host:port"):
        proxy_for(WSS, given, environ)


@pytest.mark.parametrize("kind", ["socks5", "https", "socks4a", "ftp"])
def test_another_kind_of_proxy_is_named_with_the_remedies_and_without_its_password(kind: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"ALL_PROXY .*{kind}://.*not supported.*proxy=False") as caught:
        proxy_for(WSS, None, {"ALL_PROXY": f"{kind}://ann:canary@p:1"})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("value", [True, 8080, b"http://p:1", ["http://p:1"]])
def test_a_proxy_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="proxy= is of type"):
        Client(PROJECT, TOKEN, HOST, proxy=value)


def test_user_and_password_may_be_quoted_and_are_shown_nowhere() -> None:
    proxy = parse(f"http://{QUOTED}@p.example:3128", "proxy=")
    assert (proxy.user, proxy.password) == ("ann", PASSWORD)
    config = resolve(project=PROJECT, token=TOKEN, host=HOST, proxy=f"{QUOTED}@p.example:3128", environ={})
    assert config.proxy == proxy
    for text in (str(proxy), repr(proxy), repr(config)):
        assert "canary" not in text
    assert str(proxy) == "http://p.example:3128"


# The socket


Far = Callable[..., Client]


@pytest.fixture(params=["plain", "tls"])
def far(request: pytest.FixtureRequest, relay: Emulator, tmp_path: Path) -> Iterator[tuple[int, Far]]:
    """An emulator reachable as HOST only through a proxy, by TCP or TLS: its port, and a maker of its clients."""
    credentials = {"project": relay.project, "token": relay.token}
    if request.param == "plain":
        yield relay.port, lambda **more: Client(**credentials, host=f"ws://{HOST}:8080", **more)
        return
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with tls_before(relay.port, context) as port:
        yield port, lambda **more: Client(**credentials, host=HOST, ca_file=tmp_path / "ca.pem", **more)


@pytest.mark.parametrize("where", ["argument", "environment"])
def test_the_socket_goes_through_a_proxy_with_a_password(
    far: tuple[int, Far], where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    port, make = far
    caplog.set_level(logging.DEBUG)
    with proxying(port, login=LOGIN) as proxy:
        address = f"http://{QUOTED}@127.0.0.1:{proxy.port}"
        more: dict[str, Any] = {"proxy": address} if where == "argument" else {}
        for name in ("HTTPS_PROXY", "HTTP_PROXY"):
            monkeypatch.setenv(name, address if where == "environment" else "http://127.0.0.1:9")
        with make(**more) as client:
            at_once(client)
            assert client.calling.receive(["office"], lambda call: None).successful
            before = len(proxy.heads)
            client._life().connection._transport.shut()  # type: ignore[union-attr]
            until(lambda: len(proxy.heads) == before + 1 and client.connected, "that it reconnected through the proxy")
            assert "canary" not in repr(client)
        assert set(proxy.targets) <= {f"{HOST}:443", f"{HOST}:8080"}
    assert "canary" not in caplog.text


def test_loopback_is_reached_directly_unless_a_proxy_is_asked_for(
    relay: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxying(relay.port) as proxy:
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with Client(**relay.credentials) as client:
            assert client.connected
        assert Task(**relay.credentials).deliver("office", {})
        assert proxy.heads == []
        with Client(**relay.credentials, proxy=proxy.url) as client:
            assert client.connected
        assert set(proxy.targets) == {f"127.0.0.1:{relay.port}"}


TROUBLE = {
    "wants a password": (b"HTTP/1.1 407 Nope canary-token\r\n\r\n", r"407.*give user and password in proxy="),
    "forbids": (b"HTTP/1.1 403 Forbidden\r\n\r\n", r"'HTTP/1.1 403 Forbidden'; it must allow CONNECT"),
    "is busy": (b"HTTP/1.1 503 Busy\r\n\r\n", r"refused the way to relay.example.com:443 with 'HTTP/1.1 503 Busy'"),
    "is no proxy": (b"220 mail.example ESMTP\r\n", r"is not an HTTP proxy \(it said '220 mail.example ESMTP'\)"),
    "says garbage": (b"\x00\xff\xfe\r\n\r\n", r"is not an HTTP proxy"),
    "speaks a strange HTTP": (b"HTTP/9 200\r\n\r\n", r"is not an HTTP proxy"),
    "goes away": (b"HTTP/1.1 2", r"broke off while it was asked for relay.example.com:443"),
    "talks on": (b"HTTP/1.1 200 OK\r\n\r\nwelcome", r"went on speaking"),
    "has no end": (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20000, r"its answer has no end"),
    "says nothing": (b"", r"did not answer the request for relay.example.com:443 within 0\.\d+ s"),
}


@pytest.mark.parametrize("kind", TROUBLE)
def test_a_proxy_that_does_not_help_is_named_with_what_it_said_and_without_its_password(kind: str) -> None:
    answer, says = TROUBLE[kind]
    with proxying(answer=answer) as proxy:
        client = Client(
            PROJECT,
            TOKEN,
            HOST,
            connect_timeout=0.3 if not answer else 10,
            proxy=f"http://{QUOTED}@127.0.0.1:{proxy.port}",
        )
        began = time.monotonic()
        with pytest.raises(ConnectFailed, match=says) as caught:
            client.connect()
        assert time.monotonic() - began < 5.0
        assert client.state == "closed"
        text = "".join(traceback.format_exception(caught.value))
        assert f"http://127.0.0.1:{proxy.port}" in str(caught.value)
        assert "canary-pass" not in text


def test_a_proxy_that_repeats_the_password_does_not_spread_it() -> None:
    with proxying(answer=b"HTTP/1.1 418 ann:canary-pass is wrong\r\n\r\n") as proxy:
        client = Client(PROJECT, TOKEN, HOST, proxy=f"http://ann:canary-pass@127.0.0.1:{proxy.port}")
        with pytest.raises(ConnectFailed, match=r"418 ann:\*\*\* is wrong"):
            client.connect()


def test_a_proxy_where_nothing_listens_is_named() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        client = Client(PROJECT, TOKEN, HOST, proxy=f"127.0.0.1:{port}")
        with pytest.raises(
            ConnectFailed, match=rf"the proxy \(proxy=\) on the way to {HOST}.*127.0.0.1:{port}.*refused"
        ):
            client.connect()


def test_a_proxy_that_no_longer_takes_the_password_is_not_asked_for_ever(relay: Emulator) -> None:
    with proxying(relay.port) as proxy, Client(**relay.credentials, proxy=proxy.url) as client:
        at_once(client)
        waiting = Running(client.run)
        proxy.login = LOGIN
        client._life().connection._transport.shut()  # type: ignore[union-attr]
        with pytest.raises(ConnectFailed, match="407"):
            waiting.result()
        assert client.state == "closed"
        with pytest.raises(NotConnected, match="407"):
            client.execute("calling.play", {})


def test_closing_while_a_proxy_is_silent_ends_at_once() -> None:
    with proxying(answer=b"") as proxy:
        client = Client(PROJECT, TOKEN, HOST, connect_timeout=60, proxy=proxy.url)
        connecting = Running(client.connect)
        assert proxy.asked.wait(10)
        began = time.monotonic()
        client.disconnect()
        with pytest.raises(NotConnected):
            connecting.result()
        assert time.monotonic() - began < 2.0


# Tasks


@pytest.mark.parametrize("where", ["argument", "environment"])
def test_a_task_goes_through_a_proxy_with_a_password(
    relay: Emulator, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxying(relay.port, login=LOGIN) as proxy:
        address = f"http://{QUOTED}@127.0.0.1:{proxy.port}"
        monkeypatch.setenv("HTTP_PROXY", address if where == "environment" else "http://127.0.0.1:9")
        more: dict[str, Any] = {"proxy": address} if where == "argument" else {}
        task = Task(relay.project, relay.token, f"ws://{HOST}:8080", **more)
        assert task.deliver("office", {"n": 1}) is True
        assert proxy.targets == [f"http://{HOST}:8080/api/relay/rest/tasks"]
        assert "canary" not in repr(task)


def test_a_task_goes_through_a_proxy_by_tls(relay: Emulator, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with tls_before(relay.port, context) as port, proxying(port, login=LOGIN) as proxy:
        address = f"http://{QUOTED}@127.0.0.1:{proxy.port}"
        task = Task(relay.project, relay.token, HOST, ca_file=tmp_path / "ca.pem", proxy=address)
        assert task.deliver("office", {"n": 1}) is True
        assert proxy.targets == [f"{HOST}:443"]
        assert relay.token not in proxy.heads[0]


@pytest.mark.parametrize(
    ("host", "kind", "error", "says"),
    [
        (HOST, "wants a password", ConnectFailed, r"the proxy http://127.*\(proxy=\) does not let us through.*407"),
        (f"ws://{HOST}", "wants a password", ConnectFailed, "does not let us through to http://relay.example.com.*407"),
        (HOST, "forbids", ConnectFailed, "does not let us through.*403"),
        (HOST, "is no proxy", ConnectFailed, HOST),
        (HOST, "goes away", ConnectFailed, HOST),
        (HOST, "says nothing", RelayTimeout, r"no connection to https://relay.example.com.* within 0\.\d+ s"),
        (f"ws://{HOST}", "says nothing", RelayTimeout, r"no answer from http://relay.example.com.* within 0\.\d+ s"),
    ],
)
def test_a_task_that_a_proxy_does_not_let_through_says_so_without_the_password(
    host: str, kind: str, error: type[Exception], says: str
) -> None:
    answer = TROUBLE[kind][0]
    with proxying(answer=answer) as proxy:
        address = f"http://{QUOTED}@127.0.0.1:{proxy.port}"
        task = Task("project-1", "PTsecret-1", host, proxy=address, timeout=10 if answer else 0.3)
        with pytest.raises(error, match=says) as caught:
            task.deliver("office", {})
    text = "".join(traceback.format_exception(caught.value))
    assert "canary-pass" not in text
    assert "PTsecret" not in text


def test_a_task_to_a_proxy_where_nothing_listens_was_not_sent() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        task = Task(PROJECT, TOKEN, HOST, proxy=f"127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(ConnectFailed, match="does not let us through"):
            task.deliver("office", {})
