"""What a prompt is to collect: its options, and the object they make on the wire (protocol.md 16.4)."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar, cast, get_type_hints

from typing_extensions import TypedDict

from relay_sync.calling import checks

F = TypeVar("F", bound=Callable[..., Any])

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
_OPTIONS: dict[str, tuple[str, str, Callable[[object, str], object]]] = {
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
            raise TypeError(f"{name}={value!r}: a prompt has no such option{_meant(name)}")
        if name == "volume" or value is None:
            continue
        part, key, check = _OPTIONS[name]
        if part and part not in parts:
            raise ValueError(f"{name}={value!r} is for prompt_type={part!r} or 'both', not for {prompt_type!r}")
        (found[part] if part else found)[key] = check(value, name)
    if "digits" in parts and "max" not in found["digits"]:
        raise ValueError(f"digits_max is missing: prompt_type={prompt_type!r} needs to know how many digits to collect")
    return found


def _meant(name: str) -> str:
    near = difflib.get_close_matches(name, PromptOptions.__annotations__, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def spelled_out(method: F) -> F:
    """Have ``help()`` and completion show the options of a method that takes them as ``**options``."""
    signature = inspect.signature(method)
    named = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    named += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint)
        for name, hint in get_type_hints(PromptOptions).items()
    ]
    cast("Any", method).__signature__ = signature.replace(parameters=named)
    return method
