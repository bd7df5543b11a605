"""What Relay says of what it no longer has."""

from __future__ import annotations

GONE: tuple[str, ...] = ("404", "410")  # protocol.md 7
GONE_FOR_SURE: tuple[str, ...] = ("410",)  # of a command that names more than the call: a 404 may be of that
GONE_GRACE_S: float = 0.3  # for the event that tells how it ended, which may be right behind such an answer
