"""Sessions: who is logged in, under which protocol string, receiving which contexts; and how they are resumed.

A session outlives its connection: after a loss the client comes back with the session id and the protocol (protocol.md
5.5) or, in Flat, with the protocol and an authorization state (6.3), and what was its stays its. Contexts belong to the
connection, so they are asked for again (protocol.md 5.3).
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from relay_sync.emulator.assumptions import Assumptions

if TYPE_CHECKING:
    from relay_sync.emulator.acknowledgements import Acknowledgements
    from relay_sync.emulator.login import Login

EVENTS = "queuing.relay.events"
"""The queue of everything about calls (protocol.md 4)."""

AUTHORIZATION = "signalwire.authorization.state"
"""The type of the event that brings what a client of Flat resumes with (protocol.md 6.3)."""

Event = dict[str, Any]

_STATES = 100  # of a session that resume it
_MISSED = 10_000  # events kept for a session that is away; more would be a leak and no test needs them


class Wire(Protocol):
    """What a session needs of its connection."""

    @property
    def reachable(self) -> bool:
        """Can a frame sent now get there?"""

    def send_event(self, session: Session, queue: str, event: Event) -> None:
        """Send an event in the connection's dialect."""

    def abort(self) -> None:
        """Cut the connection."""


class Session:
    """One client's session. ``protocol`` is ``signalwire_<signature>_<random>``; None before ``setup``."""

    def __init__(self, login: Login, signature: str) -> None:
        self.id: str = str(uuid.uuid4())
        self.project: str = login.project
        self.signature: str = signature
        self.node_id: str = str(uuid.uuid4())
        self.protocol: str | None = None
        self.contexts: dict[str, int] = {}  # context -> turn in which it was served last
        self.wire: Wire | None = None
        self.subscribed: bool = False
        self.resumable: bool = True
        self.lost_at: float | None = None  # real time
        self.login: Login = login
        self.acknowledgements: Acknowledgements | None = None  # of its connection, if the client wants to give them
        self.states: list[str] = []  # the authorization states it was given, newest last; Blade has none
        self.replays: list[bool] = []  # of its sessions: what the faults say of events that were missed
        self._missed: deque[tuple[str, Event]] = deque(maxlen=_MISSED)
        self._kept: list[tuple[str, Event]] | None = None

    def __repr__(self) -> str:
        return f"<Session {self.id[:8]} {'connected' if self.wire else 'away'} contexts={list(self.contexts)}>"

    @property
    def reachable(self) -> bool:
        """Is the client there and ready to hear events?"""
        return self.wire is not None and self.subscribed and self.wire.reachable

    def receives(self, context: str) -> bool:
        """Is it there, and does it receive this context? Its protocol is one: 3.x names it in a message without one."""
        return self.reachable and (context in self.contexts or context == self.protocol)

    def new_protocol(self) -> str:
        """Give the session a protocol string; its second ``_`` piece is the signature."""
        self.protocol = f"signalwire_{self.signature}_{uuid.uuid4()}"
        return self.protocol

    def new_state(self) -> str:
        """Give the session an authorization state, which is opaque to the client."""
        self.states.append(f"{secrets.token_urlsafe(24)}:{secrets.token_urlsafe(12)}")
        del self.states[:-_STATES]
        return self.states[-1]

    def emit(self, queue: str, event: Event) -> None:
        """Send an event, or keep it: behind a reply that goes first, or for a client that is away."""
        if self._kept is not None:
            self._kept.append((queue, event))
        elif self.reachable and self.wire is not None:
            self.wire.send_event(self, queue, event)
        else:
            self._missed.append((queue, event))

    def keep_events(self) -> None:
        """Hold events back until :meth:`let_go`: a command is being carried out whose reply goes first."""
        self._kept = []

    def let_go(self) -> None:
        """Send what was held back."""
        kept, self._kept = self._kept or [], None
        for queue, event in kept:
            self.emit(queue, event)

    def subscribe(self, replay: bool) -> None:
        """The client hears events from now on; ``replay``: also those it missed, if no fault has decided that."""
        self.subscribed = True
        replay = self.replays[-1] if self.replays else replay
        missed = list(self._missed) if replay else []
        self._missed.clear()
        for queue, event in missed:
            self.emit(queue, event)

    def lose(self, wire: Wire, keep_contexts: bool) -> None:
        """The connection is gone. Nothing happens if the session has another one by now."""
        if self.wire is not wire:
            return
        self.wire, self.subscribed, self.lost_at = None, False, time.monotonic()
        if not keep_contexts:
            self.contexts.clear()


class Sessions:
    """All sessions of one emulator, in the order of their making."""

    def __init__(self, assumptions: Assumptions) -> None:
        self._assumptions = assumptions
        self._by_id: dict[str, Session] = {}
        self._signatures: dict[str, str] = {}
        self._turn = 0
        self.replays: list[bool] = []  # whether missed events are replayed, by the faults in force, newest last

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._by_id.values()))

    def find(self, project: str, protocol: str, state: object) -> Session | None:
        """Return the session that a client of Flat may resume with this protocol and authorization state."""
        self._expire()
        for session in self:
            if session.protocol == protocol and session.project == project and session.states and session.resumable:
                return session if self._opens(session, state) else None
        return None

    def _opens(self, session: Session, state: object) -> bool:
        if state is None:
            return self._assumptions.protocol_alone_resumes
        return state in (session.states[-1:] if self._assumptions.newest_state_only else session.states)

    def connect(self, wire: Wire, login: Login, session_id: object) -> tuple[Session, bool]:
        """Return the session for a client that has just logged in, and whether it was restored."""
        self._expire()
        session = self._by_id.get(session_id) if isinstance(session_id, str) else None
        restored = session is not None and session.project == login.project and session.resumable
        if session is None or not restored:
            session = Session(login, self._signatures.setdefault(login.project, uuid.uuid4().hex))
            self._by_id[session.id] = session
        session.login = login
        if session.wire is not None:  # half-open: the client knows better than we do that the old one is dead
            session.wire.abort()
        session.wire, session.lost_at, session.replays = wire, None, self.replays
        return session, restored

    def lost(self, session: Session, wire: Wire) -> None:
        """The connection of this session is gone."""
        session.lose(wire, self._assumptions.contexts_survive_resume)

    def consumer_of(self, context: str, but: frozenset[Session] = frozenset()) -> Session | None:
        """Return whose turn it is in a context: the reachable consumer that was served longest ago."""
        able = [session for session in self if session.receives(context) and session not in but]
        if not able:
            return None
        chosen = min(able, key=lambda session: session.contexts.get(context, 0))
        if context in chosen.contexts:
            self._turn += 1
            chosen.contexts[context] = self._turn
        return chosen

    def forget(self) -> None:
        """Forget every session: who comes back is not restored. Those connected now stay so."""
        for session in self:
            session.resumable = False

    def _expire(self) -> None:
        limit = time.monotonic() - self._assumptions.resume_window
        for key, session in list(self._by_id.items()):
            away = session.lost_at is not None
            if away and (not session.resumable or (session.lost_at or 0.0) < limit):
                del self._by_id[key]
