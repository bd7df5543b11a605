"""``calling.dial``: devices tried in series and in parallel until one answers (protocol.md 10.4)."""

from __future__ import annotations

from typing import Any

from relay_sync.emulator.attempt import Attempt, MakeLeg, RingLeg
from relay_sync.emulator.calls import Call, Surroundings, tell
from relay_sync.emulator.session import Session


class Dial(Attempt):
    """One dial.

    The events: ``created`` of each leg of the first step, ``dialing``, the legs' own states, and ``answered`` with the
    winner or ``failed``.
    """

    def __init__(
        self, around: Surroundings, owner: Session, tag: str, steps: list[list[dict[str, Any]]],
        make: MakeLeg, ring: RingLeg,
    ) -> None:  # fmt: skip
        super().__init__(steps, make, ring, winner_first=around.assumptions.dial_event_first)
        self._around = around
        self._owner = owner
        self._tag = tag
        self._told = False

    def _made(self) -> None:
        if not self._told:
            self._told = True
            self._say("dialing")

    def _won(self, leg: Call) -> None:
        text = self._around.assumptions.dial_winner_is_text
        ids = {"call_id": leg.id, "node_id": self._around.node_id, "tag": self._tag}
        self._say("answered", call={**ids, "device": leg.device, "dial_winner": "true" if text else True})

    def _failed(self, reason: str) -> None:
        self._say("failed", reason=reason)

    def _say(self, state: str, **more: object) -> None:
        params = {"dial_state": state, "tag": self._tag, "node_id": self._around.node_id, **more}
        tell(self._owner, self._around.clock, "calling.call.dial", params)
        self._around.watch.tell()
