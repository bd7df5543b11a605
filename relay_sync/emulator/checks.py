"""Checks of command parameters: what a field may hold (protocol.md 10, 11, 16).

A check takes the value and whether to be strict, and returns a complaint or None. Strict is our lint: it refuses
fields that no documented client sends and types that only happen to work. Not strict refuses only what can't be
understood.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Check = Callable[[Any, bool], "str | None"]

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")

_TEXTING = re.compile(rf"{_E164.pattern}|[0-9]{{3,8}}")

_RINGTONES = (  # protocol.md 16.1
    "at au bg br be ch cl cn cz de dk ee es fi fr gr hu il in it lt "
    "jp mx my nl no nz ph pl pt ru se sg th uk us tw ve za"
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object."""

    name: str
    check: Check
    required: bool | Literal["if strict"] = True


def check_fields(what: str, params: Mapping[str, Any], fields: tuple[Field, ...], strict: bool) -> str | None:
    """Return the first complaint about ``params``, which are those of ``what``."""
    for field in fields:
        if field.name not in params:
            if field.required is True or (field.required and strict):
                return f"{what} needs {field.name}"
        elif complaint := field.check(params[field.name], strict):
            return f"{what}: {field.name} {complaint}"
    if strict:
        known = {field.name for field in fields}
        for name in params:
            if name not in known:
                return f"{what} has no field {name}"
    return None


def text(value: Any, strict: bool) -> str | None:
    """Accept a string that is not empty; when not strict, a number too."""
    if isinstance(value, str) and value:
        return None
    if not strict and isinstance(value, (int, float)) and not isinstance(value, bool):
        return None
    return f"must be a string that is not empty, not {value!r}"


def one_of(*allowed: str) -> Check:
    """Accept these strings."""

    def check(value: Any, strict: bool) -> str | None:
        return None if value in allowed else f"must be one of {' '.join(allowed)}, not {value!r}"

    return check


def number(least: float = -math.inf, most: float = math.inf, *, above: bool = False) -> Check:
    """Accept a finite number from ``least`` (``above``: more than that) to ``most``; when not strict, as text too."""

    def check(value: Any, strict: bool) -> str | None:
        numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not numeric and (strict or not isinstance(value, str)):
            return f"must be a number, not {value!r}"
        try:
            value = float(value)
        except (ValueError, OverflowError):
            return f"must be a number, not {value!r}"
        if not math.isfinite(value):
            return f"must be a number, not {value!r}"
        if value < least or value > most or (above and value == least):
            low = f"{'more than' if above else 'at least'} {least:g}"
            return f"must be {low}{'' if math.isinf(most) else f' and at most {most:g}'}, not {value!r}"
        return None

    return check


def seconds(value: float | str) -> float:
    """Return a checked number of seconds, cut down to a year: the samples of more can't be counted."""
    return min(float(value), 366 * 86400.0)


def anything(value: Any, strict: bool) -> str | None:
    """Accept whatever it is."""
    return None


def an_object(value: Any, strict: bool) -> str | None:
    """Accept an object, whatever is in it."""
    return None if isinstance(value, dict) else f"must be an object, not {value!r}"


def loop(value: Any, strict: bool) -> str | None:
    """Accept how many times something is played: 0 (for ever) to 100000."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100_000:
        return None
    return f"must be a whole number from 0 to 100000, not {value!r}"


def texts(value: Any, strict: bool) -> str | None:
    """Accept a list of strings, none of them empty, with at least one."""
    if isinstance(value, list) and value and all(text(item, strict) is None for item in value):
        return None
    return f"must be a list of strings that are not empty, not {value!r}"


def string(value: Any, strict: bool) -> str | None:
    """Accept a string, also an empty one."""
    return None if isinstance(value, str) else f"must be a string, not {value!r}"


def some_texts(value: Any, strict: bool) -> str | None:
    """Accept a list of strings, none of them empty; also an empty list."""
    return None if value == [] else texts(value, strict)


def e164(value: Any, strict: bool) -> str | None:
    """Accept a phone number in E.164 form, such as ``+15550100``; when not strict, any text."""
    if not strict:
        return text(value, strict)
    return _number(value, _E164, "")


def texting_number(value: Any, strict: bool) -> str | None:
    """Accept a phone number in E.164 form, or a short code; when not strict, any text."""
    if not strict:
        return text(value, strict)
    return _number(value, _TEXTING, " or a short code of 3 to 8 digits")


def _number(value: Any, form: re.Pattern[str], beside: str) -> str | None:
    if isinstance(value, str) and form.fullmatch(value):
        return None
    return f"must be a phone number in E.164 form such as +15550100{beside}, not {value!r}"


_MEDIA: dict[str, tuple[Field, ...]] = {
    "audio": (Field("url", text),),
    "tts": (
        Field("text", text),
        Field("language", text, False),
        Field("gender", one_of("male", "female"), False),
        Field("voice", text, False),
    ),
    "silence": (Field("duration", number(0, above=True)),),
    "ringtone": (Field("name", one_of(*_RINGTONES.split())), Field("duration", number(0, above=True), False)),
}

_RING = Field("timeout", number(0, above=True), False)

_LATER = (  # of the current dialect (protocol.md 16.2); they have no effect here
    Field("max_duration", number(0, above=True), False),
    Field("call_state_url", text, False),
    Field("call_state_events", anything, False),
    Field("confirm", anything, False),
)

DEVICES: dict[str, tuple[Field, ...]] = {
    "phone": (Field("from_number", text), Field("to_number", text), _RING, *_LATER),
    "sip": (
        Field("from", text),
        Field("to", text),
        Field("from_name", text, False),
        _RING,
        Field("headers", anything, False),
        Field("codecs", anything, False),
        Field("webrtc_media", anything, False),
        *_LATER,
    ),
}


def typed(kinds: Mapping[str, tuple[Field, ...]]) -> Check:
    """Accept ``{"type": T, "params": {...}}`` with the fields of ``kinds[T]``."""

    def check(value: Any, strict: bool) -> str | None:
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            return f"must be an object with a type, not {value!r}"
        kind, params = value["type"], value.get("params")
        if kind not in kinds:
            return f"has the unknown type {kind!r}; known are {' '.join(kinds)}"
        if not isinstance(params, dict):
            return f"of type {kind} needs an object params"
        if strict and (extra := sorted(set(value) - {"type", "params"})):
            return f"of type {kind} has no field {extra[0]}"
        return check_fields(f"params of {kind}", params, kinds[kind], strict)

    return check


def having(what: str, fields: tuple[Field, ...]) -> Check:
    """Accept an object with these fields; ``what`` is what a complaint calls it."""

    def check(value: Any, strict: bool) -> str | None:
        if not isinstance(value, dict):
            return f"must be an object, not {value!r}"
        return check_fields(what, value, fields, strict)

    return check


device: Check = typed(DEVICES)
"""A device of protocol.md 16.2: ``phone`` or ``sip``."""

_medium = typed(_MEDIA)


def list_of(check: Check, what: str) -> Check:
    """Accept a list, not empty, of what ``check`` accepts; ``what`` is what a complaint calls it."""

    def check_list(value: Any, strict: bool) -> str | None:
        if not isinstance(value, list) or not value:
            return f"must be a list of {what} that is not empty, not {value!r}"
        for position, item in enumerate(value):
            if complaint := check(item, strict):
                return f"item {position} {complaint}"
        return None

    return check_list


media: Check = list_of(_medium, "media")
"""A list of media of protocol.md 16.1."""


def ringback(value: Any, strict: bool) -> str | None:
    """Accept a list of media, or a single one, which is how Node sends it (protocol.md 10.7).

    The list may be empty: the current Node client sends it so when it was given no ringback.
    """
    if value == []:
        return None
    return _medium(value, strict) if isinstance(value, dict) else media(value, strict)


devices: Check = list_of(list_of(device, "devices"), "lists of devices")
"""Devices in series, each a list of devices in parallel."""

volume: Check = number(-40, 40)
"""Decibels (protocol.md 16.1)."""
