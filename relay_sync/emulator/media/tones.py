"""Single tones of the telephone network, made and found again: fax machines, answering machines, recordings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from relay_sync.emulator.media.goertzel import Bank, Measured, Tracker
from relay_sync.emulator.media.sine import burst
from relay_sync.emulator.media.sound import RATE, Samples

LEVEL_DB = -13.0
"""Level of a tone unless said otherwise: its peak in dBFS, as that of a ringing tone."""

_FRAME = 200  # 25 ms: 40 Hz wide
_HOP = 40
_BREAK_OFF = round(0.02 * RATE)
_SHARE = 0.7  # of a frame's energy
_STEP_HZ = 20.0  # halfway between two frequencies this far apart a sine still has 0.81 of its energy
_WEAKEST = 10.0 ** (-39.0 / 10.0)  # mean square of a tone whose peak is at -36 dBFS


@dataclass(frozen=True, slots=True)
class Tone:
    """A tone that has a meaning.

    It sounds at ``hz``, which may be ``tolerance_hz`` off, for ``on_s`` seconds, followed by ``off_s`` of silence when
    it repeats. A detector takes a sound between ``shortest_s`` and ``longest_s`` for it.
    """

    name: str
    hz: float
    tolerance_hz: float
    on_s: float
    off_s: float
    shortest_s: float
    longest_s: float


CNG = Tone("CNG", 1100.0, 38.0, on_s=0.5, off_s=3.0, shortest_s=0.4, longest_s=0.6)
"""What a calling fax machine sends (ITU-T T.30: 1100 Hz ± 38 Hz, 0.5 s ± 15 %, every 3.5 s)."""

CED = Tone("CED", 2100.0, 15.0, on_s=3.0, off_s=0.0, shortest_s=0.5, longest_s=4.5)
"""What a called fax machine answers with (ITU-T T.30: 2100 Hz ± 15 Hz, 2.6 s to 4 s); half a second tells it."""

BEEP = Tone("beep", 1000.0, 15.0, on_s=0.4, off_s=0.0, shortest_s=0.25, longest_s=1.2)
"""The beep of an answering machine; machines differ, and this is ours."""

RECORD_BEEP = Tone("record beep", 1400.0, 15.0, on_s=0.3, off_s=0.0, shortest_s=0.2, longest_s=1.2)
"""What a phone hears before a recording with ``beep``. No source names one: ours isn't that of a machine."""


@dataclass(frozen=True, slots=True)
class ToneSpan:
    """A tone in a sound: it lasts from sample ``start`` to sample ``end``, that one excluded."""

    tone: Tone
    start: int
    end: int


def sound_of_tone(tone: Tone, *, seconds: float | None = None, cycles: int = 1, level_db: float = LEVEL_DB) -> Samples:
    """Return the sound of ``tone``: ``cycles`` times ``on_s`` seconds of it and ``off_s`` of silence.

    ``seconds``, if given, is how long it sounds in place of ``on_s``; ``level_db`` its peak in dBFS. The edges are
    soft, 5 ms each. ValueError for numbers that make no tone.
    """
    on_s = tone.on_s if seconds is None else seconds
    if not (math.isfinite(on_s) and on_s > 0 and math.isfinite(level_db) and cycles >= 1):
        raise ValueError(f"no tone lasts {on_s!r} s, {cycles!r} times, at {level_db!r} dB")
    rest = np.zeros(round(tone.off_s * RATE), np.float32)
    cycle = np.concatenate([burst([(tone.hz, level_db)], round(on_s * RATE)), rest])
    return np.tile(cycle, cycles)


class ToneDetector:
    """Finds one tone in a sound that comes in blocks.

    ``first`` is the number of the first sample that will be fed, 0 being the answer of the call. Positions are true
    to 5 ms, those of soft edges lying at half their amplitude; in heavy noise to 15 ms. A tone is known to have ended
    70 ms after its end.
    """

    def __init__(self, tone: Tone, first: int = 0) -> None:
        self.tone = tone
        count = max(2, math.ceil(2 * tone.tolerance_hz / _STEP_HZ))
        spread = (np.arange(count) - (count - 1) / 2) * (2 * tone.tolerance_hz / count)
        self._bank = Bank((tone.hz + spread).tolist(), _FRAME, _HOP, first)
        self._tracker = Tracker(_FRAME, _HOP, round(tone.shortest_s * RATE), _BREAK_OFF)

    @property
    def sounding(self) -> ToneSpan | None:
        """The tone that sounds now, from ``shortest_s`` to ``longest_s`` after its start; its end: what was fed."""
        span = self._tracker.current
        return None if span is None else self._checked(span.start, span.end)

    def feed(self, block: ArrayLike) -> list[ToneSpan]:
        """Take the next samples, 16-bit or floats of full scale 1.0, and return the tones that ended, in order."""
        found = [self._checked(*span) for measured in self._bank.feed(block) for span in self._spans(measured)]
        return [span for span in found if span is not None]

    def flush(self) -> list[ToneSpan]:
        """Return the tone that sounded to the very end, if any: no more will be fed."""
        found = [self._checked(span.start, span.end) for span in self._tracker.flush()]
        return [span for span in found if span is not None]

    def _spans(self, measured: Measured) -> list[tuple[int, int]]:
        power = measured.powers.max(axis=1)
        is_tone = (power >= _WEAKEST) & (power >= _SHARE * measured.energies)
        spans = self._tracker.feed(measured.first, np.where(is_tone, 0, -1), power)
        return [(span.start, span.end) for span in spans]

    def _checked(self, start: int, end: int) -> ToneSpan | None:
        return ToneSpan(self.tone, start, end) if end - start <= round(self.tone.longest_s * RATE) else None
