"""A connection is lost, in every way there is: what waits goes on or is told, truthfully and in time."""

from __future__ import annotations

import logging
import re

import pytest

from relay_sync import AuthenticationFailed, ConnectionLost, NotConnected
from tests.faults.conftest import MakeLine
from tests.faults.support import PING_INTERVAL, PING_TIMEOUT, PINGING, PROMPTLY, Line, raised, within
from tests.stage import limits, parked
from tests.support import in_thread, until

AT_ONCE = ["drop", "end", "close 1000", "close 1001", "close 1011", "send too-large", "send unknown-opcode"]
IN_TIME = ["silence", "vanish", "send torn"]  # only a ping tells


@pytest.mark.parametrize("fault", AT_ONCE)
def test_an_awaited_play_survives_a_loss_and_ends_with_what_relay_says(line: Line, fault: str) -> None:
    action = line.play()
    with in_thread(action.wait) as waiting:
        parked(action)
        with line.reconnecting():
            line.relay.faults.add(fault)
        line.relay.clock.advance(61)
    result = waiting.result()
    assert (result.successful, action.state) == (True, "finished")
    assert result.event is not None


@pytest.mark.parametrize("fault", IN_TIME)
def test_an_awaited_play_survives_a_silent_peer(make_line: MakeLine, fault: str) -> None:
    line = make_line(**PINGING)
    action = line.play()
    with in_thread(action.wait) as waiting:
        parked(action)
        with line.reconnecting():
            line.relay.faults.add(fault)
        line.relay.clock.advance(61)
    assert waiting.result().successful


@pytest.mark.parametrize("fault", ["silence", "vanish"])
def test_a_silent_peer_is_found_within_ping_interval_and_ping_timeout(make_line: MakeLine, fault: str) -> None:
    line = make_line(**PINGING)
    call = line.dial()
    line.relay.faults.add("refuse-connections")  # so that it can't be back before anybody has looked
    with within(PING_INTERVAL + PING_TIMEOUT + PROMPTLY):
        line.relay.faults.add(f"{fault} at calling.play")
        with pytest.raises(ConnectionLost):
            call.play_silence(10)
    assert line.client.state == "reconnecting"


def test_the_other_side_s_silence_is_said_to_be_the_reason(
    make_line: MakeLine, caplog: pytest.LogCaptureFixture
) -> None:
    line = make_line(**PINGING)
    with caplog.at_level(logging.WARNING, logger="relay_sync"), line.reconnecting():
        line.relay.faults.add("silence")
    found = re.search(r"nothing was heard from Relay for (\d+\.\d) s", caplog.text)
    assert found
    assert float(found[1]) >= PING_TIMEOUT  # more where the machine was busy


@pytest.mark.parametrize("fault", AT_ONCE[:5])
@pytest.mark.parametrize("carried_out", [False, True])
def test_a_command_in_flight_is_unknown_and_told_at_once(line: Line, fault: str, carried_out: bool) -> None:
    """It may or may not have been carried out, and nobody claims to know."""
    call = line.dial()
    line.relay.faults.add("refuse-connections")
    line.relay.faults.add(f"{fault} {'before reply to' if carried_out else 'at command'} calling.play")
    with within(PROMPTLY), pytest.raises(ConnectionLost) as caught:
        call.play_silence(10)
    assert (caught.value.method, caught.value.call_id) == ("calling.play", call.id)


def test_a_command_in_flight_is_not_sent_again_on_the_next_connection(line: Line) -> None:
    call = line.dial()
    with line.reconnecting(), line.relay.faults.drop_at("calling.play"), pytest.raises(ConnectionLost):
        call.play_silence(10)
    assert call.play_silence_async(10).stop().successful
    assert len(line.relay.journal.commands("calling.play")) == 2


def test_an_answer_that_was_out_before_the_loss_counts(line: Line) -> None:
    call = line.dial()
    with line.reconnecting(), line.relay.faults.drop_after("calling.play"):
        action = call.play_silence_async(10)
    assert action.stop().successful


def test_a_play_that_ended_during_the_outage_is_told_as_soon_as_the_session_is_back(line: Line) -> None:
    action = line.play()
    with in_thread(action.wait) as waiting:
        parked(action)
        with line.reconnecting(), line.relay.faults.add("refuse-connections"):
            line.relay.faults.add("drop")
            until(lambda: line.client.state == "reconnecting")
            line.relay.clock.advance(61)
        with within(PROMPTLY):
            result = waiting.result()
    assert (result.successful, result.code, result.event, action.state) == (False, None, None, "failed")
    assert action.call.active


def test_the_question_whether_a_play_is_still_there_is_asked_again_when_its_answer_is_lost(line: Line) -> None:
    action = line.play()
    line.relay.faults.add("lose reply to calling.play.volume #1-2")
    with limits(line.client, request=0.5), in_thread(action.wait) as waiting:
        parked(action)
        with line.reconnecting(), line.relay.faults.add("refuse-connections"):
            line.relay.faults.add("drop")
            until(lambda: line.client.state == "reconnecting")
            line.relay.clock.advance(61)
        with within(2 * 0.5 + PROMPTLY):
            result = waiting.result()
    assert (result.successful, result.event, action.state) == (False, None, "failed")
    assert len(line.relay.journal.commands("calling.play.volume")) == 3


def test_a_play_that_ended_during_the_outage_is_successful_where_relay_replays_its_end(line: Line) -> None:
    action = line.play()
    with in_thread(action.wait) as waiting, line.relay.faults.add("replay"):
        parked(action)
        with line.reconnecting(), line.relay.faults.add("refuse-connections"):
            line.relay.faults.add("drop")
            until(lambda: line.client.state == "reconnecting")
            line.relay.clock.advance(61)
        assert waiting.result().successful
    assert action.state == "finished"


def test_a_call_that_ended_during_the_outage_ends_with_the_first_that_asks(line: Line) -> None:
    """Relay does not replay its end, and a call has no harmless probe: its play has."""
    action = line.play()
    call = action.call
    with in_thread(call.wait_for_ended) as waiting:
        parked(call)
        with line.reconnecting(), line.relay.faults.add("refuse-connections"):
            line.relay.faults.add("drop")
            until(lambda: line.client.state == "reconnecting")
            line.hang_up(call)
        with within(PROMPTLY):
            assert waiting.result() is False  # nobody heard it end
    assert (call.state, action.state, action.result.event) == ("ended", "failed", None)


@pytest.mark.parametrize(
    "fault",
    ["forget", "restart", "go-away restart"],
)
def test_all_that_waits_ends_when_the_session_is_not_restored(line: Line, fault: str) -> None:
    action = line.play()
    call = action.call
    other = line.play()
    future = other.future
    heard: list[object] = []
    events = call.events()
    with (
        in_thread(action.wait) as playing,
        in_thread(call.wait_for_ended) as ending,
        in_thread(lambda: heard.extend(events)),
    ):
        parked(action)
        parked(call)
        with line.reconnecting():
            line.relay.faults.add(fault)
            if fault == "forget":
                line.relay.faults.add("drop")
        with within(PROMPTLY):
            result = playing.result()
            assert ending.result() is False
            assert future.result(PROMPTLY).successful is False
    assert (result.successful, result.event, action.state) == (False, None, "failed")
    assert "did not restore the session" in result.message
    with pytest.raises(ConnectionLost):
        result.raise_for_status()
    assert (call.state, call.active, other.state) == ("ended", False, "failed")
    assert line.dial().active


def test_no_command_of_a_dead_session_is_sent_after_the_reconnect(line: Line) -> None:
    """One that was waiting to be sent is called off, and so are those that come later."""
    action = line.play()
    call = action.call
    line.relay.faults.add("forget")
    with line.relay.faults.add("refuse-connections"):
        line.relay.faults.add("drop")
        until(lambda: line.client.state == "reconnecting")
        before = line.logins
        with in_thread(action.pause) as pausing, in_thread(lambda: call.play_silence(1)) as playing:
            parked(line.client._life().connection, 2)
            line.relay.faults.clear()
            line.back(before)
        assert not pausing.result().successful
        assert not playing.result().successful
    assert not action.stop().successful
    assert not call.hangup().successful
    last = max(frame.connection for frame in line.relay.journal.frames)
    assert [command.method for command in line.relay.journal.commands() if command.connection == last] == []


def test_a_session_that_can_not_be_resumed_in_time_ends_what_waits(line: Line) -> None:
    action = line.play()
    with limits(line.client, resume=0.2), in_thread(action.wait) as waiting:
        parked(action)
        line.relay.faults.add("refuse-tcp")
        with within(0.2 + PROMPTLY):
            line.relay.faults.add("drop")
            result = waiting.result()
    assert (action.state, result.event) == ("failed", None)
    assert "could not be resumed within 0.2 s" in result.message
    with line.reconnecting():
        line.relay.faults.clear()
    assert line.dial().active


def test_a_command_given_during_an_outage_goes_out_when_the_client_is_back(line: Line) -> None:
    call = line.dial()
    before = line.logins
    with line.relay.faults.add("refuse-tcp"):
        line.relay.faults.add("drop")
        until(lambda: line.client.state == "reconnecting")
        with in_thread(lambda: call.play_silence_async(10)) as playing:
            parked(line.client._life().connection)
            line.relay.faults.clear()
        line.back(before)
    assert playing.result().state in ("", "playing")
    assert len(line.relay.journal.commands("calling.play")) == 1


def test_a_command_that_finds_no_connection_in_its_time_was_surely_not_sent(line: Line) -> None:
    call = line.dial()
    line.relay.faults.add("refuse-tcp")
    line.relay.faults.add("drop")
    until(lambda: line.client.state == "reconnecting")
    limited = limits(line.client, request=0.3)
    with limited, within(0.3 + PROMPTLY), pytest.raises(NotConnected, match="was not sent"):
        call.hangup()
    assert line.relay.journal.commands("calling.end") == []


def test_a_dial_goes_on_over_a_loss(line: Line) -> None:
    number = "+15550180"
    line.relay.phone(number, answer_after=10)
    with in_thread(lambda: line.client.calling.dial(from_number="+15550100", to_number=number)) as dialling:
        line.relay.wait_for(lambda relay: [call.state for call in relay.calls] == ["ringing"])
        line.relay.journal.wait_for_event("calling.call.state", call_state="ringing")
        with line.reconnecting():
            line.relay.faults.add("drop")
        line.relay.clock.advance(11)
    assert dialling.result().successful


def test_a_dial_whose_command_may_have_left_hangs_up_the_leg_that_shows_up(line: Line) -> None:
    number = "+15550181"
    line.relay.phone(number, answer_after=10)
    with line.reconnecting(), line.relay.faults.drop_before(line.speech.begin), pytest.raises(ConnectionLost):
        line.client.calling.dial(from_number="+15550100", to_number=number)
    line.relay.clock.advance(11)
    line.relay.wait_for(lambda relay: relay.calls == [])
    assert line.relay.journal.commands("calling.end")[0].code == "200"


def test_contexts_added_at_run_time_survive_every_reconnect_and_go_before_waiting_commands(line: Line) -> None:
    taken: list[str | None] = []
    assert line.client.calling.receive(["office"], lambda call: taken.append(call.from_number)).successful
    for number in ("+15550191", "+15550192"):
        with line.reconnecting():
            line.relay.faults.add("drop")
        line.relay.phone(number).call(context="office")
        until(lambda number=number: number in taken, "that the call is taken")


def test_refused_credentials_after_a_reconnect_close_the_client_and_tell_everybody(line: Line) -> None:
    action = line.play()
    call = action.call
    connection = line.client._life().connection
    with (
        in_thread(action.wait) as playing,
        in_thread(call.wait_for_ended) as ending,
        in_thread(lambda: raised(line.client.run)) as running,
        line.relay.faults.add("refuse-tcp") as outage,
    ):
        parked(action)
        parked(call)
        parked(connection)
        line.relay.faults.add("drop")
        until(lambda: line.client.state == "reconnecting")
        with in_thread(lambda: raised(lambda: line.client.execute("calling.end", {}))) as waiting:
            parked(connection, 2)
            line.relay.faults.add("refuse-credentials")
            outage.remove()
            with within(PROMPTLY):
                result = playing.result()
                assert ending.result() is False
                assert isinstance(running.result(), AuthenticationFailed)
                assert isinstance(waiting.result(), NotConnected)
    assert (action.state, result.successful, result.event) == ("failed", False, None)
    assert "refused the credentials" in result.message
    assert line.client.state == "closed"
    logins = line.logins
    with pytest.raises(NotConnected, match="refused the credentials"):
        line.client.execute("calling.end", {})
    assert not call.hangup().successful
    assert line.logins == logins  # and it does not try again
    line.relay.clear_faults()
    line.client.connect()
    assert line.dial().active
