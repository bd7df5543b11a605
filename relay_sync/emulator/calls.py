"""A call leg: its forward-only life cycle and the events that tell of it (protocol.md 10)."""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from relay_sync.emulator.assumptions import Assumptions
from relay_sync.emulator.clock import Clock, Timer
from relay_sync.emulator.files import Files
from relay_sync.emulator.loading import Loader
from relay_sync.emulator.media import RATE, Heard, Line, Voice
from relay_sync.emulator.operations import Operation
from relay_sync.emulator.outlets import Outlets
from relay_sync.emulator.scripts import Scripts
from relay_sync.emulator.session import EVENTS, Session
from relay_sync.emulator.watch import Watch

if TYPE_CHECKING:
    from relay_sync.emulator.connect import Bridged
    from relay_sync.emulator.machines import FaxMachine
    from relay_sync.emulator.playback import Play
    from relay_sync.emulator.recording import Recorded
    from relay_sync.emulator.streamed import Streamed

logger: logging.Logger = logging.getLogger(__name__)

State = Literal["created", "ringing", "answered", "ending", "ended"]
STATES: tuple[State, ...] = ("created", "ringing", "answered", "ending", "ended")

REASONS = ("hangup", "cancel", "busy", "noAnswer", "decline", "error")
"""End reasons of v2 (protocol.md 10.1); a call ends by ``max_duration`` too, and by that only of itself."""


@dataclass(frozen=True, slots=True)
class CallSnapshot:
    """A call as it was at one moment. Times are virtual seconds; None where it hasn't happened.

    ``plays`` maps control ids to states (``loading``, ``playing``, ``paused``, ``finished``, ``error``). ``peer`` is
    the id of the call it is bridged to, ``held`` whether it is on hold.
    """

    id: str
    direction: str
    from_number: str
    to_number: str
    context: str | None
    tag: str
    state: State
    end_reason: str | None
    created_at: float
    answered_at: float | None
    ended_at: float | None
    plays: dict[str, str]
    peer: str | None = None
    held: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a call works with; one per running emulator."""

    clock: Clock
    loader: Loader
    watch: Watch
    assumptions: Assumptions
    node_id: str
    files: Files
    outlets: Outlets
    recordings: deque[Recorded]
    scripts: Scripts


class Call:
    """One leg between Relay and a phone. Everything happens on the emulator's thread.

    ``owner`` is the session whose call it is; its events go there. ``on_answered`` and ``on_ended`` are told after
    the events have been sent: the phone, and the dial that made the leg. ``on_asked`` are told when a prompt has been
    played and nothing was pressed or said yet, and whether it wants digits and speech; ``on_held`` when the call was
    put on hold or taken off it. ``transferred``: it was given to its owner, who has not answered it yet.
    """

    def __init__(
        self, around: Surroundings, direction: Literal["inbound", "outbound"], device: dict[str, Any], tag: str = ""
    ) -> None:
        self.around = around
        self.id: str = str(uuid.uuid4())
        self.direction = direction
        self.device = device
        self.tag = tag
        self.context: str | None = None
        self.created_by: str | None = None
        self.owner: Session | None = None
        self.state: State = "created"
        self.states: list[State] = ["created"]
        self.end_reason: str | None = None
        self.created_at: float = around.clock.now()
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.line: Line = Line()  # what the phone hears
        self.voice: Voice = Voice()  # what it says
        self.plays: dict[str, Play] = {}
        self.operations: dict[str, Operation] = {}  # all that runs on it besides playbacks, by control id
        self.made_for: Call | None = None  # the call that is to be connected to this leg
        self.connecting: bool = False
        self.bridge: Bridged | Streamed | None = None
        self.fax_machine: FaxMachine | None = None  # that of the phone
        self.before_answer: Callable[[Call], None] | None = None  # of a dial or connect, which may want to speak first
        self.on_answered: list[Callable[[Call], None]] = []
        self.on_ended: list[Callable[[Call], None]] = []
        self.on_asked: list[Callable[[Call, bool, bool], None]] = []
        self.on_held: list[Callable[[Call], None]] = []
        self.held: bool = False
        self.denoised: bool = False
        self.transferred: bool = False
        self._longest: float | None = None  # virtual seconds from the answer on
        self._timers: list[Timer] = []
        self._all_heard: Heard | None = None
        self._all_said: Heard | None = None

    def __repr__(self) -> str:
        return f"<Call {self.id[:8]} {self.direction} {self.from_number} to {self.to_number} {self.state}>"

    @property
    def from_number(self) -> str:
        """The calling address; SIP devices name it ``from``."""
        return _address(self.device, "from_number", "from")

    @property
    def to_number(self) -> str:
        """The called address; SIP devices name it ``to``."""
        return _address(self.device, "to_number", "to")

    @property
    def over(self) -> bool:
        """Is it ending or ended?"""
        return self.state in ("ending", "ended")

    def sample(self) -> int:
        """Return the sample of the line that is now; 0 is the answer. Only for a call that was answered."""
        assert self.answered_at is not None
        end = self.around.clock.now() if self.ended_at is None else self.ended_at
        return round((end - self.answered_at) * RATE)

    def moment(self, sample: int) -> float:
        """Return the virtual time of a sample of the line."""
        assert self.answered_at is not None
        return self.answered_at + sample / RATE

    def heard(self) -> Heard:
        """Return what the phone has heard so far; nothing before the answer."""
        if self._all_heard is not None:
            return self._all_heard
        return Heard(self.line.heard(0 if self.answered_at is None else self.sample()))

    def said(self) -> Heard:
        """Return what the phone has said so far; nothing before the answer."""
        if self._all_said is not None:
            return self._all_said
        return Heard(self.voice.heard(0 if self.answered_at is None else self.sample()))

    def forget_sound(self) -> None:
        """Let go of what was heard and said, if the call has ended: minutes of it would add up."""
        if self._all_heard is not None:
            self._all_heard = self._all_said = Heard(np.zeros(0, np.int16))

    def begin(self) -> None:
        """Tell the owner that it exists."""
        self._tell_state()

    def ring(self, limit: float) -> None:
        """The phone rings, for at most ``limit`` seconds; then the call ends with ``noAnswer``."""
        self._move("ringing")
        self.later(limit, self._nobody_answered)

    def answer(self) -> None:
        """The call is answered, by the phone or by the application: time 0 of its line."""
        if self.answered_at is not None or self.over:
            return
        self.answered_at = self.around.clock.now()
        if self.before_answer is not None:
            self.before_answer(self)
        if self._longest is not None:
            self.later(self._longest, lambda: self.end("max_duration"))
        self._move("answered")
        for tell in list(self.on_answered):
            tell(self)

    def limit(self, max_duration: float | None) -> None:
        """Let the call last at most so long from its answer on, in the unit that was assumed; before the answer."""
        if max_duration is not None:
            unit = 60.0 if self.around.assumptions.max_duration_unit == "minutes" else 1.0
            self._longest = max_duration * unit

    def end(self, reason: str) -> None:
        """The call ends, whoever wants it. Ending twice does nothing."""
        if self.over:
            return
        for timer in self._timers:
            timer.cancel()
        self.end_reason = reason
        when = self.around.assumptions.plays_at_call_end
        if when != "after":
            self._end_operations(tell=when == "before")
        self._move("ending", tell=self.around.assumptions.ending_event)
        self.ended_at = self.around.clock.now()
        self._move("ended")
        if when == "after":
            self._end_operations(tell=True)
        self._all_heard, self._all_said = self.heard(), self.said()
        self.line = Line()  # lets the playbacks and their sources go
        self.voice = Voice()
        self.plays.clear()
        for tell in list(self.on_ended):
            tell(self)

    def hold(self, held: bool) -> bool:
        """Put an answered call on hold, or take it off; return whether that changed anything.

        While it is held its phone hears nothing, and nobody hears its phone. What plays goes on unheard.
        """
        if held is self.held:
            return False
        self.held = held
        now = self.sample()
        for line in (self.line, self.voice, self.voice.onward.line):
            if held:
                line.muting.begin(now)
            else:
                line.muting.end(now)
        for tell in list(self.on_held):
            tell(self)
        return True

    def release(self) -> None:
        """Its owner gives it away: all that runs on it ends, and so does its bridge."""
        if self.bridge is not None:
            self.bridge.part()
        for play in list(self.plays.values()):
            play.stop()
        for operation in list(self.operations.values()):
            operation.release()

    def take_over(self) -> None:
        """The owner that it was transferred to answers it, and is told its state."""
        self.transferred = False
        self._tell_state()

    def later(self, delay: float, action: Callable[[], None]) -> None:
        """Do ``action`` in ``delay`` virtual seconds unless the call has ended by then; at once for 0."""
        if delay <= 0:
            action()
        else:
            self._timers.append(self.around.clock.call_later(delay, action))

    def emit(self, event_type: str, params: dict[str, Any]) -> None:
        """Send the owner an event about this call."""
        ids = {"node_id": self.around.node_id, "call_id": self.id}
        tell(self.owner, self.around.clock, event_type, params | ids)
        self.around.watch.tell()

    def snapshot(self) -> CallSnapshot:
        """Return the call as it is now."""
        plays: dict[str, str] = {control_id: play.state for control_id, play in self.plays.items()}
        return CallSnapshot(
            self.id, self.direction, self.from_number, self.to_number, self.context, self.tag, self.state,
            self.end_reason, self.created_at, self.answered_at, self.ended_at, plays,
            None if self.bridge is None else self.bridge.peer_of(self), self.held,
        )  # fmt: skip

    def _nobody_answered(self) -> None:
        if self.answered_at is None:
            self.end("noAnswer")

    def _end_operations(self, tell: bool) -> None:
        for play in list(self.plays.values()):
            play.end_with_call(tell)
        for operation in list(self.operations.values()):
            operation.end_with_call(tell)

    def _move(self, state: State, tell: bool = True) -> None:
        if STATES.index(state) <= STATES.index(self.state):
            raise AssertionError(f"a call can't go from {self.state} to {state}")
        self.state = state
        self.states.append(state)
        logger.info("call %s is %s%s", self.id[:8], state, f" ({self.end_reason})" if self.end_reason else "")
        if tell:
            self._tell_state()

    def _tell_state(self) -> None:
        params: dict[str, Any] = {"call_state": self.state, "direction": self.direction, "device": self.device}
        if self.tag:
            params["tag"] = self.tag
        if self.created_by:
            params["created_by"] = self.created_by
        if self.made_for is not None:
            params["peer"] = {"call_id": self.made_for.id, "node_id": self.around.node_id}
        if self.end_reason:
            params["end_reason"] = self.end_reason
        self.emit("calling.call.state", params)


def tell(owner: Session | None, clock: Clock, event_type: str, params: dict[str, Any]) -> None:
    """Send a session an event of the calling queue, with its outer fields (protocol.md 6.2)."""
    if owner is None:
        return
    event = {
        "event_type": event_type,
        "event_channel": owner.protocol,
        "timestamp": clock.timestamp(),
        "project_id": owner.project,
        "space_id": "emulator",
        "params": params,
    }
    owner.emit(EVENTS, event)


def _address(device: dict[str, Any], phone: str, sip: str) -> str:
    params = device.get("params", {})
    return str(params.get(phone, params.get(sip, "")))
