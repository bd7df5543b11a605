"""A WebSocket server on this machine, for what the emulator sends elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiohttp import WSMsgType, web

from relay_sync.emulator.thread import LoopThread
from relay_sync.emulator.watch import Watch
from tests.emulator.raw import Frame


class Site:
    """A WebSocket server that keeps what comes, on a thread of its own."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []  # binary ones
        self.texts: list[str] = []
        self.headers: list[dict[str, str]] = []  # of each opening
        self.sockets: list[web.WebSocketResponse] = []
        self.closed = 0
        self.watch = Watch()
        self._thread = LoopThread()
        self.port = self._thread.run(self._start(), 10)

    def url(self, path: str = "/") -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    def device(self, path: str = "/", **more: Any) -> Frame:
        return {"type": "ws", "params": {"uri": self.url(path), **more}}

    def sound(self, size: int) -> bytes:
        """Wait until so many bytes have come, and return all that has."""
        self.watch.until(lambda: sum(map(len, self.frames)) >= size, 10, f"{size} bytes")
        return b"".join(self.frames)

    def hang_up(self) -> None:
        self.watch.until(lambda: bool(self.sockets), 10, "a socket")
        self._thread.run(self.sockets[-1].close(), 10)

    def send(self, text: str) -> None:
        """Send a text to who came last."""
        self.watch.until(lambda: bool(self.sockets), 10, "a socket")
        self._thread.run(self.sockets[-1].send_str(text), 10)

    def stop(self) -> None:
        self._thread.run(self._runner.cleanup(), 10)
        self._thread.stop()

    async def _start(self) -> int:
        app = web.Application()
        app.router.add_get("/moved", self._move)
        app.router.add_get("/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return int(self._runner.addresses[0][1])

    async def _move(self, request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(f"http://127.0.0.1:{self.port}/elsewhere")

    async def _take(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(timeout=0.1)
        self.headers.append(dict(request.headers))
        await ws.prepare(request)
        self.sockets.append(ws)
        self.watch.tell()
        with contextlib.suppress(asyncio.CancelledError):
            async for message in ws:
                if message.type is WSMsgType.BINARY:
                    self.frames.append(message.data)
                else:
                    self.texts.append(message.data)
                self.watch.tell()
        self.closed += 1
        self.watch.tell()
        return ws
