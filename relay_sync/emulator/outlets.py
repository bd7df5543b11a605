"""Ways out for the sound of a call: UDP, or a WebSocket that the emulator opens. Both reach this machine only."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp

logger: logging.Logger = logging.getLogger(__name__)

_OPEN_WAIT = 5.0  # real seconds for the other side to accept
_CLOSE_WAIT = 0.5  # real seconds for it to answer a close frame


class UdpOutlet:
    """Sends datagrams to one address. Whether anybody takes them can't be known."""

    def __init__(self, address: str, port: int) -> None:
        self._target = (address, port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        """The port that they come from."""
        return int(self._socket.getsockname()[1])

    def send(self, packets: Sequence[bytes]) -> None:
        """Send each as a datagram, now."""
        for packet in packets:
            with contextlib.suppress(OSError):  # full buffers lose packets, as networks do
                self._socket.sendto(packet, self._target)

    def close(self) -> None:
        """Send no more."""
        self._socket.close()


class WebSocketOutlet:
    """Opens a WebSocket and sends frames, in the background and in order; ``headers`` go with the opening request.

    On the emulator's thread ``opened`` is called when the other side has accepted, and ``lost`` when it can't be
    reached or goes away before :meth:`close`; ``took`` gets each frame that the other side sends. ``settled`` is done
    after the first of them.
    """

    def __init__(
        self,
        outlets: Outlets,
        uri: str,
        opened: Callable[[], None],
        lost: Callable[[], None],
        headers: Mapping[str, str] | None = None,
        took: Callable[[bytes | str], None] | None = None,
    ) -> None:
        self._outlets = outlets
        self._uri = uri
        self._headers = dict(headers or {})
        self._took = took
        self._opened = opened
        self._lost = lost
        self._waiting: deque[bytes | str] = deque()
        self._wake = asyncio.Event()
        self._written = asyncio.Event()
        self._closing = False
        loop = asyncio.get_running_loop()
        self.settled: asyncio.Future[None] = loop.create_future()
        self._task = loop.create_task(self._run())
        self._task.add_done_callback(self._ended)
        outlets.add(self)

    def send(self, frames: Sequence[bytes | str]) -> None:
        """Send each after those sent before, as a binary frame or one of text; nothing when the other side is gone."""
        if frames and not self._task.done():
            self._waiting.extend(frames)
            self._written.clear()
            self._wake.set()

    def close(self) -> None:
        """Send what waits, then close; at once if it isn't open yet."""
        self._closing = True
        self._wake.set()
        if not self.settled.done():
            self._task.cancel()

    async def written(self) -> None:
        """Return once it is open and every frame sent so far has been written, or can't be."""
        while not self._written.is_set():  # it may be cleared again before we have woken up
            await self._written.wait()

    async def ended(self) -> None:
        """Return once the socket is gone; after :meth:`close`."""
        await asyncio.wait((self._task,), timeout=_OPEN_WAIT)

    async def _run(self) -> None:
        try:
            async with aiohttp.ClientSession(trace_configs=[_no_redirects()]) as session:
                opening = session.ws_connect(_literal(self._uri), headers=self._headers)
                ws = await asyncio.wait_for(opening, _OPEN_WAIT)
                self._opened()
                self._settle()
                await self._talk(ws)
                gone = "it has closed the socket"
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError, TimeoutError) as error:
            gone = str(error) or type(error).__name__
        if not self._closing:
            logger.warning("sound for %s comes to nothing: %s", self._uri, gone)
            self._lost()

    async def _talk(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Send frames until we close, or the other side does."""
        reader = asyncio.get_running_loop().create_task(self._read(ws))
        reader.add_done_callback(lambda _: self._wake.set())
        try:
            while not reader.done():
                while self._waiting and not reader.done():
                    await _send(ws, self._waiting.popleft())
                self._written.set()
                if self._closing:
                    break
                await self._wake.wait()
                self._wake.clear()
        finally:
            with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
                await asyncio.wait_for(ws.close(), _CLOSE_WAIT)
            reader.cancel()

    async def _read(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Read to the end, if only to answer pings and notice a close."""
        async for message in ws:
            if self._took is not None and not self._closing:
                self._took(message.data)

    def _settle(self) -> None:
        if not self.settled.done():
            self.settled.set_result(None)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._written.set()
        self._settle()
        self._outlets.discard(self)
        if not task.cancelled() and (bug := task.exception()) is not None:
            logger.error("a way out for sound failed in an unforeseen way", exc_info=bug)


class Outlets:
    """The WebSockets of all taps and streams that are open, or being opened."""

    def __init__(self) -> None:
        self._open: set[WebSocketOutlet] = set()

    def add(self, outlet: WebSocketOutlet) -> None:
        """One more."""
        self._open.add(outlet)

    def discard(self, outlet: WebSocketOutlet) -> None:
        """One less."""
        self._open.discard(outlet)

    async def written(self) -> None:
        """Return once each is open, or can't be opened, and every frame sent so far has been written."""
        for outlet in list(self._open):
            await outlet.written()

    async def close(self) -> None:
        """Close all of them."""
        closing = list(self._open)
        for outlet in closing:
            outlet.close()
        await asyncio.gather(*(outlet.ended() for outlet in closing))


async def _send(ws: aiohttp.ClientWebSocketResponse, frame: bytes | str) -> None:
    if isinstance(frame, str):
        await ws.send_str(frame)
    else:
        await ws.send_bytes(frame)


def _no_redirects() -> aiohttp.TraceConfig:
    """Refuse to be sent elsewhere: elsewhere may be another machine."""

    async def refuse(*_: Any) -> None:
        raise ConnectionError("it redirects")

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace


def _literal(uri: str) -> str:
    """Return the address with ``localhost`` as a number: what names mean is not for us to say."""
    parts = urlsplit(uri)
    if parts.hostname != "localhost":
        return uri
    return urlunsplit(parts._replace(netloc=f"127.0.0.1:{parts.port}" if parts.port else "127.0.0.1"))
