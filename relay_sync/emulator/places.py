"""Where a call is with others, or waits for them: conference, room, queue. A call is in one of them, or bridged."""

from __future__ import annotations

from typing import ClassVar

from relay_sync.emulator.calls import Call
from relay_sync.emulator.envelope import Refused
from relay_sync.emulator.media import Bridge, shift_between
from relay_sync.emulator.operations import Operation


class Place(Operation):
    """A call's being somewhere; ``where`` is what a refusal calls it."""

    where: ClassVar[str] = ""

    def __init__(self, call: Call, control_id: str = "") -> None:
        check_free(call)
        super().__init__(call, control_id)


def check_free(call: Call) -> None:
    """Refuse with ``409`` what would bring a call together with another one while it is with somebody already."""
    if call.connecting or call.bridge is not None:
        raise Refused("409", "Call is connected already" if call.bridge else "Call is being connected")
    for operation in call.operations.values():
        if isinstance(operation, Place):
            raise Refused("409", f"Call is in a {operation.where} already")


class Company:
    """Calls whose phones hear each other, as those who use it say."""

    def __init__(self) -> None:
        self._hearing: dict[tuple[Call, Call], Bridge] = {}

    def hear(self, here: Call, there: Call) -> None:
        """The phone of ``here`` hears that of ``there`` from now on; nothing if it does already."""
        if here is there or (here, there) in self._hearing:
            return
        assert here.answered_at is not None
        assert there.answered_at is not None
        shift = shift_between(here.answered_at, there.answered_at)
        self._hearing[here, there] = here.line.bridge(here.sample(), there.voice.onward, shift)

    def part(self, call: Call) -> None:
        """It hears nobody here, and is heard by nobody, from now on."""
        for pair in [pair for pair in self._hearing if call in pair]:
            self._hearing.pop(pair).stop(pair[0].sample())
