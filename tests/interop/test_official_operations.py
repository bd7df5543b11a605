"""What else the official v2 clients can do on a call: prompt, record, detect, fax, tap, send digits."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from relay_sync.emulator import Emulator
from relay_sync.emulator.media import g711, page_count
from tests.interop.official import (
    FAX,
    RATE,
    Official,
    UdpListener,
    WebSocketListener,
    codes,
    fetch,
    noise,
    pass_time,
    source,
)
from tests.interop.program import Program

PHONE, MACHINE, PERSON = "+15550100001", "+15550100005", "+15550100006"
FAX_RECEIVER, FAX_SENDER = "+15550100007", "+15550100008"
CALLER = "+15550100100"
GREETING = "Hello, you have reached the office. Nobody is here right now. Please leave a message after the beep."
only_node = pytest.mark.parametrize("official", ["node"], indirect=True)


def test_an_official_client_prompts_for_digits_and_speech(
    relay: Emulator, official: Official, start: Callable[..., Program], music: Path
) -> None:
    phone = relay.phone(PHONE)
    with start("prompts", PHONE) as program:
        program.says("ready")
        relay.journal.wait_for_command("calling.play_and_collect", answered=True)
        relay.clock.advance(1.0)
        relay.clock.advance(phone.press("12#"))
        answer: dict[str, Any] = {"type": "digit", "result": "12", "terminator": "#", "confidence": None}
        assert program.says("digits") == {**answer, "successful": True, "event": "digit"}
        assert phone.heard.between(0, 1).rms_db() > -50

        program.go_on()
        relay.journal.wait_for_command("calling.play_and_collect", 2, answered=True)
        begin = phone.heard.duration
        relay.clock.advance(1.0)
        relay.clock.advance(phone.say("yes please") + 1.0)
        answer = {"type": "speech", "result": "yes please", "terminator": None, "confidence": 95}
        assert program.says("speech") == {**answer, "successful": True, "event": "speech"}
        quieter = source(music, 0, 1) * 10 ** (-6 / 20)
        assert np.abs(phone.heard.between(begin, begin + 1).samples - quieter).max() <= 1

        program.go_on()
        pass_time(relay, 6.0, "calling.play_and_collect", 3)
        answer = {"type": "no_input", "result": None, "terminator": None, "confidence": None}
        assert program.says("nothing") == {**answer, "successful": False, "event": "no_input"}

        program.go_on()
        assert program.says("prompting") == {"completed": False}
        begin = phone.heard.duration
        program.go_on()
        assert program.says("louder") == {"successful": True}
        relay.clock.advance(1.0)
        program.go_on()
        stopped = {"stop": True, "told": "no_input", "state": "no_input"}
        assert program.says("stopped") == {**stopped, **answer, "successful": False, "event": "no_input"}
        program.ends_well()
    quieter = source(music, 0.005, 1) * 10 ** (-6 / 20)
    assert np.abs(phone.heard.between(begin + 0.005, begin + 1).samples - quieter).max() <= 1

    first, second, third, last = relay.journal.commands("calling.play_and_collect")
    assert first.params["play"] == [
        {"type": "tts", "params": {"text": "Please dial.", "language": "en-GB", "gender": "male"}}
    ]
    digits = {"max": 4, "terminators": "#", "digit_timeout": 2}
    assert first.params["collect"] == {"initial_timeout": 6, "digits": digits}
    speech = {"end_silence_timeout": 0.5, "speech_timeout": 20, "language": "en-US", "hints": ["yes"]}
    assert second.params["collect"] == {"speech": speech}
    assert second.params["volume"] == -6
    assert third.params["collect"] == {"initial_timeout": 3, "digits": {"max": 1}, "speech": {}}
    assert third.params["play"] == [{"type": "ringtone", "params": {"name": "us", "duration": 2}}]
    assert codes(relay.journal.commands())[5:7] == [
        ("calling.play_and_collect.volume", "200"),
        ("calling.play_and_collect.stop", "200"),
    ]
    assert last.params["collect"] == {"digits": {"max": 1}}


@only_node
def test_node_takes_the_first_partial_result_of_a_prompt_for_the_last(
    relay: Emulator, start: Callable[..., Program]
) -> None:
    phone = relay.phone(PHONE)
    with start("partial", PHONE) as program:
        program.says("ready")
        assert program.says("prompting") == {"completed": False}
        relay.clock.advance(phone.press("4"))
        program.go_on()
        assert program.says("first") == {"told": [False, "4"], "completed": True, "result": "4"}
        relay.clock.advance(phone.press("2"))
        program.go_on()
        assert program.says("second") == {"told": [True, "42"], "result": "4"}
        program.ends_well()
    assert relay.journal.commands("calling.play_and_collect")[0].params["collect"]["partial_results"] is True


def test_an_official_client_records(relay: Emulator, official: Official, start: Callable[..., Program]) -> None:
    phone = relay.phone(PHONE)
    first, second = noise(2.0, 1), noise(3.0, 2)
    with start("recordings", PHONE) as program:
        program.says("ready")
        pass_time(relay, 1.0, "calling.record")
        assert phone.heard.between(0, 1).rms_db() > -50  # the beep
        relay.clock.advance(phone.play(first))
        relay.clock.advance(phone.press("#") + 0.1)
        recorded = program.says("recorded")
        content = fetch(recorded["url"])
        samples, rate = soundfile.read(io.BytesIO(content), dtype="int16")
        assert recorded == {
            "url": relay.recordings[0].url,
            "duration": pytest.approx(len(samples) / rate),
            "size": len(content),
            "successful": True,
            "event": "finished",
        }
        said = samples[:, 0]
        begin = np.flatnonzero(said)[0]
        assert 2.0 <= recorded["duration"] < 3.1
        assert np.array_equal(said[begin : begin + len(first)], first)

        program.go_on()
        recording = program.says("recording")
        assert (recording["told"], recording["completed"]) == ("recording", False)
        relay.clock.advance(phone.play(second))
        program.go_on()
        stopped = program.says("stopped")
        content = fetch(recording["url"])
        samples, rate = soundfile.read(io.BytesIO(content))
        assert stopped == {
            "stop": True,
            "told": "finished",
            "state": "finished",
            "url": recording["url"],
            "duration": pytest.approx(3.0, abs=0.1),
            "size": len(content),
            "successful": True,
            "event": "finished",
        }
        assert soundfile.info(io.BytesIO(content)).format == "MP3"
        assert len(samples) / rate == pytest.approx(3.0, abs=0.1)

        program.go_on()
        pass_time(relay, 2.1, "calling.record", 3)
        # What isn't told Python has as an empty text and zeros, Node not at all.
        empty: dict[str, Any] = {"url": "", "duration": 0, "size": 0}
        if official.name == "node":
            empty = {"url": None, "duration": None, "size": None}
        assert program.says("nothing") == {**empty, "successful": False, "event": "no_input"}
        program.go_on()
        program.ends_well()

    wav, mp3, nothing = (command.params["record"]["audio"] for command in relay.journal.commands("calling.record"))
    assert wav == {
        "beep": True,
        "format": "wav",
        "stereo": True,
        "direction": "both",
        "initial_timeout": 5,
        "end_silence_timeout": 2,
        "terminators": "#",
    }
    assert mp3 == {"direction": "speak", "initial_timeout": 0, "end_silence_timeout": 0}
    assert nothing == {"initial_timeout": 2}


def test_an_official_client_detects_machines_persons_digits_and_faxes(
    relay: Emulator, official: Official, start: Callable[..., Program]
) -> None:
    relay.phone(MACHINE, machine=GREETING)
    person = relay.phone(PERSON, says="Hello?")
    relay.phone(FAX_RECEIVER, fax="receive")
    with start("detections", MACHINE, PERSON, FAX_RECEIVER) as program:
        program.says("ready")
        pass_time(relay, 12.0, "calling.detect", 2)
        machine = {"type": "machine", "result": "MACHINE", "successful": True, "event": "READY"}
        assert program.says("machine") == machine
        program.go_on()
        every = {"type": "machine", "result": "MACHINE,NOT_READY,READY", "successful": True, "event": "finished"}
        assert program.says("stopped") == {"stop": True, "told": "finished", "completed": True, **every}

        pass_time(relay, 4.0, "calling.detect", 3)
        human = {"type": "machine", "result": "HUMAN", "successful": True, "event": "HUMAN"}
        assert program.says("person") == human
        program.go_on()
        relay.journal.wait_for_command("calling.detect", 4, answered=True)
        relay.clock.advance(person.press("45") + 0.1)
        assert program.says("digit") == {"type": "digit", "result": "5", "successful": True, "event": "5"}
        program.go_on()
        pass_time(relay, 2.1, "calling.detect", 5)
        # For Python the end without a digit is a result too.
        result = "finished" if official.name == "python" else None
        nothing = {"type": "digit", "result": result, "successful": False, "event": "finished"}
        assert program.says("no digit") == nothing
        program.go_on()

        pass_time(relay, 1.0, "calling.detect", 6)
        assert program.says("fax") == {"type": "fax", "result": "CED", "successful": True, "event": "CED"}
        program.go_on()
        program.ends_well()

    told = [
        (command.params["detect"], command.params.get("timeout"))
        for command in relay.journal.commands("calling.detect")
    ]
    assert told == [
        ({"type": "machine", "params": {"machine_words_threshold": 5}}, 60),
        ({"type": "machine", "params": {"initial_timeout": 4.5, "end_silence_timeout": 1.0}}, None),
        ({"type": "machine", "params": {"machine_voice_threshold": 1.25}}, None),
        ({"type": "digit", "params": {"digits": "5"}}, 10),
        ({"type": "digit", "params": {}}, 2),
        ({"type": "fax", "params": {"tone": "CED"}}, 10),
    ]


def test_an_official_client_sends_and_receives_faxes(
    relay: Emulator, official: Official, start: Callable[..., Program], document: Path
) -> None:
    receiver = relay.phone(FAX_RECEIVER, fax="receive")
    relay.phone(FAX_SENDER, fax="send", fax_pages=3)
    with start("faxes", FAX_RECEIVER, FAX_SENDER) as program:
        program.says("ready")
        pass_time(relay, 20.0, "calling.send_fax")
        assert program.says("sent") == {
            "told": [1, 2],
            "direction": "send",
            "identity": "+15550100777",
            "remote": FAX_RECEIVER,
            "document": FAX,
            "pages": 2,
            "successful": True,
            "event": "finished",
        }
        (fax,) = receiver.faxes
        assert (fax.pages, fax.identity, fax.header) == (2, "+15550100777", "Interop")
        assert fax.content == document.read_bytes()

        program.go_on()
        unknown = dict.fromkeys(("direction", "identity", "remote", "document", "pages"))
        stopped = {"stop": True, "success": False, "completed": True}
        assert program.says("stopped") == {**stopped, **unknown, "successful": False, "event": "finished"}

        pass_time(relay, 30.0, "calling.receive_fax")
        received = program.says("received")
        content = fetch(received["document"])
        assert received == {
            "direction": "receive",
            "identity": CALLER,
            "remote": FAX_SENDER,
            "document": received["document"],
            "pages": 3,
            "successful": True,
            "event": "finished",
        }
        assert page_count(content, "the fax") == 3
        program.go_on()
        program.ends_well()

    sent, again = relay.journal.commands("calling.send_fax")
    assert (sent.params["identity"], sent.params["header_info"]) == ("+15550100777", "Interop")
    assert "identity" not in again.params
    assert len(receiver.faxes) == 1


@pytest.fixture
def udp() -> Iterator[UdpListener]:
    listener = UdpListener()
    yield listener
    listener.close()


@pytest.fixture
def site() -> Iterator[WebSocketListener]:
    """It hangs up after half a second of sound."""
    listener = WebSocketListener(RATE // 2)
    yield listener
    listener.close()


def test_an_official_client_taps_by_rtp_and_by_a_web_socket(
    relay: Emulator, start: Callable[..., Program], udp: UdpListener, site: WebSocketListener
) -> None:
    phone = relay.phone(PHONE)
    first, second = noise(1.0, 1), noise(1.0, 2)
    with start("taps", PHONE, str(udp.port), site.uri) as program:
        program.says("ready")
        tapping = program.says("tapping")
        rtp_source = tapping["source"]
        assert (tapping["told"], tapping["completed"]) == ("tapping", False)
        assert rtp_source["type"] == "rtp"
        assert rtp_source["params"]["addr"] == "127.0.0.1"
        phone.play(first)
        relay.clock.advance(1.0)
        packets = udp.packets(50)
        assert b"".join(packet[12:] for packet in packets) == g711.encode(first, "PCMU")
        program.go_on()
        tap = {"type": "audio", "params": {"direction": "speak"}}
        target = {"addr": "127.0.0.1", "port": udp.port, "ptime": 20, "codec": "PCMU"}
        assert program.says("stopped") == {
            "stop": True,
            "told": "finished",
            "tap": tap,
            "source": rtp_source,
            "destination": {"type": "rtp", "params": target},
            "successful": True,
            "event": "finished",
        }

        program.go_on()
        relay.journal.wait_for_command("calling.tap", 2, answered=True)
        phone.play(second)
        relay.clock.advance(1.0)
        assert program.says("other side gone") == {
            "tap": {"type": "audio", "params": {"direction": "both"}},
            "source": {"type": "ws", "params": {"codec": "PCMA", "rate": 8000}},
            "destination": {"type": "ws", "params": {"uri": site.uri, "rate": 8000, "codec": "PCMA"}},
            "successful": True,
            "event": "finished",
        }
        assert site.heard[: RATE // 2] == g711.encode(second[: RATE // 2], "PCMA")
        program.go_on()
        program.ends_well()
    taps = [event.params["state"] for event in relay.journal.events("calling.call.tap")]
    assert taps == ["tapping", "finished", "tapping", "finished"]


def test_an_official_client_sends_digits(relay: Emulator, start: Callable[..., Program]) -> None:
    phone = relay.phone(PHONE)
    with start("digits", PHONE) as program:
        program.says("ready")
        pass_time(relay, 2.0, "calling.send_digits")
        assert program.says("sent") == {"successful": True, "event": "finished"}
        assert phone.digits_heard == "12#"
        program.go_on()
        assert program.says("sending") == {"completed": False}
        relay.clock.advance(1.0)
        program.go_on()
        assert program.says("sent again") == {
            "told": "finished",
            "completed": True,
            "successful": True,
            "event": "finished",
        }
        program.ends_well()
    assert phone.digits_heard == "12#9A"
    assert [command.params["digits"] for command in relay.journal.commands("calling.send_digits")] == ["12w#", "9A"]


DETECTIONS = ("detect", "detect_digit", "detect_fax")
ENDS = {
    # That of a detection is a success for both clients, whether anything was detected or not.
    ("finished", True): ("play", "play_ringtone", "play_tts", "record", "tap", "send_digits", *DETECTIONS),
    ("no_input", False): ("prompt", "prompt_audio", "prompt_ringtone", "prompt_tts"),
    ("finished", False): ("fax_send", "fax_receive"),
}
"""State of the action and success of its result -> what ends so with the call."""


def test_whatever_an_official_client_has_started_ends_with_the_call(
    relay: Emulator, start: Callable[..., Program], udp: UdpListener
) -> None:
    phone = relay.phone(PHONE)
    with start("twins", PHONE, str(udp.port)) as program:
        program.says("ready")
        started = program.says("started")
        ends = {name: [state, True, successful] for (state, successful), names in ENDS.items() for name in names}
        assert started["completed"] == dict.fromkeys(ends, False)
        relay.clock.advance(2.0)
        phone.hang_up()
        assert program.says("ended") == {"waited": True, "actions": ends}
        program.ends_well()
    commands = relay.journal.commands()[1:]
    assert len(commands) == len(ends)
    assert all(command.code == "200" for command in commands)
    assert [command.params["control_id"] for command in commands] == started["control_ids"]
