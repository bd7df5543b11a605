"""Where calls come together: conferences, rooms, queues (protocol.md 13)."""

from __future__ import annotations

from relay_sync.emulator.calls import Call
from relay_sync.emulator.checks import Check, Field, anything, one_of, text
from relay_sync.emulator.conference import BEEPS, MOST, Member
from relay_sync.emulator.desk import CALL, FLAGS, STATUS_URL, Command, Desk, Params, ok
from relay_sync.emulator.envelope import Accepted, Refused
from relay_sync.emulator.objects import flag, whole
from relay_sync.emulator.rooms import Guest
from relay_sync.emulator.session import Session


def join_conference(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.join_conference``: into the one of that name."""
    return desk.start(session, params, "Joining conference", desk.conferences.join)


def leave_conference(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.leave_conference``: the call lives on."""
    call = desk.call(session, params)
    for operation in call.operations.values():
        if isinstance(operation, Member) and operation.conference.id == params["conference_id"]:
            operation.stop()
            return ok("Leaving conference", {"call_id": call.id})
    raise Refused("409", "Call is not in this conference")


def join_room(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.join_room``: into the one of that name."""
    return desk.start(session, params, "OK", lambda call, told: desk.rooms.join(call, str(told["name"])))


def leave_room(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.leave_room``: the call lives on."""
    call = desk.call(session, params)
    for operation in call.operations.values():
        if isinstance(operation, Guest):
            operation.stop()
            return ok("OK", {"call_id": call.id})
    raise Refused("409", "Call is not in a room")


def enter_queue(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.queue.enter``: to the end of it."""
    return desk.start(session, params, "Entering Queue", desk.queues.enter)


def leave_queue(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.queue.leave``: the call lives on. The ``control_id`` is its own, and only echoed."""
    call: Call = desk.call(session, params)
    desk.queues.waiting(call, params).stop()
    named = {"control_id": params["control_id"]} if "control_id" in params else {}
    return ok("OK", {"call_id": call.id, **named})


def _beep(value: object, strict: bool) -> str | None:
    """Accept one of the four words; a boolean too."""
    return None if isinstance(value, bool) else _BEEP(value, strict)


_BEEP: Check = one_of(*BEEPS)

_CALLBACKS = tuple(
    Field(prefix + name, anything, False)
    for prefix in ("status_callback", "recording_status_callback")
    for name in ("", "_event", "_event_type", "_method")
)

_JOIN = (
    Field("name", text),
    Field("muted", flag, False),
    Field("beep", _beep, False),
    Field("start_on_enter", flag, False),
    Field("end_on_exit", flag, False),
    Field("wait_url", text, False),
    Field("max_participants", whole(1, MOST), False),
    Field("record", one_of("do-not-record", "record-from-start"), False),
    Field("region", text, False),
    Field("trim", text, False),
    Field("coach", text, False),
    Field("stream", anything, False),
    Field("acl", text, False),
    *_CALLBACKS,
    *FLAGS,
)

_QUEUE = (Field("queue_name", text), Field("control_id", text, False), STATUS_URL)

COMMANDS: dict[str, Command] = {
    "calling.join_conference": Command(join_conference, (*CALL, *_JOIN)),
    "calling.leave_conference": Command(leave_conference, (*CALL, Field("conference_id", text))),
    "calling.join_room": Command(join_room, (*CALL, Field("name", text), STATUS_URL, *FLAGS)),
    "calling.leave_room": Command(leave_room, CALL),
    "calling.queue.enter": Command(enter_queue, (*CALL, *_QUEUE, Field("wait_url", text, False))),
    "calling.queue.leave": Command(leave_queue, (*CALL, *_QUEUE, Field("queue_id", text, False))),
}
"""The callbacks of a conference, its ``region``, ``trim`` and ``stream``, are accepted and have no effect."""
