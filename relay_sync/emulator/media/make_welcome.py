"""Makes ``welcome.mp3``, the music that ships with the package.

Run as ``python -m relay_sync.emulator.media.make_welcome OUT.mp3``.

Nine seconds written for this project: five chords, a plucked melody over a soft pad. It never falls silent, so that
a silent stretch in what a phone heard is a pause and nothing else, and no bar repeats another, so that a lost or
repeated stretch shows. Everything sounds below 3 kHz, for telephone ears.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from relay_sync.emulator.media.sound import gain_of

RATE = 44100
PEAK_DB = -9.0
_BAR_S = 1.8
_NOTES_PER_BAR = 8

# One line a bar: the chord of the pad, then the melody; MIDI note numbers, 60 being middle C.
_BARS = (
    ((48, 55, 64, 71), (76, 79, 84, 83, 79, 76, 74, 71)),
    ((45, 57, 60, 67), (72, 76, 81, 79, 76, 72, 69, 67)),
    ((41, 53, 60, 69), (69, 72, 77, 76, 72, 69, 65, 72)),
    ((43, 55, 62, 65), (74, 71, 67, 71, 74, 77, 79, 83)),
    ((48, 52, 55, 72), (84, 79, 76, 79, 72, 76, 72, 72)),
)


def music() -> NDArray[np.float64]:
    """Return the piece at 44.1 kHz, its peak at ``PEAK_DB``."""
    piece = np.zeros(round(len(_BARS) * _BAR_S * RATE))
    for number, (chord, melody) in enumerate(_BARS):
        bar = number * _BAR_S
        for note in chord:
            # Each pad begins before its bar and ends after it, so that one is always there.
            _add(piece, max(0.0, bar - 0.15), 0.35 * _pad(note, _BAR_S + 0.3))
        for step, note in enumerate(melody):
            _add(piece, bar + step * _BAR_S / _NOTES_PER_BAR, _pluck(note, 0.9))
    piece *= np.minimum(1.0, (np.arange(len(piece))[::-1] + 1) / (0.1 * RATE))
    return np.asarray(piece * (gain_of(PEAK_DB) / np.abs(piece).max()))


def _add(piece: NDArray[np.float64], second: float, sound: NDArray[np.float64]) -> None:
    start = round(second * RATE)
    stop = min(len(piece), start + len(sound))
    piece[start:stop] += sound[: stop - start]


def _pluck(note: int, seconds: float) -> NDArray[np.float64]:
    """Return a string that is plucked: three partials, the higher ones fading sooner."""
    moments = np.arange(round(seconds * RATE)) / RATE
    partials = [
        np.sin(2 * np.pi * part * _frequency(note) * moments) * np.exp(-moments * 3.5 * part) / part**1.5
        for part in (1, 2, 3)
    ]
    return np.asarray(np.sum(partials, axis=0) * np.minimum(1.0, moments / 0.004))


def _pad(note: int, seconds: float) -> NDArray[np.float64]:
    """Return a soft tone, two strings a little out of tune, that fades in and out within 80 ms."""
    moments = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * _frequency(note) * detune * moments) for detune in (0.9985, 1.0015))
    edge = np.minimum(1.0, np.minimum(moments, moments[::-1]) / 0.08)
    return np.asarray(tone * edge * 0.5)


def _frequency(note: int) -> float:
    return float(440.0 * 2.0 ** ((note - 69) / 12))


def write(target: Path) -> None:
    """Encode the piece as mp3, mono, into the file ``target``."""
    soundfile.write(target, music(), RATE, format="MP3", subtype="MPEG_LAYER_III")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m relay_sync.emulator.media.make_welcome OUT.mp3")
    write(Path(sys.argv[1]))
