"""Which calls take part in which conference: its own events name no call (protocol.md 13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay_sync.calling.leg import Leg


class Attendance:
    """Calls by conference, and back. The lock is held in all of these.

    A call that has left hears of the conference as a whole until its own end or the conference's:
    ``conference-end`` comes after the last participant has left. Costs nothing for calls in none.
    """

    __slots__ = ("_conferences", "_legs")

    def __init__(self) -> None:
        self._legs: dict[str, dict[Leg, None]] = {}
        self._conferences: dict[Leg, set[str]] = {}

    def enter(self, leg: Leg, conference_id: str) -> None:
        """A live call is in a conference."""
        if not leg._over:
            self._legs.setdefault(conference_id, {})[leg] = None
            self._conferences.setdefault(leg, set()).add(conference_id)

    def told(self, mine: Leg | None, params: Mapping[str, Any]) -> tuple[Leg, ...]:
        """Relay tells of a conference: who is to hear it.

        ``mine`` is the call of ours that it is about, which alone hears it. What is about nobody's call,
        or somebody else's, is for every call in the conference.
        """
        conference_id, status = params.get("conference_id"), params.get("status")
        if not isinstance(conference_id, str):
            return () if mine is None else (mine,)
        if mine is not None and status == "participant-join":
            self.enter(mine, conference_id)
        hearers = tuple(self._legs.get(conference_id, ())) if mine is None else (mine,)
        if status == "conference-end":
            self._end(conference_id)
        return hearers

    def forget(self, leg: Leg) -> None:
        """A call is over."""
        for conference_id in self._conferences.pop(leg, ()):
            legs = self._legs[conference_id]
            del legs[leg]
            if not legs:
                del self._legs[conference_id]

    def _end(self, conference_id: str) -> None:
        for leg in self._legs.pop(conference_id, ()):
            conferences = self._conferences[leg]
            conferences.discard(conference_id)
            if not conferences:
                del self._conferences[leg]
