"""Ringing tones as each country's network sends them to a caller.

Frequencies and cadences follow ITU-T E.180 Supplement 2 ("Various tones used in national networks") and, for
Australia, Russia, Singapore and the United Kingdom, the national specification that replaced its entry there.
The names are those of api.md 7.4.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.media.sound import RATE, MediaError, Samples, gain_of, silence

LEVEL_DB = -13.0
"""Level of a tone while it sounds: that of a sine of this peak in dBFS, which is -10 dBm0 as E.180 recommends."""

_EUROPEAN = ("425", (1.0, 4.0))
_TWO_SHORT = (0.4, 0.2, 0.4, 2.0)

# Notation of E.180: "a+b" sounds two frequencies together, "a*b" is a modulated by b. The seconds are those of
# sound and of silence in turn.
RINGTONES: dict[str, tuple[str, tuple[float, ...]]] = {
    "at": ("420", (1.0, 5.0)),
    "au": ("413+438", _TWO_SHORT),
    "be": ("425", (1.0, 3.0)),
    "bg": _EUROPEAN,
    "br": _EUROPEAN,
    "ch": _EUROPEAN,
    "cl": ("400", (1.0, 3.0)),
    "cn": ("450", (1.0, 4.0)),
    "cz": _EUROPEAN,
    "de": _EUROPEAN,
    "dk": _EUROPEAN,
    "ee": _EUROPEAN,
    "es": ("425", (1.5, 3.0)),
    "fi": _EUROPEAN,
    "fr": ("440", (1.5, 3.5)),
    "gr": _EUROPEAN,
    "hu": ("425", (1.25, 3.75)),
    "il": ("400", (1.0, 3.0)),
    "in": ("400*25", _TWO_SHORT),
    "it": _EUROPEAN,
    "jp": ("400*16", (1.0, 2.0)),
    "lt": _EUROPEAN,
    "mx": _EUROPEAN,
    "my": ("425", _TWO_SHORT),
    "nl": _EUROPEAN,
    "no": _EUROPEAN,
    "nz": ("400+450", _TWO_SHORT),
    "ph": ("425+480", (1.0, 4.0)),
    "pl": _EUROPEAN,
    "pt": ("425", (1.0, 5.0)),
    "ru": _EUROPEAN,
    "se": ("425", (1.0, 5.0)),
    "sg": ("425*24", _TWO_SHORT),
    "th": ("400", (1.0, 4.0)),
    "tw": ("440+480", (1.0, 2.0)),
    "uk": ("400+450", _TWO_SHORT),
    "us": ("440+480", (2.0, 4.0)),
    "ve": _EUROPEAN,
    "za": ("400*33", _TWO_SHORT),
}


def ringtone(name: str, duration: float | None = None) -> Samples:
    """Return the ringing tone of the country ``name``, any case.

    One cycle, its last silence included, if ``duration`` is None; else as many cycles as fill ``duration`` seconds,
    the last one cut. MediaError for a country that has no entry.
    """
    try:
        frequencies, cadence = RINGTONES[name.lower()]
    except KeyError:
        raise MediaError(f"there is no ringtone {name!r}; there are: {' '.join(RINGTONES)}") from None
    tone = silence(sum(cadence) if duration is None else duration)
    for start, stop in _bursts(cadence, len(tone)):
        tone[start:stop] = _sound(frequencies, stop - start)
    return tone


def _bursts(cadence: tuple[float, ...], length: int) -> list[tuple[int, int]]:
    """Return the (start, stop) samples of each burst of sound within ``length`` samples."""
    bursts: list[tuple[int, int]] = []
    moment = 0.0
    for number, seconds in enumerate(itertools.cycle(cadence)):
        # Edges are rounded from exact sums of seconds, so that no error adds up over many cycles.
        start, stop = round(moment * RATE), round((moment + seconds) * RATE)
        if start >= length:
            return bursts
        if number % 2 == 0:
            bursts.append((start, min(stop, length)))
        moment += seconds
    raise AssertionError("a cadence is never empty")


def _sound(frequencies: str, length: int) -> NDArray[np.float64]:
    """Return ``length`` samples of the tone written as ``frequencies``, at LEVEL_DB whatever its make."""
    carrier, _, modulator = frequencies.partition("*")
    parts = [_sine(int(part), length) for part in carrier.split("+")]
    tone: NDArray[np.float64] = np.sum(parts, axis=0) / math.sqrt(len(parts))
    if modulator:
        # Full modulation; the divisor keeps the power of the unmodulated tone.
        envelope = 1.0 - np.cos(2 * np.pi * int(modulator) * np.arange(length) / RATE)
        tone *= envelope / math.sqrt(1.5)
    return gain_of(LEVEL_DB) * tone


def _sine(frequency: int, length: int) -> NDArray[np.float64]:
    return np.sin(2 * np.pi * frequency * np.arange(length) / RATE)
