"""``calling.transfer``, ``calling.user_event``, bound digits and ``calling.error`` (protocol.md 13)."""

from __future__ import annotations

from typing import Any

import pytest

from relay_sync.emulator import Emulator, Phone
from tests.emulator.conftest import Connect
from tests.emulator.raw import Frame, RawClient, phone, silence

NUMBER = "+15550101"
TTS = [{"type": "tts", "params": {"text": "Star one"}}]


@pytest.fixture
def call(client: RawClient) -> Frame:
    call = client.answered(NUMBER)
    client.drain()
    return call


@pytest.fixture
def handset(relay: Emulator, call: Frame) -> Phone:
    return relay.phones[NUMBER]


def transfer(client: RawClient, call: Frame, dest: str = "context:sales") -> Frame:
    return client.command("calling.transfer", {**call, "dest": dest})


class TestTransfer:
    def test_a_context_gets_the_call(
        self, relay: Emulator, client: RawClient, call: Frame, handset: Phone, connect: Connect
    ) -> None:
        sales = connect(relay, "sales")
        assert transfer(client, call) == {"code": "200", "message": "Transferring", "call_id": call["call_id"]}
        offer = sales.wait_event("receive")
        assert (offer["call_id"], offer["context"], offer["call_state"]) == (call["call_id"], "sales", "answered")
        assert offer["device"] == phone(NUMBER)
        assert client.play(call, "p", silence(1)) == {"code": "409", "message": "Call is controlled by another client"}
        assert sales.command("calling.answer", call)["code"] == "200"
        assert sales.wait_event("state", "answered")["call_id"] == call["call_id"]
        assert sales.command("calling.answer", call)["code"] == "409"
        assert sales.play(call, "p", silence(1))["code"] == "200"
        client.order.clear()
        handset.hang_up()
        assert sales.drain()[-2:] == ["state:ending", "state:ended"]
        assert client.drain() == []

    @pytest.mark.parametrize("answer", ["answered", "created"])
    def test_transferred_state(self, assumed: Any, answer: str) -> None:
        client = assumed(transferred_state=answer)
        assert transfer(client, client.answered(NUMBER), "context:office")["code"] == "200"
        assert client.wait_event("receive")["call_state"] == answer

    def test_what_runs_on_it_ends_first_and_is_heard_no_more(
        self, relay: Emulator, client: RawClient, call: Frame, handset: Phone, connect: Connect
    ) -> None:
        connect(relay, "sales")
        client.play(call, "p", {"type": "ringtone", "params": {"name": "us", "duration": 60}})
        collect = {"digits": {"max": 1}}
        ringtone = {"type": "ringtone", "params": {"name": "it", "duration": 60}}
        client.command("calling.play_and_collect", {**call, "control_id": "c", "play": [ringtone], "collect": collect})
        client.wait_event("play", "playing")
        relay.clock.advance(1)
        client.drain()
        transfer(client, call)
        assert sorted(client.drain()) == ["collect:None", "play:finished", "play:finished", "reply:calling.transfer"]
        relay.clock.advance(5)
        assert not handset.heard.samples[8000:].any()

    def test_a_bridge_ends(self, relay: Emulator, client: RawClient, call: Frame, connect: Connect) -> None:
        connect(relay, "sales")
        client.command("calling.connect", {**call, "devices": [[phone("+15550102")]]})
        client.wait_event("connect", "connected")
        transfer(client, call)
        assert client.wait_event("connect", "disconnected")

    def test_nobody_in_the_context_is_409_and_the_call_stays(self, client: RawClient, call: Frame) -> None:
        assert transfer(client, call) == {"code": "409", "message": "Nobody receives the context sales"}
        assert client.play(call, "p", silence(1))["code"] == "200"

    @pytest.mark.parametrize("dest", ["https://app.example/swml", '{"version": "1.0.0", "sections": {}}'])
    def test_elsewhere_the_call_lives_on_out_of_sight(
        self, client: RawClient, call: Frame, handset: Phone, dest: str
    ) -> None:
        assert transfer(client, call, dest)["code"] == "200"
        assert client.command("calling.end", call)["code"] == "409"
        assert handset.state == "answered"
        handset.hang_up()
        client.order.clear()
        assert client.drain() == []


def test_a_user_event_may_hold_whatever_the_client_says(client: RawClient, call: Frame) -> None:
    reply = client.command("calling.user_event", {**call, "event": "order_placed", "order_id": "7", "deep": [{}]})
    assert reply == {"code": "200", "message": "OK", "call_id": call["call_id"]}
    assert client.command("calling.user_event", call)["code"] == "400"
    assert client.relay.journal.commands("calling.user_event")[0].params["order_id"] == "7"


def bind(client: RawClient, call: Frame, digits: str, method: str = "calling.play", **more: Any) -> Frame:
    bound = {"params": {"play": TTS}} if method == "calling.play" else {}
    params = {**call, "digits": digits, "bind_method": method, **bound, **more}
    return client.command("calling.bind_digit", params)


def press(relay: Emulator, handset: Phone, keys: str) -> None:
    relay.clock.advance(handset.press(keys) + 0.1)
    relay.clock.advance(2)


def plays(relay: Emulator) -> int:
    relay.on_thread(lambda: None)  # what follows from the last command has been written
    return sum(event.params["state"] == "playing" for event in relay.journal.events("calling.call.play"))


class TestBoundDigits:
    def test_the_keys_run_the_method(self, relay: Emulator, client: RawClient, call: Frame, handset: Phone) -> None:
        assert bind(client, call, "*1") == {"code": "200", "message": "OK", "call_id": call["call_id"]}
        press(relay, handset, "1*2")
        assert plays(relay) == 0
        press(relay, handset, "5*1")
        assert plays(relay) == 1
        assert handset.heard.samples.any()
        press(relay, handset, "*1*1")
        assert plays(relay) == 3

    @pytest.mark.parametrize(("pressed", "times"), [("111", 1), ("1111", 2)])
    def test_a_key_counts_once(
        self, relay: Emulator, client: RawClient, call: Frame, handset: Phone, pressed: str, times: int
    ) -> None:
        bind(client, call, "11")
        press(relay, handset, pressed)
        assert plays(relay) == times

    def test_its_params_are_those_bound(self, relay: Emulator, client: RawClient, call: Frame, handset: Phone) -> None:
        bind(client, call, "1", params={"play": TTS, "control_id": "mine", "volume": -3})
        press(relay, handset, "1")
        assert client.wait_event("play", "playing")["control_id"] == "mine"

    def test_so_many_times_and_no_more(self, relay: Emulator, client: RawClient, call: Frame, handset: Phone) -> None:
        bind(client, call, "1", max_triggers=2)
        press(relay, handset, "111")
        assert plays(relay) == 2

    def test_the_longest_fits_best(self, relay: Emulator, client: RawClient, call: Frame, handset: Phone) -> None:
        bind(client, call, "1", "calling.end")
        bind(client, call, "*1")
        press(relay, handset, "*1")
        assert (plays(relay), handset.state) == (1, "answered")

    def test_a_realm_is_cleared_or_all(self, relay: Emulator, client: RawClient, call: Frame, handset: Phone) -> None:
        bind(client, call, "1", realm="menu")
        bind(client, call, "2", realm="help")
        bind(client, call, "3")
        assert client.command("calling.clear_digit_bindings", {**call, "realm": "menu"})["code"] == "200"
        press(relay, handset, "12")
        assert plays(relay) == 1
        assert client.command("calling.clear_digit_bindings", call)["code"] == "200"
        press(relay, handset, "123")
        assert plays(relay) == 1

    def test_bound_again_it_is_something_else(
        self, relay: Emulator, client: RawClient, call: Frame, handset: Phone
    ) -> None:
        bind(client, call, "1")
        bind(client, call, "1", "calling.end")
        press(relay, handset, "1")
        assert (plays(relay), handset.state) == (0, "ended")

    def test_a_refusal_is_told(self, relay: Emulator, client: RawClient, call: Frame, handset: Phone) -> None:
        bind(client, call, "1", params={"play": []})
        press(relay, handset, "1")
        told = client.wait_event("calling.error")
        assert told["code"] == "400"
        assert told["message"].startswith("calling.play: calling.play: play must be a list")
        assert told["call_id"] == call["call_id"]

    @pytest.mark.parametrize("method", ["calling.levitate", "signalwire.receive"])
    def test_only_a_method_of_calls_can_be_bound(self, client: RawClient, call: Frame, method: str) -> None:
        assert bind(client, call, "1", method)["code"] == "400"

    @pytest.mark.parametrize("more", [{"digits": ""}, {"digits": "1w"}, {"max_triggers": -1}, {"params": []}])
    def test_what_can_not_be_is_400(self, client: RawClient, call: Frame, more: Frame) -> None:
        params = {**call, "digits": "1", "bind_method": "calling.end", **more}
        assert client.command("calling.bind_digit", params)["code"] == "400"


def test_an_error_can_be_reported(relay: Emulator, client: RawClient, call: Frame, connect: Connect) -> None:
    other = connect(relay)
    relay.report_error("503", "Too busy", call_id=call["call_id"])
    assert client.wait_event("calling.error") == {"code": "503", "message": "Too busy", **call}
    relay.report_error()
    for each in (client, other):
        assert each.wait_event("calling.error") == {
            "code": "500", "message": "Internal failure", "node_id": call["node_id"]
        }  # fmt: skip
    with pytest.raises(ValueError, match="there is no call 'nobody'"):
        relay.report_error(call_id="nobody")
