"""``calling.queue.enter``, ``calling.queue.leave``, and a connect to who waits (protocol.md 13, 16.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from relay_sync.emulator import Emulator
from tests.emulator.raw import Frame, RawClient, phone
from tests.emulator.sounds import RATE, noise, placed

CALLERS = ["+15550101", "+15550102", "+15550103"]
AGENT = "+15550110"


@pytest.fixture
def calls(client: RawClient) -> list[Frame]:
    return answered(client, *CALLERS)


@pytest.fixture
def agent(client: RawClient) -> Frame:
    return answered(client, AGENT)[0]


def answered(client: RawClient, *numbers: str) -> list[Frame]:
    calls = [client.answered(number) for number in numbers]
    client.drain()
    client.events.clear()
    return calls


def enter(client: RawClient, call: Frame, control_id: str | None = "q", **more: Any) -> Frame:
    named = {} if control_id is None else {"control_id": control_id}
    return client.command("calling.queue.enter", {**call, **named, "queue_name": "support", **more})


def leave(client: RawClient, call: Frame, **more: Any) -> Frame:
    return client.command("calling.queue.leave", {**call, "queue_name": "support", **more})


def take(client: RawClient, call: Frame, **more: Any) -> Frame:
    device = {"type": "queue", "params": {"node_id": call["node_id"], "queue_name": "support", **more}}
    return client.command("calling.connect", {**call, "devices": [[device]]})


def news(client: RawClient) -> list[Frame]:
    """Take the events of queues that have come."""
    client.drain()
    found = [event for event in client.events if event["params"]["event_type"] == "calling.call.queue"]
    client.events = [event for event in client.events if event not in found]
    return [event["params"]["params"] for event in found]


def micros(relay: Emulator) -> int:
    return round(relay.clock.timestamp() * 1e6)


def test_calls_wait_in_order(relay: Emulator, client: RawClient, calls: list[Frame]) -> None:
    relay.clock.advance(5)
    at = micros(relay)
    assert enter(client, calls[0]) == {
        "code": "200", "message": "Entering Queue", "call_id": calls[0]["call_id"], "control_id": "q"
    }  # fmt: skip
    enter(client, calls[1])
    first, second = news(client)
    assert first == {
        "control_id": "q", "status": "enqueue", "id": first["id"], "name": "support", "position": 1, "size": 1,
        "avg_time": 0, "enqueue_ts": at, "dequeue_ts": 0, "leave_ts": 0, **calls[0],
    }  # fmt: skip
    assert (second["id"], second["position"], second["size"]) == (first["id"], 2, 2)


def test_one_may_leave(relay: Emulator, client: RawClient, calls: list[Frame]) -> None:
    for call in calls:
        enter(client, call)
    relay.clock.advance(7)
    queue = news(client)[0]
    assert leave(client, calls[1], control_id="other", queue_id=queue["id"]) == {
        "code": "200", "message": "OK", "call_id": calls[1]["call_id"], "control_id": "other"
    }  # fmt: skip
    (left,) = news(client)
    assert (left["status"], left["control_id"], left["position"], left["size"]) == ("leave", "q", 2, 3)
    assert left["leave_ts"] == micros(relay) == left["enqueue_ts"] + 7_000_000
    enter(client, calls[1])
    assert news(client)[0]["position"] == 3
    assert leave(client, calls[1], queue_id="another")["code"] == "409"
    assert client.command("calling.queue.leave", {**calls[1], "queue_name": "sales"})["code"] == "409"


def test_who_has_waited_longest_is_bridged_to_who_asks(
    relay: Emulator, client: RawClient, calls: list[Frame], agent: Frame
) -> None:
    enter(client, calls[0])
    relay.clock.advance(10)
    enter(client, calls[1])
    relay.clock.advance(10)
    news(client)
    assert take(client, agent)["message"] == "Connecting"
    (gone,) = news(client)
    assert (gone["status"], gone["position"], gone["size"], gone["call_id"]) == ("dequeue", 1, 2, calls[0]["call_id"])
    assert gone["dequeue_ts"] == micros(relay)
    assert client.wait_event("connect", "connecting")
    connected = client.wait_event("connect", "connected")
    assert connected["call_id"] == agent["call_id"]
    assert connected["peer"]["call_id"] == calls[0]["call_id"]
    mine, yours = noise(1, 1.0), noise(2, 1.0)
    relay.phones[AGENT].play(mine)
    relay.phones[CALLERS[0]].play(yours)
    relay.clock.advance(1)
    assert np.array_equal(relay.phones[AGENT].heard.samples[-RATE:], yours)
    assert np.array_equal(relay.phones[CALLERS[0]].heard.samples[-RATE:], mine)
    client.command("calling.disconnect", agent)
    take(client, agent)
    assert [(event["status"], event["avg_time"]) for event in news(client)] == [("dequeue", 20)]
    client.command("calling.disconnect", agent)
    enter(client, calls[2])
    assert news(client)[0]["avg_time"] == 16  # 20 and 11 s


def test_music_is_heard_until_the_turn_has_come(
    relay: Emulator, client: RawClient, calls: list[Frame], agent: Frame, tmp_path: Path
) -> None:
    music = noise(9, 0.4)
    soundfile.write(tmp_path / "music.wav", music, RATE, subtype="PCM_16")
    enter(client, calls[0], wait_url=str(tmp_path / "music.wav"))
    relay.clock.advance(1)
    take(client, agent)
    relay.clock.advance(1)
    assert np.array_equal(relay.phones[CALLERS[0]].heard.samples, placed(2.0, (0.0, np.tile(music, 3)[:RATE])))


def test_who_hangs_up_leaves(relay: Emulator, client: RawClient, calls: list[Frame]) -> None:
    enter(client, calls[0], control_id=None)
    enter(client, calls[1])
    news(client)
    client.order.clear()
    relay.phones[CALLERS[0]].hang_up()
    assert client.drain() == ["queue:leave", "state:ending", "state:ended"]
    enter(client, calls[2])
    left, entered = news(client)
    assert "control_id" not in left
    assert entered["position"] == 2


def test_a_call_waits_once(client: RawClient, calls: list[Frame]) -> None:
    enter(client, calls[0])
    assert enter(client, calls[0], "other") == {"code": "409", "message": "Call is in a queue already"}


@pytest.mark.parametrize("answer", ["failed", "waits"])
def test_connect_to_empty_queue(assumed: Any, caplog: pytest.LogCaptureFixture, answer: str) -> None:
    client = assumed(connect_to_empty_queue=answer)
    agent, caller = answered(client, AGENT, CALLERS[0])
    take(client, agent)
    assert client.wait_event("connect", "connecting")
    client.relay.clock.advance(100)
    if answer == "failed":
        assert client.wait_event("connect", "failed")["failed_reason"] == "noAnswer"
        return
    assert take(client, agent)["message"] == "Call is being connected"
    enter(client, caller)
    assert client.wait_event("connect", "connected")["peer"]["call_id"] == caller["call_id"]
    assert [event["status"] for event in news(client)] == ["enqueue", "dequeue"]
    client.relay.phones[AGENT].hang_up()
    assert client.answered("+15550111")
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_who_waits_for_somebody_to_come_may_hang_up(assumed: Any) -> None:
    client = assumed(connect_to_empty_queue="waits")
    agent, caller = answered(client, AGENT, CALLERS[0])
    take(client, agent)
    client.relay.phones[AGENT].hang_up()
    enter(client, caller)
    assert [event["status"] for event in news(client)] == ["enqueue"]


class TestConnectToACall:
    def connect(self, client: RawClient, call: Frame, other: Frame, *devices: Frame) -> Frame:
        return client.command("calling.connect", {**call, "devices": [[{"type": "call", "params": other}, *devices]]})

    def test_two_calls_are_bridged(self, relay: Emulator, client: RawClient, calls: list[Frame]) -> None:
        assert self.connect(client, calls[0], calls[1])["message"] == "Connecting"
        assert client.wait_event("connect", "connected")["peer"]["call_id"] == calls[1]["call_id"]
        mine = noise(1, 1.0)
        relay.phones[CALLERS[0]].play(mine)
        relay.clock.advance(1)
        assert np.array_equal(relay.phones[CALLERS[1]].heard.samples, mine)

    def test_one_that_is_not_free_fails(self, relay: Emulator, client: RawClient, calls: list[Frame]) -> None:
        enter(client, calls[1])
        relay.phone("+15550120", no_answer=True)
        ringing = client.begin("+15550120")
        others = [calls[1], calls[0], {"call_id": "nobody"}, {"call_id": ringing["call_id"]}]
        for other in others:
            self.connect(client, calls[0], other)
            assert client.wait_event("connect", "failed")["failed_reason"] == "error"

    def test_such_a_device_stands_alone(self, client: RawClient, calls: list[Frame]) -> None:
        assert self.connect(client, calls[0], calls[1], phone("+15550109")) == {
            "code": "400", "message": "calling.connect: a device of type call stands alone"
        }  # fmt: skip

    def test_a_dial_has_no_such_device(self, client: RawClient, calls: list[Frame]) -> None:
        device = {"type": "call", "params": calls[0]}
        assert client.command("calling.dial", {"tag": "t", "devices": [[device]]})["code"] == "400"
