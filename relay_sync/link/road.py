"""What a connection needs of the road to Relay, whatever it is made of.

The one there is, :mod:`relay_sync.link.transport`, loads websocket-client: only who makes a client imports it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Transport(Protocol):
    """What a connection needs of the road to Relay; one transport serves one connection and is not reused.

    `open`, `receive` and `close` belong to one thread, the reader; the others to any.
    """

    def open(self, timeout: float) -> None:
        """Connect, within `timeout` seconds for everything.

        Raises OpenFailed, or TransportClosed when another thread called `shut`.
        """

    def receive(self, timeout: float | None) -> str | None:
        """Return the next text frame, or None when none was complete within `timeout` seconds (None: no limit).

        0 looks without waiting. Raises TransportClosed after `shut`, else TransportLost at the stream's end.
        """

    def send(self, text: str, timeout: float) -> None:
        """Send one text frame, which must begin within `timeout` seconds.

        Raises TransportTimeout or TransportClosed when nothing was written, TransportLost when that is not sure.
        """

    def send_many(self, texts: Sequence[str], timeout: float) -> int:
        """Send text frames in as few writes as they fit; return how many were sent.

        Fewer than all where the next one could not begin within `timeout` seconds, or the connection broke before it.
        Raises as `send` does: TransportTimeout or TransportClosed when nothing was written, and a TransportLost that
        tells how many frames may have left (``begun``).
        """

    def send_close(self) -> None:
        """Say goodbye to the peer if that is possible within half a second; never raises.

        Nothing can be sent afterwards; what the peer sends until it closes can still be received.
        """

    def shut(self) -> None:
        """Cut the connection and wake everybody in it. Never blocks; may be called twice, and before `open`."""

    def close(self) -> None:
        """Release everything; may be called twice."""

    def abandon(self) -> None:
        """In a forked child: release the inherited descriptor; nothing reaches the peer and no lock is touched."""
