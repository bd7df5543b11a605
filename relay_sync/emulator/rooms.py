"""``calling.join_room`` and ``calling.leave_room``: whoever is in a room hears the others (protocol.md 13).

Sound only, and no events: no source names any. A room exists while somebody is in it.
"""

from __future__ import annotations

from relay_sync.emulator.calls import Call
from relay_sync.emulator.places import Company, Place


class Rooms:
    """The rooms of one emulator, by name."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}

    def join(self, call: Call, name: str) -> Guest:
        """Let a call into a room."""
        return Guest(call, self._rooms.get(name) or self._rooms.setdefault(name, Room(self, name)))

    def forget(self, name: str) -> None:
        """The last one has left."""
        self._rooms.pop(name, None)


class Room:
    """One room."""

    def __init__(self, rooms: Rooms, name: str) -> None:
        self._rooms = rooms
        self._name = name
        self._company = Company()
        self._calls: list[Call] = []

    def enter(self, call: Call) -> None:
        """Hear all others, and be heard."""
        for other in self._calls:
            self._company.hear(call, other)
            self._company.hear(other, call)
        self._calls.append(call)

    def leave(self, call: Call) -> None:
        """Be alone again."""
        self._company.part(call)
        self._calls.remove(call)
        if not self._calls:
            self._rooms.forget(self._name)


class Guest(Place):
    """A call's being in a room."""

    where = "room"

    def __init__(self, call: Call, room: Room) -> None:
        super().__init__(call)
        self._room = room
        room.enter(call)

    def stop(self) -> None:
        """Leave it."""
        self._close()
        self._room.leave(self.call)

    def end_with_call(self, tell: bool) -> None:
        """The call has ended, and so left."""
        self.stop()
