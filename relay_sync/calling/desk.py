"""What a call needs of the session it lives in, handed to it when it is made."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from relay_sync.link.connection import Connection
from relay_sync.link.handlers import Lane, Workers
from relay_sync.link.waiting import Monitor

if TYPE_CHECKING:
    from relay_sync.calling.leg import Leg


class Shelf(Protocol):
    """Where live calls are kept (the table). The lock is held in all of these."""

    def dialling(self, leg: Leg) -> None:
        """Expect events that carry the tag of ``leg``."""

    def forget(self, leg: Leg) -> None:
        """Expect nothing more for ``leg``."""

    def abandon(self, leg: Leg) -> None:
        """Nobody waits for this dial any more: hang up its legs whenever they show up."""

    def attends(self, leg: Leg, conference_id: str) -> None:
        """Take to ``leg`` what is told of a conference as a whole."""

    def watch(self, leg: Leg) -> None:
        """Somebody waits on ``leg``, which may not be dialled yet: tell it too of the session's end."""

    def unwatch(self, leg: Leg) -> None:
        """One such wait is over."""


class Desk:
    """One for all calls of a session: its lock and waits, its way out, its workers."""

    __slots__ = ("chores", "connection", "monitor", "shelf", "workers")

    def __init__(self, connection: Connection, workers: Workers, chores: Workers, shelf: Shelf) -> None:
        self.connection: Connection = connection
        self.chores: Workers = chores  # for commands the library gives by itself: never behind users' handlers
        self.monitor: Monitor = connection.monitor
        self.workers: Workers = workers
        self.shelf: Shelf = shelf

    @property
    def request_timeout(self) -> float:
        """Seconds that Relay has for the answer to one command."""
        return self.connection.limits.request

    def lane(self) -> Lane:
        """A new lane, for the handlers of one call."""
        return Lane(self.workers)

    def later(self, act: Callable[[], object]) -> None:
        """Have ``act`` done once the lock is released. The lock is held."""
        self.connection.later(act)

    def log(self, logger: logging.Logger, level: int, text: str, *about: object) -> None:
        """Log once the lock is released: who listens to logs is the user's code too. The lock is held."""
        if logger.isEnabledFor(level):
            self.connection.later(partial(logger.log, level, text, *about))
