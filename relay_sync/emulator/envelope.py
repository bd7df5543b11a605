"""JSON-RPC 2.0 as the emulator writes it (protocol.md 2), and the three ways to answer a command (protocol.md 7)."""

from __future__ import annotations

import itertools
import json
import math
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Frame = dict[str, Any]

_PREFIX = uuid.uuid4().hex[:12]  # ids of two processes differ
_numbers = itertools.count(1)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
UNKNOWN_METHOD = -32601
BAD_PARAMS = -32602
INTERNAL_ERROR = -32603
AUTHENTICATION_FAILED = -32002
STALE_RESUME = -32003


@dataclass(frozen=True, slots=True)
class Accepted:
    """A command was carried out.

    ``result`` is what its reply holds. ``settled`` is done once all events that follow from it at once have been sent
    (None: they have been sent when the command returns); whoever wants the reply after the events waits for it.
    ``fail`` ends what the command has started with an error, if a fault wants that. ``then`` is done once the reply has
    been sent, or before where a fault wants the events first.
    """

    result: dict[str, Any] = field(default_factory=dict)
    settled: Awaitable[object] | None = None
    fail: Callable[[], None] | None = None
    then: Callable[[], None] | None = None


class Refused(Exception):
    """A command is refused inside its result: ``code`` is a string such as ``"404"``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RpcError(Exception):
    """A request is refused by a JSON-RPC error object; ``code`` is a negative integer, ``more`` its other members."""

    def __init__(self, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.more = more


def new_id() -> str:
    """Return an id for a request of the server; cheap, since every event has one."""
    return f"{_PREFIX}-{next(_numbers)}"


def request(request_id: str, method: str, params: dict[str, Any] | None = None) -> Frame:
    """Return a request; ``params=None`` leaves the key out."""
    frame: Frame = {"jsonrpc": "2.0", "id": request_id, "method": method}
    return frame if params is None else frame | {"params": params}


def success(request_id: object, result: dict[str, Any]) -> Frame:
    """Return the reply to the request with this id."""
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def failure(request_id: object, code: int, message: str, **more: Any) -> Frame:
    """Return the error reply; ``more`` goes into the error object."""
    return {"jsonrpc": "2.0", "id": request_id, "error": {**more, "code": code, "message": message}}


def parse(text: str) -> Frame:
    """Return the object in ``text``; raises :exc:`RpcError` for anything else."""
    try:
        frame = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise RpcError(PARSE_ERROR, "not JSON") from None
    if not isinstance(frame, dict):
        raise RpcError(INVALID_REQUEST, "not a JSON object")
    return frame


def _no_constant(name: str) -> None:
    """Refuse NaN and the infinities, which Python reads and JSON does not have."""
    raise ValueError(name)


def _finite(text: str) -> float:
    """Refuse a number that no float can hold: it could not be sent back."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def compact(frame: Frame) -> str:
    """Return the text of a frame."""
    return json.dumps(frame, separators=(",", ":"), allow_nan=False)
