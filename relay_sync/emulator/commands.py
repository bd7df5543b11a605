"""The commands the emulator carries out: a table of methods, their fields, and what each does.

Refusals (protocol.md 7): unknown method -32601; missing or wrong fields ``400`` (or -32602: an assumption); unknown
call or control id ``404``; ended call ``410``; what does not fit the state of the call ``409``. The texts are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from relay_sync.emulator.assumptions import Assumptions
from relay_sync.emulator.calls import REASONS, Call
from relay_sync.emulator.checks import (
    Field,
    anything,
    check_fields,
    device,
    devices,
    e164,
    media,
    number,
    one_of,
    ringback,
    some_texts,
    string,
    text,
    texts,
    volume,
)
from relay_sync.emulator.collecting import collect
from relay_sync.emulator.detection import Detection
from relay_sync.emulator.digits import SendDigits, sendable
from relay_sync.emulator.dispatch import Dispatch
from relay_sync.emulator.envelope import BAD_PARAMS, UNKNOWN_METHOD, Accepted, Refused, RpcError
from relay_sync.emulator.faxing import ReceiveFax, SendFax
from relay_sync.emulator.media.recorder import PAUSE_BEHAVIORS
from relay_sync.emulator.messages import Messages
from relay_sync.emulator.objects import detect, refer_device, tap, tap_device
from relay_sync.emulator.operations import Operation
from relay_sync.emulator.playback import Play
from relay_sync.emulator.prompt import Prompt
from relay_sync.emulator.record_options import record
from relay_sync.emulator.recording import Record
from relay_sync.emulator.referring import Refer, refer_target
from relay_sync.emulator.session import Session
from relay_sync.emulator.switch import Switch
from relay_sync.emulator.tapping import Tap

Params = dict[str, Any]
Op = TypeVar("Op", bound=Operation)


class Desk:
    """Takes commands, checks them, and has them done. Everything happens on the emulator's thread."""

    def __init__(
        self, switch: Switch, messages: Messages, dispatch: Dispatch, assumptions: Assumptions, strict: bool
    ) -> None:
        self._switch = switch
        self._messages = messages
        self._dispatch = dispatch
        self._assumptions = assumptions
        self._strict = strict

    def perform(self, session: Session, method: str, params: Any) -> Accepted:
        """Carry out one command of ``session``; raises :exc:`Refused` or :exc:`RpcError`."""
        entry = COMMANDS.get(method)
        if entry is None:
            raise RpcError(UNKNOWN_METHOD, f"Unknown method {method}")
        if not isinstance(params, dict):
            self._bad("params must be an object")
        if complaint := check_fields(method, params, entry.fields, self._strict):
            self._bad(complaint)
        return entry.action(self, session, params)

    def receive(self, session: Session, params: Params) -> Accepted:
        """``signalwire.receive``: calls for these contexts are offered to this session too."""
        contexts = list(params.get("contexts") or [])
        if "context" in params:
            contexts.append(params["context"])
        if not contexts:
            self._bad("signalwire.receive needs contexts")
        for context in contexts:
            session.contexts.setdefault(str(context), 0)
        self._dispatch.joined(session)
        return Accepted({"code": "200", "message": "Receiving"})

    def unreceive(self, session: Session, params: Params) -> Accepted:
        """``signalwire.unreceive``: no more work of these contexts for this session."""
        for context in params["contexts"]:
            session.contexts.pop(str(context), None)
        return Accepted({"code": "200", "message": "Unreceiving"})

    def begin(self, session: Session, params: Params) -> Accepted:
        """``calling.begin``: call one device."""
        self._check_tag(params["tag"])
        call = self._switch.begin(session, str(params["tag"]), params["device"])
        ids = {"call_id": call.id, "node_id": call.around.node_id}
        return _ok("Call started", ids if self._assumptions.begin_reply_has_ids else {})

    def dial(self, session: Session, params: Params) -> Accepted:
        """``calling.dial``: call devices in series and parallel."""
        self._check_tag(params["tag"])
        self._switch.dial(session, str(params["tag"]), params["devices"])
        return _ok("Dialing", {})

    def answer(self, session: Session, params: Params) -> Accepted:
        """``calling.answer``: an inbound call."""
        call = self._call(session, params)
        if call.direction == "outbound":
            raise Refused("409", "Only an inbound call can be answered")
        if call.answered_at is not None and self._assumptions.answer_of_answered != "200":
            raise Refused(self._assumptions.answer_of_answered, "Call is answered already")
        call.answer()
        return _ok("Answered", {"call_id": call.id})

    def end(self, session: Session, params: Params) -> Accepted:
        """``calling.end``: before or after the answer."""
        call = self._call(session, params)
        call.end(params.get("reason") or "hangup")
        return _ok("Disconnecting call", {"call_id": call.id})

    def pass_on(self, session: Session, params: Params) -> Accepted:
        """``calling.pass``: give an unanswered inbound call to another consumer."""
        call = self._call(session, params)
        if call.direction == "outbound" or call.answered_at is not None:
            raise Refused("409", "Only an unanswered inbound call can be passed")
        self._switch.pass_on(call)
        return _ok("Passing call", {"call_id": call.id})

    def connect(self, session: Session, params: Params) -> Accepted:
        """``calling.connect``: bridge an answered call to the first of some devices that answers."""
        call = self._call(session, params)
        if call.answered_at is None:
            raise Refused(self._assumptions.connect_before_answer, "Call is not answered yet")
        if call.connecting or call.bridge is not None:
            raise Refused("409", "Call is connected already" if call.bridge else "Call is being connected")
        if "tag" in params:
            self._check_tag(params["tag"])
        heard = params.get("ringback") or []
        ringback = [heard] if isinstance(heard, dict) else heard
        self._switch.connect(call, params["devices"], ringback, str(params.get("tag", "")))
        return _ok("Connecting", {"call_id": call.id})

    def disconnect(self, session: Session, params: Params) -> Accepted:
        """``calling.disconnect``: end the bridge of a call; either of the two may be named."""
        call = self._call(session, params)
        if call.bridge is None:
            raise Refused("409", "Call is not connected")
        call.bridge.part()
        return _ok("Disconnecting", {"call_id": call.id})

    def send_message(self, session: Session, params: Params) -> Accepted:
        """``messaging.send``: a text message to a phone."""
        if not params.get("body") and not params.get("media"):
            self._bad("messaging.send needs body or media")
        return _ok("Message accepted", {"message_id": self._messages.send(params)})

    def play(self, session: Session, params: Params) -> Accepted:
        """``calling.play``: start a playback; several may run and are mixed."""
        call = self._call(session, params)
        if call.answered_at is None:
            raise Refused(self._assumptions.play_before_answer, "Call is not answered yet")
        control_id = str(params["control_id"])
        if control_id in call.plays or control_id in call.operations:
            raise Refused("409", "Control id is in use")
        play = Play(call, control_id, params["play"], float(params.get("volume", 0.0)))
        return Accepted(_ids("Playing", call, control_id), play.loaded)

    def play_pause(self, session: Session, params: Params) -> Accepted:
        """``calling.play.pause``."""
        return self._control(session, params, "Paused", Play.pause)

    def play_resume(self, session: Session, params: Params) -> Accepted:
        """``calling.play.resume``."""
        return self._control(session, params, "Resumed", Play.resume)

    def play_stop(self, session: Session, params: Params) -> Accepted:
        """``calling.play.stop``."""
        return self._control(session, params, "Stopped", Play.stop)

    def play_volume(self, session: Session, params: Params) -> Accepted:
        """``calling.play.volume``."""
        return self._control(session, params, "Volume set", lambda play: play.volume(float(params["volume"])))

    def _control(self, session: Session, params: Params, message: str, action: Callable[[Play], None]) -> Accepted:
        call = self._call(session, params)
        control_id = str(params["control_id"])
        play = call.plays.get(control_id)
        if play is None or play.check_over():
            raise Refused("404", "Control id does not exist")
        action(play)
        return Accepted(_ids(message, call, control_id))

    def start(
        self, session: Session, params: Params, message: str, kind: Callable[[Call, Params], Operation]
    ) -> Accepted:
        """Start an operation on an answered call; see ``starts``."""
        call = self._call(session, params)
        if call.answered_at is None:
            raise Refused(self._assumptions.play_before_answer, "Call is not answered yet")
        control_id = str(params.get("control_id", ""))
        if control_id in call.plays or control_id in call.operations:
            raise Refused("409", "Control id is in use" if control_id else "One of these is running already")
        operation = kind(call, params)

        def fail() -> None:
            if not operation.over:
                operation.fail()

        ids = {"call_id": call.id} | ({"control_id": control_id} if control_id else {})
        return Accepted({"code": "200", "message": message, **ids, **operation.reply}, operation.settled, fail)

    def refer(self, session: Session, params: Params) -> Accepted:
        """``calling.refer``: what becomes of it is up to the phone at that address."""
        will = self._switch.phone(refer_target(params)).behaviour
        return self.start(session, params, "Starting SIP REFER", lambda call, told: Refer(call, told, will))

    def control(
        self, session: Session, params: Params, message: str, kind: type[Op], act: Callable[[Op, Params], None]
    ) -> Accepted:
        """Act on an operation that is running; see ``controls``."""
        call = self._call(session, params)
        operation = call.operations.get(str(params["control_id"]))
        if not isinstance(operation, kind) or operation.over:
            raise Refused("404", "Control id does not exist")
        act(operation, params)
        return Accepted(_ids(message, call, operation.control_id), operation.settled)

    def _call(self, session: Session, params: Params) -> Call:
        """Return the call that a command names, which must be there and the session's own."""
        call_id = str(params["call_id"])
        call = self._switch.find(call_id)
        if call is None:
            if self._switch.gone(call_id):
                raise Refused("410", "Call is gone")
            raise Refused("404", "Call does not exist")
        if self._strict and params["node_id"] != call.around.node_id:
            raise Refused("404", "Call does not exist on this node")
        if call.owner is not session and self._assumptions.other_session != "200":
            raise Refused(self._assumptions.other_session, "Call is controlled by another client")
        return call

    def _check_tag(self, tag: Any) -> None:
        if self._strict and self._switch.tag_in_use(str(tag)):
            self._bad(f"tag {tag} belongs to a call that has not ended")

    def _bad(self, complaint: str) -> NoReturn:
        if self._assumptions.bad_params == "400":
            raise Refused("400", complaint)
        raise RpcError(BAD_PARAMS, complaint)


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table."""

    action: Callable[[Desk, Session, Params], Accepted]
    fields: tuple[Field, ...]


def starts(message: str, kind: Callable[[Call, Params], Operation]) -> Callable[[Desk, Session, Params], Accepted]:
    """Return what a row of the table does to start an operation of this ``kind``; ``message`` is that of the reply."""
    return lambda desk, session, params: desk.start(session, params, message, kind)


def controls(
    message: str, kind: type[Op], act: Callable[[Op, Params], None]
) -> Callable[[Desk, Session, Params], Accepted]:
    """Return what a row of the table does to ``act`` on a running operation of this ``kind``."""
    return lambda desk, session, params: desk.control(session, params, message, kind, act)


def stops(kind: type[Op]) -> Callable[[Desk, Session, Params], Accepted]:
    """Return what a row of the table does to stop an operation of this ``kind``."""
    return controls("Stopped", kind, lambda operation, params: operation.stop())


_CALL = (Field("node_id", text, "if strict"), Field("call_id", text))
_CONTROL = (*_CALL, Field("control_id", text))
_BEGIN = (Field("tag", text), Field("region", text, False), Field("max_duration", number(0, above=True), False))

COMMANDS: dict[str, Command] = {
    "signalwire.receive": Command(Desk.receive, (Field("contexts", texts, False), Field("context", text, False))),
    "signalwire.unreceive": Command(Desk.unreceive, (Field("contexts", texts),)),
    "calling.begin": Command(Desk.begin, (*_BEGIN, Field("device", device))),
    "calling.dial": Command(
        Desk.dial, (*_BEGIN, Field("devices", devices), Field("max_price_per_minute", number(0), False))
    ),
    "calling.answer": Command(
        Desk.answer, (*_CALL, Field("max_duration", number(0, above=True), False), Field("codecs", anything, False))
    ),
    "calling.end": Command(Desk.end, (*_CALL, Field("reason", one_of(*REASONS), False))),
    "calling.pass": Command(Desk.pass_on, _CALL),
    "calling.connect": Command(
        Desk.connect,
        (
            *_CALL,
            Field("devices", devices),
            Field("ringback", ringback, False),
            Field("tag", text, False),
            Field("max_duration", number(0, above=True), False),
            Field("max_price_per_minute", number(0), False),
            Field("status_url", text, False),
        ),
    ),
    "calling.disconnect": Command(Desk.disconnect, _CALL),
    "messaging.send": Command(
        Desk.send_message,
        (
            Field("context", text),
            Field("from_number", e164),
            Field("to_number", e164),
            Field("body", string, False),
            Field("media", some_texts, False),
            Field("tags", some_texts, False),
            Field("region", text, False),
        ),
    ),
    "calling.play_and_collect": Command(
        starts("Playing and collecting", Prompt),
        (*_CONTROL, Field("play", media), Field("collect", collect), Field("volume", volume, False)),
    ),
    "calling.play_and_collect.stop": Command(stops(Prompt), _CONTROL),
    "calling.play_and_collect.volume": Command(
        controls("Volume set", Prompt, lambda prompt, params: prompt.volume(float(params["volume"]))),
        (*_CONTROL, Field("volume", volume)),
    ),
    "calling.record": Command(starts("Recording", Record), (*_CONTROL, Field("record", record))),
    "calling.record.stop": Command(stops(Record), _CONTROL),
    "calling.record.pause": Command(
        controls("Paused", Record, lambda recording, params: recording.pause(params.get("behavior", "skip"))),
        (*_CONTROL, Field("behavior", one_of(*PAUSE_BEHAVIORS), False)),
    ),
    "calling.record.resume": Command(
        controls("Resumed", Record, lambda recording, params: recording.resume()), _CONTROL
    ),
    "calling.send_digits": Command(starts("Sending Digits", SendDigits), (*_CONTROL, Field("digits", sendable))),
    "calling.detect": Command(
        starts("Detecting", Detection),
        (*_CONTROL, Field("detect", detect), Field("timeout", number(0), False)),
    ),
    "calling.detect.stop": Command(stops(Detection), _CONTROL),
    "calling.send_fax": Command(
        starts("Sending fax", SendFax),
        (*_CONTROL, Field("document", text), Field("identity", text, False), Field("header_info", string, False)),
    ),
    "calling.send_fax.stop": Command(stops(SendFax), _CONTROL),
    "calling.receive_fax": Command(starts("Receiving fax", ReceiveFax), _CONTROL),
    "calling.receive_fax.stop": Command(stops(ReceiveFax), _CONTROL),
    "calling.tap": Command(starts("Tapping", Tap), (*_CONTROL, Field("tap", tap), Field("device", tap_device))),
    "calling.tap.stop": Command(stops(Tap), _CONTROL),
    "calling.refer": Command(Desk.refer, (*_CALL, Field("device", refer_device))),
    "calling.play": Command(Desk.play, (*_CONTROL, Field("play", media), Field("volume", volume, False))),
    "calling.play.pause": Command(Desk.play_pause, _CONTROL),
    "calling.play.resume": Command(Desk.play_resume, _CONTROL),
    "calling.play.stop": Command(Desk.play_stop, _CONTROL),
    "calling.play.volume": Command(Desk.play_volume, (*_CONTROL, Field("volume", volume))),
}
"""Every method there is. ``max_duration``, ``region`` and ``codecs`` are accepted and have no effect."""


def _ok(message: str, more: dict[str, Any]) -> Accepted:
    return Accepted({"code": "200", "message": message, **more})


def _ids(message: str, call: Call, control_id: str) -> dict[str, Any]:
    return {"code": "200", "message": message, "call_id": call.id, "control_id": control_id}
