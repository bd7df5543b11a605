"""What the emulator has told a client, and when, for tests in stepped time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.emulator.raw import RawClient

Told = list[tuple[float, Any]]


def told(client: RawClient, kind: str, *path: str) -> Told:
    """Take the events ``calling.call.<kind>`` that have come: virtual times, to the ms, and what is at ``path``."""
    client.ping()
    began = client.relay.clock.timestamp() - client.relay.clock.now()
    found = [event for event in client.events if event["params"]["event_type"] == f"calling.call.{kind}"]
    client.events = [event for event in client.events if event not in found]
    return [(round(event["params"]["timestamp"] - began, 3), dig(event["params"]["params"], path)) for event in found]


def dig(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


def detected(client: RawClient) -> list[tuple[float, str]]:
    """Take the events of detections: when, and the event."""
    return told(client, "detect", "detect", "params", "event")


def faxed(client: RawClient) -> Told:
    """Take the events of faxes: when, and the object ``fax``."""
    return told(client, "fax", "fax")


def hum(seconds: float) -> NDArray[np.float32]:
    """Return a steady sound of this length, as loud as speech, with hard edges."""
    return (0.2 * np.sin(2 * np.pi * 330 * np.arange(round(seconds * 8000)) / 8000 + 1)).astype(np.float32)


def pause(seconds: float) -> NDArray[np.float32]:
    """Return silence."""
    return np.zeros(round(seconds * 8000), np.float32)


def row(*parts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return sounds one after the other."""
    return np.concatenate(parts)
