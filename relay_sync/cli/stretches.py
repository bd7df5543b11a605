"""What the phone heard in each stretch of the demonstration, measured on the samples.

The journal of the emulator says when each command came and when its answer left; the command took effect between
the two. A stretch reaches from the answer to one command to the coming of the next, so that nothing of its
neighbours is in it. Times are seconds after the answer of the call, as in the WAV file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from relay_sync.emulator import Command, Emulator, Heard, Journal, Phone
from relay_sync.emulator.media import RATE, Line, Samples

_RAMP_S = 0.005  # a change of volume is spread over so much


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of what was heard.

    Attributes:
        what: what had been asked for.
        start, end: seconds after the answer.
        level_db: dBFS, -inf for silence.
        gain_db: how much louder than the same stretch of the file; None where one of them is silent.
    """

    what: str
    start: float
    end: float
    level_db: float
    gain_db: float | None


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment at which something changed: it was between ``before`` and ``after``."""

    what: str
    plays: bool
    before: float
    after: float

    @property
    def moment(self) -> float:
        return (self.before + self.after) / 2


def measure(relay: Emulator, phone: Phone, source: Samples) -> list[Stretch]:
    """Return the stretches of the phone's last call, on which ``source`` was played once."""
    call, heard = phone.calls[-1], phone.heard
    if call.answered_at is None or call.ended_at is None:
        raise ValueError(f"{call!r} is not a call that was answered and has ended")
    marks = list(_marks(relay.journal, call.answered_at))
    ends = [*(mark.before for mark in marks[1:]), call.ended_at - call.answered_at]
    plain = _plain(source, heard.duration)
    stretches, position = [], 0.0
    for mark, end, following in zip(marks, ends, [*marks[1:], None], strict=True):
        start = mark.after + _RAMP_S
        if start < end:
            at = position + start - mark.moment
            stretches.append(_stretch(mark, heard.between(start, end), plain.between(at, at + end - start), start, end))
        if mark.plays and following is not None:
            position += following.moment - mark.moment
    return stretches


def _plain(source: Samples, seconds: float) -> Heard:
    """What a phone hears of ``source`` when nobody touches it, up to ``seconds``."""
    line = Line()
    line.start(0, source)
    return Heard(line.heard(round(seconds * RATE)))


def _stretch(mark: _Mark, heard: Heard, plain: Heard, start: float, end: float) -> Stretch:
    level, original = heard.rms_db(), plain.rms_db()
    audible = mark.plays and math.isfinite(level) and math.isfinite(original)
    return Stretch(mark.what, start, end, level, level - original if audible else None)


def _marks(journal: Journal, answered_at: float) -> Iterator[_Mark]:
    gain, playing = 0.0, True
    (began,) = journal.events("calling.call.play")[:1]
    yield _Mark("playing", True, began.at - answered_at, began.at - answered_at)
    for command in journal.commands():
        verb = command.method.removeprefix("calling.play.")
        if verb == command.method or command.code != "200":
            continue
        if verb == "volume":
            gain = float(command.params["volume"])
        playing = playing if verb == "volume" else verb == "resume"
        loud = f" at {gain:+g} dB" if gain else ""
        what = {"pause": "paused", "stop": "after the stop"}.get(verb, f"playing{loud}" if playing else "paused")
        yield _Mark(what, playing, command.at - answered_at, _answered_at(journal, command) - answered_at)


def _answered_at(journal: Journal, command: Command) -> float:
    """When the answer to a command was written, in virtual seconds."""
    for frame in journal.frames:
        if frame.connection != command.connection or frame.direction != "sent" or frame.body is None:
            continue
        if frame.body.get("id") == command.id and "method" not in frame.body:
            return frame.at
    return command.at
