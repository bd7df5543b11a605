"""Every shape in which a command is refused (protocol.md 7)."""

from __future__ import annotations

from typing import Any

import pytest

from relay_sync.emulator import Emulator
from relay_sync.emulator.commands import COMMANDS
from tests.emulator.conftest import Connect
from tests.emulator.raw import RawClient, audio, phone, silence

SUB_COMMANDS = ["calling.play.pause", "calling.play.resume", "calling.play.stop", "calling.play.volume"]
STOPS = ["calling.detect.stop", "calling.send_fax.stop", "calling.receive_fax.stop", "calling.tap.stop"]
STOPS += ["calling.play_and_collect.stop", "calling.record.stop", "calling.record.pause", "calling.record.resume"]
STARTS = ["calling.detect", "calling.send_fax", "calling.receive_fax", "calling.tap", "calling.refer"]
STARTS += ["calling.play_and_collect", "calling.record", "calling.send_digits"]
STOPS += ["calling.collect.stop", "calling.collect.start_input_timers", "calling.stream.stop", "calling.pay.stop"]
STOPS += ["calling.transcribe.stop", "calling.ai.stop"]
STARTS += ["calling.collect", "calling.stream", "calling.pay", "calling.ai", "calling.amazon_bedrock", "calling.echo"]
STARTS += ["calling.transcribe", "calling.live_transcribe", "calling.live_translate", "calling.hold", "calling.unhold"]
STARTS += ["calling.denoise", "calling.denoise.stop", "calling.join_conference", "calling.join_room"]
STARTS += ["calling.queue.enter", "calling.transfer", "calling.bind_digit", "calling.clear_digit_bindings"]
OTHERS = ["calling.ai_message", "calling.ai_hold", "calling.ai_unhold", "calling.leave_conference"]
OTHERS += ["calling.leave_room", "calling.queue.leave"]
ON_CALLS = ["calling.answer", "calling.end", "calling.pass", "calling.play", *SUB_COMMANDS, *STARTS, *STOPS, *OTHERS]

MORE: dict[str, dict[str, Any]] = {
    "calling.play": {"control_id": "p", "play": [silence(1)]},
    "calling.play.pause": {"control_id": "p"},
    "calling.play.resume": {"control_id": "p"},
    "calling.play.stop": {"control_id": "p"},
    "calling.play.volume": {"control_id": "p", "volume": 1},
    "calling.detect": {"control_id": "p", "detect": {"type": "digit", "params": {}}},
    "calling.send_fax": {"control_id": "p", "document": "two.pdf"},
    "calling.receive_fax": {"control_id": "p"},
    "calling.play_and_collect": {"control_id": "p", "play": [silence(1)], "collect": {"speech": {}}},
    "calling.record": {"control_id": "p", "record": {"audio": {}}},
    "calling.send_digits": {"control_id": "p", "digits": "1"},
    "calling.tap": {
        "control_id": "p",
        "tap": {"type": "audio", "params": {}},
        "device": {"type": "rtp", "params": {"addr": "127.0.0.1", "port": 4000}},
    },
    "calling.refer": {"device": {"type": "sip", "params": {"to": "sip:desk@emulator.example"}}},
    "calling.collect": {"control_id": "p", "digits": {"max": 1}},
    "calling.stream": {"control_id": "p", "url": "ws://127.0.0.1:9/"},
    "calling.pay": {"control_id": "p", "payment_connector_url": "https://pay.example/c"},
    "calling.ai": {"control_id": "p"},
    "calling.transcribe": {"control_id": "p"},
    "calling.live_transcribe": {"action": {"start": {}}},
    "calling.live_translate": {"action": {"action": "start"}},
    "calling.join_conference": {"name": "c"},
    "calling.leave_conference": {"conference_id": "c"},
    "calling.join_room": {"name": "r"},
    "calling.queue.enter": {"queue_name": "q"},
    "calling.queue.leave": {"queue_name": "q"},
    "calling.transfer": {"dest": "context:sales"},
    "calling.bind_digit": {"digits": "1", "bind_method": "calling.end"},
    **{method: {"control_id": "p"} for method in STOPS},
}


def full(method: str, call: dict[str, Any]) -> dict[str, Any]:
    """Return right parameters of a command on a call."""
    return call | MORE.get(method, {})


@pytest.mark.parametrize("method", ON_CALLS)
def test_an_unknown_call_is_404(client: RawClient, method: str) -> None:
    call = client.answered()
    reply = client.command(method, full(method, {**call, "call_id": "nobody"}))
    assert reply == {"code": "404", "message": "Call does not exist"}


@pytest.mark.parametrize("method", ON_CALLS)
def test_an_ended_call_is_410(client: RawClient, method: str) -> None:
    call = client.answered()
    client.command("calling.end", call)
    assert client.command(method, full(method, call)) == {"code": "410", "message": "Call is gone"}


@pytest.mark.parametrize("method", ON_CALLS)
def test_another_node_is_404_when_strict(client: RawClient, method: str) -> None:
    call = client.answered()
    assert client.command(method, full(method, {**call, "node_id": "elsewhere"}))["code"] == "404"


@pytest.mark.parametrize("method", [*SUB_COMMANDS, *STOPS])
def test_an_unknown_control_id_is_404(client: RawClient, method: str) -> None:
    call = client.answered()
    assert client.command(method, full(method, call)) == {"code": "404", "message": "Control id does not exist"}


@pytest.mark.parametrize("method", STARTS)
def test_what_needs_an_answered_call_is_409_before(relay: Emulator, client: RawClient, method: str) -> None:
    relay.phone("+15550101", no_answer=True)
    begun = client.begin("+15550101")
    call = {"node_id": begun["node_id"], "call_id": begun["call_id"]}
    assert client.command(method, full(method, call)) == {"code": "409", "message": "Call is not answered yet"}


@pytest.mark.parametrize("method", SUB_COMMANDS)
def test_a_finished_playback_is_404(relay: Emulator, client: RawClient, method: str) -> None:
    call = client.answered()
    client.play(call, "p", silence(1))
    relay.clock.advance(1)
    assert client.command(method, full(method, call))["code"] == "404"


@pytest.mark.parametrize("method", ON_CALLS)
def test_a_missing_field_is_400_and_named(client: RawClient, method: str) -> None:
    right = full(method, client.answered())
    for name in right:
        if method == "calling.collect" and name == "digits":
            continue  # or speech: see its own test
        reply = client.command(method, {key: value for key, value in right.items() if key != name})
        assert reply == {"code": "400", "message": f"{method} needs {name}"}


@pytest.mark.parametrize("method", [*ON_CALLS, "calling.begin", "calling.dial", "signalwire.receive"])
def test_strict_refuses_a_field_that_nobody_sends(client: RawClient, method: str) -> None:
    others: dict[str, dict[str, Any]] = {
        "calling.begin": {"tag": "t", "device": phone("+15550101")},
        "calling.dial": {"tag": "t", "devices": [[phone("+15550101")]]},
        "signalwire.receive": {"contexts": ["office"]},
    }
    right = others.get(method) or full(method, client.answered())
    reply = client.command(method, {**right, "colour": "red"})
    assert reply == {"code": "400", "message": f"{method} has no field colour"}


@pytest.mark.parametrize("method", [method for method in STARTS if "swml" in {f.name for f in COMMANDS[method].fields}])
def test_flags_that_a_schema_has_and_nobody_explains_are_taken(client: RawClient, method: str) -> None:
    right = full(method, client.answered())
    bare = client.command(method, right)["code"]
    other = full(method, client.answered())
    assert client.command(method, {**other, "async": True, "swml": False})["code"] == bare


@pytest.mark.parametrize("params", [None, [], "x", 3])
def test_params_must_be_an_object(client: RawClient, params: Any) -> None:
    assert client.command("calling.end", params) == {"code": "400", "message": "params must be an object"}


@pytest.mark.parametrize("value", [-40.1, 41, "5", None, True, [], 10**400])
def test_a_volume_is_a_number_from_minus_40_to_40(client: RawClient, value: Any) -> None:
    call = client.answered()
    client.play(call, "p", silence(10))
    assert client.control(call, "p", "volume", volume=value)["code"] == "400"


@pytest.mark.parametrize("value", [-40, 40, 0, 3.5])
def test_the_whole_range_of_volumes_is_taken(client: RawClient, value: float) -> None:
    call = client.answered()
    client.play(call, "p", silence(10), volume=value)
    assert client.control(call, "p", "volume", volume=value)["code"] == "200"


@pytest.mark.parametrize(
    "play",
    [
        [],
        {},
        "x",
        [{"type": "audio"}],
        [{"type": "audio", "params": {}}],
        [{"type": "audio", "params": {"url": ""}}],
        [{"type": "audio", "params": {"url": 3}}],
        [{"type": "audio", "url": "https://media.example/a.mp3"}],
        [{"type": "audio", "params": {"url": "x"}, "volume": 3}],
        [{"type": "video", "params": {"url": "x"}}],
        [{"params": {"url": "x"}}],
        [{"type": "silence", "params": {"duration": 0}}],
        [{"type": "silence", "params": {"duration": -1}}],
        [{"type": "silence", "params": {"duration": "1"}}],
        [{"type": "tts", "params": {"text": ""}}],
        [{"type": "tts", "params": {"text": "x", "gender": "robot"}}],
        [{"type": "ringtone", "params": {"name": "atlantis"}}],
        [{"type": "ringtone", "params": {"name": "it", "duration": 0}}],
        [audio("x"), silence(1), "x"],
    ],
)
def test_media_that_can_not_be_are_400(relay: Emulator, client: RawClient, play: Any) -> None:
    call = client.answered()
    assert client.command("calling.play", {**call, "control_id": "p", "play": play})["code"] == "400"
    assert relay.calls[0].plays == {}


@pytest.mark.parametrize(
    "device",
    [
        "+15550101",
        {},
        {"type": "phone"},
        {"type": "phone", "params": {"to_number": "+15550101"}},
        {"type": "phone", "params": {"from_number": "+15550100", "to_number": ""}},
        {"type": "phone", "params": {"from_number": "+15550100", "to_number": 15550101}},
        phone("+15550101", 0),
        phone("+15550101", -5),
        {"type": "pigeon", "params": {}},
        {"type": "sip", "params": {"from": "sip:a@b.example"}},
    ],
)
def test_devices_that_can_not_be_are_400(relay: Emulator, client: RawClient, device: Any) -> None:
    assert client.command("calling.begin", {"tag": "t", "device": device})["code"] == "400"
    assert client.command("calling.dial", {"tag": "t", "devices": [[device]]})["code"] == "400"
    assert client.drain() == ["reply:calling.begin", "reply:calling.dial"]
    assert relay.calls == []


@pytest.mark.parametrize("devices", [[], [[]], phone("+15550101"), [phone("+15550101")], [[phone("+15550101")], []]])
def test_devices_of_a_dial_are_a_list_of_lists(client: RawClient, devices: Any) -> None:
    assert client.command("calling.dial", {"tag": "t", "devices": devices})["code"] == "400"


def test_an_end_reason_must_be_one_that_exists(client: RawClient) -> None:
    reply = client.command("calling.end", {**client.answered(), "reason": "boredom"})
    assert reply["code"] == "400"
    assert "boredom" in reply["message"]
    assert "noAnswer" in reply["message"]


def test_a_control_id_in_use_is_409(client: RawClient) -> None:
    call = client.answered()
    client.play(call, "p", silence(10))
    assert client.play(call, "p", silence(10))["code"] == "409"
    client.control(call, "p", "stop")
    assert client.play(call, "p", silence(10))["code"] == "200"


def test_without_strict_what_can_be_understood_is_done(connect: Connect) -> None:
    with Emulator(strict=False, stepped=True) as relay:
        client = connect(relay)
        assert client.command("calling.begin", {"tag": 5, "device": phone("+15550101", 20), "x": 1})["code"] == "200"
        answered = client.wait_event("state", "answered")
        call = {"call_id": answered["call_id"], "colour": "red"}
        assert client.play(call, "p", silence(60), volume="3.5")["code"] == "200"
        assert client.control(call, "p", "volume", volume="-2")["code"] == "200"
        assert client.control(call, "p", "volume", volume="loud")["code"] == "400"
        assert client.control(call, "p", "volume")["code"] == "400"
        assert client.command("calling.end", {**call, "node_id": "elsewhere"})["code"] == "200"


def test_a_mistake_of_the_emulator_is_told_and_the_connection_goes_on(
    relay: Emulator, client: RawClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(relay.switch, "begin", lambda *_: 1 // 0)
    assert client.begin("+15550101")["code"] == -32603
    assert "failed to carry out" in caplog.text
    monkeypatch.undo()
    assert client.begin("+15550101")["code"] == "200"
    assert client.drain()[-1] == "state:answered"
