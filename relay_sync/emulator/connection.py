"""One WebSocket connection: reads requests, writes frames in order, and can be cut or fall silent on request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from aiohttp import WSMsgType, web

from relay_sync.emulator import envelope, garbage
from relay_sync.emulator.envelope import AUTHENTICATION_FAILED, INVALID_REQUEST, UNKNOWN_METHOD, Frame, RpcError
from relay_sync.emulator.journal import Described
from relay_sync.emulator.service import Dialect, Service
from relay_sync.emulator.session import EVENTS, Session

logger: logging.Logger = logging.getLogger(__name__)

_REMEMBERED_IDS = 1000  # of requests, to notice one that is used twice

_STATES = ("call_state", "state", "dial_state", "connect_state", "message_state")

_Item = tuple[str, Frame | None] | Callable[[], Awaitable[None] | None]
"""What waits to be written: a frame, or something to be done in its turn."""


class Connection:
    """A client's connection. Everything happens on the emulator's thread.

    A task of its own writes, so that a client that does not read holds up nobody else.
    """

    def __init__(
        self,
        number: int,
        service: Service,
        dialects: Sequence[Dialect],
        ws: web.WebSocketResponse,
        transport: asyncio.Transport,
    ) -> None:
        self.service = service
        self.session: Session | None = None
        self.closed: asyncio.Event = asyncio.Event()  # no frame goes either way any more
        self.ended: asyncio.Event = asyncio.Event()  # and the server has noticed
        self._number = number
        self._dialects = dialects
        self._dialect: Dialect | None = None
        self._ws = ws
        self._transport = transport
        self._socket = transport.get_extra_info("socket")  # now: a transport of TLS that was aborted can't say
        self._aborted = False
        self._vanished = False
        self._speaking = asyncio.Event()  # cleared: silent
        self._speaking.set()
        self._outgoing: deque[_Item] = deque()
        self._wake = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()
        self._answers: dict[str, asyncio.Future[Frame]] = {}
        self._ids: dict[str, None] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopped = False  # a closing frame is about to be sent: nothing may follow it
        self.drip: tuple[int, float] | None = None  # what is sent comes in pieces of so many bytes, so many s apart

    def __repr__(self) -> str:
        return f"<Connection {self._number} {self.session}>"

    @property
    def number(self) -> int:
        """Its number in the journal, from 1."""
        return self._number

    @property
    def reachable(self) -> bool:
        """Can a frame sent now get there?"""
        return self._speaking.is_set() and not self.closed.is_set()

    async def serve(self) -> None:
        """Read and write until the connection ends."""
        writer = asyncio.get_running_loop().create_task(self._write())
        try:
            async for message in self._ws:
                await self._speaking.wait()  # what had arrived before it fell silent is not acted on either
                if self.closed.is_set():
                    break
                if message.type is WSMsgType.PING:
                    self._queue(partial(self._pong, message.data))
                elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    # No client sends bytes; they are noted as what can't be understood.
                    self._receive(message.data if message.type is WSMsgType.TEXT else repr(message.data))
                # Frames that have arrived together are handed out without a pause: let the writer have its turn.
                await asyncio.sleep(0)
        finally:
            self.lost()
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer

    def lost(self) -> None:
        """The connection is over, or as good as over."""
        if self.closed.is_set():
            return
        self.closed.set()
        self._written.set()
        self._speaking.set()
        for task in self._tasks:
            task.cancel()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result({})
        if self.session is not None:
            self.service.sessions.lost(self.session, self)

    def send(self, frame: Frame) -> None:
        """Send a frame after those sent before; nothing if the connection is over."""
        self._queue((envelope.compact(frame), frame))

    def send_text(self, text: str) -> None:
        """Send a text as it is."""
        self._queue((text, None))

    def send_event(self, session: Session, queue: str, event: dict[str, Any]) -> None:
        """Send an event in this connection's dialect, as the faults say."""
        if self._dialect is not None:
            self.service.faults.send_event(self, name_of(queue, event), self._dialect.event(session, queue, event))

    def send_garbled_event(self, event: dict[str, Any]) -> None:
        """Send something in the envelope of an event, whatever it is; nothing before the login."""
        if self._dialect is not None and self.session is not None:
            self.send(self._dialect.event(self.session, EVENTS, event))

    def send_bytes(self, name: str, data: bytes) -> None:
        """Write bytes to the socket as they are, past all that knows of WebSocket; ``name`` is for the journal."""
        self._queue(partial(self._write_garbage, name, data))

    def do(self, act: Callable[[], None]) -> None:
        """Do something once every frame sent so far has been written, and before the next one is."""
        self._queue(act)

    async def speaks(self) -> None:
        """Return once it is not silent, or over."""
        await self._speaking.wait()

    async def written(self) -> None:
        """Return once every frame sent so far has been handed to TCP, or can't be."""
        while not self._written.is_set():  # it may be cleared again before we have woken up
            await self._written.wait()

    def abort(self) -> None:
        """Cut the connection with a TCP reset."""
        if not self._aborted:
            self._aborted = True
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        self.lost()

    def end(self) -> None:
        """End the TCP stream without a closing frame."""
        self._transport.close()
        self.lost()

    def stop_writing(self) -> None:
        """Write no frame any more, but for the closing one."""
        self._stopped = True
        self._outgoing.clear()

    def silence(self, on: bool) -> None:
        """Half-open: read nothing (not even WebSocket pings), write nothing, keep TCP. ``on=False`` goes on."""
        if self.closed.is_set() or self._vanished or on != self._speaking.is_set():
            return
        if on:
            self._speaking.clear()
            self._transport.pause_reading()
            self._written.set()
        else:
            self._speaking.set()
            self._transport.resume_reading()
            if self._outgoing:
                self._written.clear()
            self._wake.set()

    def vanish(self) -> None:
        """Be silent for good: the machine is gone, and no end of a silence brings it back."""
        self.silence(True)
        self._vanished = True

    def close_soon(self) -> None:
        """Close the connection once all frames sent so far have been written."""
        # Queued behind the reply, which the caller has yet to send.
        asyncio.get_running_loop().call_soon(lambda: self._queue(self._close_now))

    def _close_now(self) -> None:
        self._start(self.close(1000))

    async def close(self, code: int) -> None:
        """Close with a close frame and the peer's answer, for which little time is given."""
        if not self.reachable:
            self.abort()
            return
        await self._ws.close(code=code, message=b"")
        self._transport.close()

    async def ask(self, make: Callable[[Dialect, str], Frame], limit: float) -> Frame | None:
        """Send a request of the server; return the reply, or None if there was none within ``limit`` real seconds."""
        if self._dialect is None or self.closed.is_set():
            return None
        request_id = envelope.new_id()
        self._answers[request_id] = answer = asyncio.get_running_loop().create_future()
        self.send(make(self._dialect, request_id))
        try:
            return await asyncio.wait_for(answer, limit)
        except (TimeoutError, asyncio.TimeoutError):
            return None
        finally:
            self._answers.pop(request_id, None)

    def ping(self) -> None:
        """Send a ping of the dialect and a WebSocket ping; nothing is made of the answers (protocol.md 1 and 5.4)."""
        if self._dialect is not None and self.session is not None and self.reachable:
            self.send(self._dialect.ping(envelope.new_id(), self.service.clock.timestamp()))
            self._queue(self._ping_socket)

    async def _ping_socket(self) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self._ws.ping()

    async def _pong(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self._ws.pong(data)

    def wait_then(self, awaitable: Awaitable[object], action: Callable[[], None]) -> None:
        """Do ``action`` when ``awaitable`` is done, if the connection still exists."""

        async def waiting() -> None:
            await awaitable
            action()

        self._start(waiting())

    def _start(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _receive(self, text: str) -> None:
        try:
            self._take(text)
        except Exception:
            # Our mistake, whatever was sent. The connection goes on.
            logger.exception("the emulator failed to deal with a frame")

    def _take(self, text: str) -> None:
        try:
            frame = envelope.parse(text)
        except RpcError as error:
            self.service.journal.write(self._number, "received", text, None, Described())
            self.send(envelope.failure(None, error.code, error.message))
            return
        method = frame.get("method")
        if self._dialect is None:
            self._dialect = next((dialect for dialect in self._dialects if dialect.opening == method), None)
        self.service.journal.write(self._number, "received", text, frame, self._describe(frame))
        if isinstance(method, str):
            self._request(method, frame)
        elif "method" in frame:
            self.send(envelope.failure(frame.get("id"), INVALID_REQUEST, "method must be a string"))
        else:
            if self._dialect is not None:
                self._dialect.answer(self, frame)
            answer = self._answers.get(str(frame.get("id")))
            if answer is not None and not answer.done():
                answer.set_result(frame)

    def _request(self, method: str, frame: Frame) -> None:
        request_id = frame.get("id")
        if self.service.strict and (problem := self._wrong_id(request_id)):
            self.send(envelope.failure(request_id, INVALID_REQUEST, f"id {problem}"))
            return
        if self._dialect is None and method in self.service.unspoken:
            if self.service.assumptions.unspoken_dialect == "-32601":
                self.send(envelope.failure(request_id, UNKNOWN_METHOD, f"Unknown method {method}"))
            elif self.service.assumptions.unspoken_dialect == "closed":
                self.close_soon()
            return
        if self._dialect is None:
            self.send(envelope.failure(request_id, AUTHENTICATION_FAILED, f"Authentication required before {method}"))
            return
        self._dialect.receive(self, frame)

    def _wrong_id(self, request_id: object) -> str | None:
        if not isinstance(request_id, str) or not request_id:
            return "must be a string that is not empty"
        if request_id in self._ids:
            return "is used twice"
        self._ids[request_id] = None
        if len(self._ids) > _REMEMBERED_IDS:
            del self._ids[next(iter(self._ids))]
        return None

    def _describe(self, frame: Frame) -> Described:
        return Described() if self._dialect is None else self._dialect.describe(frame)

    def _queue(self, item: _Item) -> None:
        if not self.closed.is_set() and not self._stopped:
            self._outgoing.append(item)
            if self._speaking.is_set():
                self._written.clear()
            self._wake.set()

    async def _write(self) -> None:
        while True:
            while self._outgoing and self._speaking.is_set():
                item = self._outgoing.popleft()
                if callable(item):
                    if (doing := self._in_place(item)) is not None:
                        await doing
                else:
                    await self._write_text(*item)
            self._written.set()
            await self._wake.wait()
            self._wake.clear()

    def _in_place(self, act: Callable[[], Awaitable[None] | None]) -> Awaitable[None] | None:
        """Do something in its turn; what it sends goes before all that waits already."""
        waiting, self._outgoing = self._outgoing, deque()
        try:
            return act()
        except Exception:
            # Our mistake, such as a fault that can't be made. The connection goes on.
            logger.exception("the emulator failed to do something between two frames")
            return None
        finally:
            if not self._stopped:
                self._outgoing += waiting

    async def _write_text(self, text: str, frame: Frame | None) -> None:
        # In the journal first: a test that has seen the frame arrive finds it there.
        described = Described() if frame is None else self._describe(frame)
        self.service.journal.write(self._number, "sent", text, frame, described)
        try:
            if self.drip is None:
                await self._ws.send_str(text)
            else:
                await self._write_bytes(garbage.frame(garbage.TEXT, text.encode()))
        except (ConnectionError, RuntimeError):
            self.lost()  # the reader is about to find out too

    async def _write_garbage(self, name: str, data: bytes) -> None:
        self.service.journal.write(self._number, "sent", f"<garbage: {name}>", None, Described())
        await self._write_bytes(data)

    async def _write_bytes(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not self.closed.is_set():
            size, pause = self.drip or (len(rest), 0.0)
            self._transport.write(bytes(rest[:size]))
            rest = rest[size:]
            if rest:
                await asyncio.sleep(pause)
                await self._speaking.wait()


def name_of(queue: str, event: dict[str, Any]) -> str:
    """Return what faults call an event: its type, and its state where it has one."""
    params = event.get("params")
    told = params if isinstance(params, dict) else {}
    state = next((told[key] for key in _STATES if isinstance(told.get(key), str)), None)
    event_type = event.get("event_type", queue)
    return str(event_type) if state is None else f"{event_type}:{state}"
