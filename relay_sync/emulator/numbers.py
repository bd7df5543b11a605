"""How a phone behaves when it is called, and the numbers that behave so without any Python.

The numbers in :data:`MAGIC_NUMBERS` are for people who only start the emulator from a shell; ``relay.phone(number,
...)`` for one of them replaces its behaviour. Every other number belongs to a phone that answers at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a phone does by itself. All times are virtual seconds.

    ``answer_after``: from ringing to answering; 0 answers within the dial command, so that it works in stepped time.
    ``busy``: refuses at once with end reason ``busy``, without ringing.
    ``decline``: rings, and rejects after ``answer_after`` with ``decline``.
    ``no_answer``: rings until the caller gives up (``noAnswer``), unless somebody calls ``phone.answer()``.
    ``unreachable``: the network can't reach it: end reason ``error``, without ringing.
    ``hang_up_after``: from the answer to hanging up; None stays on the line.
    """

    answer_after: float = 0.0
    busy: bool = False
    decline: bool = False
    no_answer: bool = False
    unreachable: bool = False
    hang_up_after: float | None = None

    def __post_init__(self) -> None:
        for name in ("answer_after", "hang_up_after"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be 0 or more seconds, not {value!r}")
        if sum((self.busy, self.decline, self.no_answer, self.unreachable)) > 1:
            raise ValueError("a phone is one of busy, decline, no_answer, unreachable")


MAGIC_NUMBERS: dict[str, tuple[Behaviour, str]] = {
    "+15550199001": (Behaviour(), "answers at once"),
    "+15550199002": (Behaviour(answer_after=2.0), "rings for 2 s, then answers"),
    "+15550199003": (Behaviour(busy=True), "is busy"),
    "+15550199004": (Behaviour(no_answer=True), "rings and is never answered"),
    "+15550199005": (Behaviour(decline=True, answer_after=2.0), "rings for 2 s, then declines"),
    "+15550199006": (Behaviour(hang_up_after=3.0), "answers at once and hangs up after 3 s"),
    "+15550199007": (Behaviour(answer_after=2.0, hang_up_after=10.0), "answers after 2 s and hangs up 10 s later"),
    "+15550199008": (Behaviour(unreachable=True), "can't be reached (end reason error)"),
}
"""Number -> (behaviour, what it does in words)."""


def behaviour_of(number: str) -> Behaviour:
    """Return how the phone with this number behaves when nobody has said anything about it."""
    known = MAGIC_NUMBERS.get(number)
    return known[0] if known else Behaviour()
