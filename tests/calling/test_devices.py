"""Dialling several devices on the emulator, and in every order of events (api.md 6, protocol.md 10.4)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from relay_sync import Client, DialResult, RelayTimeout
from relay_sync.calling.devices import make_device, prepare_devices
from relay_sync.emulator import Assumptions, Emulator
from tests.stage import Stage, standing_time
from tests.support import Running, in_thread, until
from tests.words import dial_one, spoken

FROM = "+15550100"
A, B, C = "+15550101", "+15550102", "+15550103"
HEADERS = [{"name": "X-Order", "value": "17"}]


def devices(*steps: Any) -> list[Any]:
    """Numbers as devices; a list of numbers is a step in parallel."""
    return [[{"to_number": one} for one in step] if isinstance(step, list) else {"to_number": step} for step in steps]


def dial(client: Client, *steps: Any, **more: Any) -> DialResult:
    return client.calling.dial(from_number=FROM, devices=devices(*steps), **more)


@pytest.fixture
def assumed() -> Iterator[Callable[..., Client]]:
    """Return a function that gives a client of an emulator with these assumptions."""
    with ExitStack() as stack:

        def assumed(**answers: Any) -> Client:
            relay = Emulator(dialects=spoken(), stepped=True, ping_interval=None, assumptions=Assumptions(**answers))
            stack.enter_context(relay)
            return stack.enter_context(Client(**relay.credentials))

        yield assumed


class TestOverTheWholeRoad:
    def test_steps_are_tried_in_series(self, client: Client, relay: Emulator) -> None:
        relay.phone(A, busy=True)
        relay.phone(B, decline=True)
        result = dial(client, A, B, C)
        assert result.successful
        assert (result.call.to_number, result.call.state, result.call.direction) == (C, "answered", "outbound")
        assert result.call.play_silence_async(1).stop().successful
        assert result.call.hangup().successful

    def test_of_a_parallel_step_the_others_are_cancelled(self, client: Client, relay: Emulator) -> None:
        slow = relay.phone(A, answer_after=5)
        relay.phone(B, answer_after=2)
        with in_thread(lambda: dial(client, [A, B])) as dialling:
            slow.wait_for("ringing")
            relay.phone(B).wait_for("ringing")
            relay.clock.advance(2)
        assert dialling.result().call.to_number == B
        assert (slow.state, slow.end_reason) == ("ended", "cancel")
        with client._life().connection.monitor.lock:
            assert client._life().table.live() == [dialling.result().call]

    def test_with_nobody_there_it_fails_with_the_last_reason(self, client: Client, relay: Emulator) -> None:
        relay.phone(A, decline=True)
        relay.phone(B, busy=True)
        result = dial(client, A, B)
        assert (result.successful, result.message, result.call.end_reason) == (False, "the dial failed: busy", "busy")
        assert not result.call.active
        with client._life().connection.monitor.lock:
            assert client._life().table.live() == []

    @pytest.mark.parametrize("answers", [{"dial_event_first": True}, {"dial_winner_is_text": True}])
    def test_it_works_whatever_relay_does_where_no_source_says(
        self, assumed: Callable[..., Client], answers: dict[str, Any]
    ) -> None:
        result = dial(assumed(**answers), [A, B])
        assert result.successful
        assert result.call.hangup().successful

    @pytest.mark.parametrize("rule", ["before_reply", "hold_reply"])
    def test_the_reply_may_come_last(self, client: Client, relay: Emulator, rule: str) -> None:
        getattr(relay, rule)("calling.dial", 1)
        with in_thread(lambda: dial(client, A, B)) as dialling:
            relay.wait_for(lambda relay: rule == "before_reply" or relay.held_replies)
            relay.release()
        assert dialling.result().successful

    def test_events_that_come_twice_make_no_second_call(self, client: Client, relay: Emulator) -> None:
        relay.duplicate_events()
        call = dial(client, [A, B]).call
        assert call.hangup().successful
        with client._life().connection.monitor.lock:
            assert client._life().table.live() == []

    def test_a_dial_that_is_given_up_hangs_up_every_leg(self, client: Client, relay: Emulator) -> None:
        ringing = [relay.phone(number, no_answer=True) for number in (A, B)]
        with standing_time() as clock, in_thread(lambda: dial(client, [A, B], wait_timeout=5)) as dialling:
            for phone in ringing:
                assert phone.wait_for("ringing")
            clock.now += 6
            with pytest.raises(RelayTimeout):
                dialling.result()
        for phone in ringing:
            assert phone.wait_for("ended")
        until(lambda: not client._life().table._abandoned)
        assert relay.calls == []

    def test_sip_devices_go_out_whole_and_come_back_as_the_call(self, client: Client, relay: Emulator) -> None:
        relay.phone(A, busy=True)
        sip = {
            "call_type": "sip", "from_number": "sip:me@a.example", "to_number": "sip:you@b.example", "timeout": 12,
            "from_name": "Me", "headers": HEADERS, "codecs": ["OPUS", "PCMU"], "webrtc_media": False,
        }  # fmt: skip
        result = client.calling.dial(from_number=FROM, devices=[{"to_number": A}, sip])
        (command,) = relay.journal.commands("calling.dial")
        assert command.params["devices"][1] == [
            {
                "type": "sip",
                "params": {
                    "from": "sip:me@a.example", "to": "sip:you@b.example", "timeout": 12, "from_name": "Me",
                    "headers": HEADERS, "codecs": ["OPUS", "PCMU"], "webrtc_media": False,
                },
            }
        ]  # fmt: skip
        call = result.call
        assert (call.call_type, call.from_number, call.to_number) == ("sip", "sip:me@a.example", "sip:you@b.example")

    def test_one_device_in_a_list_is_dialled_like_one_number(self, client: Client, relay: Emulator) -> None:
        assert dial(client, A).successful
        assert [command.method for command in relay.journal.commands()] == [dial_one()]

    def test_a_call_made_first_is_the_call_that_is_dialled(self, client: Client, relay: Emulator) -> None:
        call = client.calling.new_call(from_number=FROM, devices=devices([A, B]))
        assert (call.id, call.state) == (None, None)
        assert call.dial().call is call
        assert call.answered


class TestOrdersOfEvents:
    def winner(self, tag: str) -> dict[str, Any]:
        return {"call_id": "leg-b", "node_id": "node-1", "tag": tag, "dial_winner": True}

    EVENTS = ("created-a", "answered-b", "dial", "ended-a")

    @pytest.mark.parametrize("order", list(itertools.permutations(EVENTS)))
    def test_there_is_one_call_in_any_order(self, stage: Stage, order: tuple[str, ...]) -> None:
        running = Running(lambda: dial(stage.client, [A, B]))
        tag = stage.relay.accept_command("calling.dial")["tag"]
        for event in order:
            state, _, leg = event.partition("-")
            if event == "dial":
                stage.relay.tell("calling.call.dial", tag=tag, dial_state="answered", call=self.winner(tag))
            else:
                stage.relay.tell_state(state, f"leg-{leg}", tag=tag)
        result = running.result()
        stage.settle()
        assert (result.successful, result.call.id, result.call.state) == (True, "leg-b", "answered")
        assert stage.client._life().table._by_id == {"leg-b": result.call}
        assert not stage.client._life().table._legs
        assert stage.relay.line.sent.empty()

    def test_a_given_up_dial_that_is_answered_all_the_same_is_hung_up(self, stage: Stage) -> None:
        with standing_time() as clock, in_thread(lambda: dial(stage.client, [A, B], wait_timeout=5)) as dialling:
            tag = stage.relay.take_command("calling.dial")["params"]["params"]["tag"]
            clock.now += 6
            with pytest.raises(RelayTimeout):
                dialling.result()
        stage.relay.tell("calling.call.dial", tag=tag, dial_state="answered", call=self.winner(tag))
        params = stage.relay.accept_command("calling.end")
        assert (params["call_id"], params["node_id"]) == ("leg-b", "node-1")
        stage.relay.tell_state("answered", "leg-b", tag=tag)
        stage.settle()
        assert stage.relay.line.sent.empty()
        assert stage.tables == []

    def test_a_winner_that_was_hung_up_already_is_not_hung_up_twice(self, stage: Stage) -> None:
        with standing_time() as clock, in_thread(lambda: dial(stage.client, [A, B], wait_timeout=5)) as dialling:
            tag = stage.relay.take_command("calling.dial")["params"]["params"]["tag"]
            clock.now += 6
            with pytest.raises(RelayTimeout):
                dialling.result()
        stage.relay.tell_state("answered", "leg-b", tag=tag)
        assert stage.relay.accept_command("calling.end")["call_id"] == "leg-b"
        stage.relay.tell("calling.call.dial", tag=tag, dial_state="answered", call=self.winner(tag))
        stage.settle()
        assert stage.relay.line.sent.empty()

    def test_a_winner_that_ends_at_once_was_answered_once(self, stage: Stage) -> None:
        running = Running(lambda: dial(stage.client, [A, B]))
        tag = stage.relay.accept_command("calling.dial")["tag"]
        stage.relay.tell_state("answered", "leg-b", tag=tag)
        stage.relay.tell_state("ended", "leg-b", tag=tag, end_reason="hangup")
        stage.relay.tell("calling.call.dial", tag=tag, dial_state="answered", call=self.winner(tag))
        result = running.result()
        assert (result.successful, result.call.state, result.call.end_reason) == (True, "ended", "hangup")
        assert stage.tables == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"type": "phone", "params": {"to_number": A}, "timeout": 5}, r"devices\[0\]: \['timeout'\] beside 'params'"),
        ({"type": "phone", "params": {"to_number": A, "colour": "red"}}, r"devices\[0\]: colour='red'"),
        ({"to_number": A, "tonumber": B}, r"devices\[0\]: tonumber='\+15550102'"),
        ({"to_number": A, "timeout": 0}, "timeout=0"),
        ({"to_number": A, "timeout": "30"}, "timeout='30'"),
        ({"to_number": A, "timeout": float("nan")}, "timeout=nan"),
        ({"to_number": A, "headers": HEADERS}, "a phone device takes"),
        ({"to_number": "sip:a", "call_type": "sip", "codecs": ["MP3"]}, "codecs='MP3'"),
        ({"to_number": "sip:a", "call_type": "sip", "codecs": []}, "codecs"),
        ({"to_number": "sip:a", "call_type": "sip", "webrtc_media": "yes"}, "webrtc_media='yes'"),
        ({"to_number": "sip:a", "call_type": "sip", "from_name": ""}, "from_name=''"),
        ({5: 6}, r"devices\[0\]"),
        ({"to_number": A, "call_type": None}, "call_type=None"),
    ],
)
def test_a_device_that_cannot_be_is_named_with_what_is_wrong(wrong: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        prepare_devices([wrong], "devices", FROM)


def test_a_device_without_a_caller_is_refused_before_anything_is_sent(stage: Stage) -> None:
    with pytest.raises(TypeError, match="from_number=None"):
        stage.client.calling.dial(devices=[{"to_number": A}])
    assert stage.relay.line.sent.empty()


def test_what_is_none_is_not_sent() -> None:
    assert make_device("sip", "sip:a", "sip:b", None, headers=None, codecs=None) == {
        "type": "sip",
        "params": {"from": "sip:a", "to": "sip:b"},
    }


CALLED = {"max_duration": 60, "call_state_url": "https://app.example/c", "call_state_events": ["answered"]}


@pytest.mark.parametrize(
    ("given", "params"),
    [
        (
            {"to_number": B, "timeout": 5, **CALLED, "confirm": {"url": "x"}},
            {"from_number": FROM, "to_number": B, "timeout": 5, **CALLED, "confirm": {"url": "x"}},
        ),
        (
            {"call_type": "sip", "to_number": "sip:b", **CALLED},
            {"from": FROM, "to": "sip:b", **CALLED},
        ),
        (
            {"call_type": "webrtc", "to_number": "/private/alice", "codecs": ["OPUS"], **CALLED},
            {"from": FROM, "to": "/private/alice", "codecs": ["OPUS"], **CALLED},
        ),
        (
            {"type": "webrtc", "params": {"from": "me", "to": "alice"}},
            {"from": "me", "to": "alice"},
        ),
        (
            {"call_type": "agora", "to_number": "bob", "appid": "app-1", "channel": "room"},
            {"from": FROM, "to": "bob", "appid": "app-1", "channel": "room"},
        ),
    ],
)
def test_later_devices_go_out_as_the_protocol_has_them(given: Any, params: Any) -> None:
    kind = given.get("call_type") or given.get("type", "phone")
    assert prepare_devices(given, "devices", FROM) == [[{"type": kind, "params": params}]]


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("call", {"call_id": "call-9", "node_id": "node-2"}),
        ("queue", {"queue_name": "support", "node_id": "node-2", "queue_id": "queue-1"}),
        ("stream", {"url": "wss://x", "name": "main", "realtime": True, "authorization_bearer_token": "t"}),
    ],
)
def test_a_call_can_be_connected_to_more_than_what_can_be_dialled(kind: str, params: Any) -> None:
    device = {"type": kind, "params": params}
    assert prepare_devices(device, "device_list", FROM, 20, of_a_call=True) == [[device]]
    with pytest.raises(ValueError, match=f"call_type='{kind}' is unknown"):
        prepare_devices(device, "devices", FROM)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"type": "call", "params": {}}, r"device_list\[0\]: params: a call device needs 'call_id'"),
        ({"type": "queue", "params": {"queue_name": ""}}, "queue_name=''"),
        ({"type": "queue", "params": {"queue": "x"}}, "knows no 'queue': give some of queue_name, queue_id, node_id"),
        ({"type": "stream", "params": {"url": "https://x"}}, "url='https://x'"),
        ({"type": "call", "params": {"call_id": "c"}, "timeout": 5}, "'timeout'.* beside 'params'"),
        ({"to_number": A, "max_duration": 0}, "max_duration=0"),
        ({"to_number": A, "call_state_events": "answered"}, "call_state_events='answered'"),
        ({"call_type": "agora", "to_number": "bob", "codecs": ["OPUS"]}, "an? agora device takes"),
        ({"call_type": "webrtc", "to_number": "bob", "headers": HEADERS}, "a webrtc device takes"),
    ],
)
def test_a_later_device_that_cannot_be_is_named_with_what_is_wrong(wrong: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        prepare_devices([wrong], "device_list", FROM, of_a_call=True)
