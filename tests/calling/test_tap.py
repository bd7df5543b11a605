"""Taps: their targets, their devices (api.md 7.9, protocol.md 11.7)."""

from __future__ import annotations

from typing import Any

import pytest

from relay_sync import Call
from relay_sync.calling.tap import TapAction, TapResult
from tests.calling.moves import begin, block, sent_by, tell
from tests.stage import Stage
from tests.support import until

RTP: dict[str, Any] = {"target_addr": "192.0.2.10", "target_port": 4000}
SOURCE = {"type": "rtp", "params": {"addr": "198.51.100.4", "port": 3000, "codec": "PCMU", "ptime": 20, "rate": 8000}}
TAP = {"type": "audio", "params": {"direction": "both"}}
DEVICE = {"type": "rtp", "params": {"addr": "192.0.2.10", "port": 4000}}


@pytest.fixture
def call(stage: Stage) -> Call:
    return stage.call()


@pytest.fixture
def tapping(stage: Stage, call: Call) -> TapAction:
    return begin(stage, lambda: call.tap_async("both", "rtp", **RTP), source_device=SOURCE)


@pytest.mark.parametrize(
    ("given", "device"),
    [
        (("rtp", "192.0.2.10", 4000), DEVICE),
        (("rtp", "192.0.2.10", "4000", "20"), {"type": "rtp", "params": {**DEVICE["params"], "ptime": 20}}),
        (
            ("rtp", "192.0.2.10", 4000, 20, None, None, "PCMU"),
            {"type": "rtp", "params": {**DEVICE["params"], "ptime": 20, "codec": "PCMU"}},
        ),
        (
            ("ws", None, None, None, "wss://media.example/in", 16000, "OPUS"),
            {"type": "ws", "params": {"uri": "wss://media.example/in", "rate": 16000, "codec": "OPUS"}},
        ),
        (("ws", None, None, None, "WS://media.example"), {"type": "ws", "params": {"uri": "WS://media.example"}}),
    ],
)
def test_the_target_is_the_device_and_its_numbers_are_numbers(
    stage: Stage, call: Call, given: Any, device: Any
) -> None:
    """Defect 24: rate and codec are in the device."""
    assert sent_by(stage, lambda: call.tap_async("both", *given)) == {"tap": TAP, "device": device}


@pytest.mark.parametrize(
    ("direction", "kind", "given", "error", "named"),
    [
        ("in", "rtp", RTP, ValueError, "audio_direction='in'.*both, listen, speak"),
        ("both", "sip", RTP, ValueError, "target_type='sip'.*rtp, ws"),
        ("both", None, RTP, TypeError, "target_type=None"),
        ("both", "rtp", {"target_port": 4000}, ValueError, "target_addr is missing.*'rtp' needs it"),
        ("both", "rtp", {"target_addr": "192.0.2.10"}, ValueError, "target_port is missing"),
        ("both", "rtp", {**RTP, "target_addr": "host.example"}, ValueError, "target_addr='host.example'.*IPv4"),
        ("both", "rtp", {**RTP, "target_addr": "::1"}, ValueError, "target_addr='::1'.*IPv4"),
        ("both", "rtp", {**RTP, "target_addr": 5}, TypeError, "target_addr=5"),
        ("both", "rtp", {**RTP, "target_port": 0}, ValueError, "target_port=0.*1 to 65535"),
        ("both", "rtp", {**RTP, "target_port": 65536}, ValueError, "target_port=65536"),
        ("both", "rtp", {**RTP, "target_port": "http"}, TypeError, "target_port='http'"),
        ("both", "rtp", {**RTP, "target_port": True}, TypeError, "target_port=True"),
        ("both", "rtp", {**RTP, "target_ptime": 0}, ValueError, "target_ptime=0"),
        (
            "both",
            "rtp",
            {**RTP, "target_uri": "ws://x"},
            ValueError,
            "target_uri='ws://x' is not for target_type='rtp'",
        ),
        ("both", "rtp", {**RTP, "rate": 8000}, ValueError, "rate=8000 is not for"),
        ("both", "rtp", {**RTP, "codec": "PCM"}, ValueError, "codec='PCM'"),
        ("both", "ws", {}, ValueError, "target_uri is missing"),
        ("both", "ws", {"target_uri": "http://x"}, ValueError, "target_uri='http://x'.*ws:// or wss://"),
        ("both", "ws", {"target_uri": "ws://x", "target_port": 1}, ValueError, "target_port=1 is not for"),
        ("both", "ws", {"target_uri": "ws://x", "rate": -1}, ValueError, "rate=-1"),
    ],
)
def test_a_mistake_is_named_before_anything_is_sent(
    stage: Stage, call: Call, direction: Any, kind: Any, given: Any, error: type[Exception], named: str
) -> None:
    """Defect 32."""
    for verb in (call.tap, call.tap_async):
        with pytest.raises(error, match=named):
            verb(direction, kind, **given)
    stage.settle()


def test_the_source_is_known_once_relay_accepted(tapping: TapAction) -> None:
    assert tapping.source_device == SOURCE
    tapping.source_device["params"]["port"] = 0  # type: ignore[index]  # it is there: a copy
    assert tapping.source_device == SOURCE


@pytest.mark.parametrize("answer", [{}, {"source_device": None}, {"source_device": "rtp"}])
def test_an_answer_without_a_source_is_fine(stage: Stage, call: Call, answer: Any) -> None:
    action = begin(stage, lambda: call.tap_async("both", "rtp", **RTP), **answer)
    assert action.source_device is None


def test_the_result_has_what_was_tapped_and_both_devices(stage: Stage, call: Call) -> None:
    told = {"type": "rtp", "params": {"addr": "192.0.2.10", "port": "4000", "codec": "PCMU", "ptime": "20"}}
    running, control_id = block(stage, lambda: call.tap("both", "rtp", **RTP), source_device=SOURCE)
    tell(stage, control_id, "tap", {"state": "tapping", "tap": TAP, "device": told}, {"state": "finished"})
    result = running.result()
    assert (type(result), result.successful) == (TapResult, True)
    assert (result.tap, result.source_device) == (TAP, SOURCE)
    assert result.destination_device == {"type": "rtp", "params": {**told["params"], "port": 4000, "ptime": 20}}


@pytest.mark.parametrize("event", [{}, {"tap": None, "device": 5}, {"device": {"params": {"port": "soon"}}}])
def test_what_relay_does_not_repeat_is_as_it_was_sent(stage: Stage, tapping: TapAction, event: Any) -> None:
    tell(stage, tapping, "tap", {"state": "finished", **event})
    result = tapping.wait(10)
    assert (result.successful, result.tap) == (True, TAP)
    assert result.destination_device == (event.get("device") if isinstance(event.get("device"), dict) else DEVICE)


def test_where_the_call_ends_first_what_is_known_is_kept(stage: Stage, tapping: TapAction) -> None:
    stage.relay.tell_state("ended", end_reason="hangup")
    result = tapping.wait(10)
    assert (result.successful, result.source_device, result.destination_device) == (False, SOURCE, DEVICE)


def test_handlers_hear_of_each_state(stage: Stage, call: Call, tapping: TapAction) -> None:
    """Defect 51."""
    heard: list[str] = []
    for name in ("tap.stateChange", "tap.tapping", "tap.finished"):
        call.on(name, lambda _, name=name: heard.append(name))
    tell(stage, tapping, "tap", {"state": "tapping"}, {"state": "finished"})
    until(lambda: len(heard) == 4)
    assert heard == ["tap.stateChange", "tap.tapping", "tap.stateChange", "tap.finished"]
