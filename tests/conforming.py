"""Whether the events that were told are what ``relay_sync.payloads`` says they are."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from typing import Any, Union, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict

from relay_sync import payloads

#: name of a family -> its names for ``call.on``, and the type of its payload.
FAMILIES: dict[str, tuple[tuple[str, ...], Any]] = {
    name.removesuffix("Name"): (get_args(getattr(payloads, name)), getattr(payloads, name.replace("Name", "Payload")))
    for name in vars(payloads)
    if name.endswith("Name")
}

#: Keys that no source shows: those of a payment's script, and what the emulator tells of a conference's recording.
_MORE = {"PayPayload": {"attempt"}, "ConferencePayload": {"url", "duration"}}

#: Relay's name of an event -> the type of its payload.
BY_TYPE: dict[str, Any] = {
    name: payload for names, payload in FAMILIES.values() for name in names if name.startswith("calling.")
}


def complaints(value: object, hint: Any, where: str) -> Iterator[str]:
    """What in a value is not as its type says; keys that it needs, or does not know, included."""
    if hint is Any:
        return
    if is_typeddict(hint):
        assert isinstance(value, dict), where
        hints = get_type_hints(hint)
        for key in hint.__required_keys__ - value.keys():
            yield f"{where} has no {key!r}"
        for key, item in value.items():
            if key in hints:
                yield from complaints(item, hints[key], f"{where}[{key!r}]")
            elif key not in _MORE.get(hint.__name__, ()):
                yield f"{where}[{key!r}] = {item!r} is not in {hint.__name__}"
    elif get_origin(hint) in (Union, types.UnionType):
        if all(any(True for _ in complaints(value, one, where)) for one in get_args(hint)):
            yield f"{where} = {value!r} is no {hint}"
    else:
        kind = get_origin(hint) or hint
        # An int is a float to a type checker, a bool is no int to a reader.
        right = isinstance(value, (int, float) if kind is float else kind)
        if not right or (isinstance(value, bool) and kind is not bool):
            yield f"{where} = {value!r} is no {hint}"


def check_payloads(events: Iterable[tuple[str | None, dict[str, Any]]]) -> None:
    """Fail where an event of a known type is not as its type says."""
    found = [
        complaint
        for kind, params in events
        if kind in BY_TYPE
        for complaint in complaints({**params, "event_type": kind}, BY_TYPE[kind], kind)
    ]
    assert not found, "\n".join(found)
