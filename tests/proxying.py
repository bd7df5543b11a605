"""A real HTTP proxy on loopback, for tests: tunnels and forwards, asks for a password, or misbehaves."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar
from urllib.parse import urlsplit

from tests.support import LIMIT

P = TypeVar("P", bound="HttpProxy")


class HttpProxy:
    """A proxy that connects everybody through to the port ``to`` of loopback, whatever host they ask for.

    ``login``: ``user:password`` that it wants; ``answer``: what it says to every request instead of doing it (b"" says
    nothing and keeps the connection open).
    """

    def __init__(self, to: int = 0, *, login: str | None = None, answer: bytes | None = None) -> None:
        self.to = to
        self.login = login
        self.answer = answer
        self.heads: list[str] = []
        self.asked = threading.Event()
        self._quiet: set[int] = set()  # the ports of those to whom nothing is said any more
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def targets(self) -> list[str]:
        """What it was asked for: ``host:port``, or a whole address."""
        return [head.split(" ")[1] for head in self.heads]

    def start(self) -> None:
        self._run(self._accept)

    def stop(self) -> None:
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(LIMIT)

    def silence(self, port: int) -> None:
        """Say nothing more to the peer at this port, and take nothing from it; TCP stays, as with a cut cable."""
        self._quiet.add(port)

    def _run(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="test-proxy", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, (_, port) = self._listener.accept()
                self._quiet.discard(port)  # the system gives a port out again
                self._sockets.append(sock)
                self._run(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError), sock:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = sock.recv(4096)
                if not piece:
                    return
                head += piece
            self.heads.append(head.partition(b"\r\n\r\n")[0].decode())
            self.asked.set()
            if self.answer is not None:
                sock.sendall(self.answer)
                if self.answer:
                    sock.shutdown(socket.SHUT_WR)
                while sock.recv(4096):
                    pass  # until the other side has had enough: closing first could overtake the answer
                return
            if not self._knows(head):
                sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            self._connect_through(sock, head)

    def _knows(self, head: bytes) -> bool:
        if self.login is None:
            return True
        wanted = b"Proxy-Authorization: Basic " + base64.b64encode(self.login.encode())
        return wanted in head.split(b"\r\n")

    def _connect_through(self, sock: socket.socket, head: bytes) -> None:
        with self._far_end() as far:
            method, target, rest = head.split(b" ", 2)
            if method == b"CONNECT":
                sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                far.sendall(b" ".join((method, urlsplit(target).path, rest)))
            self._join(sock, far)

    def _far_end(self) -> socket.socket:
        far = socket.create_connection(("127.0.0.1", self.to))
        self._sockets.append(far)
        return far

    def _join(self, near: socket.socket, far: socket.socket) -> None:
        """Carry bytes both ways until one side ends."""
        port = near.getpeername()[1]
        back = threading.Thread(target=self._pipe, args=(far, near, port), name="test-proxy", daemon=True)
        back.start()
        self._pipe(near, far, port)
        back.join(LIMIT)

    def _pipe(self, source: socket.socket, sink: socket.socket, port: int) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if port not in self._quiet:
                    sink.sendall(data)
        for sock in (sink, source):
            with suppress(OSError):
                if port in self._quiet and sock.getpeername()[1] == port:
                    continue  # not even that the other side has gone
                sock.shutdown(socket.SHUT_RDWR)


class TcpFront(HttpProxy):
    """A port before the port ``to``, which can fall silent."""

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError), sock, self._far_end() as far:
            self._join(sock, far)


class TlsFront(HttpProxy):
    """TLS before the port ``to``, which has none; ``context`` may be changed between connections."""

    def __init__(self, to: int, context: ssl.SSLContext) -> None:
        super().__init__(to)
        self.context = context
        self.accepted = 0

    def _serve(self, sock: socket.socket) -> None:
        self.accepted += 1
        with suppress(OSError), self.context.wrap_socket(sock, server_side=True) as near:
            self._sockets.append(near)
            with self._far_end() as far:
                self._join(near, far)


@contextmanager
def proxying(to: int = 0, *, login: str | None = None, answer: bytes | None = None) -> Iterator[HttpProxy]:
    """Run a proxy during the block."""
    with running(HttpProxy(to, login=login, answer=answer)) as proxy:
        yield proxy


@contextmanager
def tls_before(to: int, context: ssl.SSLContext) -> Iterator[int]:
    """During the block, a port of TLS before a port without."""
    with running(TlsFront(to, context)) as front:
        yield front.port


@contextmanager
def running(proxy: P) -> Iterator[P]:
    """Run one of these during the block."""
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
