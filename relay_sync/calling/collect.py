"""What a prompt is to collect: its options, and the object they make on the wire (protocol.md 16.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, TypedDict

from relay_sync.calling import checks
from relay_sync.calling.options import Check, Table, keys_of, meant
from relay_sync.showing import shown

PROMPT_TYPES: dict[str, tuple[str, ...]] = {"digits": ("digits",), "speech": ("speech",), "both": ("digits", "speech")}


class PromptOptions(TypedDict, total=False):
    """What every prompt takes by keyword; what is None or left out is not sent: Relay's default applies.

    Attributes:
        volume: gain in dB from -40 to 40; 0 leaves the audio as it is.
        initial_timeout: seconds, 0 or more, until the first digit or word (default 4).
        partial_results: True to be told of unfinished results too, by handlers and ``events()``.
        digits_max: how many digits at most, 1 or more; needed for ``digits`` and ``both``.
        digits_terminators: keys that end the input, of ``0-9 * # A-D`` (default none).
        digits_timeout: seconds, 0 or more, between two digits.
        end_silence_timeout: seconds of silence, 0 or more, that end the speech (default 1).
        speech_timeout: seconds, 0 or more, that the speech may last (default 60).
        speech_language: the language to expect, such as ``en-US``, which is the default.
        speech_hints: words and phrases to expect.
    """

    volume: float | None
    initial_timeout: float | None
    partial_results: bool | None
    digits_max: int | None
    digits_terminators: str | None
    digits_timeout: float | None
    end_silence_timeout: float | None
    speech_timeout: float | None
    speech_language: str | None
    speech_hints: Iterable[str] | None


# For each option but the volume: its part of the collect object, its name there, and its check (protocol.md 16.4).
_OPTIONS: dict[str, tuple[str, str, Check]] = {
    "initial_timeout": ("", "initial_timeout", checks.seconds),
    "partial_results": ("", "partial_results", checks.flag),
    "digits_max": ("digits", "max", checks.count),
    "digits_terminators": ("digits", "terminators", checks.keys),
    "digits_timeout": ("digits", "digit_timeout", checks.seconds),
    "end_silence_timeout": ("speech", "end_silence_timeout", checks.seconds),
    "speech_timeout": ("speech", "speech_timeout", checks.seconds),
    "speech_language": ("speech", "language", partial(checks.text, what="a language such as 'en-US'")),
    "speech_hints": ("speech", "hints", partial(checks.words, what="words to expect")),
}


def collect(prompt_type: object, options: Mapping[str, object]) -> dict[str, Any]:
    """The collect object of protocol.md 16.4, from the options that were given.

    Raises:
        TypeError: an option that there is not, or that is of a wrong type.
        ValueError: one out of its range, one of the other type of prompt, or ``digits_max`` missing.
    """
    parts = PROMPT_TYPES[checks.one_of(prompt_type, "prompt_type", PROMPT_TYPES)]
    found: dict[str, Any] = {part: {} for part in parts}
    for name, value in options.items():
        if name not in PromptOptions.__annotations__:
            raise TypeError(
                f"{name}={shown(value)}: a prompt has no such option{meant(name, PromptOptions.__annotations__)}"
            )
        if name == "volume" or value is None:
            continue
        part, key, check = _OPTIONS[name]
        if part and part not in parts:
            raise ValueError(f"{name}={shown(value)} is for prompt_type={part!r} or 'both', not for {prompt_type!r}")
        (found[part] if part else found)[key] = check(value, name)
    if "digits" in parts and "max" not in found["digits"]:
        raise ValueError(f"digits_max is missing: prompt_type={prompt_type!r} needs to know how many digits to collect")
    return found


# What is collected without a prompt is given as it goes on the wire, as the current SDK has it (protocol.md 16.4).
_DIGITS: Table = {
    "max": ("max", checks.count),
    "terminators": ("terminators", checks.keys),
    "digit_timeout": ("digit_timeout", checks.seconds),
}
_SPEECH: Table = {
    "end_silence_timeout": ("end_silence_timeout", checks.seconds),
    "speech_timeout": ("speech_timeout", checks.seconds),
    "language": ("language", partial(checks.text, what="a language such as 'en-US'")),
    "hints": ("hints", partial(checks.words, what="words to expect")),
    "engine": ("engine", partial(checks.text, what="the name of an engine")),
    "model": ("model", partial(checks.text, what="the name of a model")),
}


def digits_and_speech(digits: object, speech: object) -> dict[str, Any]:
    """What to collect: at least one of the two objects, checked and copied.

    Raises:
        TypeError, ValueError: names the key that is wrong, unknown or missing, or says that both are.
    """
    if digits is None and speech is None:
        raise ValueError("digits and speech are both missing: give at least one of them, such as digits={'max': 4}")
    found: dict[str, Any] = {}
    if digits is not None:
        found["digits"] = keys_of(digits, "digits", _DIGITS, "digits", needs="max")
    if speech is not None:
        found["speech"] = keys_of(speech, "speech", _SPEECH, "speech")
    return found
