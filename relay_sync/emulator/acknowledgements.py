"""What a client that asked for it is to acknowledge: every event of Flat, by its id (protocol.md 6.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from relay_sync.emulator.envelope import Frame

_PENDING = 10_000  # events; more would be a leak, and a client that acknowledges none needs no reminder of the first


class Sender(Protocol):
    """What is needed of the connection."""

    def send(self, frame: Frame) -> None:
        """Send a frame after those sent before."""

    def wait_then(self, awaitable: Any, action: Callable[[], None]) -> None:
        """Do ``action`` when ``awaitable`` is done, if the connection still exists."""


class Acknowledgements:
    """The events of one connection that have yet to be acknowledged. Everything happens on the emulator's thread.

    ``again``: after how many real seconds such an event is sent once more, and so on; None for never.
    """

    def __init__(self, sender: Sender, again: float | None) -> None:
        self._sender = sender
        self._again = again
        self._pending: dict[str, Frame] = {}

    @property
    def pending(self) -> list[Frame]:
        """The events to be acknowledged, oldest first."""
        return list(self._pending.values())

    def expect(self, frame: Frame) -> None:
        """This event is about to be sent."""
        if len(self._pending) >= _PENDING:
            del self._pending[next(iter(self._pending))]
        self._pending[frame["id"]] = frame
        self._remind(frame)

    def take(self, event_id: str) -> None:
        """An event was acknowledged; no matter which, or how often."""
        self._pending.pop(event_id, None)

    def redeliver(self, frames: Iterable[Frame]) -> None:
        """Send what an earlier connection of the session was sent and did not acknowledge, if any is sent again."""
        for frame in frames if self._again is not None else ():
            self.expect(frame)
            self._sender.send(frame)

    def _remind(self, frame: Frame) -> None:
        if self._again is None:
            return

        def remind() -> None:
            if frame["id"] in self._pending:
                self._sender.send(frame)
                self._remind(frame)

        self._sender.wait_then(asyncio.sleep(self._again), remind)
