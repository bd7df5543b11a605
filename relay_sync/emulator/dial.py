"""``calling.dial``: devices tried in series and in parallel until one answers (protocol.md 10.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relay_sync.emulator.calls import Call, Surroundings, tell
from relay_sync.emulator.session import Session

DEFAULT_RING = 30.0
"""Seconds of ringing when the device names no ``timeout`` (protocol.md 16.2)."""

MakeLeg = Callable[[dict[str, Any]], Call]
"""Makes the leg for a device, told of and not yet ringing."""

RingLeg = Callable[[Call], None]
"""Has the phone of a leg ring."""


class Dial:
    """One attempt. ``steps`` are tried one after the other, the devices of a step at the same time.

    The events: ``created`` of each leg of the first step, ``dialing``, the legs' own states, and ``answered`` with the
    winner or ``failed``. The other legs of the winner's step end with ``cancel``.
    """

    def __init__(
        self, around: Surroundings, owner: Session, tag: str, steps: list[list[dict[str, Any]]],
        make: MakeLeg, ring: RingLeg,
    ) -> None:  # fmt: skip
        self._around = around
        self._owner = owner
        self._tag = tag
        self._steps = list(steps)
        self._make = make
        self._ring = ring
        self._legs: list[Call] = []
        self._told = False
        self.over = False
        self._reason = "error"

    def start(self) -> None:
        """Try the next step; with none left the dial has failed."""
        if not self._steps:
            self.over = True
            self._say("failed", reason=self._reason)
            return
        legs = self._legs = [self._make(device) for device in self._steps.pop(0)]
        for leg in legs:
            leg.on_ended.append(self._ended)
            leg.on_answered.insert(0, self._answered)  # before a phone that hangs up as soon as it has answered
        if not self._told:
            self._told = True
            self._say("dialing")
        for leg in legs:
            if not leg.over:
                self._ring(leg)

    def before_answer(self, leg: Call) -> None:
        """A leg of this dial is about to say that it is answered."""
        if self._around.assumptions.dial_event_first and not self.over:
            self._won(leg)

    def _answered(self, leg: Call) -> None:
        if not self.over:
            self._won(leg)
        for other in self._legs:
            if other is not leg:
                other.end("cancel")

    def _won(self, leg: Call) -> None:
        self.over = True
        text = self._around.assumptions.dial_winner_is_text
        ids = {"call_id": leg.id, "node_id": self._around.node_id, "tag": self._tag}
        self._say("answered", call={**ids, "device": leg.device, "dial_winner": "true" if text else True})

    def _ended(self, leg: Call) -> None:
        self._reason = leg.end_reason or self._reason
        if not self.over and all(other.over for other in self._legs):
            self.start()

    def _say(self, state: str, **more: object) -> None:
        params = {"dial_state": state, "tag": self._tag, "node_id": self._around.node_id, **more}
        tell(self._owner, self._around.clock, "calling.call.dial", params)
        self._around.watch.tell()
