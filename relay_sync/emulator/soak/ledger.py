"""The ledger: what callers were told, held against what the emulator knows. Pure: it knows neither side.

A lie is a sentence that the emulator's knowledge contradicts. ``unknown`` (ConnectionLost, RelayTimeout) is the truth
whatever happened, unless nothing was sent twice or too late.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

Key = tuple[str, str]
"""A command's name, and what it was about: a control id, a call id, for a dial who calls."""

Verdict = Literal["successful", "refused", "unsent", "unknown"]
Fate = Literal["done", "failed", "lost"]

DIAL = "dial"
"""The name here of ``calling.dial`` and ``calling.begin``: the dialects differ (protocol.md 10.4)."""

VOLUME = "calling.play.volume"
HANG_UP = "calling.end"
PASS = "calling.pass"

HEARD_S = 5.0
"""Seconds after which a client that still speaks on a connection has read what was written there."""

SLACK_S = 3.5
"""Seconds by which the emulator may read a frame later than it was sent: 2 of them it may be silent by a fault."""

REPEATED_S = 1.8
"""Seconds after which the library may hang up an unwanted leg again on the same connection: it had no answer in its
time, which is `REQUEST_TIMEOUT_S`, as the emulator's clock sees it."""

SENT_S = 0.5
"""Seconds by which a frame may leave after its time was looked at. What came on a connection that was not there when
the time was up, and so long after, was sent too late without any doubt."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one call of the library came to. ``began`` in Unix seconds; ``limit``: seconds within which it may send."""

    who: str
    key: Key
    began: float
    limit: float
    verdict: Verdict
    code: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """What was said of an operation (by its control id) or a call: in which state it has ended, and how that is known.

    ``done``: well; ``failed``: not well, and Relay said so; ``lost``: nobody can know. ``alive`` and ``in_session`` are
    what the emulator knew at that moment: is the call still up, and is its owner the session that the client is in?
    """

    who: str
    call_id: str
    control_id: str
    state: str
    fate: Fate
    alive: bool
    in_session: bool
    detail: str = ""


@dataclass(slots=True)
class Seen:
    """A command as the emulator saw it. ``real`` in Unix seconds; ``codes`` of the answers that it wrote, raw."""

    real: float
    connection: int
    codes: list[object] = field(default_factory=list)
    carried_out: bool = False


@dataclass(slots=True)
class Evidence:
    """What the emulator knows."""

    commands: dict[Key, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    states: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # written of a call, or an operation
    gone: set[str] = field(default_factory=set)  # calls and operations of which it said 404 or 410
    twice: list[str] = field(default_factory=list)  # requests whose id came more than once
    first: dict[str, int] = field(default_factory=dict)  # the first connection of each client
    dialled_for: dict[str, str] = field(default_factory=dict)  # call -> who calls
    offered: dict[str, tuple[int, float]] = field(default_factory=dict)  # inbound call -> on which connection, when
    opened: dict[int, float] = field(default_factory=dict)  # connection -> when its client spoke first
    last_heard: dict[int, float] = field(default_factory=dict)  # connection -> when its client spoke last
    tags: dict[str, str] = field(default_factory=dict)  # tag of a dial -> who calls


def lies(told: Iterable[Told], endings: Iterable[Ending], evidence: Evidence) -> list[str]:
    """Return every lie, as a sentence that names what was said and what is known."""
    by_key: dict[Key, list[Told]] = defaultdict(list)
    for one in told:
        by_key[one.key].append(one)
    found = [f"the request {request} came twice" for request in evidence.twice]
    given_up = {key[1] for key, all_told in by_key.items() if key[0] == DIAL and not _all_well(all_told)}
    for key, all_told in by_key.items():
        found += _about_command(key, all_told, evidence, given_up)
    for key, seen in evidence.commands.items():
        if key not in by_key and len(seen) > _by_itself(key, seen, evidence, given_up):
            found.append(f"{_named(key)} came {len(seen)} times, and nobody had asked for it")
    for ending in endings:
        found += _about_ending(ending, evidence)
    return found


def unheard(taken: Iterable[str], evidence: Evidence) -> list[str]:
    """Return the inbound calls that a client was offered, and must have read of, and gave to no handler."""
    known = set(taken)
    return [
        f"call {call_id} was offered on connection {connection}, and given to no handler"
        for call_id, (connection, when) in evidence.offered.items()
        if call_id not in known and evidence.last_heard.get(connection, 0.0) > when + HEARD_S
    ]


@dataclass(frozen=True, slots=True)
class Survivor:
    """A call that the emulator still has after every call that a client knows of was hung up. ``who`` calls."""

    call_id: str
    who: str
    in_session: bool


def forsaken(survivors: Iterable[Survivor], told: Iterable[Told], evidence: Evidence) -> list[str]:
    """Return the calls that live on in a client's session though it does not know them, and nobody was told so.

    Somebody was where the outcome of the dial is unknown, and where Relay itself said that the call is gone.
    """
    unknown = {one.key[1] for one in told if one.key[0] == DIAL and one.verdict == "unknown"}
    return [
        f"call {one.call_id} of {one.who} lives on in the client's session, and nobody knows of it"
        for one in survivors
        if one.in_session and one.call_id not in evidence.gone and one.who not in unknown
    ]


STATES = ("created", "ringing", "answered", "ending", "ended")


def misheard(heard: Mapping[str, list[str]]) -> list[str]:
    """Return the calls whose handlers heard a state twice, or a step back: they go forward only (protocol.md 10)."""
    found = []
    for call, states in heard.items():
        places = [STATES.index(state) for state in states if state in STATES]
        if any(later <= earlier for earlier, later in pairwise(places)):
            found.append(f"the handlers of call {call} heard {states}")
    return found


def _all_well(told: list[Told]) -> bool:
    return all(one.verdict == "successful" for one in told)


def _named(key: Key) -> str:
    return f"{key[0]} {key[1]}"


def _by_itself(key: Key, seen: list[Seen], evidence: Evidence, given_up: set[str]) -> int:
    """Return how often the library may have given this command by itself."""
    if key[0] == VOLUME:  # a playback is asked after on a connection that is not the first, by the volume that it has
        return sum(one.connection not in evidence.first.values() for one in seen)
    # The leg of a dial that was given up, and a call for which there is no worker: until it has heard the answer.
    if (key[0] == HANG_UP and evidence.dialled_for.get(key[1]) in given_up) or key[0] == PASS:
        again = (two.connection != one.connection or two.real - one.real > REPEATED_S for one, two in pairwise(seen))
        return 1 + sum(again)
    return 0


def _about_command(key: Key, told: list[Told], evidence: Evidence, given_up: set[str]) -> Iterator[str]:
    seen = evidence.commands.get(key, [])
    verdicts = Counter(one.verdict for one in told)
    may_have_left = len(told) - verdicts["unsent"]
    if len(seen) > may_have_left + _by_itself(key, seen, evidence, given_up):
        what = "was said not to be sent" if verdicts["unsent"] else f"was asked for {may_have_left} times"
        yield f"{_named(key)} {what}, and came {len(seen)} times ({_details(told)})"
    agreed = [one for one in seen if any(_is_yes(code) for code in one.codes)]
    if verdicts["successful"] > len(agreed):
        yield f"{_named(key)} was said to be successful, and Relay never said so ({_details(told)})"
    done = [one for one in agreed if one.carried_out or "200" not in one.codes]  # a spoiled answer is Relay's own lie
    if len(agreed) >= verdicts["successful"] > len(done):
        yield f"{_named(key)} was said to be successful, and was never carried out ({_details(told)})"
    codes = {str(code) for one in seen for code in one.codes}
    for one in told:
        plain = one.code is not None and one.code.lstrip("-").isdigit()
        if one.verdict == "refused" and plain and one.code not in codes:
            yield f"{_named(key)} was said to be refused with {one.code}, and Relay never said so ({one.detail})"
    if len(told) == 1:
        last = told[0].began + told[0].limit
        # Of volumes those on a later connection may be the library's own question, whatever became of the caller's.
        own = [came for came in seen if key[0] != VOLUME or came.connection in evidence.first.values()]
        for came in own[:may_have_left]:
            if came.real > last + SLACK_S or evidence.opened.get(came.connection, 0.0) > last + SENT_S:
                yield f"{_named(key)} came {came.real - last:.1f} s after its time was up ({_details(told)})"


def _details(told: list[Told]) -> str:
    return ", ".join(f"{one.who}: {one.verdict} {one.detail}".strip() for one in told)


def _is_yes(code: object) -> bool:
    """Is this what Relay says where it accepts? An answer without a code is a yes too (protocol.md 7)."""
    return code is None or (str(code).removesuffix(".0").startswith("2") and len(str(code).removesuffix(".0")) == 3)


def _about_ending(ending: Ending, evidence: Evidence) -> Iterator[str]:
    what = f"operation {ending.control_id}" if ending.control_id else f"call {ending.call_id}"
    said = evidence.states.get(ending.control_id or ending.call_id, set())
    gone = bool(evidence.gone & {ending.call_id, ending.control_id})
    if ending.fate == "done" and ending.state not in said:
        yield f"{ending.who}: {what} was said to be {ending.state!r}; Relay said only {sorted(said)} ({ending.detail})"
    if ending.fate == "failed" and ending.control_id and ending.state not in ("failed", *said):
        yield f"{ending.who}: {what} was said to be {ending.state!r}; Relay said only {sorted(said)} ({ending.detail})"
    over = ending.fate != "lost" and ending.state in ("ended", "failed")
    if over and ending.alive and not gone:
        yield f"{ending.who}: {what} was said to have ended with its call, and the call lives on ({ending.detail})"
    if ending.fate == "lost" and ending.alive and ending.in_session and not gone:
        yield f"{ending.who}: {what} was said to be lost, and is there, in the client's session ({ending.detail})"
