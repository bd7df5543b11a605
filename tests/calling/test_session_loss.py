"""What becomes of calls and plays when the connection or the session is lost."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from relay_sync import Client, ConnectionLost, RelayTimeout
from relay_sync.emulator import Emulator
from tests.stage import Stage, at_once, limits, parked, standing_time
from tests.support import in_thread, until
from tests.words import spoken

NUMBERS = {"from_number": "+15550100", "to_number": "+15550101"}


def test_calls_and_plays_survive_a_restored_session(client: Client, relay: Emulator) -> None:
    """Defect 73: the session is resumed."""
    relay.phone("+15550101")
    call = client.calling.dial(**NUMBERS).call
    action = call.play_silence_async(60)
    action.wait_for_state("playing", 10)
    relay.drop_connections()
    until(lambda: client.connected)
    assert action.pause().successful
    assert action.stop().successful
    assert action.wait(10).successful
    assert call.hangup().successful


def test_a_play_is_probed_once_after_a_restored_session_with_the_volume_it_has(stage: Stage) -> None:
    call = stage.call()
    plain, louder = stage.play(call), stage.play(call)
    with in_thread(lambda: louder.volume(6.5)):
        stage.relay.accept_command("calling.play.volume")
    with in_thread(lambda: louder.volume(9)):
        stage.relay.refuse_command("calling.play.volume", "409", "No")
    over = stage.play(call)
    stage.tell_play(over, "finished")
    over.wait(10)
    stage.reconnect()
    probes = [stage.relay.accept_command("calling.play.volume") for _ in range(2)]
    assert {probe["control_id"]: probe["volume"] for probe in probes} == {plain.control_id: 0.0, louder.control_id: 6.5}
    stage.settle()
    assert stage.relay.line.sent.empty()
    assert (plain.state, louder.state) == ("playing", "playing")


@pytest.mark.parametrize("code", ["404", "410"])
def test_a_play_that_is_gone_after_a_restored_session_fails(stage: Stage, code: str) -> None:
    """Defect 79: the end that was missed."""
    call = stage.call()
    action = stage.play(call, "paused")
    with in_thread(action.wait) as waiting:
        parked(action)
        stage.reconnect()
        stage.relay.refuse_command("calling.play.volume", code, "Control id does not exist")
    result = waiting.result()
    assert (action.state, result.successful, result.event) == ("failed", False, None)
    assert "ended while the connection was lost" in result.message
    assert call.active


def test_the_future_of_a_play_that_is_gone_is_set_as_soon_as_its_wait_ends(stage: Stage) -> None:
    """Once it was set only when the reader woke for the next ping."""
    action = stage.play(stage.call())
    future = action.future
    stage.reconnect()
    stage.relay.refuse_command("calling.play.volume")
    assert future.result(timeout=5) == action.wait(0)


@pytest.mark.parametrize("code", ["409", "500"])
def test_any_other_answer_to_the_probe_leaves_the_play_alone(stage: Stage, code: str) -> None:
    action = stage.play(stage.call())
    stage.reconnect()
    stage.relay.refuse_command("calling.play.volume", code, "No")
    stage.settle()
    assert (action.state, action.completed) == ("playing", False)


def test_the_probe_over_the_whole_road_finds_a_play_that_ended_meanwhile(client: Client, relay: Emulator) -> None:
    relay.phone("+15550101")
    call = client.calling.dial(**NUMBERS).call
    action = call.play_silence_async(60)
    action.wait_for_state("playing", 10)
    relay.refuse_connections()
    relay.drop_connections()
    until(lambda: client.state == "reconnecting")
    relay.clock.advance(61)
    relay.refuse_connections(False)
    result = action.wait(10)
    assert (result.successful, result.event, action.state) == (False, None, "failed")
    assert call.active


def test_a_session_that_is_not_restored_ends_all_its_calls_and_plays(client: Client, relay: Emulator) -> None:
    """Defect 79: ended with a reason."""
    relay.phone("+15550101")
    calls = [client.calling.dial(**NUMBERS).call for _ in range(2)]
    action = calls[0].play_silence_async(60)
    told: list[object] = []
    calls[0].on("ended", told.append)
    with in_thread(action.wait) as playing, in_thread(calls[1].wait_for_ended) as waiting:
        parked(action)
        parked(calls[1])
        relay.drop_connections(resume=False)
    result = playing.result()
    assert (action.state, result.event, waiting.result()) == ("failed", None, False)
    assert "did not restore the session" in result.message
    with pytest.raises(ConnectionLost):
        result.raise_for_status()
    for call in calls:
        assert (call.state, call.failed, call.busy, call.end_reason, call.active) == ("ended", True, False, None, False)
    until(lambda: client.connected)
    assert told == []  # handlers see what Relay sends
    assert client.calling.dial(**NUMBERS).successful


def test_a_session_that_comes_back_with_another_protocol_is_another_session(stage: Stage) -> None:
    action = stage.play(stage.call())
    stage.reconnect(restored=True, protocol="signalwire_sig1_other")
    assert action.wait(10).successful is False
    assert stage.tables == []


def test_a_session_that_is_not_resumed_in_time_is_given_up() -> None:
    """Defect 79, for a service that does not come back."""
    with Emulator(dialects=spoken(), stepped=True) as relay, Client(**relay.credentials) as client:
        at_once(client)
        relay.phone("+15550101")
        call = client.calling.dial(**NUMBERS).call
        action = call.play_silence_async(60)
        with limits(client, resume=0.05), in_thread(action.wait) as waiting:
            relay.refuse_connections()
            relay.drop_connections()
        assert "could not be resumed within 0.05 s" in waiting.result().message
        assert call.wait_for_ended() is False
        relay.refuse_connections(False)
        until(lambda: client.connected)
        assert client.calling.dial(**NUMBERS).successful


def test_disconnect_ends_all_that_waits_and_names_the_reason(stage: Stage) -> None:
    call = stage.call()
    action = stage.play(call)
    with (
        in_thread(action.wait) as playing,
        in_thread(call.wait_for_ended) as ending,
        in_thread(action.pause) as pausing,
    ):
        stage.relay.take_command("calling.play.pause")
        parked(action)
        parked(call)
        stage.client.disconnect()
    assert playing.result().message == "the client was disconnected; connect() and make a new call"
    assert ending.result() is False
    with pytest.raises(ConnectionLost, match=r"disconnect\(\) was called"):
        pausing.result()
    assert action.future.done()


def test_each_waiter_gets_an_error_of_its_own(stage: Stage) -> None:
    action = stage.play(stage.call())
    with in_thread(action.pause) as one, in_thread(action.resume) as two:
        stage.relay.line.take()
        stage.relay.line.take()
        stage.client.disconnect()
    errors = []
    for running in (one, two):
        with pytest.raises(ConnectionLost) as caught:
            running.result()
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert {error.method for error in errors} == {"calling.play.pause", "calling.play.resume"}


def test_one_slow_answer_fails_that_command_and_not_the_connection(stage: Stage) -> None:
    """Defects 65 and 72: a late answer is dropped."""
    action = stage.play(stage.call())
    with standing_time() as clock, in_thread(lambda: action.pause(wait_timeout=5)) as pausing:
        late = stage.relay.take_command("calling.play.pause")
        clock.now += 6
        with pytest.raises(RelayTimeout):
            pausing.result()
    stage.settle()
    stage.relay.answer(late, {"code": "200", "message": "OK"})
    stage.relay.answer(late, {"code": "200", "message": "OK"})
    stage.settle()
    assert stage.client.connected
    assert action.state == "playing"


# -- what Relay no longer has ---------------------------------------------------------------------------------


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give an event that is on its way no time to come."""
    monkeypatch.setattr("relay_sync.calling.leg.GONE_GRACE_S", 0.0)
    monkeypatch.setattr("relay_sync.calling.control.GONE_GRACE_S", 0.0)


@pytest.mark.usefixtures("no_grace")
def test_a_call_whose_end_was_missed_is_over_once_relay_says_that_it_is_gone(stage: Stage) -> None:
    call = stage.call()
    action = stage.play(call)
    with in_thread(action.wait) as waiting, in_thread(call.wait_for_ended) as ended:
        parked(action)
        with in_thread(call.hangup) as hanging:
            stage.relay.refuse_command("calling.end", "410", "Call is gone")
        assert hanging.result().code == "410"
    assert (waiting.result().successful, ended.result()) == (False, False)
    assert (call.active, action.state) == (False, "failed")


@pytest.mark.usefixtures("no_grace")
def test_an_operation_whose_end_was_missed_is_over_once_relay_says_that_it_is_gone(stage: Stage) -> None:
    call = stage.call()
    action = stage.play(call)
    with in_thread(action.wait) as waiting:
        with in_thread(action.stop) as stopping:
            stage.relay.refuse_command("calling.play.stop", "404", "Control id does not exist")
        assert stopping.result().code == "404"
    result = waiting.result()
    assert (result.successful, result.event, action.state) == (False, None, "failed")
    assert "no longer knows" in result.message
    assert call.active
    with pytest.raises(ConnectionLost):
        result.raise_for_status()


def test_the_event_that_tells_the_end_may_come_after_such_an_answer(stage: Stage) -> None:
    action = stage.play(stage.call())
    with in_thread(action.stop):
        stage.relay.refuse_command("calling.play.stop", "404", "Control id does not exist")
    stage.tell_play(action, "finished")
    assert action.wait(10).successful


def test_a_volume_whose_outcome_is_unknown_is_not_undone_by_the_probe(stage: Stage) -> None:
    action = stage.play(stage.call())
    with in_thread(lambda: raised(ConnectionLost, action.volume, 9)) as asking:
        stage.relay.take_command("calling.play.volume")
        stage.reconnect()
    asking.result()
    assert stage.relay.accept_command("calling.play.volume")["volume"] == 9


def test_a_volume_that_was_refused_or_surely_not_sent_is_not_set_by_the_probe(stage: Stage) -> None:
    action = stage.play(stage.call())
    with in_thread(lambda: action.volume(9)):
        stage.relay.refuse_command("calling.play.volume", "400", "No")
    stage.relay.line.blocked = True
    with pytest.raises(RelayTimeout) as caught:
        action.volume(8, wait_timeout=0.05)
    assert not caught.value.sent
    stage.reconnect()
    assert stage.relay.accept_command("calling.play.volume")["volume"] == 0


def raised(kind: type[Exception], function: Callable[..., object], *arguments: object) -> None:
    with pytest.raises(kind):
        function(*arguments)


# -- calls that no table knows ---------------------------------------------------------------------------------


def test_waits_on_a_call_of_a_closed_connection_end_at_once(client: Client) -> None:
    call = client.calling.new_call(from_number="+15550100", to_number="+15550101")
    client.disconnect()
    assert call.wait_for_ended(timeout=10) is False
    assert list(call.events(timeout=10)) == []
    assert client.calling.new_call(from_number="+1", to_number="+2").wait_for_answered(timeout=10) is False


# -- the library's own commands ---------------------------------------------------------------------------------


def test_the_probe_does_not_wait_behind_blocked_handlers(relay: Emulator) -> None:
    """The handler waits for a play that ended while the connection was lost; only the probe can tell it."""
    results: queue.Queue[bool] = queue.Queue()
    playing = threading.Event()

    def play(_: dict[str, Any]) -> None:
        playing.set()
        results.put(call.play_silence(30).successful)

    with Client(**relay.credentials, max_handlers=1) as client:
        at_once(client)
        call = client.calling.new_call(from_number="+15550100", to_number="+15550101")
        call.on("answered", play)
        call.dial()
        assert playing.wait(10)
        relay.journal.wait_for_event("calling.call.play", state="playing")
        relay.refuse_connections()
        relay.drop_connections()
        until(lambda: client.state == "reconnecting")
        relay.clock.advance(60)
        relay.clear_faults()
        assert results.get(timeout=10) is False
