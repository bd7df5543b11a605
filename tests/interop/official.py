"""The official clients as the tests know them, and what the tests of both have in common."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import trustme
from aiohttp import WSMsgType, web
from numpy.typing import NDArray

from relay_sync.emulator import Emulator
from relay_sync.emulator.journal import Command
from relay_sync.emulator.thread import LoopThread

RATE = 8000
MUSIC = "https://media.example/noise.wav"
FAX = "https://media.example/two.pdf"
SECONDS_OF_MUSIC = 10.0
LIMIT = 10.0


@dataclass(frozen=True)
class Official:
    """One official client: how to run a program of it, and what differs between the two."""

    name: str
    command: list[str]
    environment: dict[str, str]
    dials_with: str
    state_of_an_incoming_call: str


def noise(seconds: float, seed: int) -> NDArray[np.int16]:
    """Return a sound whose every moment differs, never near the limiter."""
    return np.random.default_rng(seed).integers(-5000, 5000, round(seconds * RATE), dtype=np.int16)


def source(music: Path, begin: float, end: float) -> NDArray[np.int64]:
    """Return the samples of the file between two seconds of it."""
    samples, _ = soundfile.read(music, dtype="int16")
    stretch: NDArray[np.int64] = samples[round(begin * RATE) : round(end * RATE)].astype(np.int64)
    return stretch


def fetch(url: str) -> bytes:
    """Get a file that the emulator serves, past any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=LIMIT) as answer:
        content: bytes = answer.read()
    return content


def codes(commands: list[Command]) -> list[tuple[str, str | None]]:
    return [(command.method, command.code) for command in commands]


def pass_time(relay: Emulator, seconds: float, method: str, count: int = 1) -> Command:
    """Let time pass once the client has given the ``count``-th command of this method and has its reply; return it."""
    command = relay.journal.wait_for_command(method, count, answered=True)
    relay.clock.advance(seconds)
    return command


class UdpListener:
    """A UDP socket for a tap."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(LIMIT)
        self.port: int = self._socket.getsockname()[1]

    def packets(self, count: int) -> list[bytes]:
        """Wait for so many datagrams, and return them."""
        return [self._socket.recv(4096) for _ in range(count)]

    def close(self) -> None:
        self._socket.close()


class WebSocketListener:
    """A WebSocket server for a tap, which hangs up once it has heard enough."""

    def __init__(self, enough: int) -> None:
        self.heard = b""
        self._enough = enough
        self._thread = LoopThread()
        port = self._thread.run(self._start(), LIMIT)
        self.uri = f"ws://127.0.0.1:{port}/"

    def close(self) -> None:
        self._thread.run(self._runner.cleanup(), LIMIT)
        self._thread.stop()

    async def _start(self) -> int:
        app = web.Application()
        app.router.add_get("/", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return int(self._runner.addresses[0][1])

    async def _take(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(timeout=0.1)
        await ws.prepare(request)
        async for message in ws:
            if message.type is WSMsgType.BINARY:
                self.heard += message.data
                if len(self.heard) >= self._enough:
                    break
        await ws.close()
        return ws


class TlsFront:
    """The emulator's port behind TLS, which is all that the official clients deliver tasks to."""

    def __init__(self, port: int, authority: trustme.CA) -> None:
        self._target = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)
        self._thread = LoopThread()
        self.port = self._thread.run(self._start(), LIMIT)

    def close(self) -> None:
        self._thread.run(self._end(), LIMIT)
        self._thread.stop()

    async def _start(self) -> int:
        self._taking: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=self._context)
        return int(self._server.sockets[0].getsockname()[1])

    async def _end(self) -> None:
        self._server.close()
        for taking in self._taking:
            taking.cancel()
        await asyncio.gather(*self._taking, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taking = asyncio.current_task()
        assert taking
        self._taking.add(taking)
        taking.add_done_callback(self._taking.discard)
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            await asyncio.gather(_carry(reader, inner_writer), _carry(inner_reader, writer))
        finally:
            for end in (writer, inner_writer):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry what comes to where it belongs, and the end of it too."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()
