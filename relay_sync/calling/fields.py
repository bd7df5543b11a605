"""Single fields of what Relay tells, read with tolerance: what is missing, or is something else, is None.

Sources differ on whether some are numbers or strings (protocol.md 19), and an event must never
raise in the connection's thread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def text(value: object) -> str | None:
    """A string; a number is written out."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def number(value: object) -> float | None:
    """A finite number, whole where it is written so; a string that holds one is read."""
    if isinstance(value, str):
        value = _read(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def _read(value: str) -> float | None:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return None


def true(value: object) -> bool:
    """Whether it is true, or the word for it; nothing else that merely counts as such."""
    return value is True or value == "true"


def false(value: object) -> bool:
    """Whether it is false, or the word for it."""
    return value is False or value == "false"


def mapping(value: object) -> dict[str, Any]:
    """An object's fields, none where it is something else."""
    return dict(value) if isinstance(value, Mapping) else {}
