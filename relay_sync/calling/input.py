"""What a prompt and a collect have in common: the keys pressed or the words said (protocol.md 11.2)."""

from __future__ import annotations

from typing import Any, TypeVar

from relay_sync.calling import fields
from relay_sync.calling.action import FAILED
from relay_sync.calling.result import Result
from relay_sync.calling.stopping import Graceful


class InputResult(Result):
    """How a prompt or a collect ended: successful when digits or speech were collected.

    Attributes:
        type: Relay's type of the result: ``digit`` or ``speech``; where unsuccessful ``no_input``,
            ``no_match`` or ``error``, and None where Relay told no result.
        result: the digits pressed, or the words said.
        terminator: the key that ended the digits; None or '' where it was their number or the time.
        confidence: of speech, from 0 to 100.
        event: its payload is the ``result`` object (api.md 10).
    """

    type: str | None = None
    result: str | None = None
    terminator: str | None = None
    confidence: float | None = None


I = TypeVar("I", bound=InputResult)  # noqa: E741  (for input)


class InputAction(Graceful[I]):
    """Input that is being collected on a call."""

    __slots__ = ()

    _success = frozenset({"digit", "speech"})
    _own_states = ("successful", FAILED)

    # -- what happens to it; the lock is held in all of these -----------------------------------------

    def _untold(self) -> I:
        return self._make(message=f"{self._command} was stopped, and Relay told no result")

    def _judge(self, state: str, params: dict[str, Any]) -> I | None:
        return self._collected(state, params) if self._is_over(state, params) else None

    def _is_over(self, state: str, params: dict[str, Any]) -> bool:
        """Whether this event ends it: partial results don't, nor does the start of the input."""
        partial = state in self._success and fields.false(params.get("final"))
        return state in self._operation.final and not partial

    def _collected(self, state: str, params: dict[str, Any]) -> I:
        collected = state in self._success
        told = fields.mapping(params.get("result"))
        values = fields.mapping(told.get("params"))
        return self._ended(
            state,
            params,
            collected,
            type=fields.text(told.get("type")),
            result=fields.text(values.get("digits" if state == "digit" else "text")) if collected else None,
            terminator=fields.text(values.get("terminator")),
            confidence=fields.number(values.get("confidence")),
        )

    def _finish(self, state: str, result: I) -> None:
        if result.successful:
            self._move(state)  # whoever waits for `digit` sees it pass
            state = "successful"
        super()._finish(state, result)
