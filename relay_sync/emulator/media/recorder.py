"""Recordings of a leg: which samples are in them, and the files they become (protocol.md 11.4, 16.3).

A recording copies nothing while it runs. It notes from which sample to which it goes, and reads the lines when its
sound is asked for: they keep what was heard and said anyway.
"""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

from relay_sync.emulator.media.directions import Directions, checked_direction
from relay_sync.emulator.media.line import Line
from relay_sync.emulator.media.sound import FULL_SCALE, RATE, MediaError
from relay_sync.emulator.media.tones import RECORD_BEEP, sound_of_tone

FORMATS = {"mp3": "audio/mpeg", "wav": "audio/wav"}
"""The formats of a recording, and the media type of the file."""

PAUSE_BEHAVIORS = ("skip", "silence")
"""What a pause leaves in the recording: nothing, or silence (api.md 8)."""


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A recording as a file: its bytes, the seconds it plays, and its media type for a web server."""

    content: bytes
    duration_s: float
    content_type: str

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.content)


@dataclass(slots=True)
class _Stretch:
    """From sample ``first`` to ``last``, None while it goes on: the sound of the leg, or silence in its place."""

    first: int
    last: int | None
    silent: bool = False

    def end(self, upto: int) -> int:
        """Return where it ends if nothing after ``upto`` counts."""
        return max(self.first, upto if self.last is None else min(self.last, upto))


class Recording:
    """A recording from sample ``at`` on of what the phone hears on ``line`` and says with ``voice``.

    ``direction`` is ``listen``, ``speak`` or ``both``. In stereo, left is what it says and right what it hears; in
    mono both are mixed. With ``beep`` the phone first hears a beep, and the recording begins after it. Operations take
    effect with the sample they name and come in its order; after ``stop`` they change nothing. MediaError for a
    direction, ValueError for a behaviour that there isn't.
    """

    def __init__(
        self, at: int, line: Line, voice: Line, *, direction: str = "speak", stereo: bool = False, beep: bool = False
    ) -> None:
        self._directions = Directions(heard=line, said=voice)
        self.direction: str = checked_direction(direction)
        self.stereo = stereo
        self._line = line
        self._beep = line.start(at, sound_of_tone(RECORD_BEEP)) if beep else None
        self.starts_at: int = at + (self._beep.duration if self._beep is not None else 0)
        self._stretches = [_Stretch(self.starts_at, None)]
        self._last_operation = at
        self._stopped_at: int | None = None

    def __repr__(self) -> str:
        state = "stopped" if self.stopped else "paused" if self.paused else "running"
        return f"<Recording {state}, from sample {self.starts_at}, {self.direction}>"

    @property
    def paused(self) -> bool:
        """Whether the last operation left it paused."""
        return not self.stopped and (self._stretches[-1].last is not None or self._stretches[-1].silent)

    @property
    def stopped(self) -> bool:
        """Whether it has been stopped."""
        return self._stopped_at is not None

    def pause(self, at: int, behavior: str = "skip") -> None:
        """Record nothing of sample ``at`` and later (``skip``), or ``silence``; nothing if it is paused already."""
        if behavior not in PAUSE_BEHAVIORS:
            raise ValueError(f"behavior must be one of {' '.join(PAUSE_BEHAVIORS)}, not {behavior!r}")
        if self._takes(at) and not self.paused:
            self._cut(at)
            if behavior == "silence":
                self._stretches.append(_Stretch(max(at, self.starts_at), None, silent=True))

    def resume(self, at: int) -> None:
        """Record again from sample ``at`` on; nothing if it is not paused."""
        if self._takes(at) and self.paused:
            self._cut(at)
            self._stretches.append(_Stretch(max(at, self.starts_at), None))

    def stop(self, at: int, ends_at: int | None = None) -> None:
        """End it with sample ``at``; the beep too, if it still sounds.

        ``ends_at`` trims the end: nothing of that sample and later is kept. It may lie in the past, to leave out the
        key that stopped the recording or the silence that did.
        """
        if not self._takes(at):
            return
        self._stopped_at = min(at, at if ends_at is None else ends_at)
        self._cut(at)
        if self._beep is not None:
            self._beep.stop(max(at, self._line.rendered))

    def length(self, upto: int | None = None) -> int:
        """Return how many samples it has: when stopped all of them, else those before sample ``upto``."""
        end = self._end(upto)
        return sum(stretch.end(end) - stretch.first for stretch in self._stretches)

    def samples(self, upto: int | None = None) -> NDArray[np.int16]:
        """Return its sound: one number for each sample, or a row of two in stereo.

        While it runs, ``upto`` says which sample is the first that isn't wanted; all before it are fixed in the lines.
        """
        end = self._end(upto)
        nothing: NDArray[np.int16] = np.zeros((0, 2) if self.stereo else 0, np.int16)
        # An empty stretch may lie in the future, which reading it would fix.
        heard = [self._read(each, each.end(end)) for each in self._stretches if each.end(end) > each.first]
        return np.concatenate([nothing, *heard])

    def _read(self, stretch: _Stretch, last: int) -> NDArray[np.int16]:
        if stretch.silent:
            shape = (last - stretch.first, 2) if self.stereo else (last - stretch.first,)
            return np.zeros(shape, np.int16)
        read = self._directions.stereo if self.stereo else self._directions.mono
        return read(self.direction, stretch.first, last)

    def _end(self, upto: int | None) -> int:
        if self._stopped_at is not None:
            return self._stopped_at if upto is None else min(upto, self._stopped_at)
        if upto is None:
            raise ValueError("this recording still runs: say up to which sample it is wanted")
        return upto

    def _cut(self, at: int) -> None:
        """End the stretch that goes on, if one does, before sample ``at``."""
        now = self._stretches[-1]
        if now.last is None:
            now.last = max(at, now.first)

    def _takes(self, at: int) -> bool:
        """Check that an operation may name ``at``; return whether it can still change anything."""
        if at < self._last_operation:
            raise ValueError(f"an operation at sample {at} comes after one at {self._last_operation}")
        if self.stopped:
            return False
        self._last_operation = at
        return True


def encode_recording(samples: NDArray[np.int16], audio_format: str) -> RecordedFile:
    """Return 16-bit samples at 8 kHz, mono or in rows of two, as the bytes of a ``wav`` or ``mp3`` file.

    An mp3 takes some tenths of a second for each minute; any thread may do it. The duration is that of the file, to the
    sample. An mp3 needs one: without any it has one sample of silence. MediaError for another format.
    """
    if audio_format not in FORMATS:
        raise MediaError(f"a recording can't be made as {audio_format!r}; there are: {' '.join(FORMATS)}")
    if audio_format == "mp3" and not len(samples):
        samples = np.zeros((1, *samples.shape[1:]), np.int16)
    content = _wav(samples) if audio_format == "wav" else _mp3(samples)
    return RecordedFile(content, len(samples) / RATE, FORMATS[audio_format])


def _wav(samples: NDArray[np.int16]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def _mp3(samples: NDArray[np.int16]) -> bytes:
    file = io.BytesIO()
    # As floats: libsndfile 1.2.2 garbles 16-bit samples in stereo on their way to the encoder.
    soundfile.write(file, samples.astype(np.float32) / FULL_SCALE, RATE, format="MP3", subtype="MPEG_LAYER_III")
    return file.getvalue()
