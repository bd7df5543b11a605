"""A simulated handset: what it does when its number is called. Lives on the emulator's thread."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from relay_sync.emulator.calls import Call
from relay_sync.emulator.machines import ReceivedFax, switch_on
from relay_sync.emulator.numbers import Behaviour
from relay_sync.emulator.speaking import speak_up

if TYPE_CHECKING:
    from relay_sync.emulator.messages import TextMessage

ANSWER_AFTER_S = 0.5
"""Seconds from the end of a prompt to what a phone presses or says by itself."""

_REMEMBERED = 100  # calls kept for looking at; each may hold minutes of sound


class Handset:
    """The far end of a number. It takes any number of calls at a time; its buttons act on the latest."""

    def __init__(self, number: str, behaviour: Behaviour) -> None:
        self.number = number
        self.behaviour = behaviour
        self.calls: deque[Call] = deque(maxlen=_REMEMBERED)
        self.faxes: deque[ReceivedFax] = deque(maxlen=_REMEMBERED)
        self.taken: int = 0  # calls ever made to or from it
        self.messages: deque[TextMessage] = deque(maxlen=_REMEMBERED)  # received

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
        call.on_asked.append(self._asked)

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
        will = self.behaviour
        if will.hang_up_after is not None:
            call.later(will.hang_up_after, lambda: call.end("hangup"))
        speak_up(call, will.says, will.presses)
        switch_on(call, will, self.faxes.append)

    def _asked(self, call: Call, digits: bool, speech: bool) -> None:
        presses, says = self.behaviour.presses_when_asked, self.behaviour.says_when_asked
        if digits and presses is not None:
            call.later(ANSWER_AFTER_S, lambda: speak_up(call, None, presses))
        elif speech and says is not None:
            call.later(ANSWER_AFTER_S, lambda: speak_up(call, says, None))
