"""What is played into a call and taken out of it: play, prompt, collect, record, detect, digits, fax, tap, stream."""

from __future__ import annotations

from collections.abc import Callable

from relay_sync.emulator.asking import Asking
from relay_sync.emulator.checks import Field, loop, media, number, one_of, string, text, volume
from relay_sync.emulator.collect import FIELDS as COLLECT
from relay_sync.emulator.collect import Collect
from relay_sync.emulator.collecting import collect
from relay_sync.emulator.desk import CONTROL, FLAGS, STATUS_URL, Command, Desk, Params, controls, ids, starts, stops
from relay_sync.emulator.detection import Detection
from relay_sync.emulator.digits import SendDigits, sendable
from relay_sync.emulator.envelope import Accepted, Refused
from relay_sync.emulator.faxing import ReceiveFax, SendFax
from relay_sync.emulator.media import DIRECTIONS
from relay_sync.emulator.media.recorder import PAUSE_BEHAVIORS
from relay_sync.emulator.objects import detect, tap, tap_device
from relay_sync.emulator.playback import Play
from relay_sync.emulator.prompt import Prompt
from relay_sync.emulator.record_options import record
from relay_sync.emulator.recording import Record
from relay_sync.emulator.session import Session
from relay_sync.emulator.streaming import FIELDS as STREAM
from relay_sync.emulator.streaming import Stream
from relay_sync.emulator.tapping import Tap


def play(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.play``: start a playback; several may run and are mixed."""
    call = desk.answered(session, params)
    control_id = str(params["control_id"])
    if control_id in call.plays or control_id in call.operations:
        raise Refused("409", "Control id is in use")
    playback = Play(
        call, control_id, params["play"], float(params.get("volume", 0.0)),
        direction=params.get("direction", "listen"), loops=int(params.get("loop", 1)),
    )  # fmt: skip
    return Accepted(ids("Playing", call, control_id), playback.loaded, playback.fail)


def control(message: str, act: Callable[[Play, Params], None]) -> Callable[[Desk, Session, Params], Accepted]:
    """Return what a row of the table does to ``act`` on a playback that is running."""

    def carry_out(desk: Desk, session: Session, params: Params) -> Accepted:
        call = desk.call(session, params)
        control_id = str(params["control_id"])
        playback = call.plays.get(control_id)
        if playback is None or playback.check_over():
            raise Refused("404", "Control id does not exist")
        act(playback, params)
        return Accepted(ids(message, call, control_id))

    return carry_out


def collect_input(desk: Desk, session: Session, params: Params) -> Accepted:
    """``calling.collect``: digits, speech or both."""
    if "digits" not in params and "speech" not in params:
        desk.bad("calling.collect needs digits, speech or both")
    return desk.start(session, params, "Collecting", Collect)


_VOLUME = Field("volume", volume, False)

COMMANDS: dict[str, Command] = {
    "calling.play": Command(
        play,
        (
            *CONTROL,
            Field("play", media),
            _VOLUME,
            Field("direction", one_of(*DIRECTIONS), False),
            Field("loop", loop, False),
            STATUS_URL,
        ),
    ),
    "calling.play.pause": Command(control("Paused", lambda playback, params: playback.pause()), CONTROL),
    "calling.play.resume": Command(control("Resumed", lambda playback, params: playback.resume()), CONTROL),
    "calling.play.stop": Command(control("Stopped", lambda playback, params: playback.stop()), CONTROL),
    "calling.play.volume": Command(
        control("Volume set", lambda playback, params: playback.volume(float(params["volume"]))),
        (*CONTROL, Field("volume", volume)),
    ),
    "calling.play_and_collect": Command(
        starts("Playing and collecting", Prompt),
        (*CONTROL, Field("play", media), Field("collect", collect), _VOLUME, STATUS_URL),
    ),
    "calling.play_and_collect.stop": Command(stops(Prompt), CONTROL),
    "calling.play_and_collect.volume": Command(
        controls("Volume set", Prompt, lambda prompt, params: prompt.volume(float(params["volume"]))),
        (*CONTROL, Field("volume", volume)),
    ),
    "calling.collect": Command(collect_input, (*CONTROL, *COLLECT, STATUS_URL)),
    "calling.collect.stop": Command(stops(Collect), CONTROL),
    "calling.collect.start_input_timers": Command(
        controls("Timers started", Asking, lambda asking, params: asking.start_input_timers()), CONTROL
    ),
    "calling.record": Command(starts("Recording", Record), (*CONTROL, Field("record", record), STATUS_URL)),
    "calling.record.stop": Command(stops(Record), CONTROL),
    "calling.record.pause": Command(
        controls("Paused", Record, lambda recording, params: recording.pause(params.get("behavior", "skip"))),
        (*CONTROL, Field("behavior", one_of(*PAUSE_BEHAVIORS), False)),
    ),
    "calling.record.resume": Command(
        controls("Resumed", Record, lambda recording, params: recording.resume()), CONTROL
    ),
    "calling.send_digits": Command(starts("Sending Digits", SendDigits), (*CONTROL, Field("digits", sendable))),
    "calling.detect": Command(
        starts("Detecting", Detection),
        (*CONTROL, Field("detect", detect), Field("timeout", number(0), False)),
    ),
    "calling.detect.stop": Command(stops(Detection), CONTROL),
    "calling.send_fax": Command(
        starts("Sending fax", SendFax),
        (
            *CONTROL,
            Field("document", text),
            Field("identity", text, False),
            Field("header_info", string, False),
            STATUS_URL,
        ),
    ),
    "calling.send_fax.stop": Command(stops(SendFax), CONTROL),
    "calling.receive_fax": Command(starts("Receiving fax", ReceiveFax), (*CONTROL, STATUS_URL)),
    "calling.receive_fax.stop": Command(stops(ReceiveFax), CONTROL),
    "calling.tap": Command(
        starts("Tapping", Tap), (*CONTROL, Field("tap", tap), Field("device", tap_device), STATUS_URL)
    ),
    "calling.tap.stop": Command(stops(Tap), CONTROL),
    "calling.stream": Command(starts("Streaming", Stream), (*CONTROL, *STREAM, *FLAGS)),
    "calling.stream.stop": Command(stops(Stream), (*CONTROL, *FLAGS)),
}
