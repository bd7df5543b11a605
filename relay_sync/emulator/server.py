"""The one port: an aiohttp server that takes WebSocket connections on any path."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Coroutine, Sequence
from typing import Any

from aiohttp import web

from relay_sync.emulator.clock import Clock
from relay_sync.emulator.connection import Connection
from relay_sync.emulator.ports import Port
from relay_sync.emulator.rest import Rest
from relay_sync.emulator.service import Dialect, Service

_MAX_FRAME = 10 * 1024 * 1024  # bytes; 3.x clients take as much (protocol.md 1)
_CLOSE_WAIT = 0.05  # real seconds that a client gets to answer a close frame
_WRITE_WAIT = 1.0  # real seconds

logger: logging.Logger = logging.getLogger(__name__)


class Server:
    """Listens, and knows the connections. Everything happens on the emulator's thread."""

    def __init__(
        self,
        service: Service,
        dialects: Sequence[Dialect],
        rest: Rest,
        ping_interval: float | None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._service = service
        self._dialects = dialects
        self._rest = rest
        self._ping_interval = ping_interval
        self._connections: dict[int, Connection] = {}
        self._next_number = 1
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._port: Port | None = None
        self._deaf = 0  # how many have asked it to stop listening
        self._background: set[asyncio.Task[Any]] = set()
        self._pinger: asyncio.Task[None] | None = None

    @property
    def connections(self) -> list[Connection]:
        """The open connections, oldest first."""
        return list(self._connections.values())

    async def start(self, host: str, port: int, first_number: int) -> int:
        """Listen; return the port. ``first_number`` is that of the first connection."""
        self._next_number = first_number
        app = web.Application()
        app.router.add_get("/{path:.*}", self._take)
        app.router.add_post("/{path:.*}", self._post)
        app.on_shutdown.append(self._close_all)
        runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._port = Port(runner, self._tls)
        try:
            number = await self._port.open(host, port)
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        if self._ping_interval is not None:
            self._pinger = asyncio.get_running_loop().create_task(self._ping(self._ping_interval))
        return number

    async def stop(self) -> None:
        """Close everything."""
        if self._pinger is not None:
            self._pinger.cancel()
        for task in self._background:
            task.cancel()
        if self._port is not None:
            self._port.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def next_number(self) -> int:
        """The number that the next connection will have."""
        return self._next_number

    async def written(self) -> None:
        """Return once every frame sent so far has been written."""
        for connection in self.connections:
            await connection.written()

    def cut_all(self) -> None:
        """Cut everything at once, requests and upgrades under way included."""
        for connection in self.connections:
            connection.abort()
        if self._port is not None and self._runner is not None and self._runner.server is not None:
            self._port.drop_beginners()
            for handler in self._runner.server.connections:
                if isinstance(handler.transport, asyncio.WriteTransport):
                    handler.transport.abort()

    async def drop_all(self) -> int:
        """Cut every connection with a TCP reset; return their number once their ends have been noticed."""
        cut = self.connections
        for connection in cut:
            connection.abort()
        for connection in cut:
            await connection.ended.wait()
        return len(cut)

    @property
    def clock(self) -> Clock:
        """The emulator's time."""
        return self._service.clock

    def in_background(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Have something done that takes its time; it ends with the server. What goes wrong in it is logged."""
        task = asyncio.get_running_loop().create_task(_logged(coroutine))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def stop_listening(self) -> None:
        """Refuse connections by TCP, until :meth:`listen_again` has been called as often as this."""
        self._deaf += 1
        if self._port is not None:
            self._port.shut()

    def listen_again(self) -> None:
        """Take connections again."""
        self._deaf -= 1
        if self._port is not None and not self._deaf:
            self._port.listen()

    async def go_away(self, wait: float, restart: bool = False) -> int:
        """Tell every client that the server closes, wait for each to answer for ``wait`` seconds at most, and close."""
        told = self.connections
        await asyncio.gather(*(self.send_away(connection, wait, restart) for connection in told))
        return len(told)

    async def send_away(self, connection: Connection, wait: float, restart: bool = False) -> None:
        """Tell one client that the server closes, wait for its answer for ``wait`` seconds at most, and close."""
        await connection.ask(lambda dialect, request_id: dialect.go_away(request_id, restart), wait)
        with contextlib.suppress(asyncio.TimeoutError):  # a client that doesn't read is not waited for
            await asyncio.wait_for(connection.written(), _WRITE_WAIT)
        await connection.close(1001)
        await connection.ended.wait()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        faults = self._service.faults
        if faults.refuses_connections:
            return web.Response(status=503, text="Service Unavailable")
        ws = web.WebSocketResponse(timeout=_CLOSE_WAIT, compress=False, max_msg_size=_MAX_FRAME, autoping=False)
        if not ws.can_prepare(request):
            file = self._service.files.get(request.path)
            if file is not None:
                return web.Response(body=file.content, content_type=file.content_type)
            if self._service.files.reserved(request.path):
                return web.Response(status=404, text="There is no such file, or not yet\n")
            return web.Response(text="relay_sync emulator: connect with a WebSocket client\n")
        try:
            await ws.prepare(request)
        except ConnectionError:  # the client is gone already
            return web.Response()
        assert isinstance(request.transport, asyncio.Transport)  # prepare() has written to it
        number = self._take_number()
        connection = Connection(number, self._service, self._dialects, ws, request.transport)
        self._connections[number] = connection
        faults.at_connect(connection)
        try:
            await connection.serve()
        finally:
            del self._connections[number]
            connection.ended.set()
            self._service.journal.connection_ended(number)
        return ws

    async def _post(self, request: web.Request) -> web.Response:
        return await self._rest.post(request, self._take_number())

    def _take_number(self) -> int:
        number, self._next_number = self._next_number, self._next_number + 1
        return number

    async def _close_all(self, app: web.Application) -> None:
        self._rest.stop()
        await asyncio.gather(*(connection.close(1001) for connection in self.connections))

    async def _ping(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            self.ping_all()

    def ping_all(self) -> int:
        """Ping every client that is logged in; return their number."""
        logged_in = [connection for connection in self.connections if connection.session is not None]
        for connection in logged_in:
            connection.ping()
        return len(logged_in)


async def _logged(coroutine: Coroutine[Any, Any, object]) -> None:
    try:
        await coroutine
    except Exception:
        logger.exception("a fault of the emulator failed")
