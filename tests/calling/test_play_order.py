"""Playing when frames come in every order: the relay is played by the test."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from relay_sync import CommandRefused, ConnectionLost, NotConnected, OperationFailed, RelayTimeout
from tests.stage import URL, FakeClock, Stage, parked, standing_time
from tests.support import in_thread, until


def test_an_event_that_overtakes_the_answer_to_the_start_is_not_lost(stage: Stage) -> None:
    """Defect 55: the action is enlisted before its command is sent."""
    call = stage.call()
    with in_thread(lambda: call.play_audio_async(URL)) as starting:
        command = stage.relay.take_command("calling.play")
        stage.relay.tell_play("playing", command["params"]["params"]["control_id"])
        stage.relay.answer(command, {"code": "200", "message": "Playing"})
    assert starting.result().state == "playing"


def test_a_play_that_ended_before_its_start_was_answered_is_complete(stage: Stage) -> None:
    """Defect 55."""
    call = stage.call()
    with in_thread(lambda: call.play_audio(URL)) as playing:
        command = stage.relay.take_command("calling.play")
        for state in ("playing", "finished"):
            stage.relay.tell_play(state, command["params"]["params"]["control_id"])
        stage.relay.answer(command, {"code": "200", "message": "Playing"})
    assert playing.result().successful


def test_a_refusal_after_the_end_was_told_changes_nothing(stage: Stage) -> None:
    call = stage.call()
    with in_thread(lambda: call.play_audio_async(URL)) as starting:
        command = stage.relay.take_command("calling.play")
        stage.relay.tell_play("finished", command["params"]["params"]["control_id"])
        stage.relay.answer(command, {"code": "404", "message": "Call does not exist"})
    action = starting.result()
    assert (action.state, action.result.successful) == ("finished", True)


def test_the_state_is_empty_until_something_is_heard(stage: Stage) -> None:
    action = stage.play(stage.call(), "")
    assert (action.state, action.completed) == ("", False)


@pytest.mark.parametrize(("verb", "state"), [("pause", "paused"), ("resume", "playing")])
def test_a_successful_answer_moves_the_state_before_the_method_returns(stage: Stage, verb: str, state: str) -> None:
    action = stage.play(stage.call(), "paused" if verb == "resume" else "playing")
    with in_thread(getattr(action, verb)) as commanding:
        stage.relay.accept_command(f"calling.play.{verb}")
    assert commanding.result().successful
    assert action.state == state


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_refusal_moves_nothing(stage: Stage, verb: str) -> None:
    action = stage.play(stage.call(), "playing")
    with in_thread(getattr(action, verb)) as commanding:
        stage.relay.refuse_command(f"calling.play.{verb}", "409", "Not now")
    result = commanding.result()
    assert (result.successful, result.code, result.message) == (False, "409", "Not now")
    assert (action.state, action.completed) == ("playing", False)
    with pytest.raises(CommandRefused, match="Not now") as caught:
        result.raise_for_status()
    error = caught.value
    assert (error.method, error.call_id, error.control_id) == (f"calling.play.{verb}", "call-1", action.control_id)


def test_an_answer_does_not_move_the_state_when_an_event_came_since_the_command_was_sent(stage: Stage) -> None:
    action = stage.play(stage.call(), "")
    with in_thread(action.pause) as pausing:
        command = stage.relay.take_command("calling.play.pause")
        stage.tell_play(action, "paused")
        stage.tell_play(action, "playing")  # somebody else resumed it: the event knows better than the answer
        stage.relay.answer(command, {"code": "200", "message": "Paused"})
    assert pausing.result().successful
    assert action.state == "playing"


def test_the_news_that_a_play_has_begun_does_not_keep_the_answer_to_a_pause_from_moving_it(stage: Stage) -> None:
    action = stage.play(stage.call(), "")
    with in_thread(action.pause) as pausing:
        command = stage.relay.take_command("calling.play.pause")
        stage.tell_play(action, "playing")  # on its way since the start
        stage.relay.answer(command, {"code": "200", "message": "Paused"})
    assert pausing.result().successful
    assert action.state == "paused"


def test_an_event_that_only_repeats_the_state_does_not_keep_an_answer_from_moving_it(stage: Stage) -> None:
    action = stage.play(stage.call())
    with in_thread(action.pause):
        stage.relay.accept_command("calling.play.pause")
    with in_thread(action.resume) as resuming:
        command = stage.relay.take_command("calling.play.resume")
        stage.tell_play(action, "paused")  # of the pause: its answer had told so already
        stage.relay.answer(command, {"code": "200", "message": "Resumed"})
        assert resuming.result().successful
        assert action.state == "playing"


def test_the_event_of_a_pause_may_come_before_or_after_its_answer(stage: Stage) -> None:
    action = stage.play(stage.call())
    with in_thread(action.pause):
        command = stage.relay.take_command("calling.play.pause")
        stage.tell_play(action, "paused")
        stage.relay.answer(command, {"code": "200", "message": "Paused"})
    assert action.state == "paused"
    with in_thread(action.resume):
        stage.relay.accept_command("calling.play.resume")
    assert action.state == "playing"
    stage.tell_play(action, "playing")
    stage.settle()
    assert (action.state, action.completed) == ("playing", False)


def test_a_pause_that_races_with_the_end_does_not_take_the_end_back(stage: Stage) -> None:
    action = stage.play(stage.call())
    with in_thread(action.pause) as pausing:
        command = stage.relay.take_command("calling.play.pause")
        stage.tell_play(action, "finished")
        stage.relay.answer(command, {"code": "200", "message": "Paused"})
    assert pausing.result().successful
    assert (action.state, action.completed, action.result.successful) == ("finished", True, True)


def test_a_pause_refused_because_the_play_had_ended_is_reported_as_refused(stage: Stage) -> None:
    action = stage.play(stage.call())
    with in_thread(action.pause) as pausing:
        stage.relay.refuse_command("calling.play.pause", "404", "Control id does not exist")
        stage.tell_play(action, "finished")
    assert (pausing.result().successful, pausing.result().code) == (False, "404")
    assert action.wait(10).successful


@pytest.mark.parametrize("late", ["playing", "paused", "error", "finished", "sparkling"])
def test_final_stays_final(stage: Stage, late: str) -> None:
    call = stage.call()
    action = stage.play(call)
    stage.tell_play(action, "finished")
    result = action.wait(10)
    stage.tell_play(action, late)
    stage.settle()
    assert action.state == "finished"
    assert action.result is result


def test_duplicate_events_do_no_harm(stage: Stage) -> None:
    action = stage.play(stage.call())
    for state in ("playing", "paused", "paused", "playing", "finished", "finished"):
        stage.tell_play(action, state)
    assert action.wait(10).successful
    stage.settle()
    assert action.state == "finished"


def test_an_unknown_state_is_kept_and_logged_and_ends_nothing(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    action = stage.play(stage.call())
    with caplog.at_level(logging.WARNING, "relay_sync"):
        stage.tell_play(action, "sparkling")
        stage.settle()
    assert (action.state, action.completed) == ("sparkling", False)
    assert "sparkling" in caplog.text
    stage.tell_play(action, "finished")
    assert action.wait(10).successful


@pytest.mark.parametrize("state", [None, 7, "", ["finished"], {"x": 1}])
def test_a_play_event_whose_state_is_no_text_is_dropped(stage: Stage, state: object) -> None:
    action = stage.play(stage.call())
    stage.relay.tell("calling.call.play", call_id="call-1", control_id=action.control_id, state=state)
    stage.settle()
    assert (action.state, action.completed) == ("playing", False)


def test_events_of_another_play_or_of_none_leave_an_action_alone(stage: Stage) -> None:
    call = stage.call()
    action = stage.play(call)
    stage.relay.tell_play("finished", "some-other-id")
    stage.relay.tell_play("finished", action.control_id, "some-other-call")
    stage.relay.tell("calling.call.play", call_id="call-1", state="finished")
    stage.relay.tell("calling.call.play", call_id="call-1", state="finished", control_id=["x"])
    stage.settle()
    assert (action.state, action.completed) == ("playing", False)


@pytest.mark.parametrize(("final", "successful"), [("finished", True), ("error", False)])
def test_only_finished_is_success(stage: Stage, final: str, successful: bool) -> None:
    """Defect 35: the state and the result tell a good end from a bad one."""
    action = stage.play(stage.call())
    with in_thread(action.wait) as waiting:
        stage.tell_play(action, final)
    result = waiting.result()
    assert (result.successful, action.state, action.completed) == (successful, final, True)
    assert result.event is not None
    assert (result.event.name, result.event.payload["state"]) == (final, final)
    assert result.code is None


def test_ended_plays_are_kept_by_nobody(stage: Stage) -> None:
    """Defects 44 and 103: what has ended leaves nothing in the tables."""
    call = stage.call()
    for state in ("finished", "error"):
        stage.tell_play(stage.play(call), state)
    with in_thread(lambda: call.play_audio_async(URL)) as refused:
        stage.relay.refuse_command("calling.play")
    assert refused.result().completed
    stage.settle()
    assert not call._actions


def test_the_call_s_end_fails_its_plays_with_the_ended_event(stage: Stage) -> None:
    """Defects 3 and 33: waiters always wake."""
    call = stage.call()
    running, paused = stage.play(call), stage.play(call, "paused")
    with in_thread(running.wait) as one, in_thread(paused.wait) as two:
        parked(running)
        parked(paused)
        stage.relay.tell_state("ended", end_reason="hangup")
    for action, waiting in ((running, one), (paused, two)):
        result = waiting.result()
        assert (action.state, result.successful, result.code) == ("failed", False, None)
        assert result.event is not None
        assert result.event.name == "ended"
        assert result.message == "the call has ended (hangup)"
        with pytest.raises(OperationFailed) as caught:
            result.raise_for_status()
        assert (caught.value.call_id, caught.value.control_id) == ("call-1", action.control_id)


def test_a_play_whose_call_ends_while_it_is_being_started_is_over(stage: Stage) -> None:
    call = stage.call()
    with in_thread(lambda: call.play_audio(URL)) as playing:
        command = stage.relay.take_command("calling.play")
        stage.relay.tell_state("ended", end_reason="hangup")
        stage.relay.answer(command, {"code": "200", "message": "Playing"})
    assert (playing.result().successful, playing.result().message) == (False, "the call has ended (hangup)")


def test_a_command_is_not_sent_when_its_play_ended_while_it_waited_for_the_connection(stage: Stage) -> None:
    call = stage.call()
    action = stage.play(call)
    stage.relay.refuse_next()
    stage.relay.line.break_()
    until(lambda: stage.client.state == "reconnecting")
    with in_thread(action.pause) as pausing:
        parked(stage.client._life().connection)
        stage.relay.next_line()  # the one that fails to open
        stage.come_back(restored=False)
    result = pausing.result()
    assert (result.successful, result.code) == (False, None)
    assert "nothing was sent" in result.message
    assert stage.relay.line.sent.empty()


def test_a_start_is_not_sent_when_its_call_ended_while_it_waited_for_the_connection(stage: Stage) -> None:
    call = stage.call()
    stage.relay.refuse_next()
    stage.relay.line.break_()
    until(lambda: stage.client.state == "reconnecting")
    with in_thread(lambda: call.play_audio_async(URL)) as starting:
        parked(stage.client._life().connection)
        stage.relay.next_line()
        stage.come_back(restored=False)
    action = starting.result()
    assert (action.state, action.completed, action.result.successful) == ("failed", True, False)
    assert stage.relay.line.sent.empty()
    assert not call._actions


def test_a_start_without_an_answer_raises_with_the_ids_and_leaves_nothing(stage: Stage) -> None:
    """Defects 42 and 61: every blocking method has a limit, and it is told with everything that is known."""
    call = stage.call()
    with standing_time() as clock, in_thread(lambda: call.play_audio_async(URL, wait_timeout=5)) as starting:
        control_id = stage.relay.take_command("calling.play")["params"]["params"]["control_id"]
        clock.now += 6
        with pytest.raises(RelayTimeout, match=r"no answer to calling.play within 5\.0 s") as caught:
            starting.result()
    assert (caught.value.method, caught.value.call_id, caught.value.sent) == ("calling.play", "call-1", True)
    assert caught.value.control_id == control_id
    assert not call._actions


def test_a_command_without_an_answer_raises_and_the_action_stays_usable(stage: Stage) -> None:
    action = stage.play(stage.call())
    with pytest.raises(RelayTimeout) as caught:
        action.pause(wait_timeout=0)
    assert (caught.value.sent, caught.value.method) == (False, "calling.play.pause")
    with standing_time() as clock, in_thread(lambda: action.pause(wait_timeout=5)) as pausing:
        late = stage.relay.take_command("calling.play.pause")
        clock.now += 6
        with pytest.raises(RelayTimeout) as caught:
            pausing.result()
    assert (caught.value.sent, caught.value.control_id) == (True, action.control_id)
    stage.relay.answer(late, {"code": "200", "message": "Paused"})
    with in_thread(action.resume) as resuming:
        stage.relay.accept_command("calling.play.resume")
    assert resuming.result().successful


def test_a_command_in_flight_when_the_connection_breaks_raises_that_its_fate_is_unknown(stage: Stage) -> None:
    """Defect 60: nobody waits for an answer that can come no more."""
    action = stage.play(stage.call())
    with in_thread(action.pause) as pausing:
        stage.relay.take_command("calling.play.pause")
        stage.reconnect()
        stage.relay.accept_command("calling.play.volume")  # the probe
    with pytest.raises(ConnectionLost) as caught:
        pausing.result()
    error = caught.value
    assert (error.method, error.control_id, error.call_id) == ("calling.play.pause", action.control_id, "call-1")
    assert action.state == "playing"


def test_a_volume_that_is_set_while_the_probe_is_under_way_is_what_the_playback_has_in_the_end(stage: Stage) -> None:
    """The probe sets the volume that there was; which of the two reaches Relay first, nobody knows."""
    action = stage.play(stage.call())
    stage.reconnect()
    probe = stage.relay.take_command("calling.play.volume")
    assert probe["params"]["params"]["volume"] == 0
    with in_thread(lambda: action.volume(5)) as setting:
        assert stage.relay.accept_command("calling.play.volume")["volume"] == 5
    assert setting.result().successful
    stage.relay.answer(probe, {"code": "200", "message": "OK"})
    assert stage.relay.accept_command("calling.play.volume")["volume"] == 5


def test_a_command_that_cannot_be_sent_in_time_surely_was_not(stage: Stage) -> None:
    action = stage.play(stage.call())
    stage.relay.refuse_next()
    stage.relay.line.break_()
    until(lambda: stage.client.state == "reconnecting")
    with pytest.raises(NotConnected, match="was not sent") as caught:
        action.pause(wait_timeout=0)
    assert caught.value.control_id == action.control_id
    stage.relay.next_line()
    stage.come_back()
    stage.relay.accept_command("calling.play.volume")
    with in_thread(action.pause) as pausing:
        stage.relay.accept_command("calling.play.pause")
    assert pausing.result().successful


def test_play_with_a_limit_for_all_of_it_names_that_limit_and_lets_the_play_go_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defects 39 and 42: the limit of a blocking method comes out as an error and not as a result."""
    call, clock = stage.call(), FakeClock()
    monkeypatch.setattr("relay_sync.calling.leg.Deadline", clock.deadline)
    with in_thread(lambda: call.play_audio(URL, wait_timeout=30)) as playing:
        control_id = stage.relay.accept_command("calling.play")["control_id"]
        (action,) = (action for action in call._actions if action.control_id == control_id)
        parked(action)
        clock.now += 31
        stage.relay.tell_play("playing", control_id)  # it wakes, looks, and sees what time it is
        with pytest.raises(RelayTimeout, match=r"has not ended within 30\.0 s") as caught:
            playing.result()
    assert caught.value.control_id == control_id
    stage.relay.tell_play("finished", control_id)
    assert action.wait(10).successful


def test_ctrl_c_while_a_play_is_being_started_leaves_the_call_usable(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = stage.call()
    connection = stage.client._life().connection
    request = connection.request

    def interrupted(*given: Any, sending: Callable[[], None], **more: Any) -> Any:
        sending()
        raise KeyboardInterrupt

    monkeypatch.setattr(connection, "request", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call.play_audio_async(URL)
    assert not call._actions
    monkeypatch.setattr(connection, "request", request)
    assert stage.play(call).state == "playing"


def test_a_code_of_2xx_as_number_is_success_too(stage: Stage) -> None:
    """Defect 63: any 2xx, as text or number."""
    action = stage.play(stage.call())
    for code in (200, "202", 204):
        with in_thread(action.pause) as pausing:
            stage.relay.answer(stage.relay.take_command("calling.play.pause"), {"code": code, "message": "OK"})
        assert pausing.result().successful
        assert pausing.result().code == str(code)


def test_a_refusal_without_a_message_is_a_refusal(stage: Stage) -> None:
    """Defect 62."""
    action = stage.play(stage.call())
    with in_thread(action.pause) as pausing:
        stage.relay.answer(stage.relay.take_command("calling.play.pause"), {"code": "500"})
    result = pausing.result()
    assert (result.successful, result.code, result.message) == (False, "500", "")
    assert action.state == "playing"


def test_an_empty_answer_is_not_taken_for_an_end(stage: Stage) -> None:
    """Defect 34: success and gone don't look alike."""
    call = stage.call()
    with in_thread(lambda: call.play_audio_async(URL)) as starting:
        stage.relay.answer(stage.relay.take_command("calling.play"), {})
    assert not starting.result().completed
