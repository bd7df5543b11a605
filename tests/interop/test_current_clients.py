"""The official clients of today, unmodified but for the address, work against the emulator in the current dialect.

Two clients, each a program in programs/ that does what their documentation shows: signalwire-sdk 3.7.5 (Python,
asyncio; always over TLS) and @signalwire/realtime-api 4.2.1 (Node). As with the clients before them, what they make of
what they hear is judged by what is true of them, known defects included; what they asked for and got, by the journal,
which also tells that they acknowledged each event once; and what came of it, by what the phone heard.

Where a program says ``asked``, time passes only then, and not at once after the reply: Node makes its prompt or
detection some time after the reply has come, and can't place what is told of it before.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import trustme
from numpy.typing import ArrayLike

from relay_sync.emulator import Emulator
from tests.interop.conftest import PROGRAMS
from tests.interop.official import MUSIC, SECONDS_OF_MUSIC, Official, TlsFront, codes, fetch, noise, pass_time, source
from tests.interop.program import Program

PHONE, BUSY, OTHER = "+15550100001", "+15550100002", "+15550100003"
MACHINE, PERSON, FAX_RECEIVER = "+15550100005", "+15550100006", "+15550100007"
GREETING = "Hello, you have reached the office. Nobody is here right now. Please leave a message after the beep."
Start = Callable[..., Program]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["sdk", "realtime"])
def current(request: pytest.FixtureRequest, authority: trustme.CA, tmp_path: Path) -> Official:
    folder = os.environ.get("RELAY_SYNC_INTEROP_CLIENTS")
    if not folder:
        pytest.skip("needs the official clients: run `tox -e interop`")
    clients = Path(folder)
    if request.param == "realtime":
        modules = {"NODE_PATH": str(clients / "realtime" / "node_modules")}
        return Official("realtime", ["node", str(PROGRAMS / "realtime.js")], modules, "calling.dial", "created")
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    command = [str(clients / "sdk" / "bin" / "python"), str(PROGRAMS / "sdk.py")]
    return Official("sdk", command, {"SIGNALWIRE_RELAY_CA_FILE": str(trusted)}, "calling.dial", "created")


@pytest.fixture
def start(relay: Emulator, current: Official, authority: trustme.CA, tmp_path: Path) -> Iterator[Start]:
    """Start a scenario of the client's program against the emulator."""
    front = TlsFront(relay.port, authority) if current.name == "sdk" else None
    host = relay.url if front is None else f"127.0.0.1:{front.port}"

    def start(scenario: str, *arguments: str, token: str | None = None) -> Program:
        credentials = relay.credentials
        command = [*current.command, scenario, host, credentials["project"], token or credentials["token"], *arguments]
        return Program(command, current.environment, tmp_path / f"{scenario}.log")

    yield start
    if front is not None:
        front.close()


def test_a_current_client_dials_plays_pauses_resumes_changes_the_volume_stops_and_hangs_up(
    relay: Emulator, current: Official, start: Start, music: Path
) -> None:
    phone = relay.phone(PHONE)
    with start("outbound", PHONE) as program:
        program.says("ready")
        # Node takes the call out of calling.call.dial, where there is no state.
        assert program.says("dialled") == {"state": "answered" if current.name == "sdk" else None}
        for step, event, seconds in [("playing", "playing", 2), ("paused", "paused", 1), ("resumed", "playing", 1)]:
            assert program.says(step) == {"event": event, "completed": False}
            relay.clock.advance(seconds)
            program.go_on()
        program.says("louder")
        relay.clock.advance(1.0)
        program.go_on()
        assert program.says("stopped") == {"event": "finished", "completed": True, "result": "finished"}
        relay.clock.advance(0.5)
        program.go_on()
        assert program.says("hung up") == {"state": "ended"}
        relay.journal.assert_events_acknowledged()
        assert len(relay.journal.deliveries) == 1 + len(relay.journal.events())
        program.go_on()
        program.ends_well()

    assert codes(relay.journal.commands()) == [
        ("calling.dial", "200"),
        ("calling.play", "200"),
        ("calling.play.pause", "200"),
        ("calling.play.resume", "200"),
        ("calling.play.volume", "200"),
        ("calling.play.stop", "200"),
        ("calling.end", "200"),
    ]
    heard = phone.heard
    assert heard.duration == 5.5

    def difference(begin: float, end: float, expected: ArrayLike) -> float:
        samples = heard.between(begin, end).samples.astype(np.int64)
        return float(np.abs(samples - np.asarray(expected)).max())

    assert difference(0.0, 2.0, source(music, 0.0, 2.0)) <= 1
    assert difference(2.0, 3.0, 0) == 0
    assert difference(3.0, 4.0, source(music, 2.0, 3.0)) <= 1
    # The first 5 ms after the command are the ramp from the old volume to the new one.
    assert difference(4.005, 5.0, source(music, 3.005, 4.0) * 10 ** (6 / 20)) <= 1
    assert difference(5.0, 5.5, 0) == 0


def test_a_current_client_takes_an_inbound_call_of_a_context_that_it_has_not_left(
    relay: Emulator, start: Start, music: Path
) -> None:
    phone = relay.phone(PHONE)
    with start("inbound") as program:
        program.says("ready")
        program.says("receiving")
        assert relay.contexts == {"reception": 1}
        assert phone.call(context="kitchen").state == "ended"
        phone.call(context="reception")
        assert program.says("incoming") == {"state": "created", "caller": PHONE, "context": "reception"}
        assert program.says("answered") == {"state": "answered"}
        pass_time(relay, SECONDS_OF_MUSIC, "calling.play")
        assert program.says("played") == {"result": "finished"}
        program.go_on()
        assert program.says("hung up") == {"state": "ended"}
        program.ends_well()
    assert np.abs(phone.heard.samples.astype(np.int64) - source(music, 0.0, SECONDS_OF_MUSIC)).max() <= 1
    methods = [command.method for command in relay.journal.commands()]
    assert {"signalwire.receive", "signalwire.unreceive"} <= set(methods)
    assert methods[-3:] == ["calling.answer", "calling.play", "calling.end"]


def test_a_current_client_hears_that_nobody_answers(relay: Emulator, start: Start) -> None:
    relay.phone(PHONE, busy=True)
    with start("rejected", PHONE) as program:
        program.says("ready")
        assert program.says("rejected") == {"told": True}
        program.ends_well()


def test_a_current_client_is_told_that_its_credentials_are_wrong(
    relay: Emulator, current: Official, start: Start
) -> None:
    with start("refused", token="PTwrong") as program:
        refusal = program.says("refused")
        assert refusal == {"code": -32002, "message": "Authentication failed: unknown project or wrong token"}
        program.ends_well()
    assert not any("PTwrong" in frame.text for frame in relay.journal.frames)


def test_a_current_client_prompts_for_digits_and_speech(relay: Emulator, start: Start) -> None:
    phone = relay.phone(PHONE)
    with start("prompts", PHONE) as program:
        program.says("ready")
        program.says("asked")
        relay.clock.advance(1.0)
        relay.clock.advance(phone.press("12#"))
        assert program.says("digits") == {"type": "digit", "result": "12"}
        program.go_on()
        program.says("asked")
        relay.clock.advance(1.0)
        relay.clock.advance(phone.say("yes please") + 1.0)
        assert program.says("speech") == {"type": "speech", "result": "yes please"}
        program.go_on()
        assert program.says("prompting") == {"completed": False}
        program.go_on()
        assert program.says("stopped") == {"type": "no_input", "result": None}
        program.ends_well()
    first, second, third = relay.journal.commands("calling.play_and_collect")
    digits = {"max": 4, "terminators": "#", "digit_timeout": 2}
    assert first.params["collect"] == {"initial_timeout": 6, "digits": digits}
    speech = {"end_silence_timeout": 0.5, "speech_timeout": 20, "language": "en-US", "hints": ["yes"]}
    assert second.params["collect"] == {"speech": speech}
    assert second.params["volume"] == -6
    assert third.params["collect"] == {"initial_timeout": 3, "digits": {"max": 1}}
    assert codes(relay.journal.commands())[-2:] == [
        ("calling.play_and_collect.volume", "200"),
        ("calling.play_and_collect.stop", "200"),
    ]


def test_a_current_client_collects_digits_and_speech(relay: Emulator, current: Official, start: Start) -> None:
    phone = relay.phone(PHONE)
    with start("collects", PHONE) as program:
        program.says("ready")
        program.says("asked")
        relay.clock.advance(phone.press("12#") + 0.1)
        assert program.says("digits") == {"type": "digit", "result": "12"}
        program.go_on()
        program.says("asked")
        relay.clock.advance(phone.say("yes please") + 1.0)
        assert program.says("speech") == {"type": "speech", "result": "yes please"}
        program.go_on()
        assert program.says("waiting") == {"completed": False}
        relay.clock.advance(10.0)  # the timer has not been started
        program.go_on()
        pass_time(relay, 2.1, "calling.collect.start_input_timers")
        assert program.says("nothing") == {"type": "no_input", "result": None}
        program.go_on()
        assert program.says("stopped") == {"type": "no_input", "result": None}
        program.ends_well()
    first, _, third, _ = relay.journal.commands("calling.collect")
    assert first.params["digits"] == {"max": 3, "terminators": "#"}
    assert third.params["start_input_timers"] is False


def test_a_current_client_records_and_pauses_the_recording(relay: Emulator, start: Start) -> None:
    phone = relay.phone(PHONE)
    first, second = noise(2.0, 1), noise(1.0, 2)
    with start("recordings", PHONE) as program:
        program.says("ready")
        pass_time(relay, 1.0, "calling.record")
        assert phone.heard.between(0, 1).rms_db() > -50  # the beep
        relay.clock.advance(phone.play(first))
        relay.clock.advance(phone.press("#") + 0.1)
        recorded = program.says("recorded")
        assert recorded.pop("told") == ["recording", "finished"]
        samples, rate = soundfile.read(io.BytesIO(fetch(recorded["url"])), dtype="int16")
        assert recorded["duration"] == pytest.approx(len(samples) / rate)
        begin = np.flatnonzero(samples)[0]
        assert np.array_equal(samples[begin : begin + len(first)], first)
        program.go_on()

        assert program.says("recording") == {"told": "recording"}
        relay.clock.advance(phone.play(second))
        program.go_on()
        assert program.says("paused") == {"told": "paused", "completed": False}
        relay.clock.advance(phone.play(noise(1.0, 3)))
        program.go_on()
        assert program.says("resumed") == {"told": "recording"}
        relay.clock.advance(phone.play(second))
        program.go_on()
        stopped = program.says("stopped")
        assert (stopped["told"], stopped["duration"]) == ("finished", 3.0)
        samples, _ = soundfile.read(io.BytesIO(fetch(stopped["url"])), dtype="int16")
        silence = np.zeros(len(second), np.int16)
        assert np.array_equal(samples, np.concatenate([second, silence, second]))
        program.go_on()

        pass_time(relay, 2.1, "calling.record", 3)
        assert program.says("nothing") == {"result": "no_input"}
        program.go_on()
        program.ends_well()
    (pause,) = relay.journal.commands("calling.record.pause")
    assert pause.params["behavior"] == "silence"


def test_a_current_client_detects_machines_faxes_and_digits(relay: Emulator, current: Official, start: Start) -> None:
    relay.phone(MACHINE, machine=GREETING)
    relay.phone(FAX_RECEIVER, fax="receive")
    person = relay.phone(PERSON)
    with start("detections", MACHINE, FAX_RECEIVER, PERSON) as program:
        program.says("ready")
        program.says("asked")
        relay.clock.advance(12.0)
        # Python ends with the first event and its result, whatever more is told; Node's result is the latest.
        result = "MACHINE" if current.name == "sdk" else "READY"
        assert program.says("machine") == {"result": result, "told": ["MACHINE", "NOT_READY", "READY"]}
        program.go_on()
        assert program.says("stopped") == {"told": "finished"}
        program.says("asked")
        relay.clock.advance(1.0)
        assert program.says("fax") == {"result": "CED"}
        program.go_on()
        program.says("asked")
        relay.clock.advance(person.press("45") + 0.1)
        assert program.says("digit") == {"result": "5"}
        program.go_on()
        program.ends_well()
    told: list[dict[str, Any]] = [command.params["detect"] for command in relay.journal.commands("calling.detect")]
    assert told == [
        {"type": "machine", "params": {"initial_timeout": 4.5, "end_silence_timeout": 1.0}},
        {"type": "fax", "params": {"tone": "CED"}},
        {"type": "digit", "params": {"digits": "5"}},
    ]


def test_a_current_client_bridges_two_phones_and_parts_them(
    relay: Emulator, current: Official, start: Start, music: Path
) -> None:
    phone, other = relay.phone(PHONE), relay.phone(OTHER, answer_after=2.0)
    relay.phone(BUSY, busy=True)
    mine, yours = noise(1.0, 1), noise(1.0, 2)
    python = current.name == "sdk"
    with start("bridges", PHONE, BUSY, OTHER) as program:
        program.says("ready")
        assert program.says("nobody") == {"told": [["connecting", None], ["failed", "busy"]] if python else "busy"}
        if python:
            assert program.says("connecting") == {"told": ["connecting", None]}
        pass_time(relay, 2.0, "calling.connect", 2)
        if python:
            assert program.says("connected") == {"told": ["connected", None]}
        else:
            assert program.says("connected") == {"told": "connected", "peer": True}
        phone.play(mine)
        other.play(yours)
        relay.clock.advance(1.0)
        program.go_on()
        parted = program.says("parted")
        assert parted["told"] == (["disconnected", None] if python else "disconnected")
        program.go_on()
        program.ends_well()
    states = [event.params["connect_state"] for event in relay.journal.events("calling.call.connect")]
    assert states == ["connecting", "failed", "connecting", "connected", "disconnected"]
    connect = relay.journal.commands("calling.connect")[-1].params
    assert connect["ringback"] == [{"type": "audio", "params": {"url": MUSIC}}]
    assert np.abs(phone.heard.between(0, 2).samples - source(music, 0, 2)).max() <= 1
    assert np.array_equal(phone.heard.between(2, 3).samples, yours)
    assert np.array_equal(other.heard.between(0, 1).samples, mine)


def test_a_current_client_sends_digits(relay: Emulator, start: Start) -> None:
    phone = relay.phone(PHONE)
    with start("digits", PHONE) as program:
        program.says("ready")
        pass_time(relay, 2.0, "calling.send_digits")
        assert program.says("sent") == {"told": "finished"}
        assert phone.digits_heard == "12#"
        program.go_on()
        program.ends_well()


def test_a_current_client_sends_messages_and_takes_one(relay: Emulator, current: Official, start: Start) -> None:
    # Later than its reply: of a message that it has not heard the id of, Python drops the news.
    phone = relay.phone(PHONE, message_after=2.0)
    relay.phone(OTHER, message_state="undelivered", message_after=2.0)
    with start("messages", PHONE, OTHER) as program:
        program.says("ready")
        for own, ended in [(False, ("delivered", None)), (current.name == "sdk", ("undelivered", "carrier blocked"))]:
            assert program.says("sent") == {"own": own}
            relay.clock.advance(2.0)
            state, reason = ended
            assert program.says("ended") == {"state": state, "reason": reason}
        program.says("waiting")
        phone.text(context="office", body="Hi")
        incoming = {"body": "Hi", "sender": PHONE, "context": "office", "state": "received"}
        assert program.says("incoming") == incoming
        program.ends_well()
    (message,) = phone.messages
    assert (message.body, message.from_number) == ("Hello", "+15550100100")


def test_a_current_client_takes_a_refusal_of_nearly_any_command_for_one(
    relay: Emulator, current: Official, start: Start
) -> None:
    relay.phone(PHONE)
    methods = [f"calling.{name}" for name in ("play", "record", "detect", "connect", "end")]
    for method in methods:
        relay.refuse_next(method, "402", "Insufficient funds")
    with start("refusals", PHONE) as program:
        program.says("ready")
        refused = program.says("refused")
        program.ends_well()
    wanted: dict[str, int | None] = dict.fromkeys(("play", "record", "detect", "connect", "end"), 402)
    if current.name == "realtime":
        wanted["detect"] = None  # it takes the refusal for the end of what was refused, and so for a result
    assert refused == wanted
    assert codes(relay.journal.commands()[1:]) == [(method, "402") for method in methods]


def test_the_call_of_a_current_client_survives_the_loss_of_its_connection(
    relay: Emulator, current: Official, start: Start
) -> None:
    phone = relay.phone(PHONE)
    with start("survives") as program:
        relay.wait_for(lambda relay: relay.contexts == {"reception": 1}, 30)
        phone.call(context="reception")
        if current.name == "realtime":
            program.says("ready")
        assert program.says("playing") == {"told": "playing"}
        relay.drop_connections()
        program.go_on()
        # The same session, and so the same call: the command is accepted, and its event comes on the new connection.
        assert program.says("paused") == {"told": "paused"}
        program.go_on()
        program.ends_well()
    assert resumes(relay) == [False, True]
    assert len(set(protocols(relay))) == 1
    relay.journal.assert_events_acknowledged(timeout=0)


def test_a_current_client_begins_anew_when_the_server_restarts(
    relay: Emulator, current: Official, start: Start
) -> None:
    phone = relay.phone(PHONE)
    with start("survives") as program:
        # Only a client that has acknowledged something is done with the reply to its handshake: Python would otherwise
        # forget the protocol first, and learn it then.
        relay.wait_for(lambda relay: any(event.acknowledged for event in relay.journal.deliveries), 30)
        relay.wait_for(lambda relay: relay.contexts == {"reception": 1}, 30)
        assert relay.go_away(wait=10, restart=True) == 1
        relay.wait_for(lambda relay: relay.contexts == {"reception": 1}, 30)
        phone.call(context="reception")
        if current.name == "realtime":
            program.says("ready")
        assert program.says("playing") == {"told": "playing"}
    # Node pays no heed to `restart`, and asks for the session that is gone.
    assert resumes(relay) == [False, current.name == "realtime"]
    assert len(set(protocols(relay))) == 2


def resumes(relay: Emulator) -> list[bool]:
    """Return of each handshake whether it asked for an earlier session."""
    bodies = [frame.body for frame in relay.journal.frames if frame.method == "signalwire.connect"]
    return ["protocol" in body["params"] for body in bodies if body is not None]


def protocols(relay: Emulator) -> list[str]:
    """Return the protocol that each handshake was answered with."""
    answers = [frame.body["result"] for frame in relay.journal.frames if frame.body and "result" in frame.body]
    return [answer["protocol"] for answer in answers if "identity" in answer]
