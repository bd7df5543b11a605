"""Which calls take part in which conference: its own events name no call (protocol.md 13)."""

from __future__ import annotations

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

    def of(self, conference_id: str) -> tuple[Leg, ...]:
        """The calls that hear of a conference."""
        return tuple(self._legs.get(conference_id, ()))

    def end(self, conference_id: str) -> None:
        """A conference is over."""
        for leg in self._legs.pop(conference_id, ()):
            self._leave(leg, conference_id)

    def forget(self, leg: Leg) -> None:
        """A call is over."""
        for conference_id in self._conferences.pop(leg, ()):
            legs = self._legs[conference_id]
            del legs[leg]
            if not legs:
                del self._legs[conference_id]

    def _leave(self, leg: Leg, conference_id: str) -> None:
        conferences = self._conferences[leg]
        conferences.discard(conference_id)
        if not conferences:
            del self._conferences[leg]
