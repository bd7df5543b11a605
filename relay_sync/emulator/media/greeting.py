"""Who has answered: a person, a machine, or nobody that speaks; by how long and how much is said (protocol.md 16.5).

A person says a word or two and waits for an answer; a machine talks on. Everything goes by the energy of frames of
10 ms, as in ``activity``: what is ``THRESHOLD_DB`` or louder for 30 ms is voice. A silence of less than ``PAUSE_S``
counts as voice, being that between two words. A word is a stretch of voice of 0.1 s that 50 ms of silence separate from
the one before it; quick speech has fewer such stretches than words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from relay_sync.emulator.media.activity import FRAME, PAUSE_S, THRESHOLD_DB
from relay_sync.emulator.media.blocks import floats
from relay_sync.emulator.media.sound import RATE

Answer = Literal["MACHINE", "HUMAN", "UNKNOWN"]

_CLICK = 3 * FRAME  # shorter ones are no voice
_WORD = RATE // 10
_BETWEEN_WORDS = RATE // 20
_POWER = 10.0 ** (THRESHOLD_DB / 10.0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who has answered, and the sample at which that was sure."""

    answer: Answer
    at: int


class Greeting:
    """Listens to how a call is answered, until it is sure by whom.

    ``first`` is the number of the first sample that will be fed. ``MACHINE``: ``machine_voice_threshold`` seconds of
    voice, or ``machine_words_threshold`` words. ``HUMAN``: less than that, and ``end_silence_timeout`` seconds of
    silence after it. ``UNKNOWN``: no voice for ``initial_timeout`` seconds. A timeout of 0 is off.
    """

    def __init__(
        self,
        first: int = 0,
        *,
        initial_timeout: float = 4.5,
        end_silence_timeout: float = 1.0,
        machine_voice_threshold: float = 1.25,
        machine_words_threshold: int = 6,
    ) -> None:
        self.verdict: Verdict | None = None
        self._limit_voice = round(machine_voice_threshold * RATE)
        self._limit_words = machine_words_threshold
        self._limit_silence = round(end_silence_timeout * RATE)
        self._gives_up_at = first + round(initial_timeout * RATE) if initial_timeout else None
        self._at = first  # the first sample that is not judged yet
        self._kept = np.zeros(0)
        self._run = 0  # samples of voice up to now without any silence
        self._gap = 0  # samples of silence since the last voice
        self._voice = 0
        self._words = 0
        self._word = 0  # samples of the present word

    def feed(self, block: ArrayLike) -> Verdict | None:
        """Take the next samples, 16-bit or floats of full scale 1.0; return the verdict if it falls in them."""
        if self.verdict is not None:
            return None
        sound = np.concatenate([self._kept, floats(block)])
        count = len(sound) // FRAME
        self._kept = sound[count * FRAME :]
        frames = sound[: count * FRAME].reshape(-1, FRAME)
        for voiced in (np.einsum("ij,ij->i", frames, frames) >= _POWER * FRAME).tolist():
            self._at += FRAME
            if voiced:
                self._take_voice()
            else:
                self._take_silence()
            if answer := self._judge():
                self.verdict = Verdict(answer, self._at)
                return self.verdict
        return None

    def _take_voice(self) -> None:
        self._run += FRAME
        if self._run < _CLICK:
            return
        if self._run == _CLICK:
            if self._gap >= _BETWEEN_WORDS:
                self._word = 0
            if self._voice and self._gap < PAUSE_S * RATE:
                self._voice += self._gap
            self._gap = 0
        new = _CLICK if self._run == _CLICK else FRAME
        self._voice += new
        self._words += self._word < _WORD <= self._word + new
        self._word += new

    def _take_silence(self) -> None:
        # A click is silence: it neither begins speech nor breaks a silence.
        self._gap += FRAME + (self._run if self._run < _CLICK else 0)
        self._run = 0

    def _judge(self) -> Answer | None:
        if not self._voice:
            late = self._gives_up_at is not None and self._at >= self._gives_up_at
            return "UNKNOWN" if late and not self._run else None
        if self._voice >= self._limit_voice or self._words >= self._limit_words:
            return "MACHINE"
        return "HUMAN" if 0 < self._limit_silence <= self._gap else None
