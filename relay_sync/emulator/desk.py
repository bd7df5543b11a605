"""Takes commands, checks them, and has them done; what a command does is in the tables of ``methods``.

Refusals (protocol.md 7): unknown method -32601; missing or wrong fields ``400`` (or -32602: an assumption); unknown
call or control id ``404``; ended call ``410``; what does not fit the state of the call ``409``, and that it is not in
the conference or queue named is such: clients take ``404`` for the end of the call. The texts are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from relay_sync.emulator.assumptions import Assumptions
from relay_sync.emulator.calls import Call
from relay_sync.emulator.checks import Field, anything, check_fields, text
from relay_sync.emulator.conference import Conferences
from relay_sync.emulator.dispatch import Dispatch
from relay_sync.emulator.envelope import BAD_PARAMS, UNKNOWN_METHOD, Accepted, Refused, RpcError
from relay_sync.emulator.messages import Messages
from relay_sync.emulator.operations import Operation
from relay_sync.emulator.queueing import Queues
from relay_sync.emulator.rooms import Rooms
from relay_sync.emulator.session import Session
from relay_sync.emulator.switch import Switch

Params = dict[str, Any]
Op = TypeVar("Op", bound=Operation)


class Desk:
    """Takes commands, checks them, and has them done. Everything happens on the emulator's thread.

    ``commands`` is the table of methods. The conferences, rooms and queues of the emulator are here, because they
    exist only by its commands.
    """

    def __init__(
        self,
        switch: Switch,
        messages: Messages,
        dispatch: Dispatch,
        assumptions: Assumptions,
        strict: bool,
        commands: Mapping[str, Command],
    ) -> None:
        self.switch = switch
        self.messages = messages
        self.dispatch = dispatch
        self.assumptions = assumptions
        self.strict = strict
        self.conferences: Conferences = Conferences(switch.around)
        self.rooms: Rooms = Rooms()
        self.queues: Queues = Queues(switch.around)
        self._commands = commands

    def knows(self, method: str) -> bool:
        """Is there such a method?"""
        return method in self._commands

    def takes_control_id(self, method: str) -> bool:
        """Does what this method starts have a control id?"""
        return any(field.name == "control_id" for field in self._commands[method].fields)

    def perform(self, session: Session, method: str, params: Any) -> Accepted:
        """Carry out one command of ``session``; raises :exc:`Refused` or :exc:`RpcError`."""
        entry = self._commands.get(method)
        if entry is None:
            raise RpcError(UNKNOWN_METHOD, f"Unknown method {method}")
        if not isinstance(params, dict):
            self.bad("params must be an object")
        known = {field.name for field in entry.fields}
        checked = {name: params[name] for name in params if name in known} if entry.open else params
        if complaint := check_fields(method, checked, entry.fields, self.strict):
            self.bad(complaint)
        return entry.action(self, session, params)

    def receive(self, session: Session, params: Params) -> Accepted:
        """``signalwire.receive``: calls for these contexts are offered to this session too."""
        contexts = list(params.get("contexts") or [])
        if "context" in params:
            contexts.append(params["context"])
        if not contexts:
            self.bad("signalwire.receive needs contexts")
        for context in contexts:
            session.contexts.setdefault(str(context), 0)
        self.dispatch.joined(session)
        return ok("Receiving", {})

    def start(
        self, session: Session, params: Params, message: str, kind: Callable[[Call, Params], Operation]
    ) -> Accepted:
        """Start an operation on an answered call; see ``starts``."""
        operation = kind(self.answered(session, params), params)

        def fail() -> None:
            if not operation.over:
                operation.fail()

        named = {"control_id": operation.control_id} if operation.control_id else {}
        reply = {"code": "200", "message": message, "call_id": operation.call.id, **named, **operation.reply}
        return Accepted(reply, operation.settled, fail)

    def control(
        self, session: Session, params: Params, message: str, kind: type[Op], act: Callable[[Op, Params], None]
    ) -> Accepted:
        """Act on an operation that is running; see ``controls``."""
        call = self.call(session, params)
        operation = call.operations.get(str(params["control_id"]))
        if not isinstance(operation, kind) or operation.over:
            raise Refused("404", "Control id does not exist")
        act(operation, params)
        return Accepted(ids(message, call, operation.control_id), operation.settled)

    def call(self, session: Session, params: Params) -> Call:
        """Return the call that a command names, which must be there and the session's own."""
        call_id = str(params["call_id"])
        call = self.switch.find(call_id)
        if call is None:
            if self.switch.gone(call_id):
                raise Refused("410", "Call is gone")
            raise Refused("404", "Call does not exist")
        if self.strict and params["node_id"] != call.around.node_id:
            raise Refused("404", "Call does not exist on this node")
        if call.owner is not session and self.assumptions.other_session != "200":
            raise Refused(self.assumptions.other_session, "Call is controlled by another client")
        return call

    def answered(self, session: Session, params: Params) -> Call:
        """Return the call that a command names, which must be answered too."""
        call = self.call(session, params)
        if call.answered_at is None:
            raise Refused(self.assumptions.play_before_answer, "Call is not answered yet")
        return call

    def check_tag(self, tag: Any) -> None:
        """Refuse, when strict, a tag that is in use."""
        if self.strict and self.switch.tag_in_use(str(tag)):
            self.bad(f"tag {tag} belongs to a call that has not ended")

    def bad(self, complaint: str) -> NoReturn:
        """Refuse parameters, in the way that an assumption says."""
        if self.assumptions.bad_params == "400":
            raise Refused("400", complaint)
        raise RpcError(BAD_PARAMS, complaint)


@dataclass(frozen=True, slots=True)
class Command:
    """A row of a table; ``open``: fields that it doesn't name are the client's own."""

    action: Action
    fields: tuple[Field, ...]
    open: bool = False


Action = Callable[[Desk, Session, Params], Accepted]
"""Carries out a command; raises :exc:`Refused` or :exc:`RpcError`."""


def starts(message: str, kind: Callable[[Call, Params], Operation]) -> Action:
    """Return what a row of the table does to start an operation of this ``kind``; ``message`` is that of the reply."""
    return lambda desk, session, params: desk.start(session, params, message, kind)


def controls(message: str, kind: type[Op], act: Callable[[Op, Params], None]) -> Action:
    """Return what a row of the table does to ``act`` on a running operation of this ``kind``."""
    return lambda desk, session, params: desk.control(session, params, message, kind, act)


def stops(kind: type[Op]) -> Action:
    """Return what a row of the table does to stop an operation of this ``kind``."""
    return controls("Stopped", kind, lambda operation, params: operation.stop())


CALL: tuple[Field, ...] = (Field("node_id", text, "if strict"), Field("call_id", text))
CONTROL: tuple[Field, ...] = (*CALL, Field("control_id", text))
STATUS_URL: Field = Field("status_url", text, False)
FLAGS: tuple[Field, ...] = (Field("async", anything, False), Field("swml", anything, False))
"""Fields of several schemas that no source explains (protocol.md 13). They have no effect."""


def ok(message: str, more: Params) -> Accepted:
    """Return the reply of a command that was carried out."""
    return Accepted({"code": "200", "message": message, **more})


def ids(message: str, call: Call, control_id: str) -> dict[str, Any]:
    """Return the reply of a command on something that a control id names."""
    return {"code": "200", "message": message, "call_id": call.id, "control_id": control_id}
