"""What is said of a command that was not sent, or may have been, and why."""

from __future__ import annotations

from relay_sync.errors import ConnectionLost, NotConnected, RelayTimeout
from relay_sync.link.waiting import Deadline


def not_sent(method: str, why: str) -> NotConnected:
    """There was no connection to send it on."""
    return NotConnected(f"{method} was not sent: {why}", method=method)


def stuck(method: str, deadline: Deadline) -> RelayTimeout:
    """There was one, but the peer took no data."""
    text = f"{method} could not be sent within {deadline.timeout} s: Relay takes no data"
    return RelayTimeout(text, method=method, sent=False)


def too_late(method: str, deadline: Deadline) -> RelayTimeout:
    """Its time was up before it could be written."""
    text = f"{method} was not sent: its time was up before ({deadline.timeout} s)"
    return RelayTimeout(text, method=method, sent=False)


def not_its_turn(method: str, deadline: Deadline) -> RelayTimeout:
    """It is one of many, and those before it took all the time."""
    text = f"{method} was not sent within {deadline.timeout} s: the answers to those before it were awaited"
    return RelayTimeout(text, method=method, sent=False)


def unknown(method: str, why: object) -> ConnectionLost:
    """It may have left when the connection broke."""
    return ConnectionLost(
        f"the connection broke while {method} was being sent ({why}): it is unknown whether it was done", method=method
    )
