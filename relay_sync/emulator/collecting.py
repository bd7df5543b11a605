"""What a prompt collects: digits and words, found in what a phone says, and the time there is for them.

No clock and no events: blocks of sound in, results out, both by the numbers of the samples (protocol.md 11.2, 16.4).

Digits are those of a detector, so a key pressed by a test has to be heard like any other. Speech begins and ends where
there is energy in what isn't a key; its words are those that the phone was told to say, since no recogniser is at hand.
Of digits and words, what begins first is collected; a key pressed by somebody who speaks ends the speech, and counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.assumptions import Assumptions
from relay_sync.emulator.checks import Field, check_fields, having, number, seconds, some_texts, text
from relay_sync.emulator.digits import keys
from relay_sync.emulator.media import RATE, Digit, DigitDetector, Utterance, Voice, VoiceActivity
from relay_sync.emulator.objects import flag

CONFIDENCE = 95.0
PARTIAL_CONFIDENCE = 61.0
"""How sure the recogniser says it is, from 0 to 100, of all the words and of the first ones."""

_NO_SPEECH = ("digits", "tone")  # utterances


def _count(value: Any, strict: bool) -> str | None:
    read = int(value) if not strict and isinstance(value, str) and value.isdecimal() and len(value) < 20 else value
    if isinstance(read, int) and not isinstance(read, bool) and read >= 1:
        return None
    return f"must be a whole number of 1 or more, not {value!r}"


_DIGITS = (
    Field("max", _count),
    Field("terminators", keys, False),
    Field("digit_timeout", number(0), False),
)
_SPEECH = (
    Field("end_silence_timeout", number(0), False),
    Field("speech_timeout", number(0), False),
    Field("timeout", number(0), False),  # its name in Ruby (protocol.md 19)
    Field("language", text, False),
    Field("hints", some_texts, False),
    Field("engine", text, False),
    Field("model", text, False),
)
COLLECT: tuple[Field, ...] = (
    Field("initial_timeout", number(0), False),
    Field("partial_results", flag, False),
    Field("digits", having("digits", _DIGITS), False),
    Field("speech", having("speech", _SPEECH), False),
)
"""The fields of a collect object, which ``calling.collect`` has among its own."""


def collect(value: Any, strict: bool) -> str | None:
    """Accept a collect object (protocol.md 16.4): digits, speech or both, an empty speech too."""
    if not isinstance(value, dict):
        return f"must be an object, not {value!r}"
    if "digits" not in value and "speech" not in value:
        return "needs digits, speech or both"
    return check_fields("collect", value, COLLECT, strict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A collect object with its defaults; times in seconds, 0 for no limit (but see ``initial_timeout_zero``)."""

    digits: bool
    speech: bool
    initial_timeout: float
    partial: bool
    most: int
    terminators: str
    digit_timeout: float
    end_silence_timeout: float
    speech_timeout: float
    hints: tuple[str, ...]

    @classmethod
    def read(cls, collect: Mapping[str, Any]) -> Wanted:
        """Return what a checked collect object wants."""
        digits, speech = collect.get("digits", {}), collect.get("speech", {})
        return cls(
            digits="digits" in collect,
            speech="speech" in collect,
            initial_timeout=seconds(collect.get("initial_timeout", 4.0)),
            partial=collect.get("partial_results", False) is True,
            most=int(digits.get("max", 1)),
            terminators=str(digits.get("terminators", "")),
            digit_timeout=seconds(digits.get("digit_timeout", 5.0)),
            end_silence_timeout=seconds(speech.get("end_silence_timeout", 1.0)),
            speech_timeout=seconds(speech.get("speech_timeout", speech.get("timeout", 60.0))),
            hints=tuple(str(hint) for hint in speech.get("hints", ())),
        )


@dataclass(frozen=True, slots=True)
class Collected:
    """A result: ``type`` and ``params`` as in its event; ``final`` unless more is to come."""

    type: Literal["digit", "speech", "no_input", "no_match", "error"]
    params: dict[str, Any] | None = None
    final: bool = True

    def event(self) -> dict[str, Any]:
        """Return what its event holds besides the ids."""
        if self.params is None:
            return {"result": {"type": self.type}}
        return {"final": self.final, "result": {"type": self.type, "params": self.params}}


class Collector:
    """Collects what ``wanted`` says from a phone's ``voice``; ``first`` is the number of the first sample it hears.

    Attributes:
        began: what the input is, or None while there is none. A key is known 40 ms after it was pressed, speech 30 ms
            after it began.
        over: whether the final result was returned.
    """

    def __init__(self, first: int, wanted: Wanted, voice: Voice, assumptions: Assumptions) -> None:
        self.began: Literal["digits", "speech"] | None = None
        self.over: bool = False
        self._wanted = wanted
        self._voice = voice
        self._assumptions = assumptions
        self._first = self._at = first
        self._results: list[Collected] = []
        self._no_input_at: int | None = None
        self._detector = DigitDetector(first)
        self._keys = ""
        self._last_key_end = first
        self._activity = VoiceActivity(first, end_silence_timeout=wanted.end_silence_timeout)
        self._silent_since: int | None = None
        self._told = ""

    @property
    def at(self) -> int:
        """The first sample that it has not heard yet."""
        return self._at

    def arm(self, at: int) -> None:
        """The time for input to begin runs from sample ``at`` on."""
        if self._wanted.initial_timeout or self._assumptions.initial_timeout_zero == "at_once":
            self._no_input_at = at + round(self._wanted.initial_timeout * RATE)

    def due(self) -> int | None:
        """Return the sample at which some time is up unless something is heard; None while nothing is timed."""
        if self.over:
            return None
        return min((limit for limit in self._limits() if limit is not None), default=None)

    def hear(self, block: NDArray[np.int16]) -> list[Collected]:
        """Take the next samples and return what follows from them; nothing after a final result."""
        if self.over:
            return []
        first, self._at = self._at, self._at + len(block)
        if self._wanted.digits:
            self._hear_digits(block)
        if self._wanted.speech and self.began != "digits" and not self.over:
            self._hear_speech(self._speech_only(block, first))
        if not self.over:
            self._watch_time()
        results, self._results = self._results, []
        return results

    def _limits(self) -> tuple[int | None, ...]:
        return self._initial_limit(), self._digit_limit(), self._speech_limit(), self._silence_limit()

    def _initial_limit(self) -> int | None:
        return None if self.began else self._no_input_at

    def _digit_limit(self) -> int | None:
        """Return where the time for the next key ends; it doesn't run while a key is down."""
        if not self._keys or not self._wanted.digit_timeout or self._detector.sounding:
            return None
        return self._last_key_end + round(self._wanted.digit_timeout * RATE)

    def _speech_limit(self) -> int | None:
        began_at = self._activity.began_at
        if self.began != "speech" or began_at is None or not self._wanted.speech_timeout:
            return None
        return began_at + round(self._wanted.speech_timeout * RATE)

    def _silence_limit(self) -> int | None:
        """Return where the silence is long enough; VoiceActivity tells when it is, this says when to ask."""
        if self.began != "speech" or self._silent_since is None or not self._wanted.end_silence_timeout:
            return None
        return self._silent_since + round(self._wanted.end_silence_timeout * RATE)

    def _watch_time(self) -> None:
        initial, digit, speech, _ = self._limits()
        if initial is not None and initial <= self._at:
            self._end("no_input")
        elif digit is not None and digit <= self._at:
            self._end_digits("")
        elif speech is not None and speech <= self._at:
            self._end_speech(self._words(whole=False))

    def _hear_digits(self, block: NDArray[np.int16]) -> None:
        pressed = self._detector.feed(block)
        if pressed or self._detector.sounding:
            self.began = "digits"
        for key in pressed:
            if not self.over:
                self._take(key)

    def _take(self, key: Digit) -> None:
        if key.digit in self._wanted.terminators:
            self._end_digits(key.digit)
            return
        self._keys += key.digit
        self._last_key_end = key.end
        if len(self._keys) == self._wanted.most:
            self._end_digits("")
        elif self._wanted.partial:
            self._results.append(Collected("digit", {"digits": self._keys, "terminator": ""}, final=False))

    def _hear_speech(self, block: NDArray[np.int16]) -> None:
        for activity in self._activity.feed(block):
            if activity.kind == "speech":
                self.began, self._silent_since = "speech", None
            elif activity.kind == "silence":
                self._silent_since = activity.at
            elif activity.kind == "end_silence":
                self._end_speech(self._words(whole=True))
                return
        if self.began and self._wanted.partial:
            self._tell_words()

    def _tell_words(self) -> None:
        words = self._words(whole=False)
        if words and words != self._told:
            self._told = words
            self._results.append(Collected("speech", {"text": words, "confidence": PARTIAL_CONFIDENCE}, final=False))

    def _speech_only(self, block: NDArray[np.int16], first: int) -> NDArray[np.int16]:
        """Return the block without keys and tones, which nobody takes for speech."""
        speech = block
        for utterance in self._voice.utterances:
            start, end = max(0, utterance.starts_at - first), max(0, utterance.ends_at - first)
            if utterance.kind in _NO_SPEECH and start < min(end, len(block)):
                speech = speech.copy()
                speech[start:end] = 0
        return speech

    def _words(self, whole: bool) -> str:
        """Return the words said so far; ``whole``: the last text to its end, for the speaker has fallen silent."""
        return words_between(self._voice, self._first, self._at, whole)

    def _end_digits(self, terminator: str) -> None:
        self._end("digit", {"digits": self._keys, "terminator": terminator})

    def _end_speech(self, words: str) -> None:
        expected = [hint for hint in self._wanted.hints if hint.lower() in words.lower()]
        strange = self._wanted.hints and not expected and self._assumptions.words_not_hinted_at == "no_match"
        if not words or strange:
            self._end("no_match")
        else:
            self._end("speech", {"text": words, "confidence": CONFIDENCE})

    def _end(self, kind: Literal["digit", "speech", "no_input", "no_match"], params: Any = None) -> None:
        self.over = True
        self._results.append(Collected(kind, params))


def words_between(voice: Voice, first: int, last: int, whole: bool = False) -> str:
    """Return the words that a voice has said from sample ``first`` to ``last``; ``whole``: the last text to its end."""
    speech = [each for each in voice.utterances if each.kind == "speech" and each.starts_at < last]
    parts = [_part(each, first, None if whole else last) for each in speech]
    return " ".join(part for part in parts if part)


def _part(utterance: Utterance, first: int, last: int | None) -> str:
    """Return the words of a text that lie between two samples, as if all of them took equally long."""
    words = utterance.text.split()
    end = utterance.ends_at if last is None else min(last, utterance.ends_at)

    def before(sample: int) -> int:
        return int(len(words) * max(0, sample - utterance.starts_at) / max(1, utterance.playback.duration))

    return " ".join(words[before(first) : before(end)])
