"""``calling.bind_digit``: keys that run a method when the phone presses them (protocol.md 13).

Keys are found in what the phone says, and known 40 ms after they were released. Of several bindings that the keys
pressed so far end with, the longest runs; then the keys count anew. A method that names no ``control_id`` gets one. If
it is refused, the client is told so by a ``calling.error``. All realms are heard; they only say what is cleared.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.calls import Call
from relay_sync.emulator.envelope import Refused, RpcError
from relay_sync.emulator.media import DigitDetector
from relay_sync.emulator.operations import Operation

if TYPE_CHECKING:
    from relay_sync.emulator.desk import Desk

_MOST_KEYS = 100  # remembered


@dataclass(slots=True)
class Binding:
    """These digits run that method; ``left`` times more, or always (None)."""

    digits: str
    method: str
    params: Mapping[str, Any]
    realm: str
    left: int | None


class Bindings(Operation):
    """What listens for the keys of one call, while any are bound."""

    def __init__(self, call: Call, desk: Desk) -> None:
        super().__init__(call, "")
        self._desk = desk
        self._bound: list[Binding] = []
        self._pressed = ""
        self._detector = DigitDetector(call.sample())
        self._listen(self._hear)

    def bind(self, params: Mapping[str, Any]) -> None:
        """Bind keys as a command says; those of a realm that are bound already, to something else."""
        self._catch_up()
        realm, digits = str(params.get("realm", "")), str(params["digits"]).upper()
        most = int(params.get("max_triggers", 0))
        self._bound = [each for each in self._bound if (each.realm, each.digits) != (realm, digits)]
        self._bound.append(Binding(digits, params["bind_method"], params.get("params", {}), realm, most or None))

    def clear(self, realm: str | None) -> None:
        """Forget those of a realm; all of them without one."""
        self._catch_up()
        self._bound = [] if realm is None else [each for each in self._bound if each.realm != realm]
        if not self._bound:
            self.stop()

    def stop(self) -> None:
        """Listen no more."""
        self._close()

    def end_with_call(self, tell: bool) -> None:
        """The call has ended."""
        self._close()

    def _hear(self, block: NDArray[np.int16]) -> None:
        for key in self._detector.feed(block):
            self._pressed = (self._pressed + key.digit)[-_MOST_KEYS:]
            fitting = [each for each in self._bound if self._pressed.endswith(each.digits)]
            if fitting and not self.over:
                self._pressed = ""
                self._run(max(fitting, key=lambda each: len(each.digits)))

    def _run(self, binding: Binding) -> None:
        if binding.left is not None:
            binding.left -= 1
            if not binding.left:
                self._bound.remove(binding)
        if not self._bound:
            self.stop()
        call, method = self.call, binding.method
        params = {**binding.params, "node_id": call.around.node_id, "call_id": call.id}
        if self._desk.takes_control_id(method):
            params.setdefault("control_id", str(uuid.uuid4()))
        if call.owner is None:
            return
        try:
            self._desk.perform(call.owner, method, params)
        except (Refused, RpcError) as refusal:
            call.emit("calling.error", {"code": str(refusal.code), "message": f"{method}: {refusal.message}"})


def bindings_of(call: Call, desk: Desk) -> Bindings:
    """Return what listens for the keys of a call; made if there is none."""
    for operation in call.operations.values():
        if isinstance(operation, Bindings):
            return operation
    return Bindings(call, desk)
