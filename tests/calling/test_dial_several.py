"""Dialling several devices, in series and in parallel: which leg becomes the call, and what becomes of the others."""

from __future__ import annotations

from typing import Any

import pytest

from relay_sync import Call, Client, OperationFailed, RelayTimeout
from relay_sync.calling.devices import prepare_devices
from relay_sync.emulator import Emulator
from tests.stage import Stage, standing_time
from tests.support import Running, in_thread

FROM = "+15550100"
TWO = [[{"to_number": "+15550101", "timeout": 30}, {"to_number": "+15550102", "timeout": 20}]]


def dial(stage: Stage) -> tuple[Running[Any], str]:
    """Begin a dial of two devices; also its tag."""
    running = Running(lambda: stage.client.calling.dial(from_number=FROM, devices=TWO))
    return running, stage.relay.accept_command("calling.dial")["tag"]


def test_over_the_whole_road_the_first_to_answer_is_the_call(client: Client, relay: Emulator) -> None:
    relay.phone("+15550101", busy=True)
    relay.phone("+15550102")
    result = client.calling.dial(from_number=FROM, devices=[{"to_number": "+15550101"}, {"to_number": "+15550102"}])
    assert result.successful
    assert (result.call.state, result.call.to_number) == ("answered", "+15550102")
    assert result.call.play_silence_async(1).stop().successful
    assert result.call.hangup().successful


def test_the_legs_go_out_in_series_and_parallel_with_what_they_left_out(stage: Stage) -> None:
    devices = [
        {"to_number": "+15550101"},
        [{"to_number": "sip:a@x.example", "from_number": "sip:b@x.example", "call_type": "sip"}],
    ]
    call = stage.client.calling.new_call(from_number=FROM, devices=devices, timeout=15, region="eu")
    with in_thread(call.dial):
        params = stage.relay.refuse_command("calling.dial")
    assert params["region"] == "eu"
    assert params["devices"] == [
        [{"type": "phone", "params": {"from_number": FROM, "to_number": "+15550101", "timeout": 15}}],
        [{"type": "sip", "params": {"from": "sip:b@x.example", "to": "sip:a@x.example", "timeout": 15}}],
    ]


def test_the_leg_that_wins_is_the_call_and_brings_its_states_along(stage: Stage) -> None:
    """Defects 52 and 59: one object for one id, and its state is right."""
    dialling, tag = dial(stage)
    for call_id in ("call-a", "call-b"):
        stage.relay.tell_state("created", call_id, tag=tag)
    stage.relay.tell_state("ringing", "call-b", tag=tag)
    winner = {"call_id": "call-b", "node_id": "node-1", "tag": tag, "dial_winner": "true"}
    stage.relay.tell("calling.call.dial", tag=tag, dial_state="answered", call=winner)
    stage.relay.tell_state("ended", "call-a", tag=tag, end_reason="cancel")
    result = dialling.result()
    assert result.successful
    assert (result.call.id, result.call.state, result.call.prev_state) == ("call-b", "answered", "ringing")
    assert result.call.wait_for_ringing(timeout=0) is True
    stage.settle()
    assert stage.client._life().table._by_id == {"call-b": result.call}
    stage.relay.tell_state("ended", "call-b")
    stage.settle()
    assert stage.tables == []
    assert not stage.client._life().table._legs


@pytest.mark.parametrize(("reason", "message"), [("busy", "the dial failed: busy"), (None, "the dial failed")])
def test_a_dial_that_nobody_answers_fails_with_its_reason(stage: Stage, reason: str | None, message: str) -> None:
    dialling, tag = dial(stage)
    stage.relay.tell_state("created", "call-a", tag=tag)
    more = {} if reason is None else {"reason": reason}
    stage.relay.tell("calling.call.dial", tag=tag, dial_state="failed", **more)
    result = dialling.result()
    assert (result.successful, result.message, result.call.busy) == (False, message, reason == "busy")
    assert result.event is not None
    assert result.event.name == "failed"
    with pytest.raises(OperationFailed, match=message):
        result.raise_for_status()
    assert stage.tables == []


def test_a_dial_event_that_says_nothing_of_use_is_passed_over(stage: Stage) -> None:
    dialling, tag = dial(stage)
    for params in ({"dial_state": "dialing"}, {"dial_state": "answered"}, {"dial_state": "answered", "call": {}}, {}):
        stage.relay.tell("calling.call.dial", tag=tag, **params)
    stage.settle()
    assert dialling.thread.is_alive()
    stage.relay.tell("calling.call.dial", tag=tag, dial_state="failed")
    assert not dialling.result().successful


def test_all_legs_of_a_dial_that_was_given_up_are_hung_up_each_once(stage: Stage) -> None:
    """Defect 57."""
    dial_both = lambda: stage.client.calling.dial(from_number=FROM, devices=TWO, wait_timeout=5)  # noqa: E731
    with standing_time() as clock, in_thread(dial_both) as dialling:
        command = stage.relay.take_command("calling.dial")
        tag = command["params"]["params"]["tag"]
        stage.relay.tell_state("created", "call-a", tag=tag)
        stage.relay.tell_state("ended", "call-b", tag=tag)
        clock.now += 6
        with pytest.raises(RelayTimeout):
            dialling.result()
    assert stage.relay.accept_command("calling.end")["call_id"] == "call-a"
    stage.relay.tell_state("ringing", "call-a", tag=tag)
    stage.relay.tell_state("created", "call-c", tag=tag)
    assert stage.relay.accept_command("calling.end")["call_id"] == "call-c"
    stage.relay.tell("calling.call.dial", tag=tag, dial_state="failed")
    stage.settle()
    assert stage.relay.line.sent.empty()
    assert stage.tables == []


def test_to_number_and_devices_exclude_each_other(stage: Stage) -> None:
    with pytest.raises(ValueError, match="both given: give one of them"):
        stage.client.calling.dial(from_number=FROM, to_number="+15550101", devices=TWO)
    with pytest.raises(ValueError, match="region=''"):
        stage.client.calling.dial(from_number=FROM, devices=TWO, region="")
    assert stage.relay.line.sent.empty()


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        (None, "devices=None: give a list of devices"),
        ("+15550101", "devices='\\+15550101'"),
        ([], "devices is empty"),
        ([[]], r"devices\[0\] is empty"),
        (["+15550101"], r"devices\[0\]='\+15550101': give a device, or a list"),
        ([[5]], r"devices\[0\]: 5: give a dict with 'to_number'"),
        ([{"to_number": ""}], r"devices\[0\]: to_number=''"),
        ([{}], r"devices\[0\]: to_number=None"),
        ([{"to_number": "+1", "call_type": "fax"}], r"devices\[0\]: call_type='fax'"),
        ([{"to_number": "+1", "timeout": -1}], r"devices\[0\]: timeout=-1"),
        ([{"to_number": "+1", "codecs": ["PCMU"]}], "a phone device takes"),
        ([{"to_number": "sip:a", "call_type": "sip", "codecs": ["MP3"]}], "codecs='MP3' is unknown"),
        ([{"to_number": "sip:a", "call_type": "sip", "webrtc_media": 1}], "webrtc_media=1: give True or False"),
        ([{"to_number": "sip:a", "call_type": "sip", "from_name": ""}], "from_name=''"),
        ([{"to_number": "sip:a", "call_type": "sip", "headers": "X-A"}], "headers='X-A': give a list"),
        ([{"to_number": "sip:a", "call_type": "sip", "headers": [{"name": "A"}]}], "give a dict with 'name'"),
        ([{"to_number": "sip:a", "call_type": "sip", "headers": [{"name": "A", "value": "b"}]}], "begin with 'X-'"),
        (
            [{"to_number": "sip:a", "call_type": "sip", "headers": [{"name": "X-A", "value": 1}]}],
            "X-A=1: give a string",
        ),
    ],
)
def test_devices_that_can_t_be_are_refused_by_place_and_value(devices: Any, words: str) -> None:
    """Defects 6 and 32."""
    with pytest.raises((TypeError, ValueError), match=words):
        prepare_devices(devices, "devices", FROM)


def test_devices_are_copied_and_may_be_as_on_the_wire() -> None:
    """Defects 4 and 5."""
    headers = [{"name": "X-A", "value": "b"}]
    wire = {"type": "sip", "params": {"from": "sip:a", "to": "sip:b", "headers": headers, "webrtc_media": True}}
    device = {"to_number": "+15550101"}
    given = [wire, [device, device]]
    steps = prepare_devices(given, "devices", FROM, 10)
    sent = {"from": "sip:a", "to": "sip:b", "headers": headers, "webrtc_media": True, "timeout": 10}
    assert steps[0] == [{"type": "sip", "params": sent}]
    assert [one["params"]["timeout"] for one in steps[1]] == [10, 10]
    assert given == [wire, [device, device]]
    assert device == {"to_number": "+15550101"}
    steps[0][0]["params"]["headers"][0]["value"] = "changed"
    assert headers == [{"name": "X-A", "value": "b"}]
    assert prepare_devices(device, "devices", FROM) == prepare_devices([[device]], "devices", FROM)


def test_the_limit_of_a_dial_is_that_of_all_its_steps() -> None:
    with Stage() as stage:
        several = [
            [{"to_number": "+1", "timeout": 5}, {"to_number": "+2", "timeout": 9}],
            {"to_number": "+3", "timeout": 7},
        ]
        call: Call = stage.client.calling.new_call(from_number=FROM, devices=several)
        assert call._longest_ring() == 16
        call = stage.client.calling.new_call(from_number=FROM, devices=[*several, {"to_number": "+4"}])
        assert call._longest_ring() is None
