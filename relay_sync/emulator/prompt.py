"""``calling.play_and_collect`` and its sub-commands: ask, and take what is pressed or said (protocol.md 11.2).

The phone is heard from the command on, so an answer may come before the question is over; it then ends the playback
(an assumption). The playback tells of itself as one of ``calling.play`` does, under the same control id.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from relay_sync.emulator.asking import Asking
from relay_sync.emulator.calls import Call
from relay_sync.emulator.collecting import Collected, Wanted
from relay_sync.emulator.playback import Play, PlayState


class Prompt(Asking):
    """One prompt."""

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        super().__init__(call, str(params["control_id"]), Wanted.read(params["collect"]))
        volume_db = float(params.get("volume", 0.0))
        self._play = Play(call, self.control_id, params["play"], volume_db, self._played)
        self.settled: Awaitable[object] | None = self._play.loaded
        if self._assumptions.initial_timeout_from == "prompt_start":
            self._arm()

    def volume(self, volume_db: float) -> None:
        """Set the gain of what is played; nothing when it has been played."""
        if not self._play.check_over():
            self._play.volume(volume_db)

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

    def release(self) -> None:
        """The call is given away: be quiet, as for a stop."""
        self.stop()

    def _attend(self) -> None:
        """Stop playing to somebody who answers."""
        if self._collector.began and self._assumptions.input_stops_prompt:
            self._hush()
        super()._attend()

    def _played(self, state: PlayState) -> None:
        if self.over:
            return
        if state == "error":
            self._end(Collected("error"))
        elif self._collector.began is None:
            if self._assumptions.initial_timeout_from == "prompt_end" and not self._timed:
                self._collector.arm(self.call.sample())
            self._ask()
            self._watch()

    def _hush(self) -> None:
        if not self._play.check_over():
            self._play.stop()

    def _end(self, result: Collected | None) -> None:
        self._close()
        self._hush()
        if result is not None:
            self._tell(result)
