"""How a phone behaves when it is called, and the numbers that behave so without any Python.

The numbers in :data:`MAGIC_NUMBERS` are for people who only start the emulator from a shell; ``relay.phone(number,
...)`` for one of them replaces its behaviour. Every other number belongs to a phone that answers at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from relay_sync.emulator.media import sound_of_digits

MESSAGE_STATES = ("delivered", "undelivered", "failed", "sent")
"""The states in which a text message to a phone may end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a phone does by itself. All times are virtual seconds.

    ``answer_after``: from ringing to answering; 0 answers within the dial command, so that it works in stepped time.
    ``busy``: refuses at once with end reason ``busy``, without ringing.
    ``decline``: rings, and rejects after ``answer_after`` with ``decline``.
    ``no_answer``: rings until the caller gives up (``noAnswer``), unless somebody calls ``phone.answer()``.
    ``unreachable``: the network can't reach it: end reason ``error``, without ringing.
    ``hang_up_after``: from the answer to hanging up; None stays on the line.
    ``says``: what it speaks from the answer on. ``presses``: the keys it presses then (after what it says).
    ``presses_when_asked``: the keys it presses half a second after each prompt that collects digits has been played, or
    each collect of digits has begun, unless somebody has pressed or said something. ``says_when_asked``: what it says
    after one that collects speech; of one that collects both it answers with keys, if it has any.
    ``machine``: it is an answering machine: speaks this greeting from the answer on, pauses for 0.5 s and beeps.
    ``fax``: it is a fax machine, which sounds like one from the answer on: ``receive`` takes faxes, ``send`` has one to
    send, namely ``fax_document`` (path or URL of a PDF) or, without one, ``fax_pages`` pages of its own.
    ``message_state``: the state in which a text message to it ends; with ``sent`` it arrives, and nobody reports so.
    ``message_after``: from its being sent to that state; 0 reports all at once, for stepped time again.
    """

    answer_after: float = 0.0
    busy: bool = False
    decline: bool = False
    no_answer: bool = False
    unreachable: bool = False
    hang_up_after: float | None = None
    message_state: Literal["delivered", "undelivered", "failed", "sent"] = "delivered"
    message_after: float = 0.0
    says: str | None = None
    presses: str | None = None
    says_when_asked: str | None = None
    presses_when_asked: str | None = None
    machine: str | None = None
    fax: Literal["receive", "send"] | None = None
    fax_pages: int = 1
    fax_document: str | None = None

    def __post_init__(self) -> None:
        for name in ("answer_after", "hang_up_after", "message_after"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be 0 or more seconds, not {value!r}")
        if sum((self.busy, self.decline, self.no_answer, self.unreachable)) > 1:
            raise ValueError("a phone is one of busy, decline, no_answer, unreachable")
        if sum((self.says is not None, self.machine is not None, self.fax is not None)) > 1:
            raise ValueError("a phone has one of says, machine, fax")
        for name in ("presses", "presses_when_asked"):
            sound_of_digits(getattr(self, name) or "")  # complains of what is no digit
        if self.fax not in (None, "receive", "send"):
            raise ValueError(f"fax must be receive or send, not {self.fax!r}")
        if isinstance(self.fax_pages, bool) or not isinstance(self.fax_pages, int) or self.fax_pages < 1:
            raise ValueError(f"fax_pages must be a whole number of 1 or more, not {self.fax_pages!r}")
        if self.message_state not in MESSAGE_STATES:
            raise ValueError(f"message_state must be one of {' '.join(MESSAGE_STATES)}, not {self.message_state!r}")


GREETING = "Hi, you have reached the emulator. Nobody is here right now. Please leave a message after the beep."
"""What the answering machine among the magic numbers says."""

MAGIC_NUMBERS: dict[str, tuple[Behaviour, str]] = {
    "+15550199001": (Behaviour(), "answers at once"),
    "+15550199002": (Behaviour(answer_after=2.0), "rings for 2 s, then answers"),
    "+15550199003": (Behaviour(busy=True), "is busy"),
    "+15550199004": (Behaviour(no_answer=True), "rings and is never answered"),
    "+15550199005": (Behaviour(decline=True, answer_after=2.0), "rings for 2 s, then declines"),
    "+15550199006": (Behaviour(hang_up_after=3.0), "answers at once and hangs up after 3 s"),
    "+15550199007": (Behaviour(answer_after=2.0, hang_up_after=10.0), "answers after 2 s and hangs up 10 s later"),
    "+15550199008": (Behaviour(unreachable=True), "can't be reached (end reason error)"),
    "+15550199021": (Behaviour(says="Hello, this is the phone you called."), "answers at once and says hello"),
    "+15550199022": (Behaviour(presses="1234#"), "answers at once and presses 1234#"),
    "+15550199023": (Behaviour(presses_when_asked="1234#"), "presses 1234# after each prompt for digits"),
    "+15550199024": (Behaviour(says_when_asked="yes please"), "says yes please after each prompt for speech"),
    "+15550199041": (Behaviour(says="Hello?"), "says hello like a person, and waits"),
    "+15550199042": (Behaviour(machine=GREETING), "is an answering machine: greets, pauses, beeps"),
    "+15550199043": (Behaviour(fax="receive"), "is a fax machine that takes faxes"),
    "+15550199044": (Behaviour(fax="send", fax_pages=2), "is a fax machine with two pages to send"),
    "+15550199045": (Behaviour(fax="receive", hang_up_after=12.0), "is a fax machine that hangs up after 12 s"),
    "sip:desk@emulator.example": (Behaviour(), "a SIP address: answers at once; a refer to it succeeds"),
    "sip:slow@emulator.example": (Behaviour(answer_after=2.0), "a SIP address: answers, or is referred to, after 2 s"),
    "sip:busy@emulator.example": (Behaviour(busy=True), "a SIP address: is busy"),
    "sip:nobody@emulator.example": (Behaviour(no_answer=True), "a SIP address: is never answered"),
    "sip:decline@emulator.example": (Behaviour(decline=True), "a SIP address: declines; a refer to it is cancelled"),
    "sip:gone@emulator.example": (Behaviour(unreachable=True), "a SIP address: can't be reached"),
    "+15550199031": (Behaviour(message_after=2.0), "gets its text messages after 2 s"),
    "+15550199032": (Behaviour(message_state="undelivered"), "its text messages are undelivered"),
    "+15550199033": (Behaviour(message_state="failed"), "its text messages fail"),
    "+15550199034": (Behaviour(message_state="sent"), "gets its text messages, but nobody reports so"),
}
"""Number -> (behaviour, what it does in words)."""


def behaviour_of(number: str) -> Behaviour:
    """Return how the phone with this number behaves when nobody has said anything about it."""
    known = MAGIC_NUMBERS.get(number)
    return known[0] if known else Behaviour()
