"""A phone's own voice: everything it says into its call, one thing after the other.

A voice is a line whose only listener is the far end: the recorder, the detectors, the phone it is bridged to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from relay_sync.emulator.media.dtmf import DURATION_S, GAP_S, LEVEL_DB, sound_of_digits
from relay_sync.emulator.media.limiter import to_int16
from relay_sync.emulator.media.line import Line
from relay_sync.emulator.media.playback import Playback
from relay_sync.emulator.media.sound import FULL_SCALE
from relay_sync.emulator.media.speech import speech
from relay_sync.emulator.media.tones import Tone, sound_of_tone


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing said: ``kind`` is what it was made from, ``text`` the words, the digits, or the name of the tone.

    ``text`` is empty for a ``sound`` that nobody has described.
    """

    kind: Literal["speech", "digits", "tone", "sound"]
    text: str
    playback: Playback

    @property
    def starts_at(self) -> int:
        """The sample with which it begins."""
        return self.playback.starts_at

    @property
    def ends_at(self) -> int:
        """The sample with which it is over, whether it comes to its own end or was cut off."""
        end = self.playback.ends_at()
        return self.starts_at + self.playback.duration if end is None else end


class Onward:
    """What other phones hear of a voice: itself, and on ``line`` what is played to them as if it came from there."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self.line: Line = Line()

    def read(self, first: int, last: int) -> NDArray[np.int16]:
        """Fix every sample before ``last`` and return those from ``first`` on."""
        said, played = self._voice.read(first, last), self.line.read(first, last)
        if not played.any():
            return said
        return to_int16((said.astype(np.float64) + played) / FULL_SCALE)


class Voice(Line):
    """What one phone says; sample 0 is the answer of its call; not thread-safe.

    A mouth says one thing at a time: what comes while it speaks is said afterwards. A moment that is fixed already,
    because somebody has listened to it, is moved to the first one that isn't. Neither is so with ``Line.start``, which
    mixes its sound in at the very sample.

    ``utterances`` holds everything said or waiting to be said, in order. Where it is muted (``muting``) the mouth says
    it all the same, and ``heard`` has it; ``read``, which is what everybody else hears, hasn't.

    ``onward`` is what goes on to other phones: the voice, and what is played to them in its place.
    """

    def __init__(self) -> None:
        super().__init__()
        self.utterances: list[Utterance] = []
        self.onward: Onward = Onward(self)

    def read(self, first: int, last: int) -> NDArray[np.int16]:
        """Fix every sample before ``last`` and return those from ``first`` on, without what is muted."""
        sound = super().read(first, last)
        if self.muting.covers(first, last):
            sound = sound.copy()
            self.muting.apply(sound, first)
        return sound

    def say(self, at: int, samples: ArrayLike, text: str = "", *, volume_db: float = 0.0) -> Utterance:
        """Say ``samples`` from sample ``at`` on, or when all has been said; ``text`` is what it means, if anything.

        ``samples`` is mono at 8 kHz, full scale 1.0. This is the way for speech that was synthesised elsewhere.
        """
        return self._utter("speech" if text else "sound", text, at, samples, volume_db)

    def speak(self, at: int, text: str, language: str = "en-US", gender: str = "female") -> Utterance:
        """Speak ``text`` as ``speech`` does, from sample ``at`` on or when all has been said.

        Blocks for the few milliseconds that the synthesis takes. MediaError if it can't be spoken.
        """
        return self._utter("speech", text, at, speech(text, language, gender))

    def press(
        self,
        at: int,
        digits: str,
        *,
        duration_s: float = DURATION_S,
        gap_s: float = GAP_S,
        level_db: float = LEVEL_DB,
    ) -> Utterance:
        """Press ``digits`` (with the pauses ``w`` and ``W``) from sample ``at`` on, or when all has been said.

        ValueError for what is no digit. ``places_of_digits(digits, at=utterance.starts_at)`` tells where each one lies.
        """
        sound = sound_of_digits(digits, duration_s=duration_s, gap_s=gap_s, level_db=level_db)
        return self._utter("digits", digits, at, sound)

    def tone(self, at: int, which: Tone, *, seconds: float | None = None, cycles: int = 1) -> Utterance:
        """Sound the tone ``which`` from sample ``at`` on, or when all has been said; see ``sound_of_tone``."""
        return self._utter("tone", which.name, at, sound_of_tone(which, seconds=seconds, cycles=cycles))

    def hush(self, at: int) -> None:
        """Say nothing more from sample ``at`` on: what is being said is cut off, what waits is never said."""
        at = max(at, self.rendered)
        for utterance in self.utterances:
            if utterance.starts_at >= at and utterance.playback in self._sounding:
                self._sounding.remove(utterance.playback)
                utterance.playback.stop(utterance.starts_at)
            elif utterance.ends_at > at:
                utterance.playback.stop(at)
        self.utterances = [utterance for utterance in self.utterances if utterance.starts_at < at]

    def _cover(self, mix: NDArray[np.float64], first: int) -> None:
        """Keep what is said as it is: being muted concerns only those who listen."""

    def _utter(
        self,
        kind: Literal["speech", "digits", "tone", "sound"],
        text: str,
        at: int,
        samples: ArrayLike,
        volume_db: float = 0.0,
    ) -> Utterance:
        free = max(self.rendered, *(each.ends_at for each in self.utterances[-1:]), 0)
        utterance = Utterance(kind, text, self.start(max(at, free), samples, volume_db))
        self.utterances.append(utterance)
        return utterance
