"""What every Result is: a small frozen value that says what happened and how it is known."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from relay_sync.errors import CommandRefused, ConnectionLost, OperationFailed, RelayError
from relay_sync.values import Value, field
from relay_sync.wire.events import Answer

if TYPE_CHECKING:
    from typing_extensions import Self

# How a result came to be unsuccessful, which decides what raise_for_status() raises.
Outcome = Literal["done", "pending", "refused", "failed", "lost"]


class CallIds(NamedTuple):
    """What remains of a call where the live object can't go: in a pickled result."""

    call_id: str | None
    node_id: str | None
    tag: str


class Event(Value):
    """The event that completed an operation (api.md 10).

    Attributes:
        name: the state it told of, such as ``finished``.
    """

    name: str
    _payload: dict[str, Any]

    def __init__(self, name: str, payload: dict[str, Any]) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_payload", payload)

    @property
    def payload(self) -> dict[str, Any]:
        """A copy of the event's own fields, as Relay sent them.

        A copy, because several results, iterators and handlers may tell of one event.
        """
        return copy.deepcopy(self._payload)

    def __repr__(self) -> str:
        return f"Event(name={self.name!r}, payload={self._payload!r})"


class Result(Value):
    """How a command or an operation ended; its truth value is ``successful``.

    Attributes:
        successful: True only when Relay said so.
        code: Relay's own code of the answer, such as ``"200"`` or ``"404"``; None where Relay gave none.
        message: Relay's own message, or what this library knows of the failure.
        event: the event that completed the operation, where one did.
        error: what a command given alone would have raised; None but in the results of a pipeline.
    """

    successful: bool = False
    code: str | None = None
    message: str = ""
    event: Event | None = None
    error: RelayError | None = field(default=None, compare=False)
    _outcome: Outcome = "failed"
    # What an error made of it is about: method, call_id, control_id, where the event does not tell.
    _about: dict[str, str | None] | None = field(default=None, compare=False)

    def __bool__(self) -> bool:
        return self.successful

    def raise_for_status(self) -> Self:
        """Return this result where it is successful, and raise what happened otherwise.

        Raises:
            CommandRefused: Relay refused the command.
            OperationFailed: it ended without success: busy, an error, the call ended.
            ConnectionLost: the session was lost: the outcome is unknown.
            NotConnected, RelayTimeout: in the results of a pipeline, as the command alone would.
            RuntimeError: it is not over yet.
        """
        if self.successful:
            return self
        if self.error is not None:
            raise self.error
        what = f"{type(self).__name__}: {self.message or 'not successful'}"
        if self._outcome == "pending":
            raise RuntimeError(f"{what}; wait() for its end first")
        kinds: dict[str, type[RelayError]] = {"refused": CommandRefused, "lost": ConnectionLost}
        raise kinds.get(self._outcome, OperationFailed)(
            self.message if self._outcome == "refused" else what,
            code=self.code,
            **{**self._ids(), **(self._about or {})},
        )

    def _ids(self) -> dict[str, str | None]:
        payload = self.event._payload if self.event else {}
        return {name: payload.get(name) for name in ("call_id", "control_id")}

    def _portable(self) -> dict[str, Any]:
        # A live call can't leave its process: its ids go in its place.
        values = self._values()
        return {name: value._call_ids() if hasattr(value, "_call_ids") else value for name, value in values.items()}

    @classmethod
    def of(cls, answer: Answer, **about: str | None) -> Self:
        """The result that an answer of Relay's amounts to; ``about`` is what a refusal that is raised says."""
        return cls(
            successful=answer.ok,
            code=answer.code,
            message=answer.message,
            _outcome="done" if answer.ok else "refused",
            _about=None if answer.ok else about,
        )

    @classmethod
    def unsent(cls, why: str) -> Self:
        """The result of a command that was not sent because it could no longer do anything."""
        return cls(message=f"{why}; nothing was sent")


class StopResult(Result):
    """Relay's answer to ``stop()`` (api.md 9)."""

    __slots__ = ()


class ReceiveResult(Result):
    """Relay's answer to the registration of contexts (protocol.md 5.3)."""

    __slots__ = ()


class ReplyResult(Result):
    """Relay's answer to a command that is done once it is answered.

    Attributes:
        result: every field of the answer, ``code`` and ``message`` among them.
    """

    result: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: Answer, **about: str | None) -> Self:
        """The result that an answer of Relay's amounts to, with all its fields."""
        return super().of(answer, **about).__replace__(result=answer.result)


class ExecuteResult(ReplyResult):
    """Relay's answer to a command given by its wire name."""
