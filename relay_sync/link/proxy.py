"""An HTTP proxy on the way to Relay: its address, and the tunnel that it is asked for (RFC 9110 9.3.6).

The proxy's password is in no text that leaves this module but the request to the proxy itself.
"""

from __future__ import annotations

import base64
import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from relay_sync.link.failures import OpenFailed, TransportLost, TransportTimeout
from relay_sync.link.stream import Stream
from relay_sync.masking import Masker, shorten

# More than any true answer to a request for a tunnel.
_ANSWER_LIMIT = 65536
_STATUS = re.compile(r"HTTP/1\.\d (\d{3})\b")
_SHAPE = "give http://host:port or http://user:password@host:port"


class Proxy(NamedTuple):
    """Where a proxy is, and who we are to it. Its repr and its text show no credential.

    Attributes:
        source: where its address was found, for messages: ``proxy=`` or a variable's name.
    """

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    source: str = "proxy="

    def __repr__(self) -> str:
        return f"Proxy(host={self.host!r}, port={self.port}, source={self.source!r})"

    def __str__(self) -> str:
        return f"http://{_place(self.host, self.port)}"

    @property
    def authorization(self) -> str | None:
        """The value of ``Proxy-Authorization``, or None."""
        if self.user is None:
            return None
        return "Basic " + base64.b64encode(f"{self.user}:{self.password or ''}".encode()).decode()

    @property
    def secrets(self) -> tuple[str | None, ...]:
        """What must be in no text, in every shape that it takes on its way."""
        sent = self.authorization
        return (self.password, sent and sent.removeprefix("Basic "))


def parse(address: str, source: str) -> Proxy:
    """Return the proxy at ``address``: ``[http://][user[:password]@]host[:port]``, the port 80 where none is given.

    User and password may be percent-encoded. Raises ValueError, without the address, which may hold a password.
    """
    if not address or any(character.isspace() or not character.isprintable() for character in address):
        raise ValueError(f"{source} is not the address of a proxy: {_SHAPE}")
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{source} is not the address of a proxy: {_SHAPE}") from None
    if parts.scheme != "http" and re.fullmatch(r"[a-z][a-z0-9+.-]*", parts.scheme):
        raise ValueError(f"{source} names a proxy of the kind {parts.scheme}://, which is not supported: {_SHAPE}")
    if parts.scheme != "http" or not host or port == 0 or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{source} is not the address of a proxy: {_SHAPE}")
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return Proxy(host, 80 if port is None else port, user, password, source)


def tunnel(stream: Stream, proxy: Proxy, host: str, port: int) -> None:
    """Have the proxy at the other end of ``stream`` connect it through to ``host``, within the time of the opening.

    Raises OpenFailed, with ``refused`` True where the proxy wants other credentials; TransportClosed after shut().
    """
    try:
        stream.write(_request(proxy, _place(host, port)), stream.left())
        head = _answer(stream)
    except (TransportLost, TransportTimeout) as exc:
        stream.refuse_if_shut()
        raise OpenFailed(f"{_name(proxy)} broke off while it was asked for {_place(host, port)}: {exc}") from None
    if head is None:
        raise OpenFailed(f"{_name(proxy)} did not answer the request for {_place(host, port)} {stream.in_time}")
    _judge(head, proxy, _place(host, port))
    if stream.buffer:
        raise OpenFailed(f"{_name(proxy)} went on speaking after its answer; is it a proxy?")


def _request(proxy: Proxy, target: str) -> bytes:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _answer(stream: Stream) -> str | None:
    """The head of the proxy's answer, taken out of the buffer; None if it did not come in time."""
    buffer = stream.buffer
    while (end := buffer.find(b"\r\n\r\n")) < 0:
        if len(buffer) > _ANSWER_LIMIT:
            raise TransportLost("its answer has no end")
        if not b"HTTP/".startswith(bytes(buffer[:5])):
            return _taken(buffer, len(buffer))  # it speaks something else: its first words will do
        left = stream.left()
        if left <= 0.0 or not stream.fill(left):
            return None
    return _taken(buffer, end + 4)


def _taken(buffer: bytearray, count: int) -> str:
    piece = bytes(buffer[:count])
    del buffer[:count]
    return piece.decode("latin-1")


def _judge(head: str, proxy: Proxy, target: str) -> None:
    line = shorten(Masker(proxy.secrets).mask(head.split("\r\n")[0]), 80)
    status = _STATUS.match(head)
    if status is None:
        raise OpenFailed(f"{_name(proxy)} is not an HTTP proxy (it said {line!r}); check {proxy.source}")
    if status[1].startswith("2"):
        return
    remedy = _REMEDIES.get(status[1], "check whether it lets connections to that host through")
    raise OpenFailed(
        f"{_name(proxy)} refused the way to {target} with {line!r}; {remedy.format(source=proxy.source)}",
        refused=status[1] == "407",
    )


_REMEDIES = {
    "407": "give user and password in {source} (http://user:password@host:port)",
    "403": "it must allow CONNECT to that host and port, or that host must stand in NO_PROXY",
    "405": "it must allow CONNECT, or that host must stand in NO_PROXY",
}


def _name(proxy: Proxy) -> str:
    return f"the proxy {proxy} ({proxy.source})"


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
