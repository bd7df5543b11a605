"""Many commands from one thread: each does what it does alone, and fails alone."""

from __future__ import annotations

import json
import os
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest

from relay_sync import (
    Call,
    Client,
    CommandRefused,
    ConnectionLost,
    ExecuteResult,
    HangupResult,
    NotConnected,
    Pipeline,
    PlayAction,
    PlayPauseResult,
    PlayResumeResult,
    PlayVolumeResult,
    PromptVolumeResult,
    RecordPauseResult,
    RecordResumeResult,
    RelayTimeout,
    Result,
    StopResult,
    WouldDeadlock,
)
from relay_sync.calling.action import Action
from relay_sync.emulator import Emulator
from relay_sync.link.connection import Connection
from relay_sync.link.departures import Departures
from tests.link.test_fork import in_child
from tests.stage import URL, Stage, standing_time
from tests.support import Running, in_thread, until

METHODS = ("calling.play.pause", "calling.play.resume", "calling.play.volume", "calling.play.stop")


def plays(stage: Stage, count: int) -> list[PlayAction]:
    call = stage.call()
    return [stage.play(call) for _ in range(count)]


def execute(pipe: Pipeline, **more: Any) -> Running[list[Result]]:
    return Running(lambda: pipe.execute(**more))


def take(stage: Stage) -> dict[str, Any]:
    """The next command that Relay gets."""
    return stage.relay.take_any()


def answer(stage: Stage, frame: dict[str, Any], code: str = "200") -> None:
    stage.relay.answer(frame, {"code": code, "message": "as told"})


def names(results: list[Result]) -> list[str]:
    return [type(one.error).__name__ if one.error else str(one.code) for one in results]


# -- what it does ---------------------------------------------------------------------------------------------


def test_many_playbacks_are_paused_with_one_write_and_their_states_have_moved(stage: Stage) -> None:
    actions = plays(stage, 5)
    with stage.client.pipeline() as pipe:
        for action in actions:
            pipe.pause(action)
        assert len(pipe) == 5
        assert stage.relay.line.sent.empty()
        with in_thread(pipe.execute) as executing:
            for action in actions:
                params = stage.relay.accept_command("calling.play.pause")
                assert params["control_id"] == action.control_id
        assert len(pipe) == 0
    results = executing.result()
    assert all(isinstance(one, PlayPauseResult) and one.successful and one.error is None for one in results)
    assert [action.state for action in actions] == ["paused"] * 5
    assert stage.relay.line.writes == 1


def test_each_verb_sends_what_it_sends_alone_and_returns_its_own_kind_of_result(stage: Stage) -> None:
    call = stage.call()
    play = stage.play(call)
    with in_thread(lambda: call.record_async()) as starting:
        stage.relay.accept_command("calling.record")
    record = starting.result()
    with in_thread(lambda: call.prompt_audio_async("digits", URL, digits_max=4)) as prompting:
        stage.relay.accept_command("calling.play_and_collect")
    prompt = prompting.result()
    pipe = stage.client.pipeline()
    chained = pipe.pause(play).resume(play).volume(play, 3).pause(record).resume(record)
    assert chained.volume(prompt, -2.5).stop(prompt).stop(record).stop(play) is pipe
    pipe.command("calling.custom", {"a": 1}).hangup(call, "busy")
    with in_thread(pipe.execute) as executing:
        sent = [take(stage) for _ in range(11)]
        for frame in sent:
            answer(stage, frame)
        stage.relay.tell_state("ended", end_reason="busy")
    assert [frame["params"]["method"] for frame in sent] == [
        "calling.play.pause", "calling.play.resume", "calling.play.volume", "calling.record.pause",
        "calling.record.resume", "calling.play_and_collect.volume", "calling.play_and_collect.stop",
        "calling.record.stop", "calling.play.stop", "calling.custom", "calling.end",
    ]  # fmt: skip
    assert [frame["params"]["params"].get("volume") for frame in sent if "volume" in frame["params"]["method"]] == [
        3.0, -2.5,
    ]  # fmt: skip
    assert sent[9]["params"]["params"] == {"a": 1}
    assert sent[10]["params"]["params"] == {"node_id": "node-1", "call_id": "call-1", "reason": "busy"}
    results = executing.result()
    assert [type(one) for one in results] == [
        PlayPauseResult, PlayResumeResult, PlayVolumeResult, RecordPauseResult, RecordResumeResult,
        PromptVolumeResult, StopResult, StopResult, StopResult, ExecuteResult, HangupResult,
    ]  # fmt: skip
    assert all(results)
    assert play._volume == 3.0


def test_calls_are_hung_up_and_the_results_come_when_the_last_has_ended(stage: Stage) -> None:
    calls = [stage.call(f"call-{number}") for number in range(3)]
    pipe = stage.client.pipeline()
    for call in calls:
        pipe.hangup(call)
    with in_thread(pipe.execute) as executing:
        for call in calls:
            assert stage.relay.accept_command("calling.end")["call_id"] == call.id
        for call in reversed(calls):
            assert executing.thread.is_alive()
            stage.relay.tell_state("ended", call.id or "", end_reason="hangup")
    results = executing.result()
    assert all(isinstance(one, HangupResult) and one.successful and one.reason == "hangup" for one in results)
    assert stage.tables == []


def test_hangups_that_are_accepted_and_not_told_of_end_with_the_time_for_all(stage: Stage) -> None:
    first, second = stage.call("call-1"), stage.call("call-2")
    pipe = stage.client.pipeline().hangup(first).hangup(second)
    with standing_time() as clock, in_thread(lambda: pipe.execute(wait_timeout=5)) as executing:
        for _ in range(2):
            stage.relay.accept_command("calling.end")
        stage.relay.tell_state("ended", "call-2", end_reason="hangup")
        until(lambda: second.state == "ended")
        clock.now += 6
    one, two = executing.result()
    assert isinstance(one.error, RelayTimeout)
    assert one.error.call_id == "call-1"
    assert two.successful


def test_an_empty_pipeline_has_no_results_and_sends_nothing(stage: Stage) -> None:
    assert stage.client.pipeline().execute() == []
    assert stage.relay.line.writes == 0


def test_a_pipeline_can_be_used_again(stage: Stage) -> None:
    (action,) = plays(stage, 1)
    pipe = stage.client.pipeline()
    for method in ("pause", "resume"):
        getattr(pipe, method)(action)
        with in_thread(pipe.execute) as executing:
            stage.relay.accept_command(f"calling.play.{method}")
        assert len(executing.result()) == 1


# -- what fails, fails alone ----------------------------------------------------------------------------------


def test_a_refusal_is_in_its_place_with_relays_code_and_words(stage: Stage) -> None:
    actions = plays(stage, 3)
    pipe = stage.client.pipeline()
    for action in actions:
        pipe.pause(action)
    with in_thread(pipe.execute) as executing:
        for code in ("200", "400", "200"):
            answer(stage, take(stage), code)
    results = executing.result()
    assert [(bool(one), one.code, one.error) for one in results] == [
        (True, "200", None), (False, "400", None), (True, "200", None),
    ]  # fmt: skip
    with pytest.raises(CommandRefused) as caught:
        results[1].raise_for_status()
    assert caught.value.control_id == actions[1].control_id
    assert [action.state for action in actions] == ["paused", "playing", "paused"]


def test_what_is_over_is_not_sent(stage: Stage) -> None:
    call = stage.call()
    over, lives = stage.play(call), stage.play(call)
    gone = stage.call("call-2")
    pipe = stage.client.pipeline().pause(over).pause(lives).hangup(gone)
    stage.tell_play(over, "finished")
    stage.relay.tell_state("ended", "call-2", end_reason="hangup")
    over.wait(10)
    gone.wait_for_ended(timeout=10)
    with in_thread(pipe.execute) as executing:
        stage.relay.accept_command("calling.play.pause")
    first, second, third = executing.result()
    assert (first.successful, first.code, first.error) == (False, None, None)
    assert "over already (finished); nothing was sent" in first.message
    assert second.successful
    assert "the call has ended (hangup); nothing was sent" in third.message
    assert stage.relay.line.sent.empty()


def test_what_ends_before_its_turn_is_not_sent(stage: Stage) -> None:
    first, second = plays(stage, 2)
    pipe = stage.client.pipeline(max_in_flight=1).pause(first).pause(second)
    with in_thread(pipe.execute) as executing:
        frame = take(stage)
        stage.tell_play(second, "finished")
        answer(stage, frame)
    assert [one.successful for one in executing.result()] == [True, False]
    assert stage.relay.line.sent.empty()


def test_an_event_that_came_meanwhile_knows_better_than_the_answer(stage: Stage) -> None:
    (action,) = plays(stage, 1)
    pipe = stage.client.pipeline().pause(action)
    with in_thread(pipe.execute) as executing:
        frame = take(stage)
        stage.tell_play(action, "paused")
        stage.tell_play(action, "playing")
        answer(stage, frame)
    assert executing.result()[0].successful
    assert action.state == "playing"


def test_an_operation_that_relay_no_longer_knows_fails_as_it_does_alone(stage: Stage) -> None:
    (action,) = plays(stage, 1)
    pipe = stage.client.pipeline().stop(action)
    with in_thread(pipe.execute) as executing:
        answer(stage, take(stage), "404")
    assert executing.result()[0].code == "404"
    assert action.wait(10).successful is False
    assert action.state == "failed"


@pytest.mark.parametrize("answered", range(4))
def test_a_connection_that_breaks_leaves_unknown_what_had_left_and_sends_the_rest_on_the_next(
    stage: Stage, answered: int
) -> None:
    actions = plays(stage, 5)
    pipe = stage.client.pipeline(max_in_flight=3)
    for action in actions:
        pipe.volume(action, 5)
    executing = execute(pipe)
    taken = [take(stage) for _ in range(3)]
    for frame in taken[:answered]:
        answer(stage, frame)
    sent = 3
    if answered >= 2:  # there was room for the other two
        for _ in range(2):
            take(stage)
        sent = 5
    session = stage.client._life().connection.session
    until(lambda: len(session._asked) == sent - answered, "that the answers were taken in")
    stage.reconnect(restored=True)
    probes: list[tuple[str, float]] = []
    left = (5 - sent) + 5  # and each playback is probed once
    for _ in range(left):
        frame = take(stage)
        params = frame["params"]["params"]
        probes.append((params["control_id"], params["volume"]))
        answer(stage, frame)
    results = executing.result()
    assert names(results) == ["200"] * answered + ["ConnectionLost"] * (sent - answered) + ["200"] * (5 - sent)
    for action, result in zip(actions, results, strict=True):
        if result.error is not None:
            assert isinstance(result.error, ConnectionLost)
            assert result.error.control_id == action.control_id
            assert result.error.call_id == "call-1"
            with pytest.raises(ConnectionLost):
                result.raise_for_status()
            assert action._volume == 5.0  # it may have been done: the probe must not undo it


def test_where_the_session_is_not_restored_the_rest_is_over_and_not_sent(stage: Stage) -> None:
    actions = plays(stage, 4)
    pipe = stage.client.pipeline(max_in_flight=2)
    for action in actions:
        pipe.pause(action)
    executing = execute(pipe)
    for _ in range(2):
        take(stage)
    stage.reconnect(restored=False)
    results = executing.result()
    assert names(results) == ["ConnectionLost", "ConnectionLost", "None", "None"]
    assert all("nothing was sent" in one.message for one in results[2:])
    assert [action.state for action in actions] == ["failed"] * 4


def test_disconnecting_in_the_middle_tells_each_whether_it_may_have_left(stage: Stage) -> None:
    pipe = stage.client.pipeline(max_in_flight=2)
    for number in range(4):
        pipe.command("calling.custom", {"number": number})
    executing = execute(pipe)
    for _ in range(2):
        take(stage)
    stage.client.disconnect()
    results = executing.result()
    assert names(results) == ["ConnectionLost", "ConnectionLost", "NotConnected", "NotConnected"]
    for one in results:
        with pytest.raises((ConnectionLost, NotConnected)) as caught:
            one.raise_for_status()
        assert caught.value.method == "calling.custom"


def test_a_command_without_an_answer_times_out_alone(stage: Stage) -> None:
    first, second = plays(stage, 2)
    pipe = stage.client.pipeline().pause(first).pause(second)
    with standing_time() as clock, in_thread(lambda: pipe.execute(wait_timeout=5)) as executing:
        take(stage)
        answer(stage, take(stage))
        until(lambda: second.state == "paused")
        clock.now += 6
    late, good = executing.result()
    assert isinstance(late.error, RelayTimeout)
    assert (late.error.sent, late.error.control_id) == (True, first.control_id)
    assert good.successful
    assert (first.state, second.state) == ("playing", "paused")


def test_results_pickle_with_their_errors(stage: Stage) -> None:
    stage.client.disconnect()
    (result,) = stage.client.pipeline().command("calling.custom", {}).execute()
    copied = pickle.loads(pickle.dumps(result))
    assert copied == result
    assert isinstance(copied.error, NotConnected)
    assert copied.error.method == "calling.custom"


# -- mistakes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("put", "error", "words"),
    [
        (lambda pipe, call, play: pipe.pause(call), TypeError, "give an action that has pause()"),
        (lambda pipe, call, play: pipe.resume(None), TypeError, "give an action that has resume()"),
        (lambda pipe, call, play: pipe.stop(call), TypeError, "give an action that has stop()"),
        (lambda pipe, call, play: pipe.volume("x", 3), TypeError, "give an action that has volume()"),
        (lambda pipe, call, play: pipe.volume(play, 41), ValueError, "41"),
        (lambda pipe, call, play: pipe.volume(play, "5"), TypeError, "'5'"),
        (lambda pipe, call, play: pipe.hangup(play), TypeError, "give a Call"),
        (lambda pipe, call, play: pipe.hangup(call, "bored"), ValueError, "bored"),
        (lambda pipe, call, play: pipe.command("", {}), ValueError, "calling.play"),
        (lambda pipe, call, play: pipe.command("x", []), TypeError, "give a dict"),
        (lambda pipe, call, play: pipe.command("x", {"a": {1}}), TypeError, "give what JSON can carry"),
        (lambda pipe, call, play: pipe.command("x", {"a": float("nan")}), ValueError, "give what JSON can carry"),
    ],
)
def test_a_mistake_is_told_where_it_is_made_and_nothing_is_put_in(
    stage: Stage, put: Callable[..., object], error: type[Exception], words: str
) -> None:
    call = stage.call()
    play = stage.play(call)
    pipe = stage.client.pipeline()
    with pytest.raises(error) as caught:
        put(pipe, call, play)
    assert words in str(caught.value)
    assert len(pipe) == 0


@pytest.mark.parametrize("most", [0, -1, True, 2.0, "64", None])
def test_how_many_may_be_in_flight_is_a_whole_number(stage: Stage, most: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="max_in_flight"):
        stage.client.pipeline(max_in_flight=most)


def test_a_bad_time_limit_keeps_the_commands(stage: Stage) -> None:
    pipe = stage.client.pipeline().command("calling.custom", {})
    with pytest.raises(TypeError):
        pipe.execute(wait_timeout="soon")  # type: ignore[arg-type]
    assert len(pipe) == 1


def test_params_are_copied_when_they_are_put_in(stage: Stage) -> None:
    params: dict[str, Any] = {"list": [1]}
    pipe = stage.client.pipeline().command("calling.custom", params)
    params["list"].append(2)
    with in_thread(pipe.execute) as executing:
        assert stage.relay.accept_command("calling.custom") == {"list": [1]}
    assert executing.result()[0].successful


def test_what_belongs_to_another_client_is_refused(stage: Stage) -> None:
    with Stage() as other:
        (action,) = plays(other, 1)
        with pytest.raises(ValueError, match="another client"):
            stage.client.pipeline().pause(action)
    # That client is disconnected, so the action is over, whose ever it was.
    (result,) = stage.client.pipeline().pause(action).execute()
    assert "over already" in result.message


def test_what_lived_on_an_earlier_connection_of_the_client_is_over(stage: Stage) -> None:
    (action,) = plays(stage, 1)
    pipe = stage.client.pipeline().pause(action).command("calling.custom", {})
    stage.client.disconnect()
    stage.connect()
    with in_thread(pipe.execute) as executing:
        stage.relay.accept_command("calling.custom")
    first, second = executing.result()
    assert "over already" in first.message
    assert second.successful


def test_leaving_with_drops_what_was_not_executed_and_says_so(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with stage.client.pipeline() as pipe:
        pipe.command("calling.custom", {}).command("calling.custom", {})
    assert len(pipe) == 0
    assert [record.getMessage() for record in caplog.records if record.name.endswith("pipeline")] == [
        "2 commands were put into a pipeline and not executed: nothing was sent"
    ]
    assert stage.relay.line.sent.empty()


def test_an_exception_in_with_drops_them_without_a_word(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    pipe = stage.client.pipeline().command("calling.custom", {})
    with pytest.raises(KeyError), pipe:
        raise KeyError("the user's")
    assert len(pipe) == 0
    assert not [record for record in caplog.records if record.name.endswith("pipeline")]


def test_a_pipeline_is_true_and_says_how_many_are_in_it_and_does_not_pickle(stage: Stage) -> None:
    pipe = stage.client.pipeline()
    assert pipe
    assert repr(pipe.command("x", {})) == "<Pipeline of 1 commands>"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(pipe)


# -- from anywhere --------------------------------------------------------------------------------------------


def test_on_the_connections_own_thread_it_raises_and_keeps_the_commands(stage: Stage) -> None:
    told: list[BaseException] = []
    pipe = stage.client.pipeline().command("calling.custom", {})

    def run() -> None:
        try:
            pipe.execute()
        except WouldDeadlock as error:
            told.append(error)

    connection = stage.client._life().connection
    listener = connection._listener
    assert listener is not None
    taking = listener.take
    listener.take = lambda event: (run(), taking(event))[1]  # type: ignore[method-assign]
    stage.relay.tell("calling.call.state")
    stage.settle()
    assert len(told) == 1
    assert len(pipe) == 1
    assert stage.relay.line.sent.empty()


def test_a_handler_may_use_one(stage: Stage) -> None:
    call = stage.call()
    results: list[Result] = []
    call.on("play.playing", lambda _: results.extend(stage.client.pipeline().command("calling.custom", {}).execute()))
    stage.play(call, "")
    stage.relay.tell_play("playing", call._actions[0].control_id)
    stage.relay.accept_command("calling.custom")
    until(lambda: results)
    assert results[0].successful


@pytest.mark.parametrize("held", [False, True], ids=["lock free", "lock held"])
def test_in_a_forked_child_the_parents_actions_are_refused_and_nothing_is_sent(stage: Stage, held: bool) -> None:
    (action,) = plays(stage, 1)
    lock = stage.client._life().connection.monitor.lock
    if held:
        lock.acquire()
    try:
        told = in_child(lambda: stage.client.pipeline().pause(action))
    finally:
        if held:
            lock.release()
    assert told.startswith(f"NotConnected: this belongs to process {os.getpid()}")
    stage.settle()


def test_a_pipeline_that_a_child_inherits_sends_nothing_of_the_parents(relay: Emulator) -> None:
    with Client(**relay.credentials) as client:
        action = playing_call(relay, client, "+15550101").play_silence_async(60)
        pipe = client.pipeline().pause(action).command("signalwire.receive", {"contexts": ["office"]})

        def give() -> object:
            results = pipe.execute()
            client.disconnect()
            return names(results)

        assert in_child(give) == "['NotConnected', '200']"
        assert action.state == "playing"
        assert client.connected


def test_a_child_that_cannot_connect_has_a_result_for_each_that_says_so(relay: Emulator) -> None:
    with Client(**relay.credentials) as client:
        pipe = client.pipeline().command("calling.custom", {}).command("calling.custom", {})

        def give() -> object:
            client._open_transport = None  # type: ignore[assignment, method-assign]  # nothing can be opened
            return names(pipe.execute())

        assert in_child(give) == "['NotConnected', 'NotConnected']"


def test_several_threads_each_with_a_pipeline_do_not_mix(relay: Emulator, client: Client) -> None:
    calls = [playing_call(relay, client, f"+1555020{number}") for number in range(4)]
    actions: list[Action[Any]] = [call.play_silence_async(600) for call in calls for _ in range(10)]

    def both_ways(mine: list[Any]) -> list[str]:
        pipe = client.pipeline(max_in_flight=7)
        for _ in range(5):
            for action in mine:
                pipe.pause(action).resume(action)
        return names(pipe.execute(wait_timeout=30))

    running = [Running(lambda place=place: both_ways(actions[place::4])) for place in range(4)]
    for one in running:
        assert one.result(40) == ["200"] * 100
    assert {action.state for action in actions} == {"playing"}


# -- against the emulator -------------------------------------------------------------------------------------


def playing_call(relay: Emulator, client: Client, number: str) -> Call:
    relay.phone(number)
    return client.calling.dial(from_number="+15550100", to_number=number).call


def test_a_thousand_playbacks_paused_and_their_calls_hung_up_from_one_thread(relay: Emulator, client: Client) -> None:
    calls = [playing_call(relay, client, f"+1555030{number:02}") for number in range(20)]
    actions = [call.play_silence_async(600) for call in calls for _ in range(50)]
    before = threading.active_count()
    with client.pipeline() as pipe:
        for action in actions:
            pipe.pause(action)
        assert names(pipe.execute(wait_timeout=60)) == ["200"] * 1000
        assert threading.active_count() == before
        assert {action.state for action in actions} == {"paused"}
        for call in calls:
            pipe.hangup(call)
        results = pipe.execute(wait_timeout=60)
    assert all(results)
    assert {call.state for call in calls} == {"ended"}
    assert not client._life().connection.session._asked


def test_an_execute_in_a_pipeline_gives_every_field_of_the_answer(stage: Stage) -> None:
    pipe = stage.client.pipeline().command("calling.custom", {"x": 1})
    with in_thread(pipe.execute) as executing:
        stage.relay.accept_command("calling.custom", more=[1, 2])
    (result,) = executing.result()
    assert isinstance(result, ExecuteResult)
    assert json.loads(json.dumps(result.result)) == {"code": "200", "message": "OK", "more": [1, 2]}


def test_ctrl_c_sends_no_more_and_leaves_everything_usable(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a signal handler raises comes out of the wait; here the wait raises it."""
    first, second, third = plays(stage, 3)
    pipe = stage.client.pipeline(max_in_flight=2).pause(first).pause(second).pause(third)

    def interrupted(departures: Departures, has_way: bool) -> None:
        answer(stage, take(stage))
        until_unlocked(stage.client._life().connection, lambda: first.state == "paused")
        raise KeyboardInterrupt

    monkeypatch.setattr(Departures, "_await_landing", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pipe.execute()
    monkeypatch.undo()
    assert len(pipe) == 0
    assert (first.state, second.state, third.state) == ("paused", "playing", "playing")
    assert not stage.client._life().connection.session._asked
    take(stage)
    assert stage.relay.line.sent.empty()
    with in_thread(third.pause) as pausing:
        stage.relay.accept_command("calling.play.pause")
    assert pausing.result().successful


def until_unlocked(connection: Connection, condition: Callable[[], bool]) -> None:
    """Wait for a condition with the connection's lock let go of."""
    connection.monitor.lock.release()
    try:
        until(condition)
    finally:
        connection.monitor.lock.acquire()
