"""What both dialects tell the journal alike: a reply, whatever a client sent."""

from __future__ import annotations

from typing import Any

from relay_sync.emulator.envelope import Frame
from relay_sync.emulator.journal import Described


def as_object(value: Any) -> dict[str, Any]:
    """Return the value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def describe_reply(frame: Frame) -> Described:
    """Describe a frame without a method; the result of Blade's commands is inside its result (protocol.md 4)."""
    if "error" in frame:
        error = as_object(frame["error"])
        return Described("answer", code=str(error.get("code")), message=str(error.get("message", "")), params=error)
    if "result" in frame:
        result = as_object(frame["result"])
        result = as_object(result.get("result", result))
        code = result.get("code")
        told = "200" if code is None else str(code)  # the handshake's have no code: a result is a yes
        return Described("answer", code=told, message=str(result.get("message", "")), params=result)
    return Described()
