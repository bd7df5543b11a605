"""A simulated handset: what it does when its number is called. Lives on the emulator's thread."""

from __future__ import annotations

from collections import deque

from relay_sync.emulator.calls import Call
from relay_sync.emulator.numbers import Behaviour

_REMEMBERED = 100  # calls kept for looking at; each may hold minutes of sound


class Handset:
    """The far end of a number. It takes any number of calls at a time; its buttons act on the latest."""

    def __init__(self, number: str, behaviour: Behaviour) -> None:
        self.number = number
        self.behaviour = behaviour
        self.calls: deque[Call] = deque(maxlen=_REMEMBERED)
        self.taken = 0  # calls ever made to or from it

    @property
    def call(self) -> Call | None:
        """The current or last call."""
        return self.calls[-1] if self.calls else None

    def add(self, call: Call) -> None:
        """A call to or from this phone exists."""
        for old in self.calls:
            old.forget_sound()  # only the latest call is listened to
        self.calls.append(call)
        self.taken += 1
        call.on_answered.append(self._answered)

    def ring(self, call: Call, limit: float) -> None:
        """The phone is called: do what its behaviour says. The caller gives up after ``limit`` seconds."""
        will = self.behaviour
        if will.busy:
            call.end("busy")
        elif will.unreachable:
            call.end("error")
        else:
            call.ring(limit)
            if will.decline:
                call.later(will.answer_after, lambda: call.end("decline"))
            elif not will.no_answer:
                call.later(will.answer_after, call.answer)

    def _answered(self, call: Call) -> None:
        if self.behaviour.hang_up_after is not None:
            call.later(self.behaviour.hang_up_after, lambda: call.end("hangup"))
