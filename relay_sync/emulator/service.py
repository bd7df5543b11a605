"""What a connection works with, and the shape of a dialect.

A dialect is one class: everything that differs between Blade and Flat (protocol.md 3 and 4) is in it, and nothing else
asks which one is spoken. A connection chooses its dialect by the method of the first request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from relay_sync.emulator.assumptions import Assumptions
from relay_sync.emulator.clock import Clock
from relay_sync.emulator.desk import Desk
from relay_sync.emulator.engine import Engine
from relay_sync.emulator.envelope import Frame
from relay_sync.emulator.files import Files
from relay_sync.emulator.journal import Described, Journal
from relay_sync.emulator.login import Logins
from relay_sync.emulator.session import Session, Sessions


@dataclass(frozen=True, slots=True)
class Service:
    """One running emulator, as its connections see it."""

    logins: Logins
    assumptions: Assumptions
    clock: Clock
    journal: Journal
    faults: Engine
    sessions: Sessions
    desk: Desk
    strict: bool
    node_id: str
    files: Files
    unspoken: frozenset[str]
    """The first methods of the dialects that this emulator does not speak."""


class Link(Protocol):
    """What a dialect needs of its connection."""

    service: Service
    session: Session | None

    @property
    def number(self) -> int:
        """The connection's number in the journal."""

    @property
    def reachable(self) -> bool:
        """Can a frame sent now get there?"""

    def send(self, frame: Frame) -> None:
        """Send a frame after those sent before."""

    def do(self, act: Callable[[], None]) -> None:
        """Do something once every frame sent so far has been written, and before the next one is."""

    async def speaks(self) -> None:
        """Return once the connection is not silent, or over."""

    def send_event(self, session: Session, queue: str, event: dict[str, Any]) -> None:
        """Send an event in this connection's dialect."""

    def abort(self) -> None:
        """Cut the connection."""

    def close_soon(self) -> None:
        """Close the connection once all frames sent so far have been written."""

    def wait_then(self, awaitable: Any, action: Callable[[], None]) -> None:
        """Do ``action`` when ``awaitable`` is done, if the connection still exists."""


class Dialect(Protocol):
    """One way of wrapping the same commands and events."""

    @property
    def opening(self) -> str:
        """The method of the first request of a connection that speaks it."""

    def describe(self, frame: Frame) -> Described:
        """Tell the journal what a frame is; never raises, whatever a client sent."""

    def receive(self, link: Link, frame: Frame) -> None:
        """Act on a request."""

    def answer(self, link: Link, frame: Frame) -> None:
        """Take a client's reply, to a ping or an event; it may be anything."""

    def event(self, session: Session, queue: str, event: dict[str, Any]) -> Frame:
        """Wrap an event that is sent now."""

    def ping(self, request_id: str, timestamp: float) -> Frame:
        """Return the server's ping."""

    def go_away(self, request_id: str, restart: bool) -> Frame:
        """Return the request that tells the client that the server is about to close.

        ``restart``: the session can't be resumed afterwards.
        """
