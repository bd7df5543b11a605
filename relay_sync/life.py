"""One stretch of a client's life: its connection, what lives on that, and how both end."""

from __future__ import annotations

import atexit
import json
import logging
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Protocol

from relay_sync.calling.calling import Calling
from relay_sync.calling.leg import REMEDY
from relay_sync.calling.table import CallTable
from relay_sync.link.books import CLOSED
from relay_sync.link.connection import Connection
from relay_sync.link.handlers import Lane, Workers, run
from relay_sync.link.waiting import held_here
from relay_sync.masking import Masker
from relay_sync.messaging import MessageTable, Messaging
from relay_sync.tasking import Tasking
from relay_sync.wire.dialect import Dialect
from relay_sync.wire.events import TASKS, RelayEvent

# What is said of a client, by the name under which users know it.
logger: logging.Logger = logging.getLogger("relay_sync.client")

ClientHandler = Callable[..., object]

CHORES = 8  # threads at the most, for commands that the library gives by itself

MESSAGE = "signalwire.socket.message"

MIDST_CLOSE_S = 0.25  # after twice this long without a lock, disconnect() leaves the rest to a thread


class Owner(Protocol):
    """What a life needs of its client."""

    calling: Calling
    messaging: Messaging
    tasking: Tasking
    _handlers: dict[str, list[ClientHandler]]
    _masker: Masker
    _max_handlers: int

    def _new_connection(self, mask: Callable[[str], str]) -> Connection:
        """A connection that is not started."""


class Life:
    """One stretch from ``connect()`` to ``disconnect()`` in one process: the connection and all that lives on it.

    ``succeeds``: it is a forked child's, and the parent was connected.
    """

    def __init__(self, client: Owner, *, succeeds: bool = False) -> None:
        self.succeeds: bool = succeeds
        self.connection: Connection = client._new_connection(self._mask)
        # Lanes outlive a slow handler only in number; conversations last as long as people talk.
        self.lanes: Workers = Workers(client._max_handlers, "handler")
        self.conversations: Workers = Workers(client._max_handlers, "conversation")
        self.chores: Workers = Workers(CHORES, "chore")
        self._pools: tuple[Workers, ...] = (self.lanes, self.conversations, self.chores)
        self.table: CallTable = CallTable(
            self.connection, self.lanes, self.conversations, self.chores, client.calling._handler_for
        )
        self.messages: MessageTable = MessageTable(
            self.connection, self.conversations, client.messaging._receivers, client.messaging._state_receivers
        )
        self._client = client
        self._lane = Lane(self.lanes)

    @property
    def dialect(self) -> Dialect:
        """The dialect that is spoken, or tried."""
        return self.connection.session.dialect

    def _mask(self, text: str) -> str:
        """Take the credentials out of a text: Relay may repeat them anywhere, and what it gave for them."""
        return Masker(self.dialect.secrets).mask(self._client._masker.mask(text))

    # -- Listener: what the connection tells ----------------------------------------------------------

    @property
    def wants_frames(self) -> bool:
        """Whether somebody listens to every frame."""
        return bool(self._client._handlers.get(MESSAGE))

    def take(self, event: RelayEvent) -> None:
        """Take an event to the service it is for. The lock is held."""
        if event.event_type.startswith("calling."):
            self.table.take(event)
        elif event.event_type.startswith("messaging."):
            self.messages.take(event)
        elif event.event_type == TASKS:
            self._client.tasking._take(event, self.connection, self.conversations)
        else:
            self.table.desk.log(logger, logging.DEBUG, "%s is for no service here; dropped", event.event_type)

    def resumed(self) -> None:
        """The session was restored. The lock is held."""
        self.table.resumed()

    def session_lost(self, why: str) -> None:
        """The session is gone. The lock is held."""
        if self.connection.state == CLOSED:
            why = f"{why}; {REMEDY}"
        self.table.session_lost(why)
        self.messages.session_lost()

    def frame(self, text: str) -> None:
        """A frame came, and somebody listens to them all."""
        for handler in tuple(self._client._handlers.get(MESSAGE, ())):
            self._hand_over(MESSAGE, handler, _parsed(text))  # each its own: one may change what it is given

    def notify(self, name: str, *arguments: object) -> None:
        """Run the client's handlers of ``name``, in order, on a worker."""
        for handler in tuple(self._client._handlers.get(name, ())):
            given = (self._client,) if name == "ready" else arguments
            self._hand_over(name, handler, *given)

    def _hand_over(self, name: str, handler: ClientHandler, *given: object) -> None:
        self._lane.put(partial(run, partial(handler, *given), f"of {name}"))

    def in_handler(self) -> bool:
        """Whether the caller is a handler of ours."""
        return self.conversations.runs_here() or self.lanes.runs_here()

    # -- its end --------------------------------------------------------------------------------------

    def end(self) -> None:
        """Close the connection; idle workers end, busy ones when their handler does.

        A signal handler or a finaliser may call it in the midst of our own work, while this thread holds a lock of
        ours: then a thread does it, as soon as that is let go of.
        """
        atexit.unregister(self.at_exit)
        if self._in_midst():
            threading.Thread(target=self._close_when_let_go, name="relay-closer", daemon=True).start()
        else:
            self._close()

    def _in_midst(self) -> bool:
        """Whether a lock of ours is held for longer than any thread holds one that can go on."""
        locks = (self.connection.monitor.lock, *(workers.lock for workers in self._pools))
        return any(held_here(lock, MIDST_CLOSE_S) for lock in locks)

    def _close_when_let_go(self) -> None:
        while self._in_midst():  # which waits
            pass
        self._close()

    def _close(self) -> None:
        atexit.unregister(self.at_exit)  # again: connect() may have been called while this had to wait
        self.connection.stop()
        for workers in self._pools:
            workers.close()

    def at_exit(self) -> None:
        """Close what the program left open; but not, in a forked child, what is the parent's."""
        if self.connection.monitor.pid == os.getpid():
            self.end()


def _parsed(text: str) -> object:
    """A frame as JSON, or as it is where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
