"""What a call returned, in one line for people and as JSON for programs."""

from __future__ import annotations

from typing import Any

from relay_sync.calling.dial import DialResult, HangupResult
from relay_sync.calling.play import PlayAction
from relay_sync.calling.result import Result


def brief(value: object) -> str:
    """Return the value as Python shows it, but of a result only what matters.

    The message of a successful result is a pleasantry and its event may be long: both are left out.
    """
    if not isinstance(value, Result):
        return repr(value)
    fields: dict[str, object] = {"successful": value.successful}
    if value.code is not None:
        fields["code"] = value.code
    if not value.successful:
        fields["message"] = value.message
    fields |= _own(value)
    return f"{type(value).__name__}({', '.join(f'{name}={field!r}' for name, field in fields.items())})"


def _own(result: Result) -> dict[str, object]:
    if isinstance(result, HangupResult):
        return {"reason": result.reason}
    if not isinstance(result, DialResult):
        return {}
    # Why nobody answered is what one wants to know; busy, decline and noAnswer all look alike otherwise.
    return {"call": result.call} | ({} if result else {"call.end_reason": result.call.end_reason})


def facts(value: object) -> Any:
    """Return the value as JSON has it; objects become their ids and states."""
    if isinstance(value, Result):
        return _of_result(value)
    if isinstance(value, PlayAction):
        ids = {"control_id": value.control_id, "call_id": value.call.id}
        return {"type": type(value).__name__, "state": value.state, "completed": value.completed, **ids}
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)


def _of_result(result: Result) -> dict[str, Any]:
    known: dict[str, Any] = {
        "type": type(result).__name__,
        "successful": result.successful,
        "code": result.code,
        "message": result.message,
        "event": result.event.name if result.event else None,
    }
    if isinstance(result, DialResult):
        known |= {"call_id": result.call.id, "end_reason": result.call.end_reason}
    if isinstance(result, HangupResult):
        known["reason"] = result.reason
    return known
