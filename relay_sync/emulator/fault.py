"""A fault as data: what goes wrong, and when. Small frozen values with one text each, which is read back as well.

A text is ``KIND [ARGUMENTS] [MOMENT]``::

    drop after calling.play                     a TCP reset once the first reply to a play is out
    drop before reply to calling.play #3        ... when the third was carried out, and before its reply
    lose event calling.call.play:finished       an event that never comes
    refuse 402 command calling.play #1-5        the next five are refused
    restart 0.5 in 12                           12 s from now the server is gone for half a second

A moment is nothing (at once), ``in SECONDS`` (real ones), ``at connect``, ``at command NAME``, ``before``, ``after`` or
``on`` a ``reply to NAME`` or an ``event NAME``; of an event ``TYPE`` or ``TYPE:STATE``. A ``*`` in a name stands for
anything; ``login`` and ``ping`` are those of either dialect. ``#3`` is the third one from now on, ``#2-5`` the second
to the fifth, ``#2-`` all from the second; the first, if nothing is said.
"""

from __future__ import annotations

import dataclasses
import math
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, cast

from relay_sync.emulator.garbage import GARBAGE
from relay_sync.emulator.garbling import GARBLED_EVENTS, GARBLED_REPLIES

When = Literal["now", "in", "at", "on", "before", "after"]
What = Literal["", "connect", "command", "reply", "event"]

ALIASES: dict[str, frozenset[str]] = {
    "login": frozenset({"blade.connect", "signalwire.connect"}),
    "ping": frozenset({"blade.ping", "signalwire.ping"}),
}
"""Names that mean the same in either dialect."""

_PLACES: dict[When, tuple[What, ...]] = {
    "now": ("",),
    "in": ("",),
    "at": ("connect", "command"),
    "on": ("reply", "event"),
    "before": ("reply", "event"),
    "after": ("reply", "event"),
}
_EVENT_PREFIXES = ("calling.call.", "messaging.state", "messaging.receive", "queuing.relay.")


@dataclass(frozen=True, slots=True)
class Kind:
    """What one kind of fault is: its arguments in their order, what it needs, and where it may happen."""

    words: str
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    moments: tuple[tuple[When, What], ...] = ()


def _moments(*whens: When) -> tuple[tuple[When, What], ...]:
    return tuple((when, what) for when in whens for what in _PLACES[when])


_ANY = _moments("now", "in", "at", "before", "after")
_FRAME = _moments("on")
_COMMAND: tuple[tuple[When, What], ...] = (("at", "command"),)
_REPLY: tuple[tuple[When, What], ...] = (("on", "reply"),)
_EVENT: tuple[tuple[When, What], ...] = (("on", "event"),)

KINDS: dict[str, Kind] = {
    # To a connection: the one that the moment is on, or all of them.
    "drop": Kind("a TCP reset", moments=_ANY),
    "close": Kind("a closing frame with this code (1001)", ("code",), moments=_ANY),
    "end": Kind("the TCP stream ends without a closing frame", moments=_ANY),
    "vanish": Kind("as if the machine were gone: no byte, no FIN; the session can be resumed", moments=_ANY),
    "silence": Kind("half-open for so many seconds: nothing is read or written, TCP stays", ("seconds",), (), _ANY),
    "drip": Kind("what is sent comes in pieces of so many bytes (1), so many seconds apart (0.01)",
                 ("number", "seconds"), (), _ANY),
    "go-away": Kind("the server asks to disconnect, then closes; `restart`: the session is over too", ("what",), (),
                    _ANY),
    "send": Kind("garbage, by its name", ("what",), ("what",), _ANY),
    # To the whole service.
    "forget": Kind("no session can be resumed any more", moments=_ANY),
    "replay": Kind("resumed sessions hear what they missed, for so many seconds", ("seconds",), (), _ANY),
    "no-replay": Kind("resumed sessions do not, for so many seconds", ("seconds",), (), _ANY),
    "restart": Kind("the server is gone for so many seconds (0), and all calls and sessions with it", ("seconds",), (),
                    _ANY),
    "refuse-connections": Kind("upgrades are answered with 503, for so many seconds", ("seconds",), (), _ANY),
    "refuse-tcp": Kind("nothing listens, for so many seconds", ("seconds",), (), _ANY),
    "refuse-credentials": Kind("nobody can log in, for so many seconds", ("seconds",), (), _ANY),
    "jump": Kind("the time stamps jump by so many seconds", ("seconds",), ("seconds",), _ANY),
    # To one command.
    "refuse": Kind("it is refused with this code, and not carried out", ("code", "message"), ("code",), _COMMAND),
    "fail": Kind("it is accepted, and what it starts ends with `error`", moments=_COMMAND),
    "ignore": Kind("it is neither carried out nor answered", moments=_COMMAND),
    # To one frame.
    "lose": Kind("it is not sent", moments=_FRAME),
    "delay": Kind("it is sent so many seconds later", ("seconds",), ("seconds",), _FRAME),
    "repeat": Kind("it is sent so many times (2)", ("number",), (), _FRAME),
    "garble": Kind("its members are wrong, in the way that is named", ("what",), ("what",), _FRAME),
    "hold": Kind("it is kept until release()", moments=_REPLY),
    "postpone": Kind("the reply is sent after the events of its command", moments=_REPLY),
    "swap": Kind("the event changes places with the one after it", moments=_EVENT),
}  # fmt: skip
"""Every kind of fault, by its name."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a fault strikes: see the text at the top. ``last=None``: from the ``first`` one on, for ever."""

    when: When = "now"
    what: What = ""
    name: str = ""
    first: int = 1
    last: int | None = 1
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.when not in _PLACES or self.what not in _PLACES[self.when]:
            raise ValueError(f"there is no moment {self.when} {self.what}".rstrip())
        if bool(self.name) != (self.what in ("command", "reply", "event")):
            raise ValueError(f"a {self.what or self.when} moment {'has no name' if self.name else 'needs a name'}")
        if self.first < 1 or (self.last is not None and self.last < self.first):
            raise ValueError(f"#{self.first}-{self.last}: count from 1, and not backwards")
        if not 0 <= self.seconds < math.inf:
            raise ValueError(f"in {self.seconds!r}: give a number of seconds, 0 or more")

    def __str__(self) -> str:
        if self.when == "now":
            return ""
        if self.when == "in":
            return f"in {self.seconds:.12g}"
        words: list[str] = [] if self.when == "on" else [self.when]
        words += [self.what, *(["to"] if self.what == "reply" else []), *([self.name] if self.name else [])]
        return " ".join([*words, *self._count()])

    def _count(self) -> list[str]:
        if (self.first, self.last) == (1, 1):
            return []
        last = "" if self.last is None else self.last
        return [f"#{self.first}" if self.first == self.last else f"#{self.first}-{last}"]

    def is_on(self, what: What, name: str = "") -> bool:
        """Is it about this? ``name`` is a method, or of an event ``type:state``."""
        if self.what != what:
            return False
        if what == "connect":
            return True
        wanted = self.name
        return name in ALIASES.get(wanted, ()) or fnmatchcase(name, wanted) or fnmatchcase(name.split(":")[0], wanted)


NOW = Moment()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong. ``kind`` is one of :data:`KINDS`, which says which of the others it takes.

    ``seconds``: for how long, or how late; real ones. ``code``: of a refusal, or of a closing frame. ``number``: how
    many times, or how many bytes. ``what``: the name of the garbage (:data:`GARBAGE`), or ``restart``.

    ``str(fault)`` is what :meth:`parse` and ``--fault`` read; :meth:`as_dict` is JSON, and :meth:`from_dict` reads it.
    """

    kind: str
    moment: Moment = NOW
    seconds: float | None = None
    code: str | None = None
    message: str = ""
    number: int | None = None
    what: str = ""

    def __post_init__(self) -> None:
        kind = KINDS.get(self.kind)
        if kind is None:
            raise ValueError(f"there is no fault {self.kind!r}; there are {', '.join(KINDS)}")
        given = [
            name for name in ("seconds", "code", "message", "number", "what") if getattr(self, name) not in (None, "")
        ]
        if wrong := [name for name in given if name not in kind.takes]:
            raise ValueError(f"{self.kind} takes no {wrong[0]}: {getattr(self, wrong[0])!r}")
        if missing := [name for name in kind.needs if name not in given]:
            raise ValueError(f"{self.kind} needs a {missing[0]}")
        if (self.moment.when, self.moment.what) not in kind.moments:
            raise ValueError(f"{self.kind} can't strike {str(self.moment) or 'at once'}; {_where(kind)}")
        self._check_values()

    def _check_values(self) -> None:
        if self.seconds is not None and not (
            math.isfinite(self.seconds) and (self.seconds >= 0 or self.kind == "jump")
        ):
            raise ValueError(f"{self.kind} {self.seconds!r}: give a number of seconds, 0 or more")
        if self.number is not None and self.number < 1:
            raise ValueError(f"{self.kind} {self.number}: give a number of 1 or more")
        if self.code is not None and not self.code.removeprefix("-").isdecimal():
            raise ValueError(f"{self.kind} {self.code!r}: a code is a number")
        if self.kind == "send" and self.what not in GARBAGE:
            raise ValueError(f"there is no garbage {self.what!r}; there is {', '.join(GARBAGE)}")
        if self.kind == "garble":
            ways = GARBLED_EVENTS if self.moment.what == "event" else GARBLED_REPLIES
            if self.what not in ways:
                raise ValueError(f"{self.what!r} is no way to garble it; there are {', '.join(ways)}")
        if self.kind == "go-away" and self.what not in ("", "restart"):
            raise ValueError(f"go-away {self.what!r}: say `restart` or nothing")

    def __str__(self) -> str:
        words = [self.kind]
        for name in KINDS[self.kind].takes:
            value = getattr(self, name)
            if value not in (None, ""):
                words.append(_written(name, value))
        return " ".join(word for word in [*words, str(self.moment)] if word)

    def as_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Fault:
        """Return the fault that :meth:`as_dict` told of; TypeError or ValueError for anything else."""
        moment = Moment(**told.get("moment", {}))
        return cls(**{**told, "moment": moment})

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault; ValueError that says what is wrong with the text."""
        try:
            return _Reader(shlex.split(text)).fault()
        except ValueError as error:
            raise ValueError(f"{text!r} is no fault: {error}") from None


def command_line(faults: Iterable[Fault]) -> str:
    """Return the options by which ``relay-sync emulator`` and ``python -m relay_sync.emulator`` make these faults."""
    return " ".join(f"--fault {shlex.quote(str(fault))}" for fault in faults)


def _where(kind: Kind) -> str:
    spots = [f"{when} {what}".strip() for when, what in kind.moments]
    return f"it strikes: {', '.join(spots)}"


def _written(name: str, value: object) -> str:
    if name == "message":
        return shlex.quote(f"message={value}")
    return f"{value:.12g}s" if name == "seconds" else str(value)


_MOMENT_WORDS = frozenset({"in", "at", "on", "before", "after", "connect", "command", "reply", "event"})
_COMMAND_KINDS = frozenset({"refuse", "fail", "ignore"})


class _Reader:
    """Reads a fault word by word."""

    def __init__(self, words: list[str]) -> None:
        if not words:
            raise ValueError(f"nothing is said; the kinds are {', '.join(KINDS)}")
        self._kind = words[0]
        if self._kind not in KINDS:
            raise ValueError(f"there is no kind {self._kind!r}; there are {', '.join(KINDS)}")
        self._words = words[1:]

    def fault(self) -> Fault:
        arguments = {name: value for name in KINDS[self._kind].takes if (value := self._argument(name)) is not None}
        return Fault(kind=self._kind, moment=self._moment(), **arguments)

    def _peek(self) -> str:
        return self._words[0] if self._words else ""

    def _took(self, *wanted: str) -> str:
        return self._words.pop(0) if self._peek() in wanted and self._words else ""

    def _argument(self, name: str) -> Any:
        word = self._peek()
        if not word or word in _MOMENT_WORDS or word.startswith("#"):
            return None
        if name == "message":
            return self._words.pop(0).removeprefix("message=") if word.startswith("message=") else None
        if name == "what":
            return self._words.pop(0)
        if name == "number" and word.endswith("s"):
            return None  # `drip 0.5s` is of seconds alone
        try:
            value = float(word.removesuffix("s")) if name == "seconds" else int(word)
        except ValueError:
            return None
        self._words.pop(0)
        return str(value) if name == "code" else value

    def _moment(self) -> Moment:
        when = self._took("in", "at", "on", "before", "after")
        if when == "in":
            return Moment("in", seconds=self._seconds())
        what = self._took("connect", "command", "reply", "event")
        if what == "reply":
            self._took("to")
        if not when and not what and not self._words:
            return NOW
        name = "" if what == "connect" else self._words.pop(0) if self._words else ""
        first, last = self._range()
        if self._words:
            raise ValueError(f"{' '.join(self._words)!r} is left over")
        what = what or self._guess(when, name)
        when = when or ("at" if what in ("connect", "command") else "on")
        return Moment(cast(When, when), cast(What, what), name, first, last)

    def _guess(self, when: str, name: str) -> str:
        if when == "at" or self._kind in _COMMAND_KINDS:
            return "command"
        return "event" if name.startswith(_EVENT_PREFIXES) else "reply"

    def _seconds(self) -> float:
        word = self._words.pop(0) if self._words else ""
        if self._words:
            raise ValueError(f"{' '.join(self._words)!r} is left over")
        try:
            return float(word.removesuffix("s"))
        except ValueError:
            raise ValueError(f"`in` wants a number of seconds, not {word!r}") from None

    def _range(self) -> tuple[int, int | None]:
        if not self._peek().startswith("#"):
            return 1, 1
        word = self._words.pop(0)[1:]
        first, dash, last = word.partition("-")
        try:
            return int(first), (int(last) if last else None) if dash else int(first)
        except ValueError:
            raise ValueError(f"#{word} is no number: say #3, #2-5 or #2-") from None
