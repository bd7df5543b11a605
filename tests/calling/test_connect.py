"""Bridging a call to another one."""

from __future__ import annotations

from typing import Any

import pytest

from relay_sync import Call, CommandRefused, ConnectResult, DisconnectResult
from tests.stage import Stage, parked
from tests.support import in_thread, until

DEVICE = {"type": "phone", "params": {"from_number": "+15550100", "to_number": "+15550109", "timeout": 20}}


def told(stage: Stage, state: str, peer: Any = None, **more: Any) -> None:
    more = more if peer is None else {"peer": peer, **more}
    stage.relay.tell("calling.call.connect", call_id="call-1", node_id="node-1", connect_state=state, **more)


def bridged(stage: Stage, call: Call, *, early: bool = True) -> Call:
    """Connect a call to ``peer-1``; return that call."""
    with in_thread(lambda: call.connect([{"to_number": "+15550109"}])) as connecting:
        stage.relay.accept_command("calling.connect")
        told(stage, "connecting")
        if early:
            stage.relay.tell_state("created", "peer-1", peer={"call_id": "call-1", "node_id": "node-1"}, device=DEVICE)
            stage.relay.tell_state("answered", "peer-1")
        told(stage, "connected", {"call_id": "peer-1", "node_id": "node-8", "device": DEVICE})
    result = connecting.result()
    assert isinstance(result, ConnectResult)
    assert result.successful
    assert result.call is not None
    return result.call


@pytest.mark.parametrize("early", [True, False])
def test_both_calls_know_each_other_whichever_event_comes_first(stage: Stage, early: bool) -> None:
    """Defect 28: the peer is made from the event, and linked both ways."""
    call = stage.call()
    peer = bridged(stage, call, early=early)
    assert (call.peer, peer.peer) == (peer, call)
    assert (peer.id, peer.direction, peer.to_number, peer.timeout) == ("peer-1", "outbound", "+15550109", 20)
    assert peer.state == ("answered" if early else None)
    with in_thread(peer.hangup) as hanging_up:
        stage.relay.accept_command("calling.end")
        stage.relay.tell_state("ended", "peer-1")
    assert hanging_up.result().successful
    assert (call.peer, peer.peer) == (None, None)
    assert call.active


def test_the_result_keeps_its_call_after_the_bridge_is_over(stage: Stage) -> None:
    """Defect 27."""
    call = stage.call()
    action = None
    with in_thread(lambda: call.connect_async({"to_number": "+15550109"})) as starting:
        stage.relay.accept_command("calling.connect")
    action = starting.result()
    told(stage, "connected", {"call_id": "peer-1", "node_id": "node-8"})
    peer = action.wait(10).call
    told(stage, "disconnected", {"call_id": "peer-1"})
    stage.settle()
    assert call.peer is None
    assert action.result.call is peer
    assert peer is not None


def test_a_disconnect_ends_the_bridge_and_leaves_both_calls_up(stage: Stage) -> None:
    call = stage.call()
    peer = bridged(stage, call)
    with in_thread(call.disconnect) as parting:
        assert stage.relay.accept_command("calling.disconnect") == {"node_id": "node-1", "call_id": "call-1"}
        parked(call)
        told(stage, "disconnected", {"call_id": "peer-1"})
    result = parting.result()
    assert isinstance(result, DisconnectResult)
    assert result.successful
    assert result.event is not None
    assert result.event.name == "disconnected"
    assert (call.peer, peer.peer, call.active, peer.active) == (None, None, True, True)


def test_a_disconnect_is_no_success_when_a_call_ended_instead(stage: Stage) -> None:
    call = stage.call()
    bridged(stage, call)
    with in_thread(call.disconnect) as parting:
        stage.relay.accept_command("calling.disconnect")
        parked(call)
        stage.relay.tell_state("ended", end_reason="hangup")
    assert (parting.result().successful, parting.result().message) == (False, "the call has ended (hangup)")


def test_a_refused_disconnect_is_reported_as_refused(stage: Stage) -> None:
    call = stage.call()
    peer = bridged(stage, call)
    with in_thread(call.disconnect) as parting:
        stage.relay.refuse_command("calling.disconnect", "409", "Not now")
    with pytest.raises(CommandRefused) as caught:
        parting.result().raise_for_status()
    assert (caught.value.code, caught.value.method, caught.value.call_id) == ("409", "calling.disconnect", "call-1")
    assert call.peer is peer


def test_disconnecting_a_call_that_is_not_bridged_sends_nothing(stage: Stage) -> None:
    call = stage.call()
    assert call.disconnect().message == "the call is not connected to another; nothing was sent"
    assert stage.relay.line.sent.empty()


def test_a_disconnect_is_not_sent_when_the_session_went_meanwhile(stage: Stage) -> None:
    call = stage.call()
    bridged(stage, call)
    stage.relay.refuse_next()
    stage.relay.line.break_()
    until(lambda: stage.client.state == "reconnecting")
    with in_thread(call.disconnect) as parting:
        parked(stage.client._life().connection)
        stage.relay.next_line()
        stage.come_back(restored=False)
    assert "nothing was sent" in parting.result().message
    assert stage.relay.line.sent.empty()


@pytest.mark.parametrize("peer", [None, {}, {"call_id": 5}, "peer-1"])
def test_news_of_a_bridge_without_a_peer_harm_nothing(stage: Stage, peer: Any) -> None:
    call = stage.call()
    with in_thread(lambda: call.connect([{"to_number": "+15550109"}])) as connecting:
        stage.relay.accept_command("calling.connect")
        told(stage, "connected", peer)
    assert connecting.result().call is None
    told(stage, "disconnected", peer)
    stage.settle()
    assert call.peer is None


def test_an_empty_ringback_is_left_out_and_a_wrong_one_refused(stage: Stage) -> None:
    call = stage.call()
    with in_thread(lambda: call.connect_async([{"to_number": "+15550109"}], [])) as starting:
        assert "ringback" not in stage.relay.refuse_command("calling.connect")
    assert starting.result().completed
    with pytest.raises(TypeError, match=r"ringback_list\[0\]='x'"):
        call.connect([{"to_number": "+15550109"}], ["x"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="device_list=5"):
        call.connect(5)
    assert stage.relay.line.sent.empty()
