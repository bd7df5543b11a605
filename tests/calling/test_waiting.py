"""Waiting for an action: wait, wait_for_state, future, events."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from relay_sync import ConnectionLost, Event, PlayAction, PlayResult, RelayTimeout, WouldDeadlock
from relay_sync.calling.action import Action
from tests.forking import in_child
from tests.stage import Stage, parked
from tests.support import in_thread, until

# -- wait -------------------------------------------------------------------------------------------------


def test_wait_goes_on_over_pauses_and_ends_with_the_play(stage: Stage) -> None:
    """Defect 1."""
    action = stage.play(stage.call())
    with in_thread(action.wait) as waiting:
        parked(action)
        for state in ("paused", "playing", "paused", "playing"):
            stage.tell_play(action, state)
        stage.settle()
        assert waiting.thread.is_alive()
        stage.tell_play(action, "finished")
    assert waiting.result() is action.result


@pytest.mark.parametrize("timeout", [0, 0.0, -1, 0.001])
def test_a_wait_that_timed_out_changes_nothing_and_can_be_repeated(stage: Stage, timeout: float) -> None:
    """Defects 39, 41 and 42: limits surface, and waits are independent of each other."""
    action = stage.play(stage.call())
    for _ in range(2):
        with pytest.raises(RelayTimeout, match="has not ended within") as caught:
            action.wait(timeout)
        assert (caught.value.call_id, caught.value.control_id) == ("call-1", action.control_id)
        assert isinstance(caught.value, TimeoutError)
    assert (action.state, action.completed) == ("playing", False)
    stage.tell_play(action, "finished")
    assert action.wait(10).successful


def test_wait_on_a_play_that_is_over_returns_at_once_with_any_limit(stage: Stage) -> None:
    action = stage.play(stage.call())
    stage.tell_play(action, "finished")
    action.wait(10)
    assert action.wait(0) is action.wait() is action.result


@pytest.mark.parametrize("end", ["finished", "failed"])
def test_who_sees_that_it_is_over_sees_its_last_state_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """What is looked at without the lock, by a thread that comes while the reader is in the midst of it."""
    action = stage.play(stage.call())
    seen: list[tuple[str, bool]] = []
    leave = Action._leave

    def look(leaving: PlayAction) -> None:
        seen.append((leaving.state, leaving.completed))
        leave(leaving)

    monkeypatch.setattr(Action, "_leave", look)
    if end == "finished":
        stage.tell_play(action, end)
    else:
        stage.relay.tell_state("ended")
    assert action.wait(10).successful is (end == "finished")
    assert seen == [(end, True)]


def test_everybody_who_waits_gets_the_same_result(stage: Stage) -> None:
    """Defect 38: no waiter is skipped."""
    action = stage.play(stage.call())
    with in_thread(action.wait) as one, in_thread(action.wait) as two, in_thread(action.wait) as three:
        parked(action, 3)
        stage.tell_play(action, "finished")
    assert one.result() is two.result() is three.result()


@pytest.mark.parametrize(("timeout", "error"), [("soon", TypeError), (True, TypeError), (float("nan"), ValueError)])
def test_a_limit_that_is_no_number_of_seconds_is_refused(stage: Stage, timeout: Any, error: type[Exception]) -> None:
    action = stage.play(stage.call())
    for wait in (action.wait, lambda limit: action.wait_for_state("paused", limit), action.events):
        with pytest.raises(error, match="give a number of seconds"):
            wait(timeout)


def test_nothing_that_waiting_needs_is_kept_when_nobody_waits(stage: Stage) -> None:
    """Design 3: conditions and futures exist only while somebody waits."""
    action = stage.play(stage.call())
    with pytest.raises(RelayTimeout):
        action.wait(0.001)
    assert action._room is None
    assert action._future is None


# -- wait_for_state ---------------------------------------------------------------------------------------


def test_wait_for_state_works_for_a_hundred_rounds_of_pause_and_resume(stage: Stage) -> None:
    action = stage.play(stage.call())
    for _ in range(100):
        for state in ("paused", "playing"):
            stage.tell_play(action, state)
            assert action.wait_for_state(state, 10)
            assert action.state == state
    assert not action.completed


def test_wait_for_state_is_true_at_once_in_that_state(stage: Stage) -> None:
    action = stage.play(stage.call(), "paused")
    assert action.wait_for_state("paused", 0)


def test_a_state_that_came_and_went_while_one_waited_counts(stage: Stage) -> None:
    action = stage.play(stage.call())
    with in_thread(lambda: action.wait_for_state("paused")) as waiting:
        parked(action)
        with stage.client._life().connection.monitor.lock:  # the waiter cannot look before both were told
            for state in ("paused", "playing"):
                action._take({"state": state, "control_id": action.control_id})
    assert waiting.result()


def test_wait_for_state_is_false_only_when_that_state_cannot_come_any_more(stage: Stage) -> None:
    action = stage.play(stage.call())
    with pytest.raises(RelayTimeout, match=r"was not 'paused' within 0\.0 s"):
        action.wait_for_state("paused", 0)
    with in_thread(lambda: action.wait_for_state("paused")) as waiting:
        parked(action)
        stage.tell_play(action, "finished")
    assert waiting.result() is False
    assert action.wait_for_state("paused") is False
    assert action.wait_for_state("playing") is False
    assert action.wait_for_state("finished") is True


def test_wait_for_state_knows_our_own_state_of_failure(stage: Stage) -> None:
    action = stage.play(stage.call())
    stage.relay.tell_state("ended")
    assert action.wait_for_state("failed", 10)


@pytest.mark.parametrize("state", ["pausd", "", "stopped", "PAUSED"])
def test_wait_for_an_unknown_state_is_refused_with_those_there_are(stage: Stage, state: str) -> None:
    action = stage.play(stage.call())
    with pytest.raises(ValueError, match=f"state='{state}' is unknown.*give one of.*paused"):
        action.wait_for_state(state)


def test_two_waiters_on_one_state_both_wake(stage: Stage) -> None:
    """Defect 38."""
    action = stage.play(stage.call())
    with (
        in_thread(lambda: action.wait_for_state("paused")) as one,
        in_thread(lambda: action.wait_for_state("paused")) as two,
    ):
        parked(action, 2)
        stage.tell_play(action, "paused")
    assert one.result() is two.result() is True


# -- future -----------------------------------------------------------------------------------------------


def test_the_future_is_one_object_and_holds_the_result(stage: Stage) -> None:
    action = stage.play(stage.call())
    future = action.future
    assert isinstance(future, Future)
    assert action.future is future
    assert (future.running(), future.done()) == (True, False)
    stage.tell_play(action, "finished")
    assert future.result(10) is action.result


def test_a_future_asked_for_after_the_end_is_done(stage: Stage) -> None:
    action = stage.play(stage.call())
    stage.tell_play(action, "finished")
    action.wait(10)
    assert action.future.done()
    assert action.future.result(0) is action.result


def test_futures_work_with_wait_and_as_completed(stage: Stage) -> None:
    call = stage.call()
    actions = [stage.play(call) for _ in range(3)]
    by_future = {action.future: action for action in actions}
    stage.tell_play(actions[1], "finished")
    done, waiting = concurrent.futures.wait(by_future, 10, concurrent.futures.FIRST_COMPLETED)
    assert (done, len(waiting)) == ({actions[1].future}, 2)
    stage.tell_play(actions[2], "error")
    stage.tell_play(actions[0], "finished")
    assert {future.result().successful for future in concurrent.futures.as_completed(by_future, 10)} == {True, False}


def test_a_future_that_is_late_says_so_as_futures_do_and_changes_nothing(stage: Stage) -> None:
    action = stage.play(stage.call())
    for wait in (action.future.result, action.future.exception):
        for limit in (0, 0.01, -1):
            with pytest.raises(concurrent.futures.TimeoutError):
                wait(limit)
    with pytest.raises(TypeError, match="timeout"):
        action.future.result("soon")  # type: ignore[arg-type]
    stage.tell_play(action, "finished")
    assert action.future.exception() is None
    assert action.future.result() is action.result


def test_a_forked_child_is_told_that_an_inherited_future_is_not_its_own(stage: Stage) -> None:
    """Nobody there could end the wait."""
    future = stage.play(stage.call()).future
    assert in_child(future.result).startswith("NotConnected: this belongs to process")
    assert in_child(lambda: future.exception(60)).startswith("NotConnected: this belongs to process")


def test_a_future_cannot_be_cancelled(stage: Stage) -> None:
    action = stage.play(stage.call())
    assert action.future.cancel() is False
    assert action.future.cancelled() is False
    stage.tell_play(action, "finished")
    assert action.future.result(10).successful


def test_callbacks_of_a_future_run_on_a_worker_and_may_block(stage: Stage) -> None:
    action = stage.play(stage.call())
    told: list[tuple[str, bool]] = []
    over = threading.Event()

    def callback(future: Future[PlayResult]) -> None:
        action.call.play_audio_async("x")  # a command: on the connection's thread this would wait for itself
        told.append((threading.current_thread().name, future.result(0).successful))
        over.set()

    action.future.add_done_callback(callback)
    stage.tell_play(action, "finished")
    stage.relay.accept_command("calling.play")
    assert over.wait(10)
    assert told[0][0].startswith("relay-handler")
    assert told[0][1] is True


def test_a_callback_added_after_the_end_runs_on_a_worker_too(stage: Stage) -> None:
    action = stage.play(stage.call())
    stage.tell_play(action, "finished")
    action.wait(10)
    names: list[str] = []
    action.future.add_done_callback(lambda future: names.append(threading.current_thread().name))
    until(lambda: names)
    assert names[0].startswith("relay-handler")


def test_a_callback_added_after_disconnect_runs_all_the_same(stage: Stage) -> None:
    action = stage.play(stage.call())
    stage.client.disconnect()
    told: list[PlayResult] = []
    action.future.add_done_callback(lambda future: told.append(future.result(0)))
    assert told == [action.result]


def test_a_callback_that_raises_stops_no_other(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    action = stage.play(stage.call())
    told = threading.Event()
    action.future.add_done_callback(lambda future: 1 / 0)
    action.future.add_done_callback(lambda future: told.set())
    stage.tell_play(action, "finished")
    assert told.wait(10)
    until(lambda: "ZeroDivisionError" in caplog.text)


def test_a_future_can_be_awaited_by_asyncio(stage: Stage) -> None:
    action = stage.play(stage.call())

    async def main() -> PlayResult:
        waiting = asyncio.wrap_future(action.future)
        stage.tell_play(action, "finished")
        return await asyncio.wait_for(waiting, 10)

    assert asyncio.run(main()).successful


# -- events -----------------------------------------------------------------------------------------------


def test_events_of_an_action_are_told_in_order_and_end_with_it(stage: Stage) -> None:
    action = stage.play(stage.call(), "")
    with in_thread(lambda: [event.name for event in action.events()]) as telling:
        parked_stream(action)
        for state in ("playing", "paused", "playing", "finished"):
            stage.tell_play(action, state)
    assert telling.result() == ["playing", "paused", "playing", "finished"]


def parked_stream(thing: Any) -> None:
    until(lambda: thing._streams and parked(thing._streams[0]) is None)


def test_events_of_an_action_begin_with_the_last_one_heard(stage: Stage) -> None:
    action = stage.play(stage.call())
    events = action.events(10)
    first = next(events)
    assert isinstance(first, Event)
    assert (first.name, first.payload["control_id"]) == ("playing", action.control_id)
    stage.tell_play(action, "finished")
    assert [event.name for event in events] == ["finished"]
    assert [event.name for event in action.events()] == ["finished"]


def test_events_belong_to_whoever_takes_them(stage: Stage) -> None:
    call = stage.call()
    action = stage.play(call)
    streams = [action.events(10), action.events(10), call.events(10)]
    for stream in streams[:2]:
        event = next(stream)
        assert event.payload["state"] == "playing"
        event.payload.clear()
    stage.relay.tell_state("ended", device={"type": "phone", "params": {"to_number": "+1"}})
    told = next(streams[2])
    told.payload["device"]["params"].clear()
    result = action.wait(10)
    assert result.event is not None
    assert result.event.payload["device"]["params"] == {"to_number": "+1"}


def test_events_show_the_wire_and_not_what_an_answer_moved(stage: Stage) -> None:
    action = stage.play(stage.call())
    events = action.events(10)
    next(events)
    with in_thread(action.pause):
        stage.relay.accept_command("calling.play.pause")
    assert action.state == "paused"
    stage.tell_play(action, "finished")
    assert [event.name for event in events] == ["finished"]


@pytest.mark.parametrize("end", ["call", "session", "disconnect"])
def test_events_end_with_the_call_the_session_or_the_client(stage: Stage, end: str) -> None:
    call = stage.call()
    action = stage.play(call)
    streams = [action.events(10), call.events(10)]
    next(streams[0])
    if end == "call":
        stage.relay.tell_state("ended")
        assert [event.name for event in streams[1]] == ["ended"]
    elif end == "session":
        stage.reconnect(restored=False)
    else:
        stage.client.disconnect()
    assert [list(stream) for stream in streams] == [[], []]
    assert list(call.events()) == []


def test_a_step_that_timed_out_can_be_repeated(stage: Stage) -> None:
    action = stage.play(stage.call(), "")
    events = action.events(0)
    for _ in range(2):
        with pytest.raises(RelayTimeout, match="no event of"):
            next(events)
    stage.tell_play(action, "playing")
    stage.settle()
    assert next(events).name == "playing"


def test_events_of_a_call_have_the_names_that_on_knows(stage: Stage) -> None:
    call = stage.call()
    events = call.events(10)
    action = stage.play(call)
    stage.tell_play(action, "finished")
    stage.relay.tell_state("ending")
    stage.relay.tell_state("ended")
    assert [event.name for event in events] == ["play.playing", "play.finished", "ending", "ended"]


def test_a_stream_that_was_closed_keeps_nothing_more(stage: Stage) -> None:
    call = stage.call()
    action = stage.play(call)
    with action.events(10) as events, call.events(10) as of_call:
        next(events)
        stage.tell_play(action, "paused")
        stage.settle()
    assert [event.name for event in events] == ["paused"]
    assert [event.name for event in of_call] == ["play.paused"]
    stage.tell_play(action, "playing")
    stage.settle()
    assert list(events) == list(of_call) == []
    assert not action._streams
    assert not call._streams


def test_closing_a_stream_ends_the_step_that_waits(stage: Stage) -> None:
    action = stage.play(stage.call(), "")
    events = action.events()
    with in_thread(lambda: list(events)) as stepping:
        parked(events)
        events.close()
    assert stepping.result() == []


def test_two_streams_of_one_action_hear_the_same(stage: Stage) -> None:
    action = stage.play(stage.call(), "")
    one, two = action.events(10), action.events(10)
    for state in ("playing", "finished"):
        stage.tell_play(action, state)
    assert [event.name for event in one] == [event.name for event in two] == ["playing", "finished"]


# -- the connection's own thread ----------------------------------------------------------------------------


def test_waiting_on_the_connection_s_own_thread_is_refused_and_not_a_deadlock(stage: Stage) -> None:
    call = stage.call()
    action = stage.play(call)
    events = action.events()
    next(events)
    waits = (action.wait, call.hangup, call.wait_for_ended, lambda: next(events), stage.client.connect)
    raised: list[WouldDeadlock] = []
    done = threading.Event()

    def on_the_reader() -> None:
        for wait in waits:
            try:
                wait()
            except WouldDeadlock as error:
                raised.append(error)
        done.set()

    life = stage.client._life()
    life.connection.later(on_the_reader)  # done by whoever next lets go of the lock: with a frame, the reader
    stage.relay.tell_state("ending")
    assert done.wait(10)
    assert len(raised) == len(waits)
    assert all("connection's own thread" in str(error) for error in raised)


# -- the ends that are not the play's own ---------------------------------------------------------------------


@pytest.mark.parametrize("end", ["session", "disconnect"])
def test_a_wait_ends_with_the_session_and_says_why(stage: Stage, end: str) -> None:
    """Defects 60 and 79."""
    action = stage.play(stage.call())
    with in_thread(action.wait) as waiting:
        parked(action)
        if end == "session":
            stage.reconnect(restored=False)
        else:
            stage.client.disconnect()
    result = waiting.result()
    assert (action.state, result.successful, result.event) == ("failed", False, None)
    reason = {"session": "did not restore the session", "disconnect": "the client was disconnected"}[end]
    assert reason in result.message
    with pytest.raises(ConnectionLost, match=reason):
        result.raise_for_status()


# -- Ctrl-C --------------------------------------------------------------------------------------------------


def test_ctrl_c_ends_any_wait_and_leaves_everything_usable() -> None:
    """With real signals, in a process of its own, each sent when the main thread waits."""
    program = """
        import os, signal, threading
        from relay_sync import Client
        from relay_sync.emulator import Emulator

        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored

        def interrupt(thing):
            while thing._room is None or not thing._room.inside:
                threading.Event().wait(0.001)
            os.kill(os.getpid(), signal.SIGINT)

        with Emulator(dialects=[os.environ["RELAY_SYNC_TEST_DIALECT"]]) as relay:
            phone = relay.phone("+15550101")
            with Client(**relay.credentials) as client:
                call = client.calling.dial(from_number="+15550100", to_number="+15550101").call
                action = call.play_silence_async(600)
                action.wait_for_state("playing", 10)
                events = action.events()
                next(events)
                for thing, wait in (
                    (events, lambda: next(events)),
                    (action, action.wait),
                    (action, lambda: action.wait_for_state("paused")),
                    (call, call.wait_for_ended),
                    (client._life().connection, client.run),
                ):
                    thread = threading.Thread(target=interrupt, args=(thing,))
                    thread.start()
                    try:
                        wait()
                        print(client.state)  # run() alone ends quietly
                    except KeyboardInterrupt:
                        print(action.pause().successful, action.resume().successful, action.state)
                    thread.join()
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60, env=os.environ
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["True True playing"] * 4 + ["closed"]
