"""The envelope of every frame: JSON-RPC 2.0 as Relay speaks it (protocol.md 2).

Reading is lenient about what leaves the meaning clear (no ``jsonrpc`` member, ``params`` missing, null or the empty
list that some encoders make of an empty object, an id that is a number) and refuses the rest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, NoReturn

from relay_sync.errors import ProtocolViolation

METHOD_NOT_FOUND: Final = -32601

_BRIEF = 120

# Levels. The JSON reader takes more of them than what is written in Python can walk before the stack is used up: copies
# of a payload take three steps a level. Nothing that Relay sends has a tenth of this.
DEEPEST = 100

_BLANKS = " \t\r\n"

#: The peer's id of a request, to be given back exactly as it came; None when it sent none and so wants no reply.
RequestId = str | int | None


class Request(NamedTuple):
    """Something the peer asks or tells. ``id`` is the peer's own and unrelated to ours."""

    id: RequestId
    method: str
    params: dict[str, Any]


class Success(NamedTuple):
    """The peer's reply to our request ``id``. ``result`` is any JSON value: the peer chose it."""

    id: str
    result: Any


class Failure(NamedTuple):
    """The peer's refusal of our request ``id`` at the level of JSON-RPC.

    ``code`` is None when the peer gave none, or nothing that is a code.
    """

    id: str
    code: int | str | None
    message: str


def _not_a_number(name: str) -> NoReturn:
    # Python's reader takes NaN and Infinity, JSON does not have them.
    raise ValueError(f"{name} is not JSON")


# Built once: json.loads and json.dumps make a new decoder or encoder per call when given any option.
_decode = json.JSONDecoder(parse_constant=_not_a_number).raw_decode
_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def brief(value: object) -> str:
    """Return ``value`` in at most 120 characters, for messages: strings cut short, anything nested by its type only."""
    if isinstance(value, str):
        return value if len(value) <= _BRIEF else value[: _BRIEF - 1] + "…"
    if value is None or isinstance(value, (bool, int, float)):
        return brief(str(value))
    return type(value).__name__


def parse(text: str) -> Request | Success | Failure:
    """Read one frame.

    Raises:
        ProtocolViolation: it is not JSON, not an object, nested too deeply, or neither request nor reply. The message
            quotes at most 120 characters of it, unmasked.
    """
    text = text.strip(_BLANKS)  # raw_decode takes none, and costs less than decode, which looks for them twice
    try:
        frame, end = _decode(text)
    except (ValueError, RecursionError) as exc:
        raise ProtocolViolation(f"not a JSON frame: {brief(text)}") from exc
    if type(frame) is not dict or end != len(text):
        raise ProtocolViolation(f"not a JSON object: {brief(text)}")
    # Counted in the text first, for that costs next to nothing.
    if text.count("{") + text.count("[") > DEEPEST and is_deep(frame):
        raise ProtocolViolation(f"nested too deeply: {brief(text)}")
    if "method" in frame:
        return _request(frame, text)
    return _reply(frame, text)


def is_deep(value: object, most: int = DEEPEST) -> bool:
    """Whether in an object or array more than ``most`` stand one inside the other; also where it holds itself."""
    level = {0: value}
    for _ in range(most):
        # By id, so that what a caller has put in many places is looked at once.
        level = {
            id(inner): inner
            for outer in level.values()
            for inner in (outer.values() if isinstance(outer, Mapping) else outer)  # type: ignore[attr-defined]
            if isinstance(inner, (dict, list, tuple, Mapping))
        }
        if not level:
            return False
    return True


def _request(frame: dict[str, Any], text: str) -> Request:
    ident, method, params = frame.get("id"), frame["method"], frame.get("params") or {}
    # The exact types are those of the JSON reader; `type` also keeps booleans out of the numbers.
    if type(method) is not str or type(params) is not dict or type(ident) not in (str, int, type(None)):
        raise ProtocolViolation(f"malformed request: {brief(text)}")
    return Request(ident, method, params)


def _reply(frame: dict[str, Any], text: str) -> Success | Failure:
    ident = frame.get("id")
    if type(ident) is int:
        ident = str(ident)
    if type(ident) is not str:
        raise ProtocolViolation(f"neither a request nor a reply to one: {brief(text)}")
    error = frame.get("error")
    if error is None and "result" in frame:
        return Success(ident, frame["result"])
    if type(error) is not dict:
        # Still the reply to that id: whoever waits for it had better hear so now than time out.
        return Failure(ident, None, "Relay replied with neither a result nor a proper error")
    return Failure(ident, _code(error.get("code")), text_of(error.get("message")))


def _code(value: object) -> int | str | None:
    if type(value) is float and value.is_integer():
        return int(value)
    return value if type(value) is str or type(value) is int else None


def text_of(value: object) -> str:
    """Return a peer's ``message`` as text: itself, or "" where it is nothing one can read."""
    if type(value) is str:
        return value
    return brief(value) if isinstance(value, (int, float)) else ""


def write_request(ident: str, method: str, params: dict[str, Any], *, command: str | None = None) -> str:
    """Return a request as text, compact and in ASCII.

    Args:
        command: the name to use in an error, where ``method`` is only the envelope of what the user asked for.

    Raises:
        ValueError: a number that JSON cannot carry (nan, infinity), a circular or too deeply nested value.
        TypeError: a value that is not JSON at all. Both name the command.
    """
    return _write({"jsonrpc": "2.0", "id": ident, "method": method, "params": params}, command or method)


def write_result(ident: RequestId, result: Any) -> str:
    """Return the reply ``result`` to the peer's request ``ident`` as text; raises as ``write_request`` does."""
    return _write({"jsonrpc": "2.0", "id": ident, "result": result}, "a reply")


def write_error(ident: RequestId, code: int, message: str) -> str:
    """Return a refusal of the peer's request ``ident`` as text."""
    return _write({"jsonrpc": "2.0", "id": ident, "error": {"code": code, "message": message}}, "a refusal")


def _write(frame: dict[str, Any], what: str) -> str:
    try:
        return _encode(frame)
    except ValueError as exc:
        raise ValueError(f"{what} cannot be written as JSON: {exc}") from exc
    except TypeError as exc:
        raise TypeError(f"{what} cannot be written as JSON: {exc}") from exc
    except RecursionError as exc:
        raise ValueError(f"{what} cannot be written as JSON: it is nested too deeply") from exc
