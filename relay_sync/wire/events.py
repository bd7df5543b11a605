"""What a session tells: small, typed, frozen values. Tuples with names: one or two are made of every frame.

``Session.receive`` and ``Session.tick`` return lists of *outcomes*; ``Answer`` and ``RelayEvent`` are what some of them
carry.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final, NamedTuple

from relay_sync.wire.jsonrpc import Failure, Success, brief, text_of

#: The one event that has no inner ``params``, and in Blade no ``event_type`` either (protocol.md 15).
TASKS: Final = "queuing.relay.tasks"


class Answer(NamedTuple):
    """Relay's answer to a command, the envelope taken off.

    Attributes:
        ok: Relay accepted: the code is any 2xx, as string or number, or the answer is an object without a code
            (``setup`` and the handshake have none).
        code: Relay's code as text, None where it gave none.
        message: Relay's own words, "" where it gave none.
        result: the whole inner result, {} where there was none.
    """

    ok: bool
    code: str | None
    message: str
    result: dict[str, Any]

    @classmethod
    def to(cls, reply: Success | Failure) -> Answer:
        """Return the answer that ``reply`` is where nothing is wrapped round the result."""
        if isinstance(reply, Failure):
            return cls.refusal(reply)
        return cls.of(reply.result)

    @classmethod
    def of(cls, result: object) -> Answer:
        """Return the answer that an (inner) result is."""
        if not isinstance(result, dict):
            return cls(False, None, f"Relay's answer is not an object but {brief(result)}", {})
        code = _code_text(result.get("code"))
        return cls(code is None or _is_2xx(code), code, text_of(result.get("message")), result)

    @classmethod
    def refusal(cls, failure: Failure) -> Answer:
        """Return the answer that a JSON-RPC error is: never ok, whatever its code."""
        return cls(False, None if failure.code is None else str(failure.code), failure.message, {})


def _code_text(code: object) -> str | None:
    if code is None or type(code) is str:
        return code
    if type(code) is float and code.is_integer():
        return str(int(code))
    return brief(code)


def _is_2xx(code: str) -> bool:
    return code == "200" or (len(code) == 3 and code[0] == "2" and code.isascii() and code.isdigit())


class RelayEvent(NamedTuple):
    """Something Relay tells unasked.

    Attributes:
        event_type: Relay's name, such as ``calling.call.play``.
        params: the inner params; for a task (``queuing.relay.tasks``) the whole event, which has no inner ones.
        timestamp: unix seconds from the outer level (protocol.md 6.2), None where missing or not a finite number.
        context: the context it was sent to, from the outer level or else from the params (protocol.md 14), or None.
    """

    event_type: str
    params: dict[str, Any]
    timestamp: float | None
    context: str | None

    @classmethod
    def read(cls, event: object, queue: object = None) -> RelayEvent | None:
        """Return the event object of protocol.md 4 as an event, or None where it is not one.

        Args:
            event: the object that holds ``event_type`` and ``params``, as it came.
            queue: the queue it came through, which names the event type of a task.
        """
        if not isinstance(event, dict):
            return None
        event_type = event.get("event_type", TASKS if queue == TASKS else None)
        params = event if event_type == TASKS else event.get("params") or {}
        if type(event_type) is not str or type(params) is not dict:
            return None
        context = event.get("context") or params.get("context")
        return cls(event_type, params, _seconds(event.get("timestamp")), context if type(context) is str else None)


def _seconds(value: object) -> float | None:
    if type(value) is not float:
        if type(value) is not int and type(value) is not str:
            return None
        try:
            value = float(value)
        except (ValueError, OverflowError):
            return None
    return value if isfinite(value) else None


class Answered(NamedTuple):
    """The command enlisted with ``token`` was answered."""

    token: object
    answer: Answer


class Happened(NamedTuple):
    """Relay sent an event of this session."""

    event: RelayEvent


class Ready(NamedTuple):
    """The handshake is complete: commands may go out.

    Attributes:
        restored: it is the same session as before: calls live on, their events go on arriving.
        contexts_refused: Relay's refusal to deliver the contexts, None where there was none. All else works.
    """

    restored: bool
    contexts_refused: Answer | None


class Refused(NamedTuple):
    """Relay refused the handshake, or answered it with nonsense. This connection is of no use any more.

    Attributes:
        answer: what Relay said.
        credentials: it is about the credentials: trying again with the same cannot help.
    """

    answer: Answer
    credentials: bool


class Unspoken(NamedTuple):
    """The service does not speak the dialect. The next ``open``, on a fresh connection, tries ``instead``.

    Attributes:
        dialect: the name of the dialect that it does not speak.
        instead: the name of the one that comes next.
        why: how the service showed it, in words fit for a message; unmasked.
    """

    dialect: str
    instead: str
    why: str


class GoAway(NamedTuple):
    """Relay is about to close the connection. Nothing more may be asked on it; answers may still come.

    Attributes:
        restart: the session ends as well: the next handshake starts afresh.
    """

    restart: bool


class Dropped(NamedTuple):
    """A frame was set aside.

    Attributes:
        kind: one of a handful of fixed phrases, fit for counting by.
        detail: what it was, at most some 150 characters, unmasked.
    """

    kind: str
    detail: str


class Silent(NamedTuple):
    """The peer let a limit pass: a ping, the handshake, or its announced close. Treat the connection as lost.

    Attributes:
        waited: seconds since the ping, the start of the handshake, or the announcement.
    """

    waited: float


Outcome = Answered | Happened | Ready | Refused | Unspoken | GoAway | Dropped | Silent
