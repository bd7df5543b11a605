"""The commands the emulator carries out: a table of methods, their fields, and what each does.

Refusals (protocol.md 7): unknown method -32601; missing or wrong fields ``400`` (or -32602: an assumption); unknown
call or control id ``404``; ended call ``410``; what does not fit the state of the call ``409``. The texts are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from relay_sync.emulator.assumptions import Assumptions
from relay_sync.emulator.calls import REASONS, Call
from relay_sync.emulator.checks import (
    Field,
    anything,
    check_fields,
    device,
    devices,
    media,
    number,
    one_of,
    text,
    texts,
    volume,
)
from relay_sync.emulator.envelope import BAD_PARAMS, UNKNOWN_METHOD, Accepted, Refused, RpcError
from relay_sync.emulator.playback import Play
from relay_sync.emulator.session import Session
from relay_sync.emulator.switch import Switch

Params = dict[str, Any]


class Desk:
    """Takes commands, checks them, and has them done. Everything happens on the emulator's thread."""

    def __init__(self, switch: Switch, assumptions: Assumptions, strict: bool) -> None:
        self._switch = switch
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
        return Accepted({"code": "200", "message": "Receiving"})

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

    def play(self, session: Session, params: Params) -> Accepted:
        """``calling.play``: start a playback; several may run and are mixed."""
        call = self._call(session, params)
        if call.answered_at is None:
            raise Refused(self._assumptions.play_before_answer, "Call is not answered yet")
        control_id = str(params["control_id"])
        if control_id in call.plays:
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


_CALL = (Field("node_id", text, "if strict"), Field("call_id", text))
_CONTROL = (*_CALL, Field("control_id", text))
_BEGIN = (Field("tag", text), Field("region", text, False), Field("max_duration", number(0, above=True), False))

COMMANDS: dict[str, Command] = {
    "signalwire.receive": Command(Desk.receive, (Field("contexts", texts, False), Field("context", text, False))),
    "calling.begin": Command(Desk.begin, (*_BEGIN, Field("device", device))),
    "calling.dial": Command(
        Desk.dial, (*_BEGIN, Field("devices", devices), Field("max_price_per_minute", number(0), False))
    ),
    "calling.answer": Command(
        Desk.answer, (*_CALL, Field("max_duration", number(0, above=True), False), Field("codecs", anything, False))
    ),
    "calling.end": Command(Desk.end, (*_CALL, Field("reason", one_of(*REASONS), False))),
    "calling.pass": Command(Desk.pass_on, _CALL),
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
