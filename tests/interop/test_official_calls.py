"""Whatever the official v2 clients can do with calls: play, wait, bridge, hang up, and be refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from relay_sync.emulator import Emulator
from relay_sync.emulator.journal import Event
from tests.interop.official import MUSIC, RATE, SECONDS_OF_MUSIC, Official, codes, noise, pass_time, source
from tests.interop.program import Program

PHONE, BUSY, OTHER, SILENT = "+15550100001", "+15550100002", "+15550100003", "+15550100004"
DONE = {"successful": True, "event": "finished"}
only_node = pytest.mark.parametrize("official", ["node"], indirect=True)


def connect_states(events: list[Event]) -> list[str]:
    return [event.params["connect_state"] for event in events if event.event_type == "calling.call.connect"]


def test_an_official_client_plays_every_kind_of_media(
    relay: Emulator, start: Callable[..., Program], music: Path
) -> None:
    phone = relay.phone(PHONE)
    with start("plays", PHONE) as program:
        program.says("ready")
        for count, (kind, seconds) in enumerate([("list", 10.5), ("silence", 1.0), ("ringtone", 1.5)], 1):
            pass_time(relay, seconds, "calling.play", count)
            assert program.says(kind) == DONE
            program.go_on()
        pass_time(relay, 10.0, "calling.play", 4)
        assert program.says("speech") == DONE
        program.go_on()
        assert program.says("unknown") == {"successful": False, "event": "error"}
        program.go_on()
        program.ends_well()

    told = [command.params["play"] for command in relay.journal.commands("calling.play")]
    assert told == [
        [{"type": "silence", "params": {"duration": 0.5}}, {"type": "audio", "params": {"url": MUSIC}}],
        [{"type": "silence", "params": {"duration": 1}}],
        [{"type": "ringtone", "params": {"name": "us", "duration": 1.5}}],
        [{"type": "tts", "params": {"text": "Good morning.", "language": "en-GB", "gender": "male"}}],
        [{"type": "audio", "params": {"url": "https://media.example/nothing.wav"}}],
    ]
    volumes = [command.params.get("volume") for command in relay.journal.commands("calling.play")]
    assert volumes == [-6, None, -3, 3, None]
    heard = phone.heard
    assert not heard.between(0, 0.5).samples.any()
    quieter = source(music, 0, SECONDS_OF_MUSIC) * 10 ** (-6 / 20)
    assert np.abs(heard.between(0.5, 10.5).samples - quieter).max() <= 1
    assert not heard.between(10.5, 11.5).samples.any()
    assert heard.between(11.5, 13.0).rms_db() > -40
    assert heard.between(13.0, 14.0).rms_db() > -60


def test_an_official_client_waits_for_what_becomes_of_a_call(relay: Emulator, start: Callable[..., Program]) -> None:
    phone = relay.phone(PHONE, answer_after=2.0)
    with start("waits", PHONE) as program:
        program.says("ready")
        assert program.says("ringing") == {"waited": True, "state": "ringing", "previous": "created"}
        relay.clock.advance(2.0)
        program.go_on()
        assert program.says("answered") == {"waited": True, "successful": True, "event": "answered"}
        program.says("started")
        relay.clock.advance(3.0)
        phone.hang_up()
        assert program.says("ended") == {"waited": True, "active": False, "play": True, "record": True}
        # Nothing is sent on a call that is over.
        assert program.says("too late") == {"successful": False, "event": None}
        program.ends_well()
    dial, *rest = relay.journal.commands()
    device = dial.params["device"] if "device" in dial.params else dial.params["devices"][0][0]
    assert device["params"]["timeout"] == 20
    assert codes(rest) == [("calling.play", "200"), ("calling.record", "200")]
    assert phone.heard.duration == 3.0


def test_an_official_client_bridges_two_phones_and_parts_them(
    relay: Emulator, official: Official, start: Callable[..., Program], music: Path
) -> None:
    phone, other = relay.phone(PHONE), relay.phone(OTHER, answer_after=2.0)
    relay.phone(BUSY, busy=True)
    silent = relay.phone(SILENT, no_answer=True)
    mine, yours = noise(1.0, 1), noise(1.0, 2)
    with start("bridges", PHONE, BUSY, OTHER, SILENT) as program:
        program.says("ready")
        nobody = program.says("nobody")
        assert nobody.pop("states", ["connecting", "failed"]) == ["connecting", "failed"]
        assert nobody == {"state": "failed", "successful": False, "event": "failed"}
        pass_time(relay, 2.0, "calling.connect", 2)
        connected = program.says("connected")
        assert connected == {
            "number": OTHER,
            "state": "answered",
            "same": True,
            "successful": True,
            "event": "connected",
        }
        phone.play(mine)
        other.play(yours)
        relay.clock.advance(1.0)
        program.go_on()
        parted = program.says("parted")
        # The result asks the call anew who its peer is, and it has none any more.
        assert parted.pop("peer") is None
        assert parted == {
            "state": "answered",
            "peer_state": "answered",
            "successful": True,
            "event": "disconnected",
        }
        phone.play(mine)
        relay.clock.advance(1.0)
        program.go_on()
        assert program.says("peer gone") == {
            "reason": "busy",
            "state": "answered",
            "successful": True,
            "event": "ended",
        }
        program.ends_well()

    _, connect = relay.journal.commands("calling.connect")
    assert [[device["params"]["to_number"] for device in step] for step in connect.params["devices"]] == [
        [BUSY],
        [OTHER, SILENT],
    ]
    assert connect.params["devices"][1][0]["params"]["timeout"] == 20
    ringback = {"type": "audio", "params": {"url": MUSIC}}
    # Python sends a list, Node the one object that it takes.
    assert connect.params["ringback"] == ([ringback] if official.name == "python" else ringback)
    states = ["connecting", "failed", "connecting", "connected", "disconnected"]
    assert connect_states(relay.journal.events()) == states
    assert silent.end_reason == "cancel"
    assert other.end_reason == "busy"

    heard = phone.heard
    assert np.abs(heard.between(0, 2).samples - source(music, 0, 2)).max() <= 1
    assert np.array_equal(heard.between(2, 3).samples, yours)
    assert not heard.between(3, 4).samples.any()
    assert np.array_equal(other.heard.between(0, 1).samples, mine)
    assert not other.heard.between(1, 2).samples.any()
    assert len(other.heard) == 2 * RATE


def test_an_official_client_takes_a_refusal_of_any_command_for_no_success(
    relay: Emulator, start: Callable[..., Program]
) -> None:
    relay.phone(PHONE)
    names = ["play", "play_and_collect", "record", "detect", "send_fax", "receive_fax", "tap", "send_digits", "connect"]
    methods = [f"calling.{name}" for name in [*names, "disconnect", "end"]]
    for method in methods:
        relay.refuse_next(method, "402", "Insufficient funds")
    with start("refusals", PHONE) as program:
        program.says("ready")
        refused = program.says("refused")
        program.ends_well()
    assert len(refused) == len(methods)
    assert all(outcome == {"successful": False, "event": None} for outcome in refused.values())
    assert sorted(codes(relay.journal.commands()[1:])) == sorted((method, "402") for method in methods)


@only_node
def test_node_dials_several_devices_one_of_them_sip(relay: Emulator, start: Callable[..., Program]) -> None:
    relay.phone(BUSY, busy=True)
    silent = relay.phone(SILENT, no_answer=True)
    address = "sip:somebody@emulator.example"
    phone = relay.phone(address, answer_after=1.0)
    with start("several", BUSY, address, SILENT) as program:
        program.says("ready")
        pass_time(relay, 1.0, "calling.dial")
        # It makes a second call of the winner's events, and this one stays as it was made.
        assert program.says("dialled") == {
            "type": "sip",
            "to": address,
            "state": "none",
            "successful": True,
            "event": "answered",
        }
        relay.clock.advance(1.0)
        program.go_on()
        assert program.says("playing") == {"told": "playing"}
        assert program.says("hung up") == {"reason": "hangup", "state": "ended", "successful": True, "event": "ended"}
        program.ends_well()

    dial = relay.journal.commands("calling.dial")[0]
    assert dial.params["region"] == "us"
    assert [[device["type"] for device in step] for step in dial.params["devices"]] == [["phone"], ["sip", "phone"]]
    assert dial.params["devices"][1][0]["params"]["headers"] == [{"name": "X-Order", "value": "7"}]
    assert silent.end_reason == "cancel"
    assert phone.heard.duration == 1.0


@only_node
def test_node_refers_a_sip_call_to_somebody_else(relay: Emulator, start: Callable[..., Program]) -> None:
    here, there, busy = (f"sip:{name}@emulator.example" for name in ("here", "there", "engaged"))
    phone = relay.phone(here)
    relay.phone(busy, busy=True)
    with start("refers", here, there, busy) as program:
        program.says("ready")
        assert program.says("busy") == {
            "told": ["inProgress", "busy"],
            "state": "busy",
            "completed": True,
            "to": busy,
            "response": "202",
            "notify": "486",
            "successful": False,
            "event": "busy",
        }
        assert program.says("referred") == {
            "to": there,
            "response": "202",
            "notify": "200",
            "successful": True,
            "event": "success",
        }
        assert program.says("ended") == {"state": "ended"}
        program.ends_well()
    assert codes(relay.journal.commands()[1:]) == [("calling.refer", "200")] * 2
    assert relay.journal.commands()[-1].params["device"] == {
        "type": "sip",
        "params": {"to": there, "headers": [{"name": "X-Order", "value": "7"}]},
    }
    assert phone.end_reason == "hangup"


@only_node
def test_node_passes_a_call_on_to_another_consumer(relay: Emulator, start: Callable[..., Program]) -> None:
    phone = relay.phone(PHONE)
    with start("passing") as passing:
        passing.says("ready")
        with start("inbound") as taking:
            taking.says("ready")
            phone.call(context="reception")
            assert passing.says("passed") == {"successful": True, "event": "response"}
            taking.says("incoming")
            assert taking.says("answered") == {"successful": True, "state": "answered"}
            pass_time(relay, SECONDS_OF_MUSIC, "calling.play")
            taking.says("played")
            taking.go_on()
            taking.says("hung up")
            taking.ends_well()
        passing.go_on()
        passing.ends_well()
    offers = relay.journal.events("calling.call.receive")
    assert len({offer.connection for offer in offers}) == len(offers) == 2
    assert len({offer.params["call_id"] for offer in offers}) == 1
    assert phone.heard.duration == SECONDS_OF_MUSIC
