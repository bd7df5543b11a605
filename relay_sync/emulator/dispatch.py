"""Work for the consumers of a context: who gets a message or a task, and what becomes of it when nobody is there."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from relay_sync.emulator.assumptions import Assumptions
from relay_sync.emulator.session import Event, Session, Sessions

MESSAGES = "queuing.relay.messaging"
TASKS = "queuing.relay.tasks"
"""The queues of messages and of tasks (protocol.md 14, 15)."""

Make = Callable[[Session], Event]
"""Makes the outer event for one session."""

_KEPT = 1000  # per context


class Dispatch:
    """Hands events to the consumers of a context. Everything happens on the emulator's thread."""

    def __init__(self, sessions: Sessions, assumptions: Assumptions) -> None:
        self._sessions = sessions
        self._keeps = assumptions.work_without_consumer == "kept"
        self._kept: dict[str, deque[tuple[str, Make]]] = defaultdict(lambda: deque(maxlen=_KEPT))

    def to_one(self, context: str, queue: str, make: Make) -> bool:
        """Tell exactly one consumer, each in its turn; return whether there was one."""
        session = self._sessions.consumer_of(context)
        if session is not None:
            session.emit(queue, make(session))
        elif self._keeps:
            self._kept[context].append((queue, make))
        return session is not None

    def to_all(self, context: str, queue: str, make: Make) -> None:
        """Tell every consumer; nobody, if there is none."""
        for session in self._sessions:
            if session.receives(context):
                session.emit(queue, make(session))

    def joined(self, session: Session) -> None:
        """A session receives contexts that it did not before: what was kept for them is its."""
        for context in [context for context in self._kept if context in session.contexts]:
            for queue, make in self._kept.pop(context):
                session.emit(queue, make(session))
