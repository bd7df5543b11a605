"""Connecting two calls over the whole road, and in every order of events (api.md 7.3, protocol.md 10.7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import pytest

from relay_sync import Call, Client, ConnectAction, OperationFailed
from relay_sync.emulator import Assumptions, Emulator
from tests.stage import Stage, parked
from tests.support import Running, in_thread, until
from tests.words import spoken

FROM, CALLER, OTHER = "+15550100", "+15550101", "+15550102"
ORIGINAL = {"call_id": "call-1", "node_id": "node-1"}
PEER = {"call_id": "peer-1", "node_id": "node-8"}

Assumed = Callable[..., tuple[Emulator, Client]]


@pytest.fixture
def call(client: Client, relay: Emulator) -> Call:
    return client.calling.dial(from_number=FROM, to_number=CALLER).call


@pytest.fixture
def assumed() -> Iterator[Assumed]:
    """Return a function that gives an emulator with these assumptions, and a client of it."""
    with ExitStack() as stack:

        def assumed(**answers: Any) -> tuple[Emulator, Client]:
            relay = stack.enter_context(
                Emulator(dialects=spoken(), stepped=True, ping_interval=None, assumptions=Assumptions(**answers))
            )
            return relay, stack.enter_context(Client(**relay.credentials))

        yield assumed


def bridge(call: Call, *devices: Any, **more: Any) -> Call:
    """Connect a call; return its peer."""
    result = call.connect(list(devices) or [{"to_number": OTHER}], **more)
    result.raise_for_status()
    assert result.call is not None
    return result.call


class TestOverTheWholeRoad:
    def test_both_phones_hear_each_other_and_both_calls_know_each_other(self, call: Call, relay: Emulator) -> None:
        peer = bridge(call)
        assert (call.peer, peer.peer) == (peer, call)
        assert (peer.state, peer.from_number, peer.to_number, peer.direction) == ("answered", FROM, OTHER, "outbound")
        mine, yours = (np.arange(step, 4000 + step, dtype=np.int16) for step in (1, 2000))
        relay.phones[CALLER].play(mine)
        relay.phones[OTHER].play(yours)
        relay.clock.advance(0.5)
        assert np.array_equal(relay.phones[OTHER].heard.samples, mine)
        assert np.array_equal(relay.phones[CALLER].heard.samples, yours)

    @pytest.mark.parametrize(
        ("devices", "sent"),
        [
            ([{"to_number": OTHER}], {"from_number": FROM, "to_number": OTHER}),
            ([[{"to_number": OTHER, "timeout": 9}]], {"from_number": FROM, "to_number": OTHER, "timeout": 9}),
            ([{"to_number": OTHER, "from_number": "+15550107"}], {"from_number": "+15550107", "to_number": OTHER}),
        ],
    )
    def test_what_a_device_leaves_out_is_that_of_the_call(
        self, call: Call, relay: Emulator, devices: Any, sent: dict[str, Any]
    ) -> None:
        bridge(call, *devices)
        (command,) = relay.journal.commands("calling.connect")
        assert command.params["devices"] == [[{"type": "phone", "params": sent}]]

    def test_the_ring_timeout_of_the_call_goes_along(self, client: Client, relay: Emulator) -> None:
        call = client.calling.dial(from_number=FROM, to_number=CALLER, timeout=17).call
        bridge(call)
        (command,) = relay.journal.commands("calling.connect")
        assert command.params["devices"][0][0]["params"]["timeout"] == 17

    def test_the_first_to_answer_is_the_peer_and_the_others_end(self, call: Call, relay: Emulator) -> None:
        busy = relay.phone("+15550103", busy=True)
        slow = relay.phone("+15550104", no_answer=True)
        devices = [{"to_number": "+15550103"}, [{"to_number": "+15550104"}, {"to_number": OTHER}]]
        assert bridge(call, *devices).to_number == OTHER
        assert (busy.end_reason, slow.end_reason) == ("busy", "cancel")

    @pytest.mark.parametrize(("behaviour", "reason"), [({"busy": True}, "busy"), ({"decline": True}, "decline")])
    def test_an_attempt_that_fails_says_so_and_the_call_lives_on(
        self, call: Call, relay: Emulator, behaviour: dict[str, Any], reason: str
    ) -> None:
        relay.phone(OTHER, **behaviour)
        result = call.connect([{"to_number": OTHER}])
        assert (result.successful, result.call) == (False, None)
        assert result.event is not None
        assert (result.event.name, result.event.payload["failed_reason"]) == ("failed", reason)
        with pytest.raises(OperationFailed):
            result.raise_for_status()
        assert call.answered
        assert bridge(call, {"to_number": "+15550103"})

    @pytest.mark.parametrize("ringback", [[{"type": "ringtone", "name": "us"}], ({"type": "silence", "duration": 1},)])
    def test_a_ringback_is_sent_and_heard(self, call: Call, relay: Emulator, ringback: Any) -> None:
        relay.phone(OTHER, answer_after=1)
        action = call.connect_async([{"to_number": OTHER}], ringback)
        relay.clock.advance(2)
        assert action.wait(10).successful
        assert relay.journal.commands("calling.connect")[0].params["ringback"][0]["type"] == ringback[0]["type"]
        heard = relay.phones[CALLER].heard.between(0, 1).samples
        assert heard.any() == (ringback[0]["type"] == "ringtone")

    def test_disconnect_parts_them_and_both_live_on(self, call: Call, relay: Emulator) -> None:
        peer = bridge(call)
        assert call.disconnect().successful
        assert (call.peer, peer.peer, call.answered, peer.answered) == (None, None, True, True)
        assert peer.hangup().successful
        assert bridge(call)

    @pytest.mark.parametrize("for_peer", [False, True])
    def test_the_peer_can_part_them_whichever_call_is_told(self, assumed: Assumed, for_peer: bool) -> None:
        _, client = assumed(disconnected_for_peer=for_peer)
        call = client.calling.dial(from_number=FROM, to_number=CALLER).call
        peer = bridge(call)
        result = peer.disconnect(wait_timeout=10)
        assert result.successful
        assert (call.peer, peer.peer) == (None, None)

    @pytest.mark.parametrize("answers", [{"connected_event_first": True}, {"ending_event": False}])
    def test_it_works_whatever_relay_does_where_no_source_says(self, assumed: Assumed, answers: dict[str, Any]) -> None:
        relay, client = assumed(**answers)
        call = client.calling.dial(from_number=FROM, to_number=CALLER).call
        peer = bridge(call)
        assert peer.wait_for_answered(timeout=10)
        relay.phones[OTHER].hang_up()
        assert peer.wait_for_ended(timeout=10)
        until(lambda: call.peer is None)
        assert call.active

    def test_both_end_where_relay_does_so(self, assumed: Assumed) -> None:
        relay, client = assumed(hangup_of_bridged="both_end")
        call = client.calling.dial(from_number=FROM, to_number=CALLER).call
        peer = bridge(call)
        relay.phones[CALLER].hang_up()
        assert peer.wait_for_ended(timeout=10)
        assert (call.peer, peer.peer, peer.end_reason) == (None, None, "hangup")

    def test_a_caller_that_hangs_up_ends_the_attempt(self, call: Call, relay: Emulator) -> None:
        relay.phone(OTHER, no_answer=True)
        with in_thread(lambda: call.connect([{"to_number": OTHER}])) as connecting:
            relay.phone(OTHER).wait_for("ringing")
            relay.phones[CALLER].hang_up()
        result = connecting.result()
        assert (result.successful, result.message) == (False, "the call has ended (hangup)")
        relay.phone(OTHER).wait_for("ended")
        until(lambda: not call._desk.shelf.live())  # type: ignore[attr-defined]  # the table

    def test_two_attempts_at_once_are_one_too_many_and_the_first_goes_on(self, call: Call, relay: Emulator) -> None:
        relay.phone(OTHER, answer_after=5)
        first = call.connect_async([{"to_number": OTHER}])
        second = call.connect_async([{"to_number": "+15550103"}])
        assert (second.completed, second.state) == (True, "failed")
        assert second.result.message == "calling.connect is running on this call already; nothing was sent"
        relay.clock.advance(5)
        assert first.wait(10).successful

    def test_a_call_that_is_connected_is_refused_a_second_time(self, call: Call) -> None:
        peer = bridge(call)
        result = call.connect([{"to_number": "+15550103"}])
        assert (result.successful, result.code, result.message) == (False, "409", "Call is connected already")
        assert call.peer is peer

    def test_handlers_hear_of_the_bridge(self, call: Call, relay: Emulator) -> None:
        heard: list[str] = []

        def tell(name: str, event: dict[str, Any]) -> None:
            heard.append(f"{name}:{event['connect_state']}")

        for state in ("connecting", "connected", "disconnected", "stateChange"):
            call.on(f"connect.{state}", partial(tell, state))
        bridge(call)
        call.disconnect()
        wanted = [
            f"{name}:{state}"
            for state in ("connecting", "connected", "disconnected")
            for name in ("stateChange", state)
        ]
        until(lambda: heard == wanted, f"that {wanted} were heard, not {heard}")

    def test_an_inbound_call_is_connected_with_the_caller_s_number(self, client: Client, relay: Emulator) -> None:
        peers: list[Call] = []

        def answer(call: Call) -> None:
            call.answer().raise_for_status()
            peers.append(bridge(call))

        client.calling.receive(["office"], answer)
        relay.phone("+15550155").call(context="office")
        until(lambda: peers)
        assert peers[0].from_number == "+15550155"


class TestOrdersOfEvents:
    @pytest.fixture
    def call(self, stage: Stage) -> Call:
        return stage.call()

    def connecting(self, stage: Stage, call: Call) -> ConnectAction:
        with in_thread(lambda: call.connect_async([{"to_number": OTHER}])) as starting:
            stage.relay.accept_command("calling.connect")
        return starting.result()

    def told(self, stage: Stage, state: str, about: dict[str, str] = ORIGINAL, **more: Any) -> None:
        stage.relay.tell("calling.call.connect", **about, connect_state=state, **more)

    EVENTS = ("created", "answered", "connected")

    @pytest.mark.parametrize(
        "order",
        [EVENTS, ("connected", "created", "answered"), ("created", "connected", "answered"), ("connected", "answered"),
         ("answered", "connected"), ("connected",)],
    )  # fmt: skip
    def test_there_is_one_call_for_the_peer_in_any_order(
        self, stage: Stage, call: Call, order: tuple[str, ...]
    ) -> None:
        action = self.connecting(stage, call)
        for event in order:
            if event == "connected":
                self.told(stage, "connected", peer=PEER)
            else:
                stage.relay.tell("calling.call.state", **PEER, call_state=event, peer=ORIGINAL)
        result = action.wait(10)
        stage.settle()
        assert result.call is not None
        assert stage.client._life().table._by_id == {"call-1": call, "peer-1": result.call}
        assert (call.peer, result.call.peer) == (result.call, call)
        stage.relay.tell("calling.call.state", **PEER, call_state="ended", peer=ORIGINAL)
        stage.settle()
        assert stage.client._life().table._by_id == {"call-1": call}
        assert call.peer is None

    def test_the_answer_may_come_after_the_events(self, stage: Stage, call: Call) -> None:
        running = Running(lambda: call.connect([{"to_number": OTHER}]))
        command = stage.relay.take_command("calling.connect")
        self.told(stage, "connecting")
        self.told(stage, "connected", peer=PEER)
        stage.relay.answer(command, {"code": "200", "message": "Connecting"})
        assert running.result().successful

    @pytest.mark.parametrize("about", [ORIGINAL, PEER])
    def test_disconnected_parts_both_on_whichever_call_it_is_told(
        self, stage: Stage, call: Call, about: dict[str, str]
    ) -> None:
        action = self.connecting(stage, call)
        self.told(stage, "connected", peer=PEER)
        peer = action.wait(10).call
        assert peer is not None
        for leg in (call, peer):
            running = Running(leg.disconnect)
            stage.relay.accept_command("calling.disconnect")
            parked(leg)
            self.told(stage, "disconnected", about)
            assert running.result().successful
            assert (call.peer, peer.peer) == (None, None)
            self.told(stage, "connected", peer=PEER)
            stage.settle()

    def test_disconnected_twice_and_late_harms_nothing(self, stage: Stage, call: Call) -> None:
        action = self.connecting(stage, call)
        self.told(stage, "connected", peer=PEER)
        action.wait(10)
        for about in (ORIGINAL, PEER, ORIGINAL):
            self.told(stage, "disconnected", about)
        stage.relay.tell("calling.call.state", **PEER, call_state="ended")
        self.told(stage, "disconnected", PEER)
        stage.settle()
        assert (call.peer, call.active) == (None, True)

    def test_a_disconnect_while_the_peer_hangs_up_says_what_happened(self, stage: Stage, call: Call) -> None:
        action = self.connecting(stage, call)
        self.told(stage, "connected", peer=PEER)
        action.wait(10)
        running = Running(call.disconnect)
        stage.relay.accept_command("calling.disconnect")
        parked(call)
        stage.relay.tell("calling.call.state", **PEER, call_state="ended")
        result = running.result()
        assert (result.successful, result.message) == (False, "the other call ended first")

    def test_a_failed_attempt_leaves_no_call_behind(self, stage: Stage, call: Call) -> None:
        action = self.connecting(stage, call)
        stage.relay.tell("calling.call.state", **PEER, call_state="created", peer=ORIGINAL)
        stage.relay.tell("calling.call.state", **PEER, call_state="ended", peer=ORIGINAL)
        self.told(stage, "failed", failed_reason="noAnswer")
        assert not action.wait(10).successful
        assert stage.client._life().table._by_id == {"call-1": call}

    def test_a_leg_of_a_call_that_is_not_ours_makes_no_call(self, stage: Stage, call: Call) -> None:
        stage.relay.tell("calling.call.state", **PEER, call_state="created", peer={"call_id": "nobody"})
        stage.settle()
        assert stage.client._life().table._by_id == {"call-1": call}


@pytest.mark.parametrize(
    ("ringback", "words"),
    [
        ({"type": "silence", "duration": 1}, "ringback_list={"),
        ("us", "ringback_list='us'"),
        (5, "ringback_list=5"),
        ([{"type": "ringtone", "name": "xx"}], r"ringback_list\[0\]"),
    ],
)
def test_a_wrong_ringback_is_named_and_nothing_is_sent(stage: Stage, ringback: Any, words: str) -> None:
    call = stage.call()
    with pytest.raises((TypeError, ValueError), match=words):
        call.connect([{"to_number": OTHER}], ringback)
    assert stage.relay.line.sent.empty()


@pytest.mark.parametrize("peer_id", [None, 5, {"id": "call-1"}, ["call-1"], "call-of-nobody"])
def test_a_new_leg_whose_peer_is_no_call_of_ours_is_nobody_s(stage: Stage, peer_id: object) -> None:
    """Found by the fuzz: an id that cannot be a key ended the connection's thread."""
    stage.call()
    stage.relay.tell_state("created", "call-2", peer={"call_id": peer_id, "node_id": "node-1"})
    stage.settle()
    assert stage.client.connected
    assert list(stage.client._life().table._by_id) == ["call-1"]
