"""Tasks: work that somebody delivered to a context with :class:`relay_sync.Task` (protocol.md 15)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from relay_sync.calling import receiving
from relay_sync.calling.result import ReceiveResult
from relay_sync.link.connection import Connection
from relay_sync.link.handlers import Workers, run
from relay_sync.wire.events import RelayEvent

logger: logging.Logger = logging.getLogger(__name__)

TaskHandler = Callable[[Any], object]


class Tasking:
    """Receives tasks; reached as ``client.tasking``."""

    def __init__(self, host: receiving.Host) -> None:
        self._receivers = receiving.Handlers(host)

    def __repr__(self) -> str:
        return f"<Tasking, {self._receivers}>"

    def receive(
        self, contexts: Iterable[str], handler: TaskHandler, *, wait_timeout: float | None = None
    ) -> ReceiveResult:
        """Have ``handler`` called with the message of each task for these contexts, on a worker thread.

        Each task goes to one consumer only. Args, returns and raises as
        :meth:`relay_sync.calling.Calling.receive`; the handler takes the dict that was delivered.
        """
        return self._receivers.register(contexts, handler, wait_timeout)

    def _take(self, event: RelayEvent, connection: Connection, workers: Workers) -> None:
        """A task has come. The lock is held."""
        handler = self._receivers.get(event.context)
        if handler is None:
            # Later: who listens to logs is the user's code too.
            connection.later(partial(logger.warning, "nobody handles tasks of the context %r; dropped", event.context))
            return
        job = partial(run, partial(handler, event.params.get("message")), f"of a task for {event.context}")
        connection.later(partial(workers.submit, job))
