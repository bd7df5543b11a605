"""Moves that the tests of the verb families share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from relay_sync.calling.action import Action
from tests.stage import Stage
from tests.support import Running, in_thread

A = TypeVar("A", bound=Action[Any])


def begin(stage: Stage, start: Callable[[], A], **answer: Any) -> A:
    """Start an ``*_async`` verb, and have it accepted with these fields in the answer."""
    with in_thread(start) as starting:
        frame = stage.relay.take_any()
        stage.relay.answer(frame, {"code": "200", "message": "OK", **answer})
    return starting.result()


def sent_by(stage: Stage, start: Callable[[], Action[Any]]) -> dict[str, Any]:
    """What an ``*_async`` verb sends, without the ids."""
    action = begin(stage, start)
    return {name: value for name, value in action.payload.items() if name not in ("node_id", "call_id", "control_id")}


def block(stage: Stage, verb: Callable[[], Any], **answer: Any) -> tuple[Running[Any], str]:
    """Begin a blocking verb in a thread, and have it accepted; also the control id that it sent."""
    running = Running(verb)
    frame = stage.relay.take_any()
    stage.relay.answer(frame, {"code": "200", "message": "OK", **answer})
    return running, frame["params"]["params"].get("control_id", "")


def tell(stage: Stage, about: Action[Any] | str, event_type: str, *events: dict[str, Any]) -> None:
    """Send events of an operation, named by its action or its control id, and return once they were taken."""
    control_id = about if isinstance(about, str) else about.control_id
    for event in events:
        ids = {"call_id": "call-1", "node_id": "node-1", "control_id": control_id}
        stage.relay.tell(f"calling.call.{event_type}", **{**ids, **event})
    stage.settle()
