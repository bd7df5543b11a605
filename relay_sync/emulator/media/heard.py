"""What a phone heard, as a value: samples, seconds, levels and a WAV file."""

from __future__ import annotations

import math
import wave
from os import PathLike
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from relay_sync.emulator.media.sound import FULL_SCALE, RATE


class Heard:
    """Sound that reached a phone: mono, 8 kHz, 16 bits. A value: it does not grow with the call.

    Attributes:
        samples: the samples, read-only; sample 0 is the answer of the call (or the start of the stretch).
        rate: samples per second, always 8000.
    """

    rate: ClassVar[int] = RATE

    __slots__ = ("samples",)

    def __init__(self, samples: ArrayLike) -> None:
        given = np.asarray(samples)
        if given.ndim != 1 or given.dtype != np.int16:
            raise ValueError(f"samples must be mono 16-bit, not {given.dtype} of shape {given.shape}")
        view: NDArray[np.int16] = given.view()
        view.flags.writeable = False
        self.samples: NDArray[np.int16] = view

    def __repr__(self) -> str:
        return f"<Heard {self.duration:.3f} s, {self.rms_db():.1f} dBFS>"

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.samples)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self) / RATE

    def between(self, start: float, end: float | None = None) -> Heard:
        """Return the stretch from second ``start`` to second ``end`` (its own end if None).

        Both are rounded to the nearest sample; what lies beyond the end is left out. ValueError if ``start`` is
        negative or after ``end``.
        """
        end = self.duration if end is None else end
        if not 0 <= start <= end:
            raise ValueError(f"a stretch begins at 0 s or later and ends after it begins, not {start} to {end}")
        return Heard(self.samples[round(start * RATE) : round(end * RATE)])

    def rms_db(self) -> float:
        """Return the level in dBFS, ``-inf`` for silence; a sine that fills the range has -3.01."""
        if not self.samples.any():
            return -math.inf
        # Squares in float64: those of 16-bit numbers overflow 16 bits.
        mean_square = float(np.mean(np.square(self.samples, dtype=np.float64)))
        return 10.0 * math.log10(mean_square) - 20.0 * math.log10(FULL_SCALE)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write a mono 16-bit PCM WAV file and return its path; OSError if it can't be written."""
        target = Path(path)
        # Opened here: a writer of the wave module that can't open its file complains once more when it is collected.
        with target.open("wb") as file, wave.open(file, "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(RATE)
            wav.writeframes(self.samples.astype("<i2").tobytes())
        return target
