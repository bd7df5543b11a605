"""``calling.join_conference`` and ``calling.leave_conference``: phones that hear each other (protocol.md 13).

Each hears the others and not itself. A ``muted`` one is not heard; one with ``coach`` hears all and is heard by the
call that it coaches alone. Until the conference has been started, by somebody with ``start_on_enter``, all hear the
sound at their ``wait_url`` again and again, or nothing. One with ``end_on_exit`` takes everybody along, and their calls
live on. The ``max_participants`` of whoever came first holds for all.

``participant-*`` events go to the client whose call it is; ``conference-*`` and ``record-*`` events, which have no
``call_id``, to each client that has had a call in it. ``participant-hold`` and ``-unhold`` follow ``calling.hold``.
No command causes ``participant-mute``, ``-unmute``, ``-modify``, ``record-pause`` or ``record-resume``: they never
come. A recording is a WAV file of all that was heard of anybody, from the start to the end.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.calls import Call, Surroundings, tell
from relay_sync.emulator.connect import Ringback
from relay_sync.emulator.envelope import Refused
from relay_sync.emulator.media import RECORD_BEEP, VoiceActivity, sound_of_tone
from relay_sync.emulator.mixdown import Mixdown
from relay_sync.emulator.places import Company, Place
from relay_sync.emulator.session import Session

EVENT = "calling.conference"
MOST = 250  # participants (api.md 15)

BEEPS: dict[str, tuple[str, ...]] = {"true": ("enter", "exit"), "onEnter": ("enter",), "onExit": ("exit",), "false": ()}
"""``beep`` -> when all hear one."""

_LAST_LEFT = "last-participant-left"

_SPEECH = {"speech": "participant-speech-start", "silence": "participant-speech-stop"}


class Conferences:
    """The conferences of one emulator, by name; one exists while somebody is in it."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._by_name: dict[str, Conference] = {}

    def join(self, call: Call, params: Mapping[str, Any]) -> Member:
        """Let a call into the conference of that name."""
        name = str(params["name"])
        conference = self._by_name.get(name)
        if conference is None:
            conference = Conference(self._around, self._by_name, name, int(params.get("max_participants", MOST)))
        return Member(call, conference, params)


class Conference:
    """One conference. It is among the ``others`` while somebody is in it."""

    def __init__(self, around: Surroundings, others: dict[str, Conference], name: str, most: int) -> None:
        self.id: str = str(uuid.uuid4())
        self.name: str = name
        self.started: bool = False
        self.members: list[Member] = []
        self._around = around
        self._others = others
        self._most = most
        self._company = Company()
        self._owners: list[Session] = []
        self._mixdown: Mixdown | None = None
        self._reason = _LAST_LEFT
        self._least = 2 if around.assumptions.conference_starts_with == "two" else 1

    def check(self, coach: str | None) -> Call | None:
        """Refuse whom there is no room for; return the call that is to be coached, if one is."""
        if len(self.members) >= self._most:
            raise Refused("409", "Conference is full")
        if coach is None:
            return None
        for member in self.members:
            if member.call.id == coach:
                return member.call
        raise Refused("409", "The call to coach is not in this conference")

    def enter(self, member: Member) -> None:
        """Somebody has come."""
        self.members.append(member)
        self._others[self.name] = self
        if member.call.owner is not None and member.call.owner not in self._owners:
            self._owners.append(member.call.owner)
        member.tell("participant-join")
        if self.started:
            self._seat(member)
        elif len(self.members) >= self._least and any(each.starts for each in self.members):
            self._start()
        else:
            member.music.start()
        if "enter" in member.beeps:
            self._beep()

    def leave(self, member: Member) -> None:
        """Somebody goes; the others may have to, too."""
        member.music.stop()
        self._company.part(member.call)
        if self._mixdown is not None:
            self._mixdown.drop(member.call)
        self.members.remove(member)
        member.tell("participant-leave")
        if not self.members:
            self._end()
        elif self._reason != _LAST_LEFT:
            pass  # the others are on their way out
        elif member.ends:
            self._reason = "participant-with-end-conference-on-exit-left"
            while self.members:
                self.members[-1].stop()
        elif "exit" in member.beeps:
            self._beep()

    def _start(self) -> None:
        self.started = True
        self._tell("conference-start")
        for member in self.members:
            member.music.stop()
        if any(member.records for member in self.members):
            self._record()
        for member in self.members:
            self._seat(member)

    def _seat(self, member: Member) -> None:
        """Have a member and all the others hear each other, as far as they may."""
        for other in self.members:
            for here, there in ((member, other), (other, member)):
                if here is not there and there.heard_by(here):
                    self._company.hear(here.call, there.call)
        if member.records and self._mixdown is None:
            self._record()
        self._take(member)

    def _record(self) -> None:
        self._mixdown = Mixdown(self._around)
        self._tell("record-start")
        for member in self.members:
            self._take(member)

    def _take(self, member: Member) -> None:
        if self._mixdown is not None and not member.muted and member.coaches is None:
            self._mixdown.add(member.call)

    def _beep(self) -> None:
        if self.started:
            for member in self.members:
                member.call.line.start(member.call.sample(), sound_of_tone(RECORD_BEEP))

    def _end(self) -> None:
        del self._others[self.name]
        if self._mixdown is not None:
            self._tell("record-stop", **self._mixdown.finish(self.id))
        self._tell("conference-end", reason_ended=self._reason)

    def _tell(self, status: str, **more: Any) -> None:
        told = {"conference_id": self.id, "name": self.name, "status": status, "size": len(self.members), **more}
        for owner in self._owners:
            tell(owner, self._around.clock, EVENT, {**told, "node_id": self._around.node_id})
        self._around.watch.tell()


class Member(Place):
    """A call's being in a conference."""

    where = "conference"

    def __init__(self, call: Call, conference: Conference, params: Mapping[str, Any]) -> None:
        coaches = conference.check(params.get("coach"))
        super().__init__(call)
        self.conference = conference
        self.reply: dict[str, Any] = {"conference_id": conference.id}
        self.coaches: Call | None = coaches
        self.muted: bool = params.get("muted", False) is True
        self.starts: bool = params.get("start_on_enter", True) is True
        self.ends: bool = params.get("end_on_exit", False) is True
        self.records: bool = params.get("record", "") == "record-from-start"
        beep = params.get("beep", call.around.assumptions.conference_beep)
        self.beeps: tuple[str, ...] = BEEPS[str(beep).lower() if isinstance(beep, bool) else beep]
        url = params.get("wait_url")
        self.music: Ringback = Ringback(call, [] if url is None else [{"type": "audio", "params": {"url": url}}])
        call.on_held.append(self._held)
        conference.enter(self)
        if call.around.assumptions.conference_speech_events:
            self._activity = VoiceActivity(call.sample())
            self._listen(self._hear)

    def heard_by(self, other: Member) -> bool:
        """May the phone of another member hear this one?"""
        return not self.muted and self.coaches in (None, other.call)

    def stop(self) -> None:
        """Leave it."""
        self._go()

    def end_with_call(self, tell: bool) -> None:
        """The call has ended, and so left. That is told in any case: it is news of the conference."""
        self._go()

    def tell(self, status: str) -> None:
        """Send an event of this participant."""
        conference = self.conference
        self.call.emit(EVENT, {
            "conference_id": conference.id,
            "name": conference.name,
            "status": status,
            "size": len(conference.members),
            "muted": self.muted,
            "hold": self.call.held,
            "coaching": self.coaches is not None,
        })  # fmt: skip

    def _go(self) -> None:
        self._close()
        self.call.on_held.remove(self._held)
        self.conference.leave(self)

    def _held(self, call: Call) -> None:
        self.tell("participant-hold" if call.held else "participant-unhold")

    def _hear(self, block: NDArray[np.int16]) -> None:
        for activity in self._activity.feed(block):
            if activity.kind in _SPEECH and not self.muted:
                self.tell(_SPEECH[activity.kind])
