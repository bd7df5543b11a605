"""SIP REFER (api.md 7.2, protocol.md 12)."""

from __future__ import annotations

from typing import Any

import pytest

from relay_sync import Call
from relay_sync.calling.refer import ReferAction, ReferResult
from tests.calling.moves import begin, block, sent_by, tell
from tests.stage import Stage
from tests.support import until

TO = "sip:desk@b.example"
HEADERS = [{"name": "X-Ref", "value": "1"}]
TOLD = {"sip_refer_to": TO, "sip_refer_response_code": "202", "sip_notify_response_code": "200"}


@pytest.fixture
def call(stage: Stage) -> Call:
    return stage.call()


@pytest.fixture
def referring(stage: Stage, call: Call) -> ReferAction:
    return begin(stage, lambda: call.refer_async(TO))


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {}),
        ({"headers": HEADERS}, {"headers": HEADERS}),
        ({"headers": []}, {"headers": []}),
        ({"username": "me", "password": "secret"}, {"username": "me", "password": "secret"}),
    ],
)
def test_a_sip_device_is_sent_without_a_control_id(stage: Stage, call: Call, given: Any, sent: Any) -> None:
    action = begin(stage, lambda: call.refer_async(TO, **given))
    device = {"type": "sip", "params": {"to": TO, **sent}}
    assert action.payload == {"node_id": "node-1", "call_id": "call-1", "device": device}


def test_an_address_that_is_told_of_it_stands_beside_the_device(stage: Stage, call: Call) -> None:
    payload = begin(stage, lambda: call.refer_async(TO, status_url="https://app.example/r")).payload
    assert (payload["status_url"], payload["device"]["params"]) == ("https://app.example/r", {"to": TO})


@pytest.mark.parametrize(
    ("to", "given", "error", "named"),
    [
        ("", {}, ValueError, "to='' is empty"),
        (5, {}, TypeError, "to=5"),
        (TO, {"headers": "X-Ref: 1"}, TypeError, "headers="),
        (TO, {"headers": [{"name": "From", "value": "me"}]}, ValueError, "headers: 'From'.*'X-'"),
        (TO, {"headers": [{"name": "X-Ref"}]}, ValueError, "headers"),
        (TO, {"username": ""}, ValueError, "username=''"),
        (TO, {"password": 5}, TypeError, "password: give a password as a string"),
        (TO, {"status_url": "here"}, ValueError, "status_url='here'"),
    ],
)
def test_a_mistake_is_named_before_anything_is_sent(
    stage: Stage, call: Call, to: Any, given: Any, error: type[Exception], named: str
) -> None:
    for verb in (call.refer, call.refer_async):
        with pytest.raises(error, match=named):
            verb(to, **given)
    stage.settle()


@pytest.mark.parametrize("control", [{"control_id": None}, {"control_id": "of-somebody's"}])
def test_its_events_are_matched_by_the_call(stage: Stage, call: Call, control: Any) -> None:
    running, _ = block(stage, lambda: call.refer(TO))
    tell(stage, "", "refer", {"state": "inProgress", **control})
    assert running.thread.is_alive()
    tell(stage, "", "refer", {"state": "success", **TOLD, **control})
    result = running.result()
    assert (type(result), result.successful) == (ReferResult, True)
    assert (result.refer_to, result.refer_response_code, result.refer_notify_code) == (TO, "202", "200")


@pytest.mark.parametrize("state", ["cancel", "busy", "noAnswer", "error"])
def test_every_other_end_is_no_success_and_keeps_the_codes(stage: Stage, referring: ReferAction, state: str) -> None:
    tell(stage, referring, "refer", {"state": state, "sip_refer_to": TO, "sip_refer_response_code": 603})
    result = referring.wait(10)
    assert (result.successful, referring.state, result.refer_response_code) == (False, state, "603")
    assert result.refer_notify_code is None


def test_a_second_one_is_not_sent_while_the_first_goes_on(stage: Stage, call: Call, referring: ReferAction) -> None:
    second = call.refer("sip:other@b.example")
    assert (second.successful, second.code) == (False, None)
    assert "calling.refer is running on this call already; nothing was sent" in second.message
    tell(stage, referring, "refer", {"state": "success"})
    assert referring.wait(10).successful
    assert sent_by(stage, lambda: call.refer_async(TO))


def test_handlers_hear_of_each_state(stage: Stage, call: Call, referring: ReferAction) -> None:
    heard: list[str] = []
    for name in ("stateChange", "inProgress", "cancel", "busy", "noAnswer", "error", "success"):
        call.on(f"refer.{name}", lambda _, name=name: heard.append(name))
    tell(stage, referring, "refer", {"state": "inProgress"}, {"state": "noAnswer"})
    until(lambda: len(heard) == 4)
    assert heard == ["stateChange", "inProgress", "stateChange", "noAnswer"]
