"""Frames that no service should send, by name. What a client must make of each is in ``breaks``."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TEXT, BINARY, PING = 0x1, 0x2, 0x9
CONTINUATION = 0x0
_FIN = 0x80

MIB = 1024 * 1024
LARGEST = 10 * MIB
"""The largest message that a client takes: what 3.x clients take (protocol.md 1)."""

_DEPTH = 100_000


@dataclass(frozen=True, slots=True)
class Garbage:
    """One kind. ``make`` returns what is written to the socket, or, for an ``event``, an outer event to be wrapped.

    ``breaks``: no connection can go on after it; any other is to be set aside.
    """

    words: str
    make: Callable[[], bytes] | None = None
    event: Callable[[], dict[str, Any]] | None = None
    breaks: bool = False


def frame(opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0) -> bytes:
    """Return a WebSocket frame as a server writes it: unmasked (RFC 6455 5.2)."""
    return _header(opcode, len(payload), fin=fin, reserved=reserved) + payload


def _header(opcode: int, size: int, *, fin: bool = True, reserved: int = 0) -> bytes:
    first = (_FIN if fin else 0) | reserved | opcode
    if size < 126:
        return struct.pack("!BB", first, size)
    if size < 65536:
        return struct.pack("!BBH", first, 126, size)
    return struct.pack("!BBQ", first, 127, size)


def _text(text: str) -> Callable[[], bytes]:
    return lambda: frame(TEXT, text.encode())


def _json(value: Any) -> Callable[[], bytes]:
    return _text(json.dumps(value))


def _padded(size: int) -> bytes:
    """A reply to nothing, of exactly so many bytes."""
    bare = json.dumps({"jsonrpc": "2.0", "id": "nobody-asked", "result": {"pad": ""}})
    return frame(TEXT, bare.replace('""', '"' + "x" * (size - len(bare)) + '"').encode())


def _torn() -> bytes:
    """The beginning of a frame whose rest never comes: what follows is taken for it."""
    return _header(TEXT, 1000) + b'{"jsonrpc":'


def _fragmented() -> bytes:
    first, second, third = b'{"jsonrpc":"2.0",', b'"id":"nobody-asked",', b'"result":{}}'
    return (
        frame(TEXT, first, fin=False)
        + frame(CONTINUATION, second, fin=False)
        + frame(PING, b"between")
        + frame(CONTINUATION, third)
    )


def _request(method: Any, params: Any, request_id: Any = "garbage-1") -> Callable[[], bytes]:
    return _json({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def _event(event_type: Any, params: Any, **more: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"event_type": event_type, "timestamp": 1.5, "params": params, **more}


GARBAGE: dict[str, Garbage] = {
    "not-json": Garbage("a text that is not JSON", _text("this is {not} JSON")),
    "empty": Garbage("an empty text", _text("")),
    "nan": Garbage("NaN, which Python reads and JSON does not have", _text('{"jsonrpc":"2.0","id":"1","result":NaN}')),
    "array": Garbage("an array", _json([1, 2, 3])),
    "batch": Garbage("a batch, as JSON-RPC has them and Relay has not", _json([{"jsonrpc": "2.0", "id": 1}])),
    "number": Garbage("a number", _json(42)),
    "string": Garbage("a string", _json("hello")),
    "null": Garbage("null", _json(None)),
    "empty-object": Garbage("an object with nothing in it", _json({})),
    "binary": Garbage("a binary frame", lambda: frame(BINARY, b"\x00\x01\xff")),
    "not-utf-8": Garbage("a text frame that is not UTF-8", lambda: frame(TEXT, b'{"id":"\xff\xfe"}')),
    "surrogate": Garbage("half a surrogate pair, escaped", _text('{"jsonrpc":"2.0","id":"\\ud800","result":{}}')),
    "wrong-types": Garbage(
        "a request with members of the wrong types", _json({"jsonrpc": 2, "id": {"a": 1}, "method": 17, "params": "x"})
    ),
    "wrong-reply": Garbage("a reply with members of the wrong types", _json({"id": [1], "result": [], "error": 5})),
    "deep-array": Garbage("an array nested 100,000 deep", lambda: frame(TEXT, b"[" * _DEPTH + b"]" * _DEPTH)),
    "deep-object": Garbage(
        "an object nested 100,000 deep", lambda: frame(TEXT, b'{"a":' * _DEPTH + b"1" + b"}" * _DEPTH)
    ),
    "unknown-id": Garbage("a reply to nothing", _json({"jsonrpc": "2.0", "id": "nobody-asked", "result": {}})),
    "unknown-id-error": Garbage(
        "an error to nothing", _json({"jsonrpc": "2.0", "id": "nobody-asked", "error": {"code": 1, "message": 2}})
    ),
    "null-id-error": Garbage("an error to whatever", _json({"jsonrpc": "2.0", "id": None, "error": {"code": -32700}})),
    "unknown-method": Garbage("a request that nobody knows", _request("service.unheard_of", {"a": 1})),
    "method-is-number": Garbage("a method that is a number", _request(7, {})),
    "params-are-text": Garbage("params that are a text", _request("service.unheard_of", "text")),
    "unknown-event": Garbage("an event that nobody knows", event=_event("calling.call.unheard_of", {"call_id": "x"})),
    "unknown-call": Garbage(
        "an event of a call that nobody knows",
        event=_event("calling.call.state", {"call_id": "nobody", "node_id": "n", "call_state": "answered"}),
    ),
    "unknown-control": Garbage(
        "an event of a play that nobody knows",
        event=_event("calling.call.play", {"call_id": "nobody", "control_id": "nothing", "state": "finished"}),
    ),
    "event-type-is-list": Garbage("an event whose type is a list", event=_event(["calling"], {})),
    "event-params-are-list": Garbage("an event whose params are a list", event=_event("calling.call.state", [1, 2])),
    "event-of-numbers": Garbage(
        "an event whose members are numbers",
        event=_event("calling.call.state", {"call_id": 1, "call_state": 2, "tag": 3, "device": 4, "peer": 5}),
    ),
    "event-of-nulls": Garbage(
        "an event whose members are null",
        event=_event("calling.call.play", {"call_id": None, "control_id": None, "state": None}, timestamp=None),
    ),
    "offer-of-lists": Garbage(
        "an inbound call whose members are lists",
        event=_event("calling.call.receive", {"call_id": ["x"], "context": [], "device": []}),
    ),
    "fragmented": Garbage("a reply to nothing in three fragments with a ping between them", _fragmented),
    "10-mib": Garbage("a message of exactly 10 MiB", lambda: _padded(LARGEST)),
    "too-large": Garbage("a message of 10 MiB and a byte", lambda: _padded(LARGEST + 1), breaks=True),
    "huge": Garbage("a header that announces 2**62 bytes", lambda: _header(TEXT, 2**62) + b"x" * 64, breaks=True),
    "torn": Garbage("a frame that ends in the middle: what comes then is taken for the rest", _torn, breaks=True),
    "reserved-bits": Garbage("a frame with reserved bits", lambda: frame(TEXT, b"{}", reserved=0x70), breaks=True),
    "unknown-opcode": Garbage("a frame with an opcode that there is not", lambda: frame(0x3, b"{}"), breaks=True),
    "long-ping": Garbage("a ping above 125 bytes", lambda: frame(PING, b"x" * 126), breaks=True),
    "stray-fragment": Garbage("a continuation of nothing", lambda: frame(CONTINUATION, b"of what?"), breaks=True),
}
"""Every kind, by its name."""
