"""``calling.collect`` and its sub-commands: take what is pressed or said, without asking (protocol.md 11.3).

With ``start_input_timers`` the ``initial_timeout`` runs from the command on, and otherwise from
``calling.collect.start_input_timers`` (an assumption says what holds where the command doesn't tell). With
``send_start_of_input`` the first key or word is told as such. A ``continuous`` one tells each result with ``final``
false and goes on with the next, until it is stopped; its ``initial_timeout`` is about the first input only.
"""

from __future__ import annotations

from typing import Any

from relay_sync.emulator.asking import Asking
from relay_sync.emulator.calls import Call
from relay_sync.emulator.checks import Field
from relay_sync.emulator.collecting import COLLECT, Collected, Wanted
from relay_sync.emulator.objects import flag

FIELDS: tuple[Field, ...] = (
    *COLLECT,
    Field("continuous", flag, False),
    Field("continue", flag, False),  # the name in the schema (protocol.md 11.3)
    Field("send_start_of_input", flag, False),
    Field("start_input_timers", flag, False),
)


class Collect(Asking):
    """One collect."""

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        super().__init__(call, str(params["control_id"]), Wanted.read(params))
        self._continuous = params.get("continuous", params.get("continue", False)) is True
        self._announces = params.get("send_start_of_input", False) is True
        self._announced = False
        if params.get("start_input_timers", self._assumptions.collect_timers_run) is True:
            self.start_input_timers()
        self._ask()

    def end_with_call(self, tell: bool) -> None:
        """The call has ended; the result is that of a stop."""
        self._catch_up()
        if not self.over:
            self._end(self._unheard() if tell else None)

    def _attend(self) -> None:
        self._announce()
        super()._attend()

    def _announce(self) -> None:
        """Tell that input has begun, once for each result."""
        if self._announces and not self._announced and self._collector.began is not None:
            self._announced = True
            result = {"type": self._assumptions.start_of_input}
            self.call.emit("calling.call.collect", {"control_id": self.control_id, "result": result})

    def _end(self, result: Collected | None) -> None:
        """Take a final result; a continuous collect only ends without input."""
        self._announce()  # what began and ended within one block
        if result is None or not self._continuous or result.type not in ("digit", "speech", "no_match"):
            super()._end(result)
            return
        self._tell(Collected(result.type, result.params, final=False))
        self._announced = False
        self._collect_from(self._collector.at)

    def _tell(self, result: Collected) -> None:
        told = result.event()
        if not result.final:
            told["final"] = False  # of a no_match too
        if self._assumptions.collect_state:
            done = "error" if result.type == "error" else "finished"
            told["state"] = done if result.final else "collecting"
        self.call.emit("calling.call.collect", {"control_id": self.control_id, **told})
