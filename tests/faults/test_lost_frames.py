"""Replies and events that are lost, late, doubled or out of order: what is told stays true, and nothing hangs."""

from __future__ import annotations

import pytest

from relay_sync import RelayTimeout
from relay_sync.emulator import Assumptions, Emulator
from tests.faults.support import PROMPTLY, Line, Speech, within
from tests.stage import limits, parked
from tests.support import in_thread, until

SHORT = 0.5  # seconds for a reply, in tests in which none comes


def dropped(line: Line) -> dict[str, int]:
    """What the client has set aside, by kind."""
    return dict(line.client._life().connection.dropped)


@pytest.mark.parametrize("fault", ["lose reply to calling.play", "ignore calling.play", "hold calling.play"])
def test_a_lost_reply_ends_in_time_and_the_connection_goes_on(line: Line, fault: str) -> None:
    call = line.dial()
    line.relay.faults.add(fault)
    with limits(line.client, request=SHORT), within(SHORT + PROMPTLY), pytest.raises(RelayTimeout) as caught:
        call.play_silence_async(10)
    assert (caught.value.sent, caught.value.method, caught.value.call_id) == (True, "calling.play", call.id)
    assert call.play_silence_async(10).stop().successful
    assert line.logins == 1


@pytest.mark.parametrize("verb", ["pause", "resume", "stop"])
def test_a_lost_reply_to_a_command_of_an_action_leaves_the_action_to_its_events(line: Line, verb: str) -> None:
    action = line.play()
    if verb == "resume":
        assert action.pause().successful
    lost = line.relay.faults.lose(f"calling.play.{verb}")
    with limits(line.client, request=SHORT), lost, pytest.raises(RelayTimeout):
        getattr(action, verb)()
    state = {"pause": "paused", "resume": "playing", "stop": "finished"}[verb]
    assert action.wait_for_state(state, timeout=5)
    assert line.logins == 1


def test_a_reply_that_comes_too_late_is_nobody_s(line: Line) -> None:
    call = line.dial()
    line.relay.hold_reply("calling.play", count=1)
    with limits(line.client, request=SHORT), pytest.raises(RelayTimeout):
        call.play_silence_async(10)
    assert line.relay.release() == 1
    until(lambda: dropped(line) == {"late answer": 1})
    assert call.play_silence_async(10).stop().successful
    assert line.logins == 1


def test_a_reply_that_is_late_but_in_time_counts(line: Line) -> None:
    call = line.dial()
    line.relay.faults.delay("calling.play", 0.05)
    assert call.play_silence_async(10).wait_for_state("playing", timeout=5)


def test_a_reply_that_comes_twice_counts_once(line: Line) -> None:
    call = line.dial()
    line.relay.faults.repeat("calling.play", 3)
    action = call.play_silence_async(10)
    until(lambda: dropped(line) == {"unexpected answer": 2})
    assert action.stop().successful


@pytest.mark.parametrize("command", ["begin", "calling.play", "calling.end"])
def test_an_event_may_come_before_the_reply(line: Line, command: str) -> None:
    line.relay.faults.add(f"postpone reply to {line.speech.begin if command == 'begin' else command}")
    call = line.dial()
    action = call.play_silence_async(10)
    assert action.wait_for_state("playing", timeout=5)
    assert call.hangup().successful
    assert (call.state, call.end_reason) == ("ended", "hangup")


def test_an_operation_that_ended_before_the_reply_to_its_start_has_ended(line: Line) -> None:
    call = line.dial()
    line.relay.hold_reply("calling.play", count=1)
    with in_thread(lambda: call.play_silence(1)) as playing:
        line.relay.journal.wait_for_event("calling.call.play", state="playing")
        line.relay.clock.advance(2)
        line.relay.journal.wait_for_event("calling.call.play", state="finished")
        line.relay.release()
        assert playing.result().successful


def test_handlers_hear_an_event_that_comes_twice_once(line: Line) -> None:
    line.relay.duplicate_events()
    told: list[str] = []
    call = line.dial()
    call.on("stateChange", lambda event: told.append(event["call_state"]))
    action = call.play_silence_async(1)
    assert action.wait_for_state("playing", timeout=5)
    line.relay.clock.advance(2)
    assert action.wait(5).successful
    line.hang_up(call)
    assert call.wait_for_ended(timeout=5)
    until(lambda: "ended" in told)
    assert told == ["ending", "ended"]


def test_an_action_that_ended_stays_ended_when_its_events_change_places(line: Line) -> None:
    call = line.dial()
    swap = line.relay.faults.swap("calling.call.play:playing")
    action = call.play_silence_async(10)
    swap.wait()  # a play that is stopped before it has begun to sound tells no `playing`
    assert action.stop().successful  # brings `finished`, which overtakes `playing`
    assert action.wait(5).successful
    line.relay.journal.wait_for_event("calling.call.play", state="playing")
    line.client.execute("calling.play.stop", {"call_id": call.id, "node_id": call.node_id, "control_id": "none"})
    assert action.state == "finished"


def test_a_call_that_was_answered_stays_so_when_its_events_change_places(line: Line) -> None:
    line.relay.faults.swap("calling.call.state:ringing")
    call = line.dial()
    line.play(call)  # the answer to this came after the event that was overtaken
    assert call.state == "answered"


@pytest.mark.parametrize("ends", ["never", "before", "after"])
def test_what_runs_on_a_call_ends_with_it(speech: Speech, ends: str) -> None:
    """Also when Relay tells nothing of the operation itself."""
    assumptions = Assumptions(plays_at_call_end=ends)  # type: ignore[arg-type]  # one of three words
    with Emulator(stepped=True, ping_interval=None, assumptions=assumptions) as relay:
        line = Line(relay, speech)
        line.connect()
        try:
            action = line.play()
            recording = action.call.record_async()
            with in_thread(action.wait) as playing, in_thread(recording.wait) as recorded:
                parked(action)
                parked(recording)
                line.hang_up(action.call)
                with within(PROMPTLY):
                    result = playing.result()
                    recorded.result()
            assert action.completed
            if ends == "never":
                assert (result.successful, action.state) == (False, "failed")
                assert "the call has ended" in result.message
        finally:
            line.client.disconnect()


def test_a_play_whose_end_is_lost_ends_with_its_call(line: Line) -> None:
    action = line.play(seconds=5)
    line.relay.faults.lose("calling.call.play:finished")
    with in_thread(action.wait) as waiting:
        parked(action)
        line.relay.clock.advance(6)
        line.hang_up(action.call)
        result = waiting.result()
    assert (result.successful, action.state) == (False, "failed")


def test_a_call_whose_end_is_lost_ends_when_relay_says_that_it_is_gone(line: Line) -> None:
    action = line.play()
    line.relay.faults.add_all(["lose event calling.call.*:end*", "lose event calling.call.play #1-9"])
    line.relay.faults.lose("calling.call.state:ended")
    line.relay.faults.lose("calling.call.state:ending")
    with in_thread(action.wait) as waiting:
        parked(action)
        line.hang_up(action.call)
        answer = action.pause()
        assert (answer.successful, answer.code) == (False, "410")
        result = waiting.result()
    assert (result.successful, action.state, action.call.state) == (False, "failed", "ended")


def test_a_wait_for_an_event_that_is_lost_ends_at_its_limit_and_can_be_repeated(line: Line) -> None:
    action = line.play(seconds=5)
    line.relay.faults.lose("calling.call.play:finished")
    line.relay.clock.advance(6)
    for _ in range(2):
        with within(SHORT + PROMPTLY), pytest.raises(RelayTimeout):
            action.wait(timeout=SHORT)
    assert not action.completed


@pytest.mark.parametrize("code", ["402", "500", "-32000", "-32603"])
def test_refusals_are_results_with_relay_s_own_words_and_the_next_is_carried_out(line: Line, code: str) -> None:
    call = line.dial()
    line.relay.refuse_next("calling.play", code, "Not today", count=2)
    for _ in range(2):
        result = call.play_silence(1)
        assert (result.successful, result.code, result.message) == (False, code, "Not today")
    assert call.play_silence_async(1).stop().successful
    assert line.logins == 1


def test_what_is_accepted_and_then_fails_says_so(line: Line) -> None:
    call = line.dial()
    with line.relay.faults.add("fail calling.record"):
        result = call.record()
    assert not result.successful
    assert result.event is not None


@pytest.mark.parametrize("seconds", [-86400, 86400])
def test_a_clock_that_jumps_changes_nothing(line: Line, seconds: int) -> None:
    action = line.play(seconds=5)
    line.relay.faults.add(f"jump {seconds}")
    line.relay.ping()
    line.relay.clock.advance(6)
    assert action.wait(5).successful
    assert line.dial().active
    assert line.logins == 1
