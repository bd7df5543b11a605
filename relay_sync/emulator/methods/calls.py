"""A call's life: begun, answered, connected, passed on, transferred, ended (protocol.md 10, 12, 13)."""

from __future__ import annotations

from relay_sync.emulator.bindings import bindings_of
from relay_sync.emulator.calls import REASONS
from relay_sync.emulator.checks import (
    Field,
    an_object,
    anything,
    device,
    devices,
    number,
    one_of,
    ringback,
    text,
)
from relay_sync.emulator.desk import CALL, FLAGS, STATUS_URL, Command, Desk, Params, ok
from relay_sync.emulator.envelope import Accepted, Refused
from relay_sync.emulator.objects import connect_devices, digits, refer_device, whole
from relay_sync.emulator.places import check_free
from relay_sync.emulator.referring import Refer, refer_target
from relay_sync.emulator.session import Session
from relay_sync.emulator.streamed import Streamed


def begin(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.begin``: call one device."""
    desk.check_tag(params["tag"])
    call = desk.switch.begin(session, str(params["tag"]), params["device"], _longest(params))
    named = {"call_id": call.id, "node_id": call.around.node_id}
    return ok("Call started", named if desk.assumptions.begin_reply_has_ids else {})


def dial(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.dial``: call devices in series and parallel."""
    desk.check_tag(params["tag"])
    desk.switch.dial(session, str(params["tag"]), params["devices"], _longest(params))
    return ok("Dialing", {})


def answer(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.answer``: an inbound call, or one that was transferred here."""
    call = desk.call(session, params)
    if call.transferred:
        call.take_over()
        return ok("Answered", {"call_id": call.id})
    if call.direction == "outbound":
        raise Refused("409", "Only an inbound call can be answered")
    if call.answered_at is not None and desk.assumptions.answer_of_answered != "200":
        raise Refused(desk.assumptions.answer_of_answered, "Call is answered already")
    call.limit(_longest(params))
    call.answer()
    return ok("Answered", {"call_id": call.id})


def end(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.end``: before or after the answer."""
    call = desk.call(session, params)
    call.end(params.get("reason") or "hangup")
    return ok("Disconnecting call", {"call_id": call.id})


def pass_on(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.pass``: give an unanswered inbound call to another consumer."""
    call = desk.call(session, params)
    if call.direction == "outbound" or call.answered_at is not None:
        raise Refused("409", "Only an unanswered inbound call can be passed")
    desk.switch.pass_on(call)
    return ok("Passing call", {"call_id": call.id})


def connect(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.connect``: bridge an answered call to the first of some devices that answers.

    Or to a call that there is, named or the one that has waited longest in a queue; or to a stream. Such a device
    stands alone.
    """
    call = desk.call(session, params)
    if call.answered_at is None:
        raise Refused(desk.assumptions.connect_before_answer, "Call is not answered yet")
    check_free(call)
    if "tag" in params:
        desk.check_tag(params["tag"])
    steps = params["devices"]
    there = [target for step in steps for target in step if target["type"] in ("call", "queue", "stream")]
    if there and sum(map(len, steps)) > 1:
        desk.bad(f"calling.connect: a device of type {there[0]['type']} stands alone")
    if there and there[0]["type"] == "queue":
        desk.queues.take(call, there[0]["params"])
    elif there and there[0]["type"] == "stream":
        Streamed(call, there[0])
    elif there:
        desk.switch.join(call, str(there[0]["params"]["call_id"]))
    else:
        heard = params.get("ringback") or []
        heard = [heard] if isinstance(heard, dict) else heard
        desk.switch.connect(call, steps, heard, str(params.get("tag", "")), _longest(params))
    return ok("Connecting", {"call_id": call.id})


def disconnect(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.disconnect``: end the bridge of a call; either of the two may be named."""
    call = desk.call(session, params)
    if call.bridge is None:
        raise Refused("409", "Call is not connected")
    call.bridge.part()
    return ok("Disconnecting", {"call_id": call.id})


def refer(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.refer``: what becomes of it is up to the phone at that address."""
    will = desk.switch.phone(refer_target(params)).behaviour
    return desk.start(session, params, "Starting SIP REFER", lambda call, told: Refer(call, told, will))


def transfer(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.transfer``: to ``context:<name>``, or out of the application's sight."""
    call = desk.answered(session, params)
    kind, _, name = str(params["dest"]).partition(":")
    desk.switch.transfer(call, name if kind == "context" else None)
    return ok("Transferring", {"call_id": call.id})


def user_event(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.user_event``: something that the application says about the call; whoever listens isn't here."""
    call = desk.call(session, params)
    return ok("OK", {"call_id": call.id})


def bind_digit(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.bind_digit``: these keys run that method, whoever presses them."""
    call = desk.answered(session, params)
    method = str(params["bind_method"])
    if not desk.knows(method) or not method.startswith("calling."):
        desk.bad(f"calling.bind_digit: there is no method {method}")
    bindings_of(call, desk).bind(params)
    return ok("OK", {"call_id": call.id})


def clear_digit_bindings(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.clear_digit_bindings``: those of one realm, or all."""
    call = desk.answered(session, params)
    bindings_of(call, desk).clear(params.get("realm"))
    return ok("OK", {"call_id": call.id})


def _longest(params: Params) -> float | None:
    limit = params.get("max_duration")
    return None if limit is None else float(limit)


_BEGIN = (
    Field("tag", text),
    Field("node_id", text, False),
    Field("region", text, False),
    Field("max_duration", number(0, above=True), False),
)

COMMANDS: dict[str, Command] = {
    "calling.begin": Command(begin, (*_BEGIN, Field("device", device))),
    "calling.dial": Command(
        dial, (*_BEGIN, Field("devices", devices), Field("max_price_per_minute", number(0), False))
    ),
    "calling.answer": Command(
        answer, (*CALL, Field("max_duration", number(0, above=True), False), Field("codecs", anything, False))
    ),
    "calling.end": Command(end, (*CALL, Field("reason", one_of(*REASONS), False))),
    "calling.pass": Command(pass_on, CALL),
    "calling.connect": Command(
        connect,
        (
            *CALL,
            Field("devices", connect_devices),
            Field("ringback", ringback, False),
            Field("tag", text, False),
            Field("max_duration", number(0, above=True), False),
            Field("max_price_per_minute", number(0), False),
            STATUS_URL,
        ),
    ),
    "calling.disconnect": Command(disconnect, CALL),
    "calling.refer": Command(refer, (*CALL, Field("device", refer_device), STATUS_URL)),
    "calling.transfer": Command(transfer, (*CALL, Field("dest", text))),
    "calling.user_event": Command(user_event, (*CALL, Field("event", anything), *FLAGS), open=True),
    "calling.bind_digit": Command(
        bind_digit,
        (
            *CALL,
            Field("digits", digits),
            Field("bind_method", text),
            Field("params", an_object, False),
            Field("realm", text, False),
            Field("max_triggers", whole(0), False),
            *FLAGS,
        ),
    ),
    "calling.clear_digit_bindings": Command(clear_digit_bindings, (*CALL, Field("realm", text, False), *FLAGS)),
}
