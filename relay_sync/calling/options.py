"""Options by keyword: a table says what each is called on the wire, and what it may be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from relay_sync.calling import checks

F = TypeVar("F", bound=Callable[..., Any])

Check = Callable[[object, str], object]
#: For each option its name on the wire, and its check.
Table = Mapping[str, tuple[str, Check]]


def wire(given: Mapping[str, object], table: Table, what: str) -> dict[str, Any]:
    """The options as they go on the wire; what is None is left to Relay.

    Raises:
        TypeError: an option that there is not, or that is of a wrong type.
        ValueError: one that is out of its range.
    """
    params: dict[str, Any] = {}
    for name, value in given.items():
        if name not in table:
            raise TypeError(f"{name}={value!r}: {what} has no such option{meant(name, table)}")
        if value is not None:
            key, check = table[name]
            params[key] = check(value, name)
    return params


def meant(name: str, known: Iterable[str]) -> str:
    """The name that is nearest, as the end of a message; '' where none is near."""
    import difflib  # takes a while, and few need it

    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def keys_of(given: object, name: str, table: Table, what: str, needs: str = "") -> dict[str, Any]:
    """A dict that the caller gives as it goes on the wire: its keys are checked, and it is copied.

    Raises:
        TypeError, ValueError: names the key that is wrong, unknown or missing.
    """
    fields = checks.fields(given, name)
    for key in fields:
        if key not in table:
            raise ValueError(f"{name}: {what} knows no {key!r}: give some of {', '.join(table)}")
    if needs and fields.get(needs) is None:
        raise ValueError(f"{name}: {what} needs {needs!r}")
    try:
        return wire(fields, table, what)
    except (TypeError, ValueError) as wrong:
        raise type(wrong)(f"{name}: {wrong}") from None


def spelled_out(options: type) -> Callable[[F], F]:
    """Have ``help()`` and completion show the options of a method that takes them as ``**options``.

    Their hints as they are written, like those of its other parameters: to evaluate them takes a while at import.
    """
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint.__forward_arg__)
        for name, hint in options.__annotations__.items()
    ]

    def spell_out(method: F) -> F:
        signature = inspect.signature(method)
        named = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        cast("Any", method).__signature__ = signature.replace(parameters=[*named, *added])
        return method

    return spell_out
