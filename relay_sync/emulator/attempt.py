"""Calling devices in series and in parallel until one answers: what a dial and a connect have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relay_sync.emulator.calls import Call

DEFAULT_RING = 30.0
"""Seconds of ringing when the device names no ``timeout`` (protocol.md 16.2)."""

MakeLeg = Callable[[dict[str, Any]], Call]
"""Makes the leg for a device, told of and not yet ringing."""

RingLeg = Callable[[Call], None]
"""Has the phone of a leg ring."""


class Attempt:
    """``steps`` are tried one after the other, the devices of a step at the same time, until a leg answers.

    The other legs of the winner's step end with ``cancel``. ``winner_first``: the outcome is told before the winner's
    own ``answered``.
    """

    def __init__(self, steps: list[list[dict[str, Any]]], make: MakeLeg, ring: RingLeg, *, winner_first: bool) -> None:
        self.over: bool = False
        self._steps = list(steps)
        self._make = make
        self._ring = ring
        self._winner_first = winner_first
        self._legs: list[Call] = []
        self._reason = "error"

    def start(self) -> None:
        """Try the next step; with none left it has failed."""
        if not self._steps:
            self.over = True
            self._failed(self._reason)
            return
        legs = self._legs = [self._make(device) for device in self._steps.pop(0)]
        for leg in legs:
            leg.on_ended.append(self._ended)
            leg.on_answered.insert(0, self._answered)  # before a phone that hangs up as soon as it has answered
        self._made()
        for leg in legs:
            if not leg.over and not self.over:
                self._ring(leg)

    def before_answer(self, leg: Call) -> None:
        """A leg is about to say that it is answered."""
        if self._winner_first and not self.over:
            self._win(leg)

    def give_up(self) -> None:
        """Nobody wants it any more: legs that ring end with ``cancel``, and nothing is told."""
        if not self.over:
            self.over = True
            self._cancel(None)

    def _made(self) -> None:
        """The legs of a step exist, and don't ring yet."""

    def _won(self, leg: Call) -> None:
        """This leg has answered first."""
        raise NotImplementedError

    def _failed(self, reason: str) -> None:
        """No leg has answered; ``reason`` is why the last one ended."""
        raise NotImplementedError

    def _answered(self, leg: Call) -> None:
        if not self.over:
            self._win(leg)
        self._cancel(leg)

    def _win(self, leg: Call) -> None:
        self.over = True
        self._won(leg)

    def _cancel(self, winner: Call | None) -> None:
        for leg in self._legs:
            if leg is not winner:
                leg.end("cancel")

    def _ended(self, leg: Call) -> None:
        self._reason = leg.end_reason or self._reason
        if not self.over and all(other.over for other in self._legs):
            self.start()
