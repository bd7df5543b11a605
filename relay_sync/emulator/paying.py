"""``calling.pay``: a payment that goes as its script says (protocol.md 13); see ``relay.scripts.pay``."""

from __future__ import annotations

from typing import Any

from relay_sync.emulator.calls import Call
from relay_sync.emulator.checks import Check, Field, anything, one_of, text
from relay_sync.emulator.operations import Operation
from relay_sync.emulator.scripts import COMPLETED, FAILED, PayStep


def _scalar(value: Any, strict: bool) -> str | None:
    """Accept a string; when not strict, a number or boolean too."""
    if isinstance(value, str) or (not strict and isinstance(value, (int, float))):
        return None
    return f"must be a string, not {value!r}"


def _named(*required: str) -> Check:
    def check(value: Any, strict: bool) -> str | None:
        if isinstance(value, list) and all(isinstance(item, dict) and set(required) <= set(item) for item in value):
            return None
        return f"must be a list of objects with {' and '.join(required)}, not {value!r}"

    return check


_SCALARS = (  # all of them strings in the schema (api.md 15)
    "timeout", "max_attempts", "security_code", "postal_code", "min_postal_code_length", "charge_amount", "currency",
    "language", "voice", "description", "valid_card_types", "status_url",
)  # fmt: skip

FIELDS: tuple[Field, ...] = (
    Field("payment_connector_url", text),
    Field("input", one_of("dtmf", "speech", "voice"), False),
    Field("payment_method", text, False),
    Field("bank_account_type", anything, False),
    Field("token_type", one_of("one-time", "reusable"), False),
    *(Field(name, _scalar, False) for name in _SCALARS),
    Field("parameters", _named("name", "value"), False),
    Field("prompts", _named("for"), False),
)


class Pay(Operation):
    """One payment. Stopped, it has failed with the error type ``stopped``, and its state is ``finished``."""

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        super().__init__(call, str(params["control_id"]))
        self._method: str = params.get("payment_method", "credit-card")
        self._shape = call.around.assumptions.pay_event
        self._steps = list(call.around.scripts.payment)
        self._next()

    def stop(self) -> None:
        """End it with ``finished``."""
        self._end(PayStep(FAILED, error_type="stopped"), "finished")

    def end_with_call(self, tell: bool) -> None:
        """The call has ended, and nobody is there to pay: ``error``."""
        self._close()
        if tell:
            self._tell(PayStep(FAILED, error_type="call-ended"), "error")

    def fail(self) -> None:
        """End it with ``error``."""
        self._end(PayStep(FAILED, error_type="internal-error"), "error")

    def _next(self) -> None:
        if self._steps:
            step = self._steps.pop(0)
            self._later(step.after, lambda: self._take(step))

    def _take(self, step: PayStep) -> None:
        if step.last:
            self._end(step, "finished" if step.what == COMPLETED else "error")
        else:
            self._tell(step)
            self._next()

    def _end(self, step: PayStep, state: str) -> None:
        self._close()
        self._tell(step, state)

    def _tell(self, step: PayStep, state: str | None = None) -> None:
        told: dict[str, Any] = {} if state is None or self._shape == "for" else {"state": state}
        if self._shape != "state":
            told |= {"for": step.what, "error_type": step.error_type, "payment_method": self._method, **step.details}
        if told:
            self.call.emit("calling.call.pay", {"control_id": self.control_id, **told})
