"""What a prompt and a collect have in common: a phone is listened to until something has been pressed or said."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.calls import Call
from relay_sync.emulator.collecting import Collected, Collector, Wanted
from relay_sync.emulator.operations import Operation

_NOTHING = np.zeros(0, np.int16)


class Asking(Operation):
    """An operation that collects what is ``wanted``. Its events are ``calling.call.collect``."""

    def __init__(self, call: Call, control_id: str, wanted: Wanted) -> None:
        super().__init__(call, control_id)
        self._assumptions = call.around.assumptions
        self._wanted = wanted
        self._due: int | None = None
        self._timed = False
        self._collect_from(call.sample())
        self._listen(self._hear)

    def stop(self) -> None:
        """End it here, with the result that an assumption names."""
        self._catch_up()
        if not self.over:
            self._end(self._unheard())

    def start_input_timers(self) -> None:
        """The ``initial_timeout`` runs from now on; nothing if it was started so already.

        For a prompt too: an SDK offers it there (api.md 15).
        """
        self._catch_up()
        if not self.over and not self._timed:
            self._timed = True
            self._arm()

    def fail(self) -> None:
        """End it with ``error``."""
        self._end(Collected("error"))

    def _collect_from(self, sample: int) -> None:
        """Collect from this sample on, as if nothing had been pressed or said before."""
        self._collector = Collector(sample, self._wanted, self.call.voice, self._assumptions)

    def _arm(self) -> None:
        """The time for input to begin runs from now on."""
        self._collector.arm(self.call.sample())
        self._watch()

    def _ask(self) -> None:
        """Let the phone know, if it answers by itself, that it is its turn."""
        for asked in list(self.call.on_asked):
            asked(self.call, self._wanted.digits, self._wanted.speech)

    def _unheard(self) -> Collected | None:
        kind = self._assumptions.prompt_stopped
        return None if kind == "nothing" else Collected(kind)

    def _hear(self, block: NDArray[Any]) -> None:
        for result in self._collector.hear(block):
            if result.final:
                self._end(result)
            else:
                self._tell(result)
        if not self.over:
            self._attend()

    def _attend(self) -> None:
        """Something may have begun: look after what follows from that, and be there when the time is up."""
        self._watch()

    def _watch(self) -> None:
        """Listen at the very sample at which a time is up, which may lie between two blocks."""
        due = self._collector.due()
        if due is not None and due != self._due:
            self._later(self.call.moment(due) - self.call.around.clock.now(), lambda: self._hear(_NOTHING))
        self._due = due

    def _end(self, result: Collected | None) -> None:
        self._close()
        if result is not None:
            self._tell(result)

    def _tell(self, result: Collected) -> None:
        self.call.emit("calling.call.collect", {"control_id": self.control_id, **result.event()})
