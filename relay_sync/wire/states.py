"""Tables: states, which of them are final, sub-commands and fixed names.

They say what is known, not what may come: a state that is not here is kept as it is and ends nothing, since the service
is the authority. A new operation is one more row in ``OPERATIONS``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

#: States of a call in their order; steps may be skipped, none is taken back (protocol.md 10.1).
CALL_STATES: Final = ("created", "ringing", "answered", "ending", "ended")
FINAL_CALL_STATES: Final = frozenset({"ended"})

#: Reasons that a client may give for ending a call (protocol.md 10.5).
END_REASONS: Final = ("hangup", "cancel", "busy", "noAnswer", "decline", "error")
#: Further ones that Relay gives (protocol.md 10.1).
FURTHER_END_REASONS: Final = ("abandoned", "max_duration", "not_found")

#: Names of ringtones: countries, and nothing else is accepted (api.md 7.4).
RINGTONES: Final = (
    "at", "au", "bg", "br", "be", "ch", "cl", "cn", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hu", "il", "in",
    "it", "lt", "jp", "mx", "my", "nl", "no", "nz", "ph", "pl", "pt", "ru", "se", "sg", "th", "uk", "us", "tw", "ve",
    "za",
)  # fmt: skip

CALL_STATE_EVENT: Final = "calling.call.state"
CALL_RECEIVE_EVENT: Final = "calling.call.receive"
CONFERENCE_EVENT: Final = "calling.conference"
ERROR_EVENT: Final = "calling.error"


class Operation(NamedTuple):
    """One kind of thing that goes on during a call (protocol.md 9).

    Attributes:
        kind: our name of it, the key in ``OPERATIONS``.
        commands: the commands that start it.
        event_type: the events that tell of it.
        states: the states known, in the order they usually come.
        final: those of them that nothing follows.
        sub_commands: what may be appended to its command, after a dot; of ``queue.enter`` to ``queue``.
        state_at: the keys that lead to the state in the event's params.
        else_at: keys of the params that may hold it where those lead nowhere, the first that does first.
        names: the names for ``call.on`` (api.md 11).
        general: those of them that every event of it goes by, the most general first.
        prefix: what stands before the state in the names that tell it; '' where none does.
        otherwise: the name of an event whose state is not in a name of its own; '' to make up that name.
        told_by: the key of the object that handlers are given in place of the whole params.
        folded: whether its states are meant whatever the case they are written in.
    """

    kind: str
    commands: tuple[str, ...]
    event_type: str
    states: tuple[str, ...]
    final: frozenset[str]
    sub_commands: tuple[str, ...] = ()
    state_at: tuple[str, ...] = ("state",)
    else_at: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    general: tuple[str, ...] = ()
    prefix: str = ""
    otherwise: str = ""
    told_by: str = ""
    folded: bool = False

    def state_of(self, params: Mapping[str, Any]) -> str | None:
        """Return the state that the params of one of its events tell, None where they tell none."""
        places = (self.state_at, *((key,) for key in self.else_at))
        found = next(filter(None, (_text_at(keys, params) for keys in places)), None)
        if not found or not self.folded or found in self.states:
            return found
        return next((state for state in self.states if state.casefold() == found.casefold()), found)

    def object_of(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the object that tells the state: ``result`` of a prompt, ``detect``, ``fax`` (api.md 10)."""
        found = params.get(self.state_at[0]) if len(self.state_at) > 1 else params
        return found if isinstance(found, Mapping) else params

    def names_of(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names that handlers know one of its events by, the most general first (api.md 11)."""
        state = self.state_of(params)
        if state is None or not self.prefix:
            return self.general
        name = f"{self.prefix}.{state}"
        return (*self.general, self.otherwise if self.otherwise and name not in self.names else name)

    def told(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the handlers of those names are given: the params, or the object in them that v2 gives."""
        found = params.get(self.told_by) if self.told_by else params
        return found if isinstance(found, Mapping) else params


def _text_at(keys: tuple[str, ...], params: Mapping[str, Any]) -> str | None:
    found: object = params
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None


def _row(
    kind: str,
    commands: str,
    event: str,
    states: str,
    final: str,
    sub_commands: str = "",
    *,
    at: str = "state",
    else_at: str = "",
    prefix: str | None = None,
    general: str | None = None,
    told: str | None = None,
    otherwise: str = "",
    told_by: str = "",
    folded: bool = False,
) -> Operation:
    """Return a row from words separated by blanks.

    Unless given, the ``prefix`` of names is the kind, the ``general`` name is its ``stateChange``, and the states
    ``told`` by names of their own are all of them.
    """
    before = kind if prefix is None else prefix
    always = (f"{before}.stateChange" if general is None else general).split()
    own = [f"{before}.{state}" for state in (states if told is None else told).split() if before]
    return Operation(
        kind,
        tuple(f"calling.{command}" for command in commands.split()),
        event if event.startswith("calling.") else f"calling.call.{event}",
        tuple(states.split()),
        frozenset(final.split()),
        tuple(sub_commands.split()),
        tuple(at.split(".")),
        tuple(else_at.split()),
        (*always, *own, *otherwise.split()),
        tuple(always),
        before,
        otherwise,
        told_by,
        folded,
    )


_COLLECTED = "collecting start_of_input start_of_speech digit speech no_input no_match error finished"
_COLLECT_FINAL = "digit speech no_input no_match error finished"  # but not with `final: false` (protocol.md 11.2)
_REFER_FINAL = "success cancel busy noAnswer error"
_PAY_STEPS = "payment-card-number expiration-date security-code postal-code payment-processing"
_PAY_FINAL = "finished error payment-completed payment-failed payment-canceled payment-cancelled"
_CONFERENCE = (
    "conference-start conference-end participant-join participant-leave participant-mute participant-unmute"
    " participant-hold participant-unhold participant-modify participant-speech-start participant-speech-stop"
    " record-start record-pause record-resume record-stop"
)

_ROWS: tuple[Operation, ...] = (
    _row("play", "play", "play", "playing paused finished error", "finished error", "stop pause resume volume"),
    _row("prompt", "play_and_collect", "collect", _COLLECTED, _COLLECT_FINAL, "stop volume",
         at="result.type", else_at="state", prefix="", general="collect prompt"),
    _row("collect", "collect", "collect", _COLLECTED, _COLLECT_FINAL, "stop start_input_timers",
         at="result.type", else_at="state", prefix="", general="prompt collect"),
    _row("record", "record", "record", "recording paused finished no_input error", "finished no_input error",
         "stop pause resume"),
    _row("detect", "detect", "detect", "MACHINE HUMAN UNKNOWN NOT_READY READY CED CNG finished error", "finished error",
         "stop", at="detect.params.event", general="", told="error finished", otherwise="detect.update",
         told_by="detect", folded=True),
    _row("fax", "send_fax receive_fax", "fax", "page finished error", "finished error", "stop", at="fax.type"),
    _row("tap", "tap", "tap", "tapping finished", "finished", "stop"),
    _row("digits", "send_digits", "send_digits", "finished", "finished", prefix="sendDigits"),
    _row("refer", "refer", "refer", f"inProgress {_REFER_FINAL}", _REFER_FINAL),
    # `connected` ends the attempt; `disconnected` may follow it, when the bridge is over.
    _row("connect", "connect", "connect", "connecting connected failed disconnected", "connected failed disconnected",
         at="connect_state"),
    _row("dial", "dial", "dial", "dialing answered failed", "answered failed", at="dial_state", prefix="",
         general=""),
    _row("stream", "stream", "stream", "streaming finished", "finished", "stop"),
    # It tells `state` or `for`, and perhaps nothing but `error_type` (protocol.md 13 and 19).
    _row("pay", "pay", "pay", f"{_PAY_STEPS} {_PAY_FINAL}", _PAY_FINAL, "stop", else_at="for error_type"),
    _row("transcribe", "transcribe", "transcribe", "transcribing finished", "finished", "stop"),
    _row("ai", "ai", "ai", "finished error", "finished error", "stop"),  # both may never come (api.md 15)
    # `dequeue` and `leave` both end the stay; only the first has taken the caller somewhere.
    _row("queue", "queue.enter", "queue", "enqueue dequeue leave", "dequeue leave", "leave", at="status"),
    # These have no action of their own: no source says how they end, or they are told of by their own commands.
    _row("hold", "hold unhold", "hold", "hold unhold", ""),
    _row("denoise", "denoise", "denoise", "", ""),
    _row("echo", "echo", "echo", "echoing", ""),
    _row("conference", "join_conference", "calling.conference", _CONFERENCE, "", at="status"),
)  # fmt: skip

#: Every operation by its kind.
OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType({row.kind: row for row in _ROWS})

PLAY_STATES: Final = OPERATIONS["play"].states
PLAY_FINAL: Final = OPERATIONS["play"].final
CONNECT_STATES: Final = OPERATIONS["connect"].states
CONNECT_FINAL: Final = OPERATIONS["connect"].final
DIAL_STATES: Final = OPERATIONS["dial"].states
DIAL_FINAL: Final = OPERATIONS["dial"].final


def _by_event_type(rows: Iterable[Operation]) -> Mapping[str, tuple[Operation, ...]]:
    found: dict[str, tuple[Operation, ...]] = {}
    for row in rows:
        found[row.event_type] = (*found.get(row.event_type, ()), row)
    return MappingProxyType(found)


#: The operations that each event type tells of: one, but for prompt and collect, which share theirs.
BY_EVENT_TYPE: Final = _by_event_type(_ROWS)

#: Names of state events for ``call.on``; ``stateChange`` fires before the specific one (api.md 11).
STATE_EVENT_NAMES: Final = ("stateChange", *CALL_STATES)
#: What ``calling.error`` goes by.
ERROR_EVENT_NAME: Final = "error"
#: Every name that ``call.on`` knows.
EVENT_NAMES: Final = frozenset((*STATE_EVENT_NAMES, ERROR_EVENT_NAME)).union(*(row.names for row in _ROWS))
