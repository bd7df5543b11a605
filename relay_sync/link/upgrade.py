"""The upgrade to WebSocket, as websocket-client talks it, on a stream of ours."""

from __future__ import annotations

import websocket

from relay_sync.link.failures import TransportLost, TransportTimeout
from relay_sync.link.stream import Stream
from relay_sync.masking import shorten

# More than any true answer to an upgrade.
_UPGRADE_LIMIT = 65536


class Talk:
    """What websocket-client takes for its socket during the upgrade: ours, with the limit of the whole opening."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._answer = bytearray()

    def gettimeout(self) -> float:
        """Zero: websocket-client then leaves all waiting to `recv` and `send`."""
        return 0.0

    def send(self, data: bytes) -> int:
        """Send all of it; websocket-client would not look whether anything is left."""
        self._stream.write(data, self._stream.left())
        return len(data)

    def recv(self, count: int) -> bytes:
        """At least one byte and at most `count`; what comes after the upgrade stays in the buffer."""
        buffer = self._stream.buffer
        while not buffer:
            left = self._stream.left()
            if left <= 0.0 or not self._stream.fill(left):
                raise TimeoutError
        piece = bytes(buffer[:count])
        del buffer[:count]
        self._answer += piece
        if len(self._answer) > _UPGRADE_LIMIT:
            raise TransportLost("the answer has no end")
        return piece

    def close(self) -> None:
        """Nothing: the stream's owner closes it, also after a failure."""

    def failure(self, exc: Exception) -> str:
        """What the peer did instead of agreeing."""
        line = shorten(self._answer.split(b"\r\n")[0].decode("latin-1"), 80)
        if isinstance(exc, (TimeoutError, TransportTimeout, websocket.WebSocketTimeoutException)):
            return f"accepted the connection and did not answer the WebSocket upgrade {self._stream.in_time}"
        if line.startswith("HTTP/"):
            return f"answered the WebSocket upgrade with {line!r}; check host and port"
        return f"is not a WebSocket server ({shorten(str(exc), 120)}); check host and port"
