"""The far end of every measurement: answers each command at once, in both dialects, and is not what is measured.

A program of its own that needs nothing but the standard library: ``python responder.py CERTIFICATE``, where
CERTIFICATE is a PEM file with key and chain, or ``-`` for no TLS. Prints its port. It looks for the few words that it
needs in a frame without parsing it, and answers all frames that came together in one write. One selector loop serves
every connection: a client that is answered is waited for by nobody else at that moment.

Words of its own, beside Relay's:

- ``bench.prepare`` with ``calls`` in its params: makes the events of that many playbacks of this connection first.
  To make them takes as long as to take them in, so nobody is measured meanwhile.
- ``bench.events`` with ``calls`` and ``count`` in its params: that many play events, taking turns over the first
  ``calls`` playbacks, which are prepared, and the answer after the last of them.
- ``bench.event``: one play event that carries the time of the system's monotonic clock, then the answer.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import selectors
import socket
import ssl
import struct
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

ID = re.compile(rb'"id"\s*:\s*"([^"]+)"')
METHOD = re.compile(rb'"method"\s*:\s*"([^"]+)"')
FIELD = {name: re.compile(rb'"%s"\s*:\s*"([^"]+)"' % name.encode()) for name in ("tag", "call_id", "control_id")}
NUMBER = {name: re.compile(rb'"%s"\s*:\s*(\d+)' % name.encode()) for name in ("calls", "count")}
KEY = re.compile(rb"Sec-WebSocket-Key: *(\S+)", re.IGNORECASE)
PROTOCOL = "signalwire_bench_1"
CHUNK = 256  # events that are written together


def frame(text: bytes) -> bytes:
    """A text frame, unmasked."""
    size = len(text)
    head = b"\x81" + (bytes([size]) if size < 126 else b"\x7e" + struct.pack("!H", size))
    return head + text


def unmask(data: bytes, key: bytes) -> bytes:
    """What a client's frame says."""
    size = len(data)
    mask = int.from_bytes((key * (size // 4 + 1))[:size], "big")
    return (int.from_bytes(data, "big") ^ mask).to_bytes(size, "big")


class Connection:
    """One client."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.blade = True
        self._agreed = False
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._floods: list[Iterator[bytes]] = []  # events that are still to be written
        self._plays: list[tuple[str, str]] = []  # of each playback: call id, control id
        self._prepared: tuple[list[bytes], list[bytes]] = ([], [])  # of each: that it has paused, and that it plays
        self._calls = 0

    # -- bytes ----------------------------------------------------------------------------------------

    def run(self, readable: bool) -> bool:
        """Read and write what goes at once; whether there is more to write."""
        if readable:
            self._read()
        while self._outgoing or self._floods:
            if not self._outgoing:
                piece = next(self._floods[0], None)
                if piece is None:
                    self._floods.pop(0)
                    continue
                self._outgoing += piece
            try:
                # A TLS write that blocks wants the same bytes again: they stay at the front.
                count = self.sock.send(memoryview(bytes(self._outgoing[:65536])))
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return True
            del self._outgoing[:count]
        return False

    def _read(self) -> None:
        while True:
            try:
                data = self.sock.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError):
                break
            if not data:
                raise ConnectionError
            self._incoming += data
        if not self._agreed:
            self._agree()
        for text in self._frames():
            self._outgoing += self._answer(text)

    def _agree(self) -> None:
        end = self._incoming.find(b"\r\n\r\n")
        if end < 0:
            return
        key = KEY.search(self._incoming[:end])
        assert key is not None
        accept = base64.b64encode(hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self._outgoing += upgrade + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        del self._incoming[: end + 4]
        self._agreed = True

    def _frames(self) -> Iterator[bytes]:
        incoming = self._incoming
        place = 0
        try:
            while self._agreed and len(incoming) - place >= 6:
                size = incoming[place + 1] & 0x7F
                start = place + 6
                if size == 126:
                    size = int.from_bytes(incoming[place + 2 : place + 4], "big")
                    start += 2
                if len(incoming) < start + size:
                    return
                kind = incoming[place] & 0xF
                data = unmask(bytes(incoming[start : start + size]), bytes(incoming[start - 4 : start]))
                place = start + size
                if kind == 8:
                    raise ConnectionError
                if kind == 9:
                    self._outgoing += bytes([0x8A, len(data)]) + data
                elif kind == 1:
                    yield data
        finally:
            del incoming[:place]

    # -- words ----------------------------------------------------------------------------------------

    def _answer(self, text: bytes) -> bytes:
        found = METHOD.findall(text)
        if not found:
            return b""  # the receipt for an event
        ident = ID.search(text)
        assert ident is not None
        method = next((name for name in found if not name.startswith(b"blade.")), found[0]).decode()
        if method in ("calling.begin", "calling.dial"):
            return self._accept(ident[1]) + self._dialled(_field("tag", text))
        if method == "calling.play":
            self._plays.append((_field("call_id", text), _field("control_id", text)))
            return self._accept(ident[1]) + self._play_event(self._plays[-1], "playing")
        if method == "bench.prepare":
            for frames, state in zip(self._prepared, ("paused", "playing"), strict=True):
                frames += [self._play_event(play, state) for play in self._plays[len(frames) : _number("calls", text)]]
            return self._accept(ident[1])
        if method == "bench.events":
            self._floods.append(self._flood(_number("calls", text), _number("count", text), self._accept(ident[1])))
            return b""
        if method == "bench.event":
            state = "paused" if self._calls % 2 else "playing"
            self._calls += 1
            return self._play_event(self._plays[0], state, sent_at=time.monotonic()) + self._accept(ident[1])
        return self._accept(ident[1], method)

    def _accept(self, ident: bytes, method: str = "") -> bytes:
        result: dict[str, Any] = {"code": "200", "message": "OK"}
        if method == "blade.connect":
            result = {
                "session_restored": False,
                "sessionid": "bench",
                "nodeid": "node-1",
                "authorization": {"project": "bench", "signature": "bench"},
            }
        elif method == "signalwire.connect":
            self.blade = False
            result = {"protocol": PROTOCOL, "identity": "bench@bench", "authorization": {"project_id": "bench"}}
        elif method == "setup":
            result = {"requester_nodeid": "a", "responder_nodeid": "b", "result": {"protocol": PROTOCOL}}
        elif method == "blade.subscription":
            result = {"protocol": PROTOCOL, "command": "add", "subscribe_channels": ["notifications"]}
        elif method.endswith(".ping"):
            result = {"timestamp": time.time()}
        elif self.blade:
            result = {"requester_nodeid": "a", "responder_nodeid": "b", "result": result}
        return frame(b'{"jsonrpc":"2.0","id":"%s","result":%s}' % (ident, json.dumps(result).encode()))

    def _event(self, event_type: str, params: dict[str, Any]) -> bytes:
        event = {"event_type": event_type, "timestamp": 1767225600.25, "params": params}
        outer: dict[str, Any] = {"method": "signalwire.event", "params": event}
        if self.blade:
            around = {"protocol": PROTOCOL, "channel": "notifications", "event": "queuing.relay.events"}
            outer = {"method": "blade.broadcast", "params": {"broadcaster_nodeid": "node-1", **around, "params": event}}
        return frame(json.dumps({"jsonrpc": "2.0", "id": "5c4be3c0-event", **outer}).encode())

    def _dialled(self, tag: str) -> bytes:
        self._calls += 1
        number = {"from_number": "+15550100", "to_number": "+15550101"}
        call = {"call_id": f"call-{self._calls}-{tag}", "node_id": "node-1", "tag": tag}
        state = {**call, "direction": "outbound", "device": {"type": "phone", "params": number}}
        told = self._event("calling.call.state", {**state, "call_state": "answered"})
        if not self.blade:
            told += self._event("calling.call.dial", {"tag": tag, "dial_state": "answered", "call": state})
        return told

    def _play_event(self, play: tuple[str, str], state: str, **more: object) -> bytes:
        ids = {"call_id": play[0], "node_id": "node-1", "control_id": play[1]}
        return self._event("calling.call.play", {**ids, "state": state, **more})

    def _flood(self, calls: int, count: int, last: bytes) -> Iterator[bytes]:
        frames = islice(cycle([frame for frames in self._prepared for frame in frames[:calls]]), count)
        while piece := b"".join(islice(frames, CHUNK)):
            yield piece
        yield last


def _field(name: str, text: bytes) -> str:
    found = FIELD[name].search(text)
    assert found is not None, f"no {name} in {text!r}"
    return found[1].decode()


def _number(name: str, text: bytes) -> int:
    found = NUMBER[name].search(text)
    assert found is not None, f"no {name} in {text!r}"
    return int(found[1])


def serve(certificate: str) -> None:
    """Serve until the program is ended, or whoever started it is."""
    context = None
    if certificate != "-":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener, selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        print(listener.getsockname()[1], flush=True)
        while True:
            for key, events in selector.select():
                if key.fileobj is sys.stdin:
                    return
                if key.fileobj is listener:
                    connection = _take(listener, context)
                    if connection is not None:
                        selector.register(connection.sock, selectors.EVENT_READ, connection)
                    continue
                try:
                    more = key.data.run(bool(events & selectors.EVENT_READ))
                    wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if more else 0)
                    if wanted != key.events:
                        selector.modify(key.fileobj, wanted, key.data)
                except OSError:
                    selector.unregister(key.fileobj)
                    key.data.sock.close()


def _take(listener: socket.socket, context: ssl.SSLContext | None) -> Connection | None:
    sock, _ = listener.accept()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context is not None:
        try:
            sock = context.wrap_socket(sock, server_side=True)
        except OSError:
            return None
    sock.setblocking(False)
    return Connection(sock)


if __name__ == "__main__":
    serve(sys.argv[1])
