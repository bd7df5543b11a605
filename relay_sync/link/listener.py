"""Who is told what happens on a connection."""

from __future__ import annotations

from typing import Protocol

from relay_sync.wire.events import RelayEvent


class Listener(Protocol):
    """Whoever is told what happens on a connection."""

    @property
    def wants_frames(self) -> bool:
        """Whether somebody listens to every frame."""

    def take(self, event: RelayEvent) -> None:
        """An event of Relay's. The lock is held."""

    def frame(self, text: str) -> None:
        """A frame came, not yet looked at. The lock is not held; only when ``wants_frames``."""

    def resumed(self) -> None:
        """The session was restored after a loss. The lock is held."""

    def session_lost(self, why: str) -> None:
        """Nothing will be heard any more of what the session held. The lock is held."""

    def notify(self, name: str, *arguments: object) -> None:
        """Something for the client's own handlers (api.md 3.4). The lock is not held."""
