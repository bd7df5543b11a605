"""Ids that this library makes."""

from __future__ import annotations

import os


def new_uuid() -> str:
    """A random UUID (RFC 9562, version 4) as text.

    Not by the module ``uuid``: importing that one, and ``platform`` with it, takes longer than all of ``wire/``.
    """
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
