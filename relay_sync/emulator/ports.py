"""Where the emulator listens, and how it stops for a while without losing its port to somebody else.

Not by ``loop.create_server``: closed while a connection is being accepted, it leaves that one open for ever and unread.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from functools import partial
from typing import Any

from aiohttp import web

logger: logging.Logger = logging.getLogger(__name__)

_BACKLOG = 1024


class Port:
    """The port of one runner, on every address of its host. Everything happens on the emulator's thread."""

    def __init__(self, runner: web.AppRunner, tls: ssl.SSLContext | None) -> None:
        self._runner = runner
        self._tls = tls
        self._listening: list[socket.socket] = []
        self._kept: list[socket.socket] = []  # bound and not listening: who connects is refused
        self._beginning: set[asyncio.Task[Any]] = set()

    async def open(self, host: str, port: int) -> int:
        """Listen; return the port. OSError that names it when it is taken."""
        try:
            found = await _look_up(host, port)
            for family, _, _, _, address in dict.fromkeys(found):
                # The first address finds a free port, if any will do, and the others have the same.
                self._kept.append(_bound(family, (address[0], port, *address[2:])))
                port = int(self._kept[0].getsockname()[1])
            self.listen()
        except OSError as error:
            self.close()
            if error.errno == errno.EADDRINUSE:
                hint = f"port {port} on {host} is in use; choose another, or port=0 for any that is free"
                raise OSError(errno.EADDRINUSE, hint) from None
            raise OSError(error.errno, f"can't listen at {host}, port {port}: {error.strerror}") from error
        return port

    def listen(self) -> None:
        """Take connections. Twice is fine."""
        while self._kept:
            sock = self._kept.pop()
            self._listening.append(sock)
            sock.listen(_BACKLOG)
            asyncio.get_running_loop().add_reader(sock, self._accept, sock)

    def shut(self) -> None:
        """Refuse connections by TCP from now on. Those that are open stay. Twice is fine."""
        while self._listening:
            sock = self._listening.pop()
            family, address = sock.family, sock.getsockname()
            _close(sock)
            self._kept.append(_bound(family, address))

    def close(self) -> None:
        """Listen no more, and let go of the port."""
        for sock in self._listening + self._kept:
            _close(sock)
        self._listening.clear()
        self._kept.clear()
        self.drop_beginners()

    def drop_beginners(self) -> None:
        """Close the connections that have been accepted and not been served yet."""
        for task in self._beginning:
            task.cancel()

    def _accept(self, sock: socket.socket) -> None:
        for _ in range(_BACKLOG):
            try:
                connection, _ = sock.accept()
            except OSError:  # there is none left, or it is gone already
                return
            task = asyncio.get_running_loop().create_task(self._begin(connection))
            self._beginning.add(task)
            task.add_done_callback(partial(self._begun, connection))

    async def _begin(self, connection: socket.socket) -> None:
        """Have the runner serve a connection."""
        connection.setblocking(False)
        assert self._runner.server is not None  # it has been set up
        await asyncio.get_running_loop().connect_accepted_socket(self._runner.server, connection, ssl=self._tls)

    def _begun(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        self._beginning.discard(task)
        if task.cancelled():  # perhaps before it had begun
            connection.close()
        elif (error := task.exception()) is not None:  # such as a client that does not trust our certificate
            logger.info("a connection did not come about: %s", error)
            connection.close()


async def _look_up(host: str, port: int) -> list[Any]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:  # a name: that may take time, and so a thread
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _close(sock: socket.socket) -> None:
    with contextlib.suppress(ValueError):
        asyncio.get_running_loop().remove_reader(sock)
    sock.close()


def _bound(family: int, address: Any) -> socket.socket:
    """Return a socket at this address that does not listen."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock
