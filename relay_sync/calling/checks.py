"""What callers pass in is judged here, before anything is sent.

Each check returns the value as it goes on the wire, or raises ``TypeError`` or ``ValueError`` with
the parameter, the value and the remedy.
"""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from relay_sync.showing import shown
from relay_sync.wire.jsonrpc import DEEPEST, is_deep

_encode = json.JSONEncoder(allow_nan=False).encode

Check = Callable[[object, str], Any]

DTMF = "0123456789*#ABCD"  # the sixteen tones that keys of a telephone make
_E164 = re.compile(r"\+[1-9][0-9]{0,14}")
_SHORT = re.compile(r"[0-9]{3,8}")
LARGEST = 2**53 - 1  # of whole numbers that a float holds exactly, and so every reader of JSON


def shallow(value: object, name: str) -> None:
    """Refuse what is nested too deeply, or holds itself: no more is taken from Relay either."""
    if is_deep(value, DEEPEST + 1):
        raise ValueError(f"{name} is nested too deeply, or holds itself: give at most {DEEPEST} levels")


def text(value: object, name: str, what: str) -> str:
    """A non-empty string; ``what`` says in words what it should be."""
    if not isinstance(value, str):
        raise TypeError(f"{name}={shown(value)}: give {what} as a string")
    if not value.strip():
        raise ValueError(f"{name}={shown(value)} is empty: give {what}")
    return value


def secret(value: object, name: str, what: str) -> str:
    """A non-empty string that no message may show."""
    if not isinstance(value, str) or not value.strip():
        raise (ValueError if isinstance(value, str) else TypeError)(
            f"{name}: give {what} as a string that is not empty"
        )
    return value


def anything(value: object, name: str, what: str) -> object:
    """A value whose form is Relay's alone to judge, copied."""
    if value is None:
        raise TypeError(f"{name}={shown(value)}: give {what}")
    shallow((value,), name)
    return copy.deepcopy(value)


def address(value: object, name: str, what: str, schemes: Collection[str] = ()) -> str:
    """An address without blanks and control characters, which no kind of address has; ``what`` says what it should be.

    With ``schemes`` it begins with one of them, such as ``ws://`` or ``sip:``, and goes on.
    """
    found = text(value, name, what)
    for character in found:
        if character.isspace() or not character.isprintable():
            raise ValueError(f"{name}={shown(value)} has {character!r} in it: give {what} (a blank is written %20)")
    if schemes and not any(found.lower().startswith(scheme) and len(found) > len(scheme) for scheme in schemes):
        raise ValueError(f"{name}={shown(value)}: give {what}, which begins with {' or '.join(schemes)}")
    return found


def phone_number(value: object, name: str) -> str:
    """A phone number in E.164 form: ``+`` and 1 to 15 digits, the first not 0. Or a short one, of 3 to 8 digits.

    The reference knows E.164 alone (api.md 12, protocol.md 16.2). But the vendor's pages on messages allow short
    codes, and a service such as 988 has no E.164 form: both are short, which no number that merely lacks its
    country code is likely to be. Whether one may be used is Relay's to judge.
    """
    given = text(value, name, "a phone number such as '+15550100'")
    if not _E164.fullmatch(given) and not _SHORT.fullmatch(given):
        raise ValueError(
            f"{name}={shown(value)}: {_likely(given)}give a phone number in E.164 form, which is '+', country code and "
            "number, 1 to 15 digits in all and nothing between them, or a short code of 3 to 8 digits"
        )
    return given


def _likely(given: str) -> str:
    """What was meant, where the country code is there; nobody can guess it."""
    digits = "".join(character for character in given if character in "0123456789")
    if given.lstrip().startswith("00"):
        digits = digits[2:]
    elif not given.lstrip().startswith("+") and len(digits) < 11:
        return ""
    foreign = set(given.lstrip()[:1] + given) - set("+0123456789 -.()/\u00a0")
    return "" if foreign or not _E164.fullmatch(f"+{digits}") else f"did you mean '+{digits}'? "


def number(value: object, name: str, low: float, high: float, unit: str) -> float:
    """A finite number from ``low`` to ``high``."""
    return _number(value, name, f"{unit} {_range(low, high)}", lambda given: low <= given <= high)


def _number(value: object, name: str, what: str, fits: Callable[[float], bool]) -> float:
    """A finite number that ``fits``; ``what`` says in words of what, and which do."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}={shown(value)}: give a number of {what}")
    if not (_finite(value) and fits(value)):
        raise ValueError(f"{name}={shown(value)}: give a finite number of {what}")
    return value


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _range(low: float, high: float) -> str:
    return f"from {low:g} up" if math.isinf(high) else f"from {low:g} to {high:g}"


def volume(value: object, name: str = "volume") -> float:
    """A gain in dB from -40 to +40, 0 unchanged (api.md 1.2, 7.4)."""
    return number(value, name, -40.0, 40.0, "dB")


def duration(value: object, name: str = "duration") -> float:
    """Seconds, more than 0 (protocol.md 16.1)."""
    return _above_zero(value, name, "seconds")


def duration_limit(value: object, name: str) -> float:
    """How long a call may last: more than 0, in a unit that sources differ on (protocol.md 19)."""
    return _above_zero(value, name, "minutes (or seconds: sources differ)")


def _above_zero(value: object, name: str, unit: str) -> float:
    return _number(value, name, f"{unit}, more than 0", lambda given: given > 0)


def price(value: object, name: str) -> float:
    """What a minute of a call may cost: 0 or more."""
    return number(value, name, 0.0, math.inf, "the price of a minute")


def seconds(value: object, name: str) -> float:
    """Seconds, 0 or more; 0 often switches something off."""
    return number(value, name, 0.0, math.inf, "seconds")


def count(value: object, name: str) -> int:
    """A whole number, 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}={shown(value)}: give a whole number, 1 or more")
    if value < 1:
        raise ValueError(f"{name}={shown(value)}: give a whole number, 1 or more")
    return _exact(value, name)


def _exact(value: int, name: str) -> int:
    """A whole number that every reader of JSON reads as it is (RFC 8259 6)."""
    if value > LARGEST:
        raise ValueError(f"{name}={shown(value)}: give a whole number of at most {LARGEST}, which JSON can carry")
    return value


def whole(value: object, name: str, low: int, high: float, unit: str) -> int:
    """A whole number from ``low`` to ``high``; one written as a string of digits will do, as it did in v2."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}={shown(value)}: give a whole number of {unit} {_range(low, high)}")
    if not low <= value <= high:
        raise ValueError(f"{name}={shown(value)}: give a whole number of {unit} {_range(low, high)}")
    return _exact(value, name)


def keys(value: object, name: str, allowed: str = DTMF) -> str:
    """A string of keys of a telephone, perhaps empty; the first that is none is named."""
    if not isinstance(value, str):
        raise TypeError(f"{name}={shown(value)}: give a string of the characters {allowed}")
    for character in value:
        if character not in allowed:
            raise ValueError(f"{name}={shown(value)}: {character!r} is not one of the characters {allowed}")
    return value


def some_keys(value: object, name: str, allowed: str = DTMF) -> str:
    """A string of one or more keys of a telephone."""
    if keys(value, name, allowed) == "":
        raise ValueError(f"{name}={shown(value)} is empty: give at least one of the characters {allowed}")
    return str(value)


def flag(value: object, name: str) -> bool:
    """True or False, and nothing that merely counts as one."""
    if not isinstance(value, bool):
        raise TypeError(f"{name}={shown(value)}: give True or False")
    return value


def one_of(value: object, name: str, allowed: Collection[str]) -> str:
    """One of a fixed list of words; the nearest is suggested."""
    if not isinstance(value, str):
        raise TypeError(f"{name}={shown(value)}: give one of {_list(allowed)}")
    if value not in allowed:
        import difflib  # takes a while, and few need it

        near = difflib.get_close_matches(value, list(allowed), 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"{name}={shown(value)} is unknown: {hint}give one of {_list(allowed)}")
    return value


def fields(value: object, name: str) -> dict[str, Any]:
    """A dict whose keys are strings; a copy that shares nothing with the caller's."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}={shown(value)}: give a dict")
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"{name} has the key {shown(key)}: give a dict whose keys are strings")
    shallow(value, name)
    try:
        return copy.deepcopy(dict(value))
    except Exception as wrong:  # noqa: BLE001  (whatever is in it may forbid to be copied)
        raise TypeError(f"{name}={shown(value)}: give what JSON can carry: {wrong}") from None


def data(value: object, name: str) -> dict[str, Any]:
    """A dict that Relay is given as it is, copied: its keys are strings, and JSON can carry all in it."""
    return {key: _encodable(item, f"{name}[{key!r}]") for key, item in fields(value, name).items()}


def carried(value: object, name: str) -> Any:
    """Whatever JSON can carry."""
    shallow((value,), name)
    return _encodable(value, name)


def _encodable(value: object, name: str) -> Any:
    try:
        _encode(value)
    except (TypeError, ValueError) as wrong:
        kind = TypeError if isinstance(wrong, TypeError) else ValueError
        raise kind(f"{name}={shown(value)}: give what JSON can carry: {wrong}") from None
    return value


def command_params(value: object) -> dict[str, Any]:
    """The parameters of a command that is given by its wire name."""
    if not isinstance(value, dict):
        raise TypeError(f"params={shown(value)}: give a dict")
    return data(value, "params")


def list_of_fields(value: object, name: str) -> list[dict[str, Any]]:
    """A list of dicts as of :func:`data`; a single dict is a mistake worth naming."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise TypeError(f"{name}={shown(value)}: give a list of dicts")
    return [data(item, f"{name}[{place}]") for place, item in enumerate(value)]


def web_address(value: object, name: str) -> str:
    """An address that Relay is to call over the web: ``http://`` or ``https://``."""
    return _address(value, name, ("http://", "https://"))


def socket_address(value: object, name: str) -> str:
    """The address of a WebSocket: ``ws://`` or ``wss://``."""
    return _address(value, name, ("ws://", "wss://"))


def _address(value: object, name: str, schemes: tuple[str, str]) -> str:
    address = text(value, name, f"an address that begins with {' or '.join(schemes)}")
    if not address.lower().startswith(schemes):
        raise ValueError(f"{name}={shown(value)}: give an address that begins with {' or '.join(schemes)}")
    return address


def method(value: object, name: str) -> str:
    """How Relay is to call an address: ``GET`` or ``POST``."""
    return one_of(value, name, ("GET", "POST"))


def command(value: object, name: str) -> str:
    """The wire name of a command or an event of a call."""
    given = text(value, name, "a wire name such as 'calling.play'")
    if not given.startswith("calling.") or given == "calling.":
        raise ValueError(f"{name}={shown(value)}: give a wire name that begins with 'calling.', such as 'calling.play'")
    return given


def handler(value: object, name: str = "handler") -> Callable[..., Any]:
    """Something that can be called."""
    if not callable(value):
        raise TypeError(f"{name}={shown(value)} cannot be called: give a function")
    return value


def words(value: object, name: str, what: str, least: int = 1) -> list[str]:
    """A list of non-empty strings, at least so many; a single string or a dict is a mistake worth naming."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        such = f", such as [{shown(value)}]" if isinstance(value, str) else ""
        raise TypeError(f"{name}={shown(value)}: give a list of {what}{such}")
    items = [text(item, name, what) for item in value]
    if len(items) < least:
        raise ValueError(f"{name}={shown(value)} is empty: give one or more {what}")
    return items


def _list(allowed: Collection[str]) -> str:
    return ", ".join(sorted(allowed))
