"""How a value that a caller passed in stands in the message that refuses it."""

from __future__ import annotations

from relay_sync.masking import mask_frame, shorten

LONGEST = 500


def shown(value: object) -> str:
    """The ``repr`` of a value, without its secrets, and shortened where it is long; of one that has none, its type.

    To refuse a value must not fail for what it is: a list may be nested so deeply, or a whole number be so long,
    that Python does not write it, and an object's own ``__repr__`` may raise.
    """
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  (whatever it is, the value is refused for another reason)
        return f"<{type(value).__name__} that has no repr()>"
    return shorten(mask_frame(text), LONGEST)
