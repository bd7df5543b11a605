"""Tasks: work that somebody leaves for one of the consumers of a context (protocol.md 15)."""

from __future__ import annotations

from typing import Any

from relay_sync.emulator.clock import Clock
from relay_sync.emulator.dispatch import TASKS, Dispatch
from relay_sync.emulator.session import Event, Session


class Tasks:
    """Takes tasks and hands them out. Everything happens on the emulator's thread."""

    def __init__(self, clock: Clock, dispatch: Dispatch) -> None:
        self._clock = clock
        self._dispatch = dispatch

    def deliver(self, context: str, message: dict[str, Any]) -> bool:
        """Tell exactly one consumer of ``context``; return whether there was one."""
        timestamp = self._clock.timestamp()

        def make(session: Session) -> Event:
            # No event_type and no inner params: this queue holds nothing else.
            return {
                "space_id": "emulator",
                "project_id": session.project,
                "context": context,
                "message": message,
                "timestamp": timestamp,
            }

        return self._dispatch.to_one(context, TASKS, make)
