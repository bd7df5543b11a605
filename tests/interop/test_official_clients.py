"""The official v2 clients, unmodified but for the address, work against the emulator.

Two clients, each a program in programs/ that does what their documentation shows: signalwire 2.1.1 (Python; dials with
``calling.begin``) and @signalwire/node 2.6.0 (dials with ``calling.dial``). What these clients make of what they hear
is judged by what is true of them, known defects included; what they asked for and got, by the journal; and what came of
it, by what the phone heard. The clock is stepped, so that sound is compared sample by sample.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from relay_sync.emulator import Emulator
from tests.interop.official import SECONDS_OF_MUSIC, Official, codes, source
from tests.interop.program import Program


def test_an_official_client_dials_plays_pauses_resumes_changes_the_volume_stops_and_hangs_up(
    relay: Emulator, official: Official, start: Callable[..., Program], music: Path
) -> None:
    phone = relay.phone("+15550100001")
    with start("outbound", phone.number) as program:
        assert program.says("ready") == {"connected": True}
        assert program.says("dialled") == {"successful": True, "state": "answered", "answered": True}
        assert program.says("playing") == {"event": "playing", "state": "playing", "completed": False}
        relay.clock.advance(2.0)
        program.go_on()
        # Both clients take a paused play for a completed one, and hear no more of it.
        assert program.says("paused") == {"successful": True, "event": "paused", "completed": True}
        relay.clock.advance(1.0)
        program.go_on()
        assert program.says("resumed") == {"successful": True, "event": "playing"}
        relay.clock.advance(1.0)
        program.go_on()
        assert program.says("louder") == {"successful": True}
        relay.clock.advance(1.0)
        program.go_on()
        stopped = program.says("stopped")
        assert stopped["event"] == "finished"
        assert stopped["state"] == "paused"
        assert stopped["successful"]
        relay.clock.advance(0.5)
        program.go_on()
        assert program.says("hung up") == {"successful": True, "reason": "hangup", "state": "ended", "ended": True}
        program.ends_well()

    assert codes(relay.journal.commands()) == [
        (official.dials_with, "200"),
        ("calling.play", "200"),
        ("calling.play.pause", "200"),
        ("calling.play.resume", "200"),
        ("calling.play.volume", "200"),
        ("calling.play.stop", "200"),
        ("calling.end", "200"),
    ]
    states = [event.params["call_state"] for event in relay.journal.events("calling.call.state")]
    assert states == ["created", "ringing", "answered", "ending", "ended"]
    plays = [event.params["state"] for event in relay.journal.events("calling.call.play")]
    assert plays == ["playing", "paused", "playing", "finished"]

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


def test_an_official_client_takes_an_inbound_call(
    relay: Emulator, official: Official, start: Callable[..., Program], music: Path
) -> None:
    phone = relay.phone("+15550100002")
    with start("inbound") as program:
        program.says("ready")
        assert codes(relay.journal.commands()) == [("signalwire.receive", "200")]
        phone.call(context="reception")
        incoming = program.says("incoming")
        assert incoming["context"] == "reception"
        assert incoming["state"] == official.state_of_an_incoming_call
        assert incoming["caller"] == phone.number
        assert program.says("answered") == {"successful": True, "state": "answered"}
        relay.journal.wait_for_command("calling.play", answered=True)
        relay.clock.advance(SECONDS_OF_MUSIC)
        assert program.says("played") == {"successful": True, "event": "finished"}
        program.go_on()
        assert program.says("hung up") == {"successful": True, "reason": "hangup", "state": "ended"}
        program.ends_well()

    assert codes(relay.journal.commands())[1:] == [
        ("calling.answer", "200"),
        ("calling.play", "200"),
        ("calling.end", "200"),
    ]
    assert phone.heard.duration == SECONDS_OF_MUSIC
    assert np.abs(phone.heard.samples.astype(np.int64) - source(music, 0.0, SECONDS_OF_MUSIC)).max() <= 1


def test_an_official_client_hears_that_a_number_is_busy(relay: Emulator, start: Callable[..., Program]) -> None:
    phone = relay.phone("+15550100003", busy=True)
    with start("rejected", phone.number) as program:
        program.says("ready")
        assert program.says("dialled") == {"successful": False, "state": "ended", "busy": True, "failed": False}
        # Both take a call that ended without an answer for one that was answered once: states have an order for them.
        assert program.says("waited") == {"answered": True, "ended": True}
        program.ends_well()
    ended = relay.journal.events("calling.call.state")[-1].params
    assert (ended["call_state"], ended["end_reason"]) == ("ended", "busy")
    assert len(phone.heard) == 0


def test_an_official_client_is_told_that_its_credentials_are_wrong(
    relay: Emulator, official: Official, start: Callable[..., Program]
) -> None:
    with start("refused", token="PTwrong") as program:
        refusal = program.says("refused")
        program.ends_well()
    answers = [frame.body for frame in relay.journal.frames if frame.direction == "sent" and frame.body]
    (error,) = (answer["error"] for answer in answers)
    assert error["code"] == -32002
    if official.dials_with == "calling.dial":
        assert refusal == {"code": error["code"], "message": error["message"]}
    else:
        assert refusal == {"logger": "root", "logged": f"Client setup error: {error['message']}"}
    assert relay.journal.commands() == []
    assert not any("PTwrong" in frame.text for frame in relay.journal.frames)
