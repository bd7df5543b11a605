"""``calling.play_and_collect`` and its sub-commands: ask, and take what is pressed or said (protocol.md 11.2).

The phone is heard from the command on, so an answer may come before the question is over; it then ends the playback
(an assumption). The playback tells of itself as one of ``calling.play`` does, under the same control id.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.calls import Call
from relay_sync.emulator.collecting import Collected, Collector, Wanted
from relay_sync.emulator.operations import Operation
from relay_sync.emulator.playback import Play, PlayState

_NOTHING = np.zeros(0, np.int16)


class Prompt(Operation):
    """One prompt."""

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        super().__init__(call, str(params["control_id"]))
        self._assumptions = call.around.assumptions
        self._wanted = Wanted.read(params["collect"])
        self._collector = Collector(call.sample(), self._wanted, call.voice, self._assumptions)
        self._due: int | None = None
        self._listen(self._hear)
        volume_db = float(params.get("volume", 0.0))
        self._play = Play(call, self.control_id, params["play"], volume_db, self._played)
        self.settled: Awaitable[object] | None = self._play.loaded
        if self._assumptions.initial_timeout_from == "prompt_start":
            self._collector.arm(call.sample())
            self._watch()

    def volume(self, volume_db: float) -> None:
        """Set the gain of what is played; nothing when it has been played."""
        if not self._play.check_over():
            self._play.volume(volume_db)

    def stop(self) -> None:
        """End it here, with the result that an assumption names."""
        self._catch_up()
        if not self.over:
            self._end(self._unheard())

    def end_with_call(self, tell: bool) -> None:
        """The call has ended; the result is that of a stop."""
        self._catch_up()
        if self.over:
            return
        self._close()
        self._play.end_with_call(tell)
        result = self._unheard()
        if tell and result is not None:
            self._tell(result)

    def fail(self) -> None:
        """End it with ``error``."""
        self._end(Collected("error"))

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
        """Stop playing to somebody who answers, and be there when their time is up."""
        if self._collector.began and self._assumptions.input_stops_prompt:
            self._hush()
        self._watch()

    def _watch(self) -> None:
        """Listen at the very sample at which a time is up, which may lie between two blocks."""
        due = self._collector.due()
        if due is not None and due != self._due:
            self._later(self.call.moment(due) - self.call.around.clock.now(), lambda: self._hear(_NOTHING))
        self._due = due

    def _played(self, state: PlayState) -> None:
        if self.over:
            return
        if state == "error":
            self._end(Collected("error"))
        elif self._collector.began is None:
            if self._assumptions.initial_timeout_from == "prompt_end":
                self._collector.arm(self.call.sample())
            for asked in list(self.call.on_asked):
                asked(self.call, self._wanted.digits, self._wanted.speech)
            self._watch()

    def _hush(self) -> None:
        if not self._play.check_over():
            self._play.stop()

    def _end(self, result: Collected | None) -> None:
        self._close()
        self._hush()
        if result is not None:
            self._tell(result)

    def _tell(self, result: Collected) -> None:
        self.call.emit("calling.call.collect", {"control_id": self.control_id, **result.event()})
