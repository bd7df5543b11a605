"""Frames of WebSocket (RFC 6455), out of a buffer and into bytes; no socket.

Text frames are made here; websocket-client's parser takes the rest apart. See :mod:`relay_sync.link.transport`.
"""

from __future__ import annotations

import os
import struct

import websocket

from relay_sync.link.failures import FrameTooLarge

# RFC 6455 5.5: a control frame carries at most so many bytes.
_CONTROL_LIMIT = 125
TEXT = 0x81  # the first byte of a text frame that is whole


def text_frame(text: str) -> bytes:
    """A text as one masked frame (RFC 6455 5.2 and 5.3)."""
    data = text.encode()
    size = len(data)
    if size < 126:
        head = bytes((TEXT, 0x80 | size))
    elif size < 65536:
        head = struct.pack("!BBH", TEXT, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", TEXT, 0x80 | 127, size)
    key = os.urandom(4)
    mask = int.from_bytes((key * (size // 4 + 1))[:size], "little")
    return head + key + (int.from_bytes(data, "little") ^ mask).to_bytes(size, "little")


class Incomplete(Exception):
    """The rest of a frame has not come yet."""


class Frames(websocket.frame_buffer):
    """websocket-client's parser, fed from a buffer and with a limit on what it takes in.

    It keeps what it knows of a frame (header, length, mask) when `recv_strict` raises, and goes on from there.
    """

    def __init__(self, source: bytearray, limit: int) -> None:
        super().__init__(_nothing, skip_utf8_validation=True)
        self.source = source
        self.limit = limit
        self.room = limit  # what is left of the limit when fragments have come already

    def recv_length(self) -> None:
        """Read the length, and hold it against the limits."""
        super().recv_length()
        # Set by the parser, before and by the line above.
        assert self.header is not None
        assert self.length is not None
        if self.header[4] & 8:
            if self.length > _CONTROL_LIMIT:
                raise websocket.WebSocketProtocolException(f"a control frame of {self.length} bytes")
        elif self.length > self.room:
            size = self.limit - self.room + self.length
            raise FrameTooLarge(f"the peer announced a message of {size} bytes; the limit is {self.limit}")

    def recv_strict(self, bufsize: int) -> bytes:
        """Take so many bytes from the buffer; raise :class:`Incomplete` where they have not come."""
        source = self.source
        if len(source) < bufsize:
            raise Incomplete
        piece = bytes(source[:bufsize])
        del source[:bufsize]
        return piece


def decode(data: bytes) -> str:
    """What a text frame says, or that it is none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return unreadable("text that is not UTF-8", data)


def unreadable(kind: str, data: bytes) -> str:
    """A text that is surely not JSON and shows what came."""
    return f"({kind}, {len(data)} bytes) {data[:200].decode(errors='replace')}"


def _nothing(_count: int) -> bytes:
    """The parser's way to a socket, which it does not use: recv_strict takes from the buffer."""
    return b""
