"""A model of a playback's life, and every order of events, answers, ends and losses that hypothesis can think of.


The model is written from the design ("Actions", section 2), not from the code: what a playback's state must be after
each thing that Relay says, whatever came before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from relay_sync import Call, ConnectionLost, PlayAction, RelayTimeout, Result
from tests.stage import URL, Stage
from tests.support import Running, until

pytestmark = pytest.mark.timeout(600)

EVENTS = ["playing", "paused", "finished", "error", "buffering"]  # the last is one that nobody has heard of
OFTEN = [*EVENTS, "playing", "paused", "playing", "paused", "buffering"]
MOSTLY = st.sampled_from([True, True, True, False])
# The ends, and whatever else leaves little to follow, must not come at every second step.
SELDOM = st.sampled_from([False, False, False, False, True])
FINAL = {"finished", "error", "failed"}
VERBS = {"pause": "paused", "resume": "playing", "volume": None, "stop": None}


@dataclass
class Model:
    """What a playback must be."""

    state: str = ""
    successful: bool = False
    code: str | None = None
    event: str | None = None
    says: str = ""
    news: int = 0  # how often an event has told a state that it was not in, but that it had begun
    states: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.state in FINAL

    def hears(self, state: str) -> None:
        if self.over:
            return  # final stays final
        begins = not self.states and state == "playing"
        self.news += state != self.state and not begins
        self.state = state
        self.states.append(state)
        if state in FINAL:
            self.successful, self.event = state == "finished", state
            self.says = "" if self.successful else "error"

    def fails(self, says: str, *, code: str | None = None, event: str | None = None) -> None:
        """Its start was refused, or nothing more can be heard of it."""
        if not self.over:
            self.state, self.code, self.event, self.says = "failed", code, event, says


@dataclass
class Pending:
    """A command under way: who waits for it, what was sent, and what had been heard by then."""

    verb: str
    running: Running[Result]
    frame: dict[str, Any]
    news: int


class PlaybackLife(RuleBasedStateMachine):
    """One call, and one playback on it at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(ping_interval=3600, request_timeout=30)
        self.stage.connect()
        self.calls = 0
        self.starting: tuple[Running[PlayAction], dict[str, Any]] | None = None
        self.pending: list[Pending] = []
        self.action: PlayAction | None = None
        self.model = Model()

    def teardown(self) -> None:
        self.stage.client.disconnect()
        if self.action is not None:
            assert self.action.completed
            assert self.stage.tables == []

    @initialize()
    def dial(self) -> None:
        self.calls += 1
        self.call: Call = self.stage.call(f"call-{self.calls}")
        self.call_over = ""

    # -- its start

    @precondition(lambda self: self.starting is None and (self.action is None or self.model.over))
    @rule(at_once=MOSTLY)
    def start(self, at_once: bool) -> None:
        if self.pending:
            return  # those of the playback before are to be answered first
        if self.call_over:
            self.dial()
        running = Running(lambda: self.call.play_audio_async(URL))
        frame = self.stage.relay.take_command("calling.play")
        self.starting = running, frame
        (self.action,) = (one for one in self.call._actions if isinstance(one, PlayAction))
        assert self.action.control_id == frame["params"]["params"]["control_id"]
        self.model = Model()
        if at_once:
            self.answer_the_start(True)

    @precondition(lambda self: self.starting is not None)
    @rule(accepted=MOSTLY)
    def answer_the_start(self, accepted: bool) -> None:
        assert self.starting is not None
        running, frame = self.starting
        self.starting = None
        code = "200" if accepted else "402"
        self.stage.relay.answer(frame, {"code": code, "message": "so it is"})
        assert running.result() is self.action
        if not accepted:
            self.model.fails("so it is", code="402")

    # -- what Relay tells

    @precondition(lambda self: self.action is not None and not self.call_over)
    @rule(state=st.sampled_from(OFTEN), times=st.integers(1, 2))
    def event(self, state: str, times: int) -> None:
        assert self.action is not None
        for _ in range(times):
            self.stage.tell_play(self.action, state)
            self.model.hears(state)
        self.stage.settle()

    @precondition(lambda self: self.action is not None and not self.call_over)
    @rule(state=st.sampled_from(EVENTS))
    def event_of_another(self, state: str) -> None:
        self.stage.relay.tell_play(state, "of-nobody", self.call.id or "")
        self.stage.relay.tell_play(state, self.action.control_id if self.action else "", "call-of-nobody")
        self.stage.settle()

    @precondition(lambda self: self.action is not None and not self.call_over)
    @rule(really=SELDOM)
    def call_ends(self, really: bool) -> None:
        if not really:
            return
        self.call_over = "the call has ended"
        self.stage.relay.tell_state("ended", self.call.id or "", end_reason="hangup")
        self.stage.settle()
        self.model.fails("the call has ended (hangup)", event="ended")

    # -- commands

    @precondition(lambda self: self.action is not None and self.starting is None and len(self.pending) < 3)
    @rule(
        verb=st.sampled_from([*VERBS, "pause", "resume"]),
        meanwhile=st.lists(st.sampled_from(OFTEN), max_size=2),
        answered=st.sampled_from([True, True, False, None]),
    )
    def command(self, verb: str, meanwhile: list[str], answered: bool | None) -> None:
        """Give a command; have something happen before it is answered, if it is (None: later)."""
        action = self.action
        assert action is not None
        arguments = (3.0,) if verb == "volume" else ()
        running = Running(lambda: getattr(action, verb)(*arguments))
        if self.model.over:
            result = running.result()
            assert (result.successful, result.code) == (False, None)
            assert "nothing was sent" in result.message
            assert self.model.state in result.message
            assert self.stage.relay.line.sent.empty()
            return
        frame = self.stage.relay.take_command(f"calling.play.{verb}")
        self.pending.append(Pending(verb, running, frame, self.model.news))
        for state in meanwhile:
            if not self.call_over:
                self.event(state, 1)
        if answered is not None:
            self._answer(len(self.pending) - 1, answered)

    @precondition(lambda self: self.pending)
    @rule(accepted=MOSTLY, data=st.data())
    def answer_a_command(self, accepted: bool, data: st.DataObject) -> None:
        self._answer(data.draw(st.integers(0, len(self.pending) - 1)), accepted)

    def _answer(self, place: int, accepted: bool) -> None:
        command = self.pending.pop(place)
        code = "200" if accepted else "409"
        self.stage.relay.answer(command.frame, {"code": code, "message": "so it is"})
        result = command.running.result()
        assert (result.successful, result.code, result.message) == (accepted, code, "so it is")
        moves = VERBS[command.verb]
        if accepted and moves and not self.model.over and self.model.news == command.news:
            self.model.state = moves

    # -- the connection

    def _commands_are_lost(self) -> None:
        for command in self.pending:
            with pytest.raises(ConnectionLost):
                command.running.result()
        self.pending.clear()

    @precondition(lambda self: self.action is not None)
    @rule(really=SELDOM)
    def session_is_lost(self, really: bool) -> None:
        if not really:
            return
        self.stage.reconnect(restored=False)
        self._commands_are_lost()
        if self.starting is not None:
            with pytest.raises(ConnectionLost):
                self.starting[0].result()
            self.starting = self.action = None  # nobody was given it
        self.model.fails("Relay did not restore the session after the connection was lost")
        self.call_over = self.call_over or "lost"

    @precondition(lambda self: self.action is not None and self.starting is None)
    @rule(really=SELDOM, there=MOSTLY)
    def session_is_resumed(self, really: bool, there: bool) -> None:
        """A running playback is asked for, for Relay may not replay what was missed."""
        if not really:
            return
        self.stage.reconnect(restored=True)
        self._commands_are_lost()
        if not self.model.over:
            frame = self.stage.relay.take_command("calling.play.volume")
            answer = {"code": "200", "message": "OK"} if there else {"code": "404", "message": "No such playback"}
            self.stage.relay.answer(frame, answer)
            if not there:
                assert self.action is not None
                until(lambda: self.action and self.action.completed, "that it is known to be gone")
                self.model.fails("the playback ended while the connection was lost")
        self.stage.settle()

    # -- what must hold after each of these

    @invariant()
    def it_is_what_the_model_says(self) -> None:
        action, model = self.action, self.model
        if action is None:
            return
        assert action.state == model.state
        assert action.completed is model.over
        result = action.result
        assert (result.successful, result.code) == (model.successful, model.code)
        assert (None if result.event is None else result.event.name) == model.event
        if model.over:
            assert model.says in result.message
            assert action.wait(0) is result
            assert action.wait_for_state(model.state, 0)
            assert model.state == "playing" or not action.wait_for_state("playing", 0)
            assert action.future.done()
            assert action.future.result(0) == result
        else:
            with pytest.raises(RelayTimeout):
                action.wait(0)
            assert result.message == "it is not over yet" or not result.successful
            if model.state not in ("", "buffering"):
                assert action.wait_for_state(model.state, 0)

    @invariant()
    def nothing_is_kept_of_what_is_over(self) -> None:
        running = self.call._actions if hasattr(self, "call") else None
        expected = 0 if self.action is None or self.model.over else 1
        assert len(running or {}) == expected


OFTEN_ENOUGH = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_whatever_happens_in_whatever_order_a_playback_is_what_the_model_says() -> None:
    run_state_machine_as_test(PlaybackLife, settings=OFTEN_ENOUGH)
