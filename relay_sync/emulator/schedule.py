"""A random schedule of faults, made from one seed: the same seed makes the same faults, in every process.

:func:`command_line` prints one, so that a schedule that found something can be replayed without the seed too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from relay_sync.emulator.fault import KINDS, Fault, Moment
from relay_sync.emulator.garbage import GARBAGE
from relay_sync.emulator.garbling import GARBLED_EVENTS, GARBLED_REPLIES

HEALING: tuple[str, ...] = tuple(kind for kind in KINDS if kind not in ("hold", "refuse-credentials"))
"""The kinds that a client gets over: all but those that end it, or whose end somebody must see to."""

COMMANDS: tuple[str, ...] = (
    "calling.*", "calling.play", "calling.play.*", "calling.end", "login", "ping",
)  # fmt: skip
EVENTS: tuple[str, ...] = (
    "calling.call.*", "calling.call.state", "calling.call.state:answered", "calling.call.state:ended",
    "calling.call.play", "calling.call.play:playing", "calling.call.play:finished",
)  # fmt: skip

_AT_MOST = 40  # the highest number that a moment counts to
_CODES = ("400", "402", "404", "409", "410", "429", "500", "503", "-32000", "-32601")
_CLOSING_CODES = ("1000", "1001", "1002", "1008", "1011", "1012", "1013")
_TORN = "torn"  # swallows what comes after it: only a ping that times out tells


def random_faults(
    seed: int, count: int = 20, *, seconds: float = 60.0, kinds: Sequence[str] = HEALING
) -> tuple[Fault, ...]:
    """Return ``count`` faults that ``seed`` stands for, in no order.

    Half of them strike at a time, within ``seconds`` real seconds from when they are added; the others at the n-th
    command, reply or event of some kind. What lasts, lasts up to 2 s. ValueError for a kind that there is not.
    """
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise ValueError(f"there is no kind {unknown[0]!r}; there are {', '.join(KINDS)}")
    chance = random.Random(seed)
    return tuple(_fault(chance, chance.choice(list(kinds)), seconds) for _ in range(count))


def _fault(chance: random.Random, kind: str, seconds: float) -> Fault:
    moment = _moment(chance, kind, seconds)
    given = {name: make(chance, kind, moment) for name, make in _ARGUMENTS.items() if name in KINDS[kind].takes}
    return Fault(kind=kind, moment=moment, **given)


def _moment(chance: random.Random, kind: str, seconds: float) -> Moment:
    places = [place for place in KINDS[kind].moments if place[0] not in ("now", "in")]
    if ("in", "") in KINDS[kind].moments and chance.random() < 0.5:
        return Moment("in", seconds=round(chance.uniform(0.0, seconds), 2))
    when, what = chance.choice(places)
    names = {"command": COMMANDS, "reply": COMMANDS, "event": EVENTS, "connect": ("",)}[what]
    first = chance.randint(1, 3 if what == "connect" else _AT_MOST)
    return Moment(when, what, chance.choice(names), first, first)


def _lasting(chance: random.Random, kind: str, moment: Moment) -> float:
    if kind == "drip":
        return round(chance.uniform(0.0001, 0.002), 4)
    if kind == "jump":
        return round(chance.uniform(-86400.0, 86400.0))
    return round(chance.uniform(0.01, 2.0), 2)


def _number(chance: random.Random, kind: str, moment: Moment) -> int:
    return chance.randint(1, 100) if kind == "drip" else chance.randint(2, 4)


def _code(chance: random.Random, kind: str, moment: Moment) -> str:
    return chance.choice(_CLOSING_CODES if kind == "close" else _CODES)


def _what(chance: random.Random, kind: str, moment: Moment) -> str:
    if kind == "garble":
        return chance.choice(list(GARBLED_EVENTS if moment.what == "event" else GARBLED_REPLIES))
    if kind == "go-away":
        return chance.choice(("", "restart"))
    return chance.choice([name for name in GARBAGE if name != _TORN])


def _message(chance: random.Random, kind: str, moment: Moment) -> str:
    return "Refused by the schedule"


_ARGUMENTS: dict[str, Callable[[random.Random, str, Moment], Any]] = {
    "seconds": _lasting,
    "number": _number,
    "code": _code,
    "what": _what,
    "message": _message,
}
