"""Ways to spoil a frame that is otherwise what it should be: a reply with its right id, an event of a real call."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from relay_sync.emulator.envelope import Frame

Change = Callable[[Frame], None]

_SOME = 80  # levels: far more than anything that Relay sends has, and what a program in Python can walk with ease
_MANY = 600  # what readers of JSON take, and what copies it level by level does not


def garbled(what: str, frame: Frame) -> Frame:
    """Return a copy of a reply or an event that is spoiled in the way named."""
    spoiled = copy.deepcopy(frame)
    (GARBLED_EVENTS if "method" in frame else GARBLED_REPLIES)[what](spoiled)
    return spoiled


def _answer(frame: Frame) -> dict[str, Any]:
    """Return what a reply holds, the envelope taken off; the error, where it is one."""
    told = frame.get("result", frame.get("error"))
    inner = told.get("result", told) if isinstance(told, dict) else {}
    return inner if isinstance(inner, dict) else {}


def _levels(frame: Frame) -> list[dict[str, Any]]:
    """Return the objects called ``params`` one inside the other, outermost first: the frame is the first."""
    levels: list[dict[str, Any]] = [frame]
    while isinstance(levels[-1].get("params"), dict):
        levels.append(levels[-1]["params"])
    return levels


def _instead(**members: Any) -> Change:
    """Put these members in the place of result and error."""

    def change(frame: Frame) -> None:
        frame.pop("result", None)
        frame.pop("error", None)
        frame.update(members)

    return change


def _in_answer(**members: Any) -> Change:
    return lambda frame: _answer(frame).update(members)


def _without(*names: str) -> Change:
    def change(frame: Frame) -> None:
        answer = _answer(frame)
        for name in names:
            answer.pop(name, None)

    return change


def _in_event(**members: Any) -> Change:
    return lambda frame: _levels(frame)[-1].update(members)


def _params(value: Any) -> Change:
    def change(frame: Frame) -> None:
        levels = _levels(frame)
        levels[max(0, len(levels) - 2)]["params"] = value

    return change


def _state(value: Any) -> Change:
    def change(frame: Frame) -> None:
        params = _levels(frame)[-1]
        for name in ("state", "call_state", "dial_state", "connect_state", "message_state"):
            if name in params:
                params[name] = value

    return change


def _nest(levels: int, value: Any = None) -> Any:
    """Return a value at the bottom of so many objects."""
    for _ in range(levels):
        value = {"nest": value}
    return value


def _result_within(levels: int) -> Change:
    """Put the result, or the error, as it is at the bottom of so many objects."""

    def change(frame: Frame) -> None:
        name = "result" if "result" in frame else "error"
        frame[name] = _nest(levels, frame[name])

    return change


def _params_within(levels: int) -> Change:
    """Put the event's members as they are at the bottom of so many objects."""
    return lambda frame: _params(_nest(levels, _levels(frame)[-1]))(frame)


GARBLED_REPLIES: dict[str, Change] = {
    "neither": _instead(),
    "both": lambda frame: frame.update(error={"code": -32000, "message": "and no"}),
    "result-null": _instead(result=None),
    "result-list": _instead(result=[1, 2]),
    "result-text": _instead(result="OK"),
    "result-empty": _instead(result={}),
    "error-null": _instead(error=None),
    "error-text": _instead(error="no"),
    "error-of-lists": _instead(error={"code": [], "message": {}}),
    "code-number": _in_answer(code=200),
    "code-float": _in_answer(code=200.0),
    "code-list": _in_answer(code=["200"]),
    "code-huge": _in_answer(code=10**400),
    "code-missing": _without("code"),
    "message-number": _in_answer(message=7),
    "ids-are-numbers": _in_answer(call_id=1, node_id=2, control_id=3),
    "ids-missing": _without("call_id", "node_id", "control_id"),
    "nested": _in_answer(nest=_nest(_SOME)),
    "nested-deeply": _in_answer(nest=_nest(_MANY)),
    "message-nested-deeply": _in_answer(message=_nest(_MANY)),
    "result-within": _result_within(_SOME),
    "result-deep-within": _result_within(_MANY),
}
"""Ways to spoil a reply, by name."""

GARBLED_EVENTS: dict[str, Change] = {
    "params-null": _params(None),
    "params-list": _params([1]),
    "params-empty": _params({}),
    "type-number": lambda frame: _levels(frame)[-2].update(event_type=7),
    "state-null": _state(None),
    "state-number": _state(7),
    "state-unknown": _state("levitating"),
    "call-id-list": _in_event(call_id=["x"]),
    "control-id-number": _in_event(control_id=7),
    "device-text": _in_event(device="phone"),
    "nested": _in_event(nest=_nest(_SOME)),
    "nested-deeply": _in_event(nest=_nest(_MANY)),
    "device-nested": _in_event(device={"type": "phone", "params": _nest(_SOME)}),
    "device-nested-deeply": _in_event(device={"type": "phone", "params": _nest(_MANY)}),
    "state-nested-deeply": _state(_nest(_MANY)),
    "params-within": _params_within(_SOME),
    "params-deep-within": _params_within(_MANY),
}
"""Ways to spoil an event, by name."""
