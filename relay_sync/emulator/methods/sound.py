"""What is done to, or made of, the sound of a call: hold, denoise, echo, transcriptions (protocol.md 13)."""

from __future__ import annotations

from relay_sync.emulator.checks import Field, number
from relay_sync.emulator.desk import CALL, CONTROL, FLAGS, STATUS_URL, Action, Command, Desk, Params, ok, starts, stops
from relay_sync.emulator.echoing import Echo
from relay_sync.emulator.envelope import UNKNOWN_METHOD, Accepted, RpcError
from relay_sync.emulator.session import Session
from relay_sync.emulator.transcribing import Live, LiveTranscribe, LiveTranslate, Transcribe, act, action


def hold(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.hold``: silence both ways. Of a call that is held: nothing more happens."""
    if not desk.assumptions.hold_implemented:
        raise RpcError(UNKNOWN_METHOD, "Unknown method calling.hold")
    call = desk.answered(session, params)
    if call.hold(True):
        call.emit("calling.call.hold", {"state": "hold"})
    return ok("Call on hold", {"call_id": call.id})


def unhold(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.unhold``: sound again. Of a call that is not held: nothing happens."""
    if not desk.assumptions.hold_implemented:
        raise RpcError(UNKNOWN_METHOD, "Unknown method calling.unhold")
    call = desk.answered(session, params)
    if call.hold(False) and desk.assumptions.unhold_event != "nothing":
        call.emit("calling.call.hold", {"state": desk.assumptions.unhold_event})
    return ok("Call off hold", {"call_id": call.id})


def denoise(on: bool) -> Action:
    """Return what ``calling.denoise`` and ``.stop`` do: tell so, for the lines here have no noise to take away."""

    def carry_out(desk: Desk, session: Session, params: Params) -> Accepted:
        call = desk.answered(session, params)
        if call.denoised is not on:
            call.denoised = on
            call.emit("calling.call.denoise", {"denoised": on})
        return ok("OK", {"call_id": call.id})

    return carry_out


def live(kind: type[Live]) -> Action:
    """Return what the command of a live kind does: as its action says."""

    def carry_out(desk: Desk, session: Session, params: Params) -> Accepted:
        call = desk.answered(session, params)
        act(call, kind, params["action"])
        return ok("OK", {"call_id": call.id})

    return carry_out


_ACTION = Field("action", action)

COMMANDS: dict[str, Command] = {
    "calling.hold": Command(hold, CALL),
    "calling.unhold": Command(unhold, CALL),
    "calling.denoise": Command(denoise(True), CALL),
    "calling.denoise.stop": Command(denoise(False), CALL),
    "calling.echo": Command(starts("OK", Echo), (*CALL, Field("timeout", number(0), False), STATUS_URL, *FLAGS)),
    "calling.transcribe": Command(starts("OK", Transcribe), (*CONTROL, STATUS_URL)),
    "calling.transcribe.stop": Command(stops(Transcribe), CONTROL),
    "calling.live_transcribe": Command(live(LiveTranscribe), (*CALL, _ACTION, STATUS_URL, *FLAGS)),
    "calling.live_translate": Command(live(LiveTranslate), (*CALL, _ACTION, STATUS_URL, *FLAGS)),
}
