"""DTMF: the sound of the keys of a telephone, made and found again (ITU-T Q.23 and Q.24).

The detector takes the usual limits: a tone of 40 ms is heard and one of 20 ms is not, frequencies may be off by 1.5 %
and not by 3.5 %, the low tone may be up to 8 dB above the high one and up to 4 dB below it, a gap of 40 ms separates
two digits and one of 10 ms doesn't, and noise 15 dB below the digit does no harm. Speech and music are no digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from relay_sync.emulator.media.goertzel import Bank, Measured, Span, Tracker
from relay_sync.emulator.media.sine import burst
from relay_sync.emulator.media.sound import RATE, Samples

LOW_HZ = (697, 770, 852, 941)
HIGH_HZ = (1209, 1336, 1477, 1633)
DIGITS = "123A456B789C*0#D"
"""The sixteen digits, row by row of the keypad: row ``n`` sounds ``LOW_HZ[n]``, column ``n`` ``HIGH_HZ[n]``."""

PAUSES = {"w": 0.5, "W": 1.0}
"""Seconds of silence that stand between digits (protocol.md 11.8)."""

DURATION_S = 0.1
GAP_S = 0.1
LEVEL_DB = -11.0
"""Level of the two tones of a digit, each: the mean of their peaks in dBFS. Both together stay linear on a line."""
TWIST_DB = 2.0
"""How much louder the high tone is, since lines lose more of it."""

_FRAME = 100  # 12.5 ms: 80 Hz wide, as much as neighbouring tones are apart and no longer than a third of a digit
_HOP = 20
_SHORTEST = round(0.028 * RATE)  # a digit of 40 ms, less its soft edges, less what noise takes
_BREAK_OFF = round(0.012 * RATE)
_SHARE = 0.65  # of a frame's energy: two tones 1.5 % off, with noise 15 dB below them, have 0.70
_WEAKEST = 10.0 ** (-39.0 / 10.0)  # mean square of a tone whose peak is at -36 dBFS
_LOW_LOUDER = 10.0 ** (9.5 / 10.0)  # 1.5 dB for the noise
_HIGH_LOUDER = 10.0 ** (5.5 / 10.0)
_ABOVE_OTHERS = 10.0 ** (6.0 / 10.0)


@dataclass(frozen=True, slots=True)
class Digit:
    """One digit in a sound: it lasts from sample ``start`` to sample ``end``, that one excluded."""

    digit: str
    start: int
    end: int


def places_of_digits(digits: str, *, at: int = 0, duration_s: float = DURATION_S, gap_s: float = GAP_S) -> list[Digit]:
    """Return where the digits lie in ``sound_of_digits`` of the same arguments, if it begins with sample ``at``."""
    return _lay_out(digits, at, _samples(duration_s, "duration_s"), _samples(gap_s, "gap_s", 0))[0]


def sound_of_digits(
    digits: str,
    *,
    duration_s: float = DURATION_S,
    gap_s: float = GAP_S,
    level_db: float = LEVEL_DB,
    twist_db: float = TWIST_DB,
) -> Samples:
    """Return the sound of ``digits``: any of ``0-9 * # A-D``, and of ``w`` and ``W``, pauses of 0.5 s and 1 s.

    Each digit lasts ``duration_s`` and is followed by ``gap_s`` of silence, the last one too, so that sounds made
    apart can follow each other. ``level_db`` is the mean level of a digit's two tones (peak in dBFS of each),
    ``twist_db`` how far the high one is above the low one. Edges are soft, 5 ms each. ValueError for any other
    character, and for times and levels that are no such numbers.
    """
    length = _samples(duration_s, "duration_s")
    places, end = _lay_out(digits, 0, length, _samples(gap_s, "gap_s", 0))
    if not (math.isfinite(level_db) and math.isfinite(twist_db)):
        raise ValueError(f"levels must be finite numbers of dB, not {level_db!r} and {twist_db!r}")
    sound = np.zeros(end, np.float32)
    for place in places:
        row, column = divmod(DIGITS.index(place.digit), 4)
        tones = (LOW_HZ[row], level_db - twist_db / 2), (HIGH_HZ[column], level_db + twist_db / 2)
        sound[place.start : place.end] = burst(tones, length)
    return sound


class DigitDetector:
    """Finds digits in a sound that comes in blocks.

    ``first`` is the number of the first sample that will be fed, 0 being the answer of the call. Positions are true
    to 5 ms, those of soft edges lying at half their amplitude; in heavy noise to 10 ms. A digit is known 40 ms after
    its end.
    """

    def __init__(self, first: int = 0) -> None:
        self._bank = Bank(LOW_HZ + HIGH_HZ, _FRAME, _HOP, first)
        self._tracker = Tracker(_FRAME, _HOP, _SHORTEST, _BREAK_OFF)

    @property
    def sounding(self) -> Digit | None:
        """The digit that sounds now, its end being what was fed so far; known 40 ms after it began."""
        span = self._tracker.current
        return None if span is None else _digit(span)

    def feed(self, block: ArrayLike) -> list[Digit]:
        """Take the next samples, 16-bit or floats of full scale 1.0, and return the digits that ended, in order."""
        spans: list[Span] = []
        for measured in self._bank.feed(block):
            spans += self._tracker.feed(measured.first, *_classify(measured))
        return _digits(spans)

    def flush(self) -> list[Digit]:
        """Return the digit that sounded to the very end, if any: no more will be fed."""
        return _digits(self._tracker.flush())


def _classify(measured: Measured) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return for each frame the index in ``DIGITS`` of its digit, -1 for none, and the power of the two tones."""
    low, low_other = _strongest(measured.powers[:, :4])
    high, high_other = _strongest(measured.powers[:, 4:])
    low_power, high_power = measured.powers[:, :4].max(axis=1), measured.powers[:, 4:].max(axis=1)
    both = low_power + high_power
    is_digit = (
        (np.minimum(low_power, high_power) >= _WEAKEST)
        & (both >= _SHARE * measured.energies)
        & (low_power <= _LOW_LOUDER * high_power)
        & (high_power <= _HIGH_LOUDER * low_power)
        & (low_power >= _ABOVE_OTHERS * low_other)
        & (high_power >= _ABOVE_OTHERS * high_other)
    )
    return np.where(is_digit, 4 * low + high, -1), both


def _strongest(powers: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return for each row which column is the strongest, and the power of the second strongest."""
    return powers.argmax(axis=1), np.partition(powers, 2, axis=1)[:, 2]


def _digits(spans: Iterable[Span]) -> list[Digit]:
    return [_digit(span) for span in spans]


def _digit(span: Span) -> Digit:
    return Digit(DIGITS[span.kind], span.start, span.end)


def _lay_out(digits: str, at: int, length: int, gap: int) -> tuple[list[Digit], int]:
    """Return the places of the digits, and the sample with which all is over."""
    places: list[Digit] = []
    for digit in digits:
        if digit in PAUSES:
            at += round(PAUSES[digit] * RATE)
        elif digit in DIGITS:
            places.append(Digit(digit, at, at + length))
            at += length + gap
        else:
            raise ValueError(f"{digit!r} in {digits!r} is no digit; there are 0-9 * # A-D, and the pauses w and W")
    return places, at


def _samples(seconds: float, name: str, least: int = 1) -> int:
    if not (math.isfinite(seconds) and round(seconds * RATE) >= least):
        raise ValueError(f"{name} must be a number of seconds {'from' if not least else 'above'} 0, not {seconds!r}")
    return round(seconds * RATE)
