"""JSON kept for as long as a call or an operation lives, as small as it goes.

A dict of five fields takes 184 bytes and a tuple of as many values 80, and there are thousands. So an object is
kept as ``(names, *values)`` and an array as ``(None, *values)``, which no JSON reader makes; what many of them have
in common (the names together, and strings) is in memory once. Tuples of nothing but strings and numbers are also
none of the garbage collector's business, which otherwise looks at each of thousands of dicts again and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from sys import intern
from typing import Any, TypeVar

Kept = tuple[Any, ...]
T = TypeVar("T")


@lru_cache(maxsize=1024, typed=True)
def once(*values: T) -> tuple[T, ...]:
    """These values in a tuple, which is the same one for equal values of the same types."""
    return values


def keep(fields: Mapping[str, Any], **own: str | Kept | None) -> Kept:
    """Keep a JSON object; :func:`whole` gives it back.

    Args:
        fields: the object, which is left as it is.
        own: by the names of fields, strings and what was kept that are in memory anyhow: they stand for equal ones.
    """
    values = [
        (mine if mine == value else intern(value)) if type(value) is str else _small(value, mine)
        for value, mine in zip(fields.values(), map(own.get, fields), strict=True)
    ]
    return (once(*fields), *values)


def _small(value: Any, mine: str | Kept | None = None) -> Any:
    if type(value) is str:
        return intern(value)
    if isinstance(value, Mapping):
        kept = keep(value)
        return mine if mine == kept else kept
    return (None, *map(_small, value)) if isinstance(value, (list, tuple)) else value


def whole(kept: Kept) -> dict[str, Any]:
    """What was kept: equal to it, and new each time, with all that is in it."""
    return dict(zip(kept[0], map(_large, kept[1:]), strict=True))


def _large(value: Any) -> Any:
    if type(value) is not tuple:
        return value
    return list(map(_large, value[1:])) if value[0] is None else whole(value)
