"""WebSocket over a :class:`~relay_sync.link.stream.Stream`: text frames in and out, nothing about what they say.

websocket-client (1.9.2) does the upgrade, and parses and checks frames. What comes by the thousand, whole text frames,
is made and taken apart by us (``framing``, and `_whole_text` below): that is a dozen lines, and half of what a command
cost. It does not touch the socket:

- ``WebSocket.close(timeout=1)`` from another thread never returns while the reader is in ``recv`` and the peer is
  silent: both want the frame lock. ``shutdown()`` closes the descriptor and leaves the reader asleep. ``abort()``
  does nothing after ``send_close()``. So closing is ours: `send_close`, a grace time, `shut`.
- ``recv`` waits for the rest of a frame as long as the peer likes to drip it; ours is fed from a buffer, and
  what has not all come yet is waited for in `receive`, up to its limit.
- ``send`` does not tell how much of a frame left before it failed.
- It accepts a frame of any size. The limit is set where the length has just been read.
- It validates UTF-8 in Python, which costs more than all the rest of a frame; so that is off,
  and done by ``bytes.decode``.
- It follows redirects on a socket of its own, with our credentials to come; so that is off.
- ``create_connection`` hides the socket while it connects; an open one can be handed in, and `shut` reaches it.

A new websocket-client that moves what is used (``frame_buffer`` and its ``recv_strict``, ``recv_length``,
``header``, ``length``; what ``connect`` asks of a socket) fails tests/link/test_transport.py.
"""

from __future__ import annotations

import ssl
import struct
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import NoReturn
from urllib.parse import urlsplit

import websocket
from websocket import ABNF

from relay_sync.link.failures import FrameTooLarge, OpenFailed, TransportClosed, TransportLost, TransportTimeout
from relay_sync.link.framing import TEXT, Frames, Incomplete, decode, text_frame, unreadable
from relay_sync.link.proxy import Proxy, tunnel
from relay_sync.link.stream import Stream
from relay_sync.link.tls import tls_context
from relay_sync.link.upgrade import Talk

_CLOSE_LIMIT = 0.5
_NORMAL, _PROTOCOL_ERROR, _TOO_BIG = 1000, 1002, 1009


class WebSocketTransport:
    """The :class:`~relay_sync.link.road.Transport` over a real socket (protocol.md 1: text frames, no subprotocol)."""

    def __init__(
        self,
        url: str,
        *,
        ssl_context: ssl.SSLContext | None = None,
        ca_file: str | None = None,
        proxy: Proxy | None = None,
        send_limit: float = 10.0,
        max_frame: int = 10 * 1024 * 1024,
    ) -> None:
        """Prepare; opens nothing.

        Args:
            url: ``ws://`` or ``wss://``, with host, optional port and path.
            ssl_context: used for ``wss`` as it is, in place of one made from `ca_file`.
            ca_file: PEM file of the authorities to trust instead of the system's.
            proxy: an HTTP proxy to go through; None for the direct way, whatever the environment says.
            send_limit: seconds after which a frame that has begun to leave and cannot end breaks the connection.
            max_frame: the largest message accepted, in bytes; fragments count together.

        Raises:
            ValueError: `url` is not a WebSocket URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError("url must be ws://host or wss://host")
        self._url = url
        self._secure = parts.scheme == "wss"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        self._ssl_context = ssl_context
        self._ca_file = ca_file
        self._proxy = proxy
        self._send_limit = send_limit
        self._max_frame = max_frame
        self._stream = Stream(send_limit)
        self._frames = Frames(self._stream.buffer, max_frame)
        self._message: bytearray | None = None  # the fragments so far of a message, while one is being received
        self._binary = False  # whether that message is a binary one
        self._pong: bytes | None = None  # what the peer's latest ping carried, until it is answered
        self._ready = False

    def open(self, timeout: float) -> None:
        """See :meth:`Transport.open`. Each stage leaves a socket that the next one uses and `shut` can reach."""
        stream = self._stream
        try:
            self._connect(timeout)
            if self._secure:
                stream.secure(self._ssl_context or tls_context(self._ca_file), self._host)
            self._upgrade()
            stream.refuse()
            stream.opened()
            self._ready = True
        except OSError as exc:  # of the machine rather than of the way: no more descriptors, for one
            stream.close()
            raise OpenFailed(f"could not connect to {self._host}: {exc}") from exc
        except BaseException:
            stream.close()
            raise

    def _connect(self, timeout: float) -> None:
        """Connect, or have a proxy do it: TLS begins behind it, so that it sees nothing but host and port."""
        proxy = self._proxy
        if proxy is None:
            self._stream.connect(self._host, self._port, timeout)
            return
        try:
            self._stream.connect(proxy.host, proxy.port, timeout)
        except OpenFailed as exc:
            raise OpenFailed(f"the proxy ({proxy.source}) on the way to {self._host}: {exc.reason}") from exc
        tunnel(self._stream, proxy, self._host, self._port)

    def _upgrade(self) -> None:
        talk = Talk(self._stream)
        client = websocket.WebSocket(skip_utf8_validation=True)
        try:
            # websocket-client has not typed this one
            client.connect(self._url, socket=talk, redirect_limit=0, suppress_origin=True)  # type: ignore[no-untyped-call]
            if client.getstatus() != 101:
                raise websocket.WebSocketException("no switch of protocols")  # before 1.9 a redirect was agreement
        except (websocket.WebSocketException, TransportClosed, TransportLost, TransportTimeout, ValueError) as exc:
            self._stream.refuse()
            raise OpenFailed(f"{self._host}:{self._port} {talk.failure(exc)}") from exc

    def receive(self, timeout: float | None) -> str | None:
        """See :meth:`Transport.receive`. What has come of an unfinished frame is kept for the next call.

        A binary frame and one that is not UTF-8 are returned as a text that says so, which is not JSON: they are
        the session's to count. A ping is answered here. Raises FrameTooLarge for a message above ``max_frame``.
        """
        stream = self._stream
        end = None if timeout is None else monotonic() + timeout
        left = None if timeout is None else max(0.0, timeout)
        while True:
            text = self._next_text() if stream.buffer else None
            stream.refuse()
            if text is not None:
                return text
            # Seen to even while bytes keep coming: a peer that drips, or floods with pings, must not hold the reader.
            if left is not None and left < 0.0:
                return None
            if not stream.fill(left):
                return None
            if end is not None:
                left = end - monotonic()

    def _next_text(self) -> str | None:
        """The next message that is complete in the buffer, if one is."""
        text = None
        try:
            while text is None and self._stream.buffer:
                text = self._whole_text()
                if text is None:
                    text = self._take(self._frames.recv_frame())
        except Incomplete:
            text = None
        except FrameTooLarge as exc:
            self._fail(_TOO_BIG, exc)
        except websocket.WebSocketException as exc:
            self._fail(_PROTOCOL_ERROR, TransportLost(f"the peer broke the WebSocket protocol: {exc}"))
        if self._pong is not None:
            self._answer_ping(self._pong)
        return text

    def _whole_text(self) -> str | None:
        """The text that lies in the buffer as one whole frame of up to 64 KiB; all else is the parser's."""
        buffer = self._stream.buffer
        if self._message is not None or self._frames.header is not None or len(buffer) < 4 or buffer[0] != TEXT:
            return None
        size, start = buffer[1], 2  # with the bit of a mask, which a server does not set, it is no size
        if size == 126:
            size, start = buffer[2] << 8 | buffer[3], 4
        elif size > 126:
            return None
        end = start + size
        if len(buffer) < end or size > self._max_frame:
            return None
        data = bytes(buffer[start:end])
        del buffer[:end]
        return decode(data)

    def _take(self, frame: ABNF) -> str | None:
        """Take in one frame; the message it completes, if any."""
        data, opcode = frame.data, frame.opcode
        assert isinstance(data, bytes)  # str is for frames to be sent
        if opcode == ABNF.OPCODE_TEXT and frame.fin and self._message is None:
            return decode(data)
        if opcode & 8:
            self._control(opcode, data)
            return None
        if (opcode == ABNF.OPCODE_CONT) is (self._message is None):
            raise websocket.WebSocketProtocolException("a fragment out of place")
        if self._message is None:
            self._message, self._binary = bytearray(), opcode == ABNF.OPCODE_BINARY
        self._message += data
        self._frames.room = self._max_frame - len(self._message)
        if not frame.fin:
            return None
        whole, self._message, self._frames.room = bytes(self._message), None, self._max_frame
        return unreadable("binary message", whole) if self._binary else decode(whole)

    def _control(self, opcode: int, data: bytes) -> None:
        if opcode == ABNF.OPCODE_PING:
            self._pong = data  # of several pings only the last needs an answer (RFC 6455 5.5.3)
        elif opcode == ABNF.OPCODE_CLOSE:
            code = struct.unpack("!H", data[:2])[0] if data else None
            reason = f"{code} {data[2:].decode(errors='replace')}".strip() if data else "no code given"
            self._say_goodbye(_NORMAL if code is None else code, 0.0)
            raise self._stream.ended(f"closed by Relay: {reason}")

    def _answer_ping(self, data: bytes) -> None:
        self._pong = None
        try:
            self._stream.write(ABNF.create_frame(data, ABNF.OPCODE_PONG).format(), self._send_limit)
        except TransportClosed:
            return  # the way out is closed; what still comes in is worth reading
        except TransportTimeout:
            raise self._stream.ended("the peer sends pings and does not read the answers") from None

    def _fail(self, code: int, lost: TransportLost) -> NoReturn:
        """Give the connection up, telling the peer why; what happens after `shut` is our own closing all the same."""
        self._say_goodbye(code, 0.0)
        ended = self._stream.ended("")
        self._stream.give_up(str(lost))
        raise ended if isinstance(ended, TransportClosed) else lost

    def send(self, text: str, timeout: float) -> None:
        """See :meth:`Transport.send`.

        A frame that has begun gets at least half a second to end, whatever is left of `timeout`, and at most
        ``send_limit``; then the connection is lost for everybody, since no other frame could follow half a one.
        """
        if not self._ready:
            raise TransportClosed("not open")
        self._stream.write(text_frame(text), timeout)

    def send_many(self, texts: Sequence[str], timeout: float) -> int:
        """See :meth:`Transport.send_many`; a frame that has begun gets its time to end, as in `send`."""
        if not self._ready:
            raise TransportClosed("not open")
        return self._stream.write_many([text_frame(text) for text in texts], timeout)

    def send_close(self) -> None:
        """See :meth:`Transport.send_close`."""
        if self._ready:
            self._say_goodbye(_NORMAL, _CLOSE_LIMIT)

    def _say_goodbye(self, code: int, timeout: float) -> None:
        frame = ABNF.create_frame(struct.pack("!H", code), ABNF.OPCODE_CLOSE).format()
        with suppress(TransportClosed, TransportLost, TransportTimeout):
            self._stream.write(frame, timeout, last=True, finish=0.0)

    def shut(self) -> None:
        """See :meth:`Transport.shut`."""
        self._stream.shut()

    def close(self) -> None:
        """See :meth:`Transport.close`."""
        self._stream.close()

    def abandon(self) -> None:
        """See :meth:`Transport.abandon`."""
        self._stream.abandon()
