"""Every command that runs on a call, and every way in which it can go: one table, one row for each command.

A new command joins by a row in ``COMMANDS``. Each test runs for each row, and where it matters for
both forms: the one that blocks until the end, and the ``*_async`` one with ``wait()``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from relay_sync import Call, CommandRefused, ConnectionLost, NotConnected, OperationFailed, RelayTimeout, Result
from relay_sync.calling.action import Action
from relay_sync.wire.states import OPERATIONS
from tests.stage import URL, FakeClock, Stage, parked
from tests.support import Running, in_thread, until

Fields = dict[str, Any]


@dataclass(frozen=True)
class Command:
    """One row.

    Attributes:
        verb: the method of ``Call``; ``verb_async`` is its twin.
        arguments: what to give it.
        kind: its row in the table of operations.
        method: the command on the wire.
        success: the events that end it well; the first that ends the blocking form may not be the last.
        failures: by the state that it ends in, the events that end it otherwise.
        state: the state of its action after success.
        progress: an event that ends nothing.
        controls: what its action can do, with arguments.
        keywords: what else to give the verb.
        probe: what is asked of it when the session was restored.
        family: what its controls hang on; '' for its method.
    """

    verb: str
    arguments: tuple[Any, ...]
    kind: str
    method: str
    success: list[Fields]
    failures: dict[str, list[Fields]]
    state: str = "finished"
    progress: Fields | None = None
    controls: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    keywords: Fields = field(default_factory=dict)
    probe: str = ""
    family: str = ""

    def __str__(self) -> str:
        return self.verb

    @property
    def event_type(self) -> str:
        return OPERATIONS[self.kind].event_type

    def start(self, call: Call, **more: Any) -> Action[Any]:
        action = getattr(call, f"{self.verb}_async")(*self.arguments, **self.keywords, **more)
        assert isinstance(action, Action)
        return action

    def run(self, call: Call, form: str, **more: Any) -> Result:
        """To its end, in one of the forms."""
        if form == "async":
            result = self.start(call, **more).wait()
        else:
            result = getattr(call, self.verb)(*self.arguments, **self.keywords, **more)
        assert isinstance(result, Result)
        return result


def collected(kind: str, final: bool | None = None, **params: Any) -> Fields:
    return {"result": {"type": kind, "params": params}} | ({} if final is None else {"final": final})


def detected(kind: str, event: str) -> Fields:
    return {"detect": {"type": kind, "params": {"event": event}}}


def faxed(kind: str, **params: Any) -> Fields:
    return {"fax": {"type": kind, "params": params}}


FINISHED, ERROR = {"state": "finished"}, {"state": "error"}
STOP: dict[str, tuple[Any, ...]] = {"stop": ()}
NOTHING_COLLECTED = {state: [{"result": {"type": state}}] for state in ("no_input", "no_match", "error")}
FAX_FAILURES = {
    "finished": [faxed("finished", success=False, result_text="line dropped")],
    "error": [faxed("error", description="no carrier")],
}
PEER = {"call_id": "call-2", "node_id": "node-1", "device": {"type": "phone", "params": {}}}

COMMANDS = [
    Command(
        "play_audio", (URL,), "play", "calling.play", [FINISHED], {"error": [ERROR]},
        progress={"state": "playing"}, probe="calling.play.volume",
        controls={"pause": (), "resume": (), "volume": (3,), **STOP},
    ),
    Command(
        "prompt_audio", ("digits", URL), "prompt", "calling.play_and_collect",
        [collected("digit", True, digits="12", terminator="#")], NOTHING_COLLECTED,
        state="successful", progress=collected("digit", False, digits="1"), keywords={"digits_max": 4},
        controls={"volume": (3,), **STOP},
    ),
    Command(
        "record", (), "record", "calling.record", [FINISHED], {"no_input": [{"state": "no_input"}], "error": [ERROR]},
        progress={"state": "recording"}, controls={"pause": (), "resume": (), **STOP},
    ),
    Command(
        "detect", ("machine",), "detect", "calling.detect",
        [detected("machine", "MACHINE"), detected("machine", "finished")],
        {"finished": [detected("machine", "finished")], "error": [detected("machine", "error")]},
        progress=detected("machine", "NOT_READY"), controls=STOP,
    ),
    Command(
        "fax_send", (URL,), "fax", "calling.send_fax", [faxed("finished", success=True)], FAX_FAILURES,
        progress=faxed("page", number=1), controls=STOP,
    ),
    Command(
        "fax_receive", (), "fax", "calling.receive_fax", [faxed("finished", success=True)], FAX_FAILURES,
        progress=faxed("page", number=1), controls=STOP,
    ),
    Command(
        "tap", ("both", "rtp", "192.0.2.10", 4000), "tap", "calling.tap", [FINISHED], {},
        progress={"state": "tapping"}, controls=STOP,
    ),
    Command("send_digits", ("12w3#",), "digits", "calling.send_digits", [FINISHED], {}),
    Command(
        "refer", ("sip:desk@b.example",), "refer", "calling.refer", [{"state": "success"}],
        {state: [{"state": state}] for state in ("cancel", "busy", "noAnswer", "error")},
        state="success", progress={"state": "inProgress"},
    ),
    Command(
        "connect", ({"to_number": "+15550102"},), "connect", "calling.connect",
        [{"connect_state": "connected", "peer": PEER}], {"failed": [{"connect_state": "failed"}]},
        state="connected", progress={"connect_state": "connecting"},
    ),
    Command(
        "collect", (), "collect", "calling.collect", [collected("digit", None, digits="12", terminator="#")],
        NOTHING_COLLECTED, state="successful", progress={"result": {"type": "start_of_input"}},
        keywords={"digits": {"max": 4}, "speech": {}}, controls={"start_input_timers": (), **STOP},
    ),
    Command(
        "stream", ("wss://media.example/in",), "stream", "calling.stream", [FINISHED], {},
        progress={"state": "streaming"}, controls=STOP,
    ),
    Command(
        "pay", ("https://pay.example/c",), "pay", "calling.pay",
        [{"for": "payment-completed", "error_type": "", "payment_card_type": "visa"}],
        {
            "error": [ERROR],
            "payment-failed": [{"for": "payment-failed", "error_type": "card-declined"}],
            "card-declined": [{"error_type": "card-declined"}],
        },
        state="payment-completed", progress={"for": "payment-card-number", "error_type": "invalid-card-number"},
        controls=STOP,
    ),
    Command(
        "transcribe", (), "transcribe", "calling.transcribe", [FINISHED], {}, progress={"state": "transcribing"},
        controls=STOP,
    ),
    Command("ai", (), "ai", "calling.ai", [FINISHED], {"error": [ERROR]}, controls=STOP),
    Command(
        "queue_enter", ("support",), "queue", "calling.queue.enter", [{"status": "dequeue"}],
        {"leave": [{"status": "leave"}]}, state="dequeue", progress={"status": "enqueue", "position": 2},
        controls={"leave": ()}, family="calling.queue",
    ),
]  # fmt: skip

every_command = pytest.mark.parametrize("command", COMMANDS, ids=str)
both_forms = pytest.mark.parametrize("form", ["blocking", "async"])
every_failure = pytest.mark.parametrize(
    ("command", "state"), [(command, state) for command in COMMANDS for state in command.failures], ids=str
)
every_control = pytest.mark.parametrize(
    ("command", "control"), [(command, control) for command in COMMANDS for control in command.controls], ids=str
)


class Scene:
    """One command on one call of a stage."""

    def __init__(self, stage: Stage, command: Command) -> None:
        self.stage, self.relay, self.command = stage, stage.relay, command
        self.call = stage.call()
        self.control: Fields = {}  # the control id that its events carry, where they carry one

    def begin(self, form: str, *, accept: bool = True, **more: Any) -> Running[Result]:
        """Begin it in a thread, and take the command off the wire; answer it, unless told not to."""
        running = Running(lambda: self.command.run(self.call, form, **more))
        self.frame = self.relay.take_command(self.command.method)
        sent = self.frame["params"]["params"]
        self.control = {name: sent[name] for name in ("control_id",) if name in sent}
        if accept:
            self.accept()
        return running

    def accept(self) -> None:
        self.relay.answer(self.frame, {"code": "200", "message": "OK"})

    def start(self) -> Action[Any]:
        """Begin the async form and return its action, accepted."""
        with in_thread(lambda: self.command.start(self.call)) as starting:
            sent = self.relay.accept_command(self.command.method)
            self.control = {name: sent[name] for name in ("control_id",) if name in sent}
        return starting.result()

    def tell(self, *events: Fields) -> None:
        for event in events:
            self.relay.tell(self.command.event_type, call_id="call-1", node_id="node-1", **self.control, **event)

    def running(self) -> Action[Any]:
        """The action, once it runs; a blocking form has one too."""
        until(lambda: bool(self.call._actions), "that it runs")
        (action,) = self.call._actions
        return action

    def nothing_more_was_sent(self) -> None:
        self.stage.settle()  # takes the next command off the wire, which must be its own
        assert self.relay.line.sent.empty()


@pytest.fixture
def scene(stage: Stage, command: Command) -> Scene:
    return Scene(stage, command)


# -- its own end --------------------------------------------------------------------------------------------


@every_command
@both_forms
def test_success(scene: Scene, form: str) -> None:
    running = scene.begin(form)
    if scene.command.progress:
        scene.tell(scene.command.progress)
    scene.tell(*scene.command.success)
    result = running.result()
    assert result.successful
    assert bool(result) is True
    assert result.event is not None
    assert result.raise_for_status() is result


@every_command
def test_the_action_shows_its_life(scene: Scene) -> None:
    action = scene.start()
    assert (action.state, action.completed, action.result.successful) == ("", False, False)
    assert action.result.event is None
    assert action.call is scene.call
    assert action.payload == scene_payload(scene, action)
    if scene.command.progress:
        scene.tell(scene.command.progress)
        scene.stage.settle()
        assert action.state == OPERATIONS[scene.command.kind].state_of(scene.command.progress)
        assert (action.completed, action.result.successful) == (False, False)
    scene.tell(*scene.command.success)
    assert action.wait(10) is action.result
    assert (action.state, action.completed) == (scene.command.state, True)


def scene_payload(scene: Scene, action: Action[Any]) -> Fields:
    """What the payload must be: the ids, and whatever else it has."""
    control = {"control_id": action.control_id} if scene.control else {}
    own = {name: value for name, value in action.payload.items() if name not in ("node_id", "call_id", "control_id")}
    return {"node_id": "node-1", "call_id": "call-1", **control, **own}


@every_failure
@both_forms
def test_an_end_that_is_no_success(scene: Scene, state: str, form: str) -> None:
    running = scene.begin(form)
    action = scene.running()
    scene.tell(*scene.command.failures[state])
    result = running.result()
    assert not result.successful
    assert (result.code, result.event is not None, bool(result.message)) == (None, True, True)
    assert (action.state, action.completed) == (state, True)
    with pytest.raises(OperationFailed):
        result.raise_for_status()


@every_command
@both_forms
def test_a_refusal_keeps_code_and_message(scene: Scene, form: str) -> None:
    running = scene.begin(form, accept=False)
    action = scene.running()
    scene.relay.answer(scene.frame, {"code": "409", "message": "Another one is active"})
    result = running.result()
    assert (result.successful, result.code, result.message) == (False, "409", "Another one is active")
    assert result.event is None
    assert (action.state, action.completed) == ("failed", True)
    with pytest.raises(CommandRefused, match="Another one is active") as caught:
        result.raise_for_status()
    assert caught.value.code == "409"
    assert not scene.call._actions


# -- order ----------------------------------------------------------------------------------------------------


@every_command
@both_forms
def test_events_before_the_answer_are_not_lost(scene: Scene, form: str) -> None:
    running = scene.begin(form, accept=False)
    if scene.command.progress:
        scene.tell(scene.command.progress)
    scene.tell(*scene.command.success)
    scene.accept()
    assert running.result().successful


@every_command
@both_forms
def test_events_told_twice_change_nothing(scene: Scene, form: str) -> None:
    """The whole result is as if each had been told once, and what would end it otherwise comes too late."""
    expected = once(scene, form)
    running = scene.begin(form)
    action = scene.running()
    failures = [event for events in scene.command.failures.values() for event in events]
    progress = [scene.command.progress] if scene.command.progress else []
    for event in (*progress, *scene.command.success):
        scene.tell(event, event)
    scene.tell(*failures)
    result = running.result()
    scene.stage.settle()
    assert without_ids(result) == without_ids(expected)
    assert result.successful
    assert action.wait() is action.result
    assert action.completed
    if form == "async":
        assert action.state == scene.command.state
    assert not scene.call._actions


@every_command
def test_handlers_hear_of_each_event_as_often_as_it_was_told(scene: Scene) -> None:
    """A page of a fax, or a key, may well come twice: only a frame that is delivered again is told once (Flat)."""
    heard: list[str | None] = []
    state_of = OPERATIONS[scene.command.kind].state_of
    scene.call.on(scene.command.event_type, lambda event: heard.append(state_of(event)))
    action = scene.start()
    scene.tell(*(event for event in scene.command.success for _ in range(2)))
    action.wait(10)
    until(lambda: len(heard) == 2 * len(scene.command.success))
    assert heard == [state_of(event) for event in scene.command.success for _ in range(2)]


def once(scene: Scene, form: str) -> Result:
    """The result where every event is told once."""
    running = scene.begin(form)
    if scene.command.progress:
        scene.tell(scene.command.progress)
    scene.tell(*scene.command.success)
    result = running.result()
    until(lambda: not scene.call._actions, "that it is over")
    return result


def without_ids(result: Result) -> Fields:
    """Everything in a result but what names this one operation, which differs each time."""
    values = {name: value for name, value in result._values().items() if name != "_about"}
    event = result.event
    assert event is not None
    told = {name: value for name, value in event.payload.items() if name != "control_id"}
    if isinstance(values.get("call"), Call):
        values["call"] = values["call"].id
    return {**values, "event": (event.name, told)}


@every_command
def test_events_with_fields_missing_or_strange_end_nothing_and_harm_nothing(scene: Scene) -> None:
    action = scene.start()
    state_at = OPERATIONS[scene.command.kind].state_at[0]
    scene.tell({}, {state_at: None}, {state_at: 5}, {state_at: []}, {state_at: {}}, {state_at: {"params": None}})
    scene.relay.tell(scene.command.event_type)
    scene.relay.tell(scene.command.event_type, call_id="call-1", control_id=7)
    scene.stage.settle()
    assert not action.completed
    scene.tell(*({**event, "unheard_of": {"of": 1}} for event in scene.command.success))
    assert action.wait(10).successful


@every_command
def test_an_event_of_another_operation_is_not_its_own(scene: Scene) -> None:
    action = scene.start()
    if scene.control:
        scene.control = {"control_id": "somebody-else's"}
    else:
        scene.command = next(other for other in COMMANDS if other.kind == "play")
    scene.tell(*scene.command.success)
    scene.stage.settle()
    assert (action.state, action.completed) == ("", False)


# -- the call, the session ---------------------------------------------------------------------------------------


@every_command
@both_forms
def test_the_call_ends_meanwhile(scene: Scene, form: str) -> None:
    running = scene.begin(form)
    action = scene.running()
    scene.relay.tell_state("ended", end_reason="hangup")
    result = running.result()
    assert (result.successful, result.code, action.state) == (False, None, "failed")
    assert "the call has ended (hangup)" in result.message
    assert result.event is not None
    assert (result.event.name, result.event.payload["end_reason"]) == ("ended", "hangup")
    with pytest.raises(OperationFailed):
        result.raise_for_status()


@every_command
@both_forms
def test_the_call_ends_before_the_answer(scene: Scene, form: str) -> None:
    running = scene.begin(form, accept=False)
    scene.relay.tell_state("ended", end_reason="hangup")
    scene.relay.answer(scene.frame, {"code": "404", "message": "Call does not exist"})
    result = running.result()
    assert (result.successful, result.code) == (False, None)
    assert "the call has ended" in result.message


@every_command
def test_an_end_that_was_told_before_the_call_s_stays(scene: Scene) -> None:
    action = scene.start()
    scene.tell(*scene.command.success)
    scene.relay.tell_state("ended", end_reason="hangup")
    scene.stage.settle()
    assert action.result.successful
    assert action.state == scene.command.state


@every_command
@both_forms
def test_a_session_that_was_lost_and_restored_goes_on(scene: Scene, form: str) -> None:
    running = scene.begin(form)
    parked(scene.running())
    scene.stage.reconnect(restored=True)
    if scene.command.probe:
        scene.relay.accept_command(scene.command.probe)
    scene.tell(*scene.command.success)
    assert running.result().successful


@every_command
@both_forms
def test_a_session_that_was_lost_and_not_restored_ends_it(scene: Scene, form: str) -> None:
    running = scene.begin(form)
    action = scene.running()
    parked(action)
    scene.stage.reconnect(restored=False)
    result = running.result()
    assert (result.successful, result.code, result.event, action.state) == (False, None, None, "failed")
    assert "did not restore" in result.message
    with pytest.raises(ConnectionLost):
        result.raise_for_status()


@every_command
@both_forms
def test_a_connection_lost_before_the_answer_leaves_it_unknown(scene: Scene, form: str) -> None:
    running = scene.begin(form, accept=False)
    scene.stage.reconnect(restored=True)
    with pytest.raises(ConnectionLost) as caught:
        running.result()
    assert (caught.value.method, caught.value.call_id) == (scene.command.method, "call-1")
    assert not scene.call._actions


@every_control
def test_one_that_may_have_begun_can_be_controlled_by_what_the_error_says(scene: Scene, control: str) -> None:
    running = scene.begin("async", accept=False)
    sent = scene.frame["params"]["params"]
    scene.relay.line.break_()
    with pytest.raises(ConnectionLost) as caught:
        running.result()
    scene.stage.come_back(restored=True)
    assert (caught.value.call_id, caught.value.control_id) == ("call-1", sent["control_id"])
    method = f"{scene.command.family or caught.value.method}.{control}"
    with in_thread(lambda: scene.call.execute(method, {"control_id": caught.value.control_id})) as stopping:
        told = scene.relay.accept_command(method)
    assert stopping.result().successful
    assert told == {name: sent[name] for name in ("node_id", "call_id", "control_id")}


@every_command
def test_disconnecting_ends_it(scene: Scene) -> None:
    action = scene.start()
    scene.stage.client.disconnect()
    assert (action.wait(10).successful, action.state) == (False, "failed")


# -- time limits ----------------------------------------------------------------------------------------------------


@every_command
def test_a_limit_for_all_of_it_comes_out_as_an_error_and_it_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    monkeypatch.setattr("relay_sync.calling.leg.Deadline", clock.deadline)
    running = scene.begin("blocking", wait_timeout=30)
    action = scene.running()
    parked(action)
    clock.now += 31
    assert action._room is not None
    with scene.stage.client._life().connection.monitor.lock:
        action._changed()  # it wakes, looks, and sees what time it is
    with pytest.raises(RelayTimeout, match=r"has not ended within 30\.0 s") as caught:
        running.result()
    assert caught.value.call_id == "call-1"
    scene.tell(*scene.command.success)
    assert action.wait(10).successful


@every_command
def test_a_wait_that_gave_up_can_be_repeated(scene: Scene) -> None:
    action = scene.start()
    with pytest.raises(RelayTimeout):
        action.wait(0)
    scene.tell(*scene.command.success)
    assert action.wait(10).successful


@every_command
@both_forms
def test_without_time_nothing_is_sent(scene: Scene, form: str) -> None:
    with pytest.raises(RelayTimeout, match=r"was not sent: its time was up before \(0\.0 s\)") as caught:
        scene.command.run(scene.call, form, wait_timeout=0)
    assert caught.value.sent is False
    assert not scene.call._actions
    scene.nothing_more_was_sent()


@every_command
@both_forms
@pytest.mark.parametrize("limit", ["1", True, float("nan")], ids=repr)
def test_a_limit_that_is_none_is_an_error_before_anything_is_sent(scene: Scene, form: str, limit: object) -> None:
    with pytest.raises((TypeError, ValueError), match="timeout"):
        scene.command.run(scene.call, form, wait_timeout=limit)
    scene.nothing_more_was_sent()


# -- nothing to do ----------------------------------------------------------------------------------------------------


@every_control
def test_a_control_sends_its_own_method_and_says_what_relay_answered(scene: Scene, control: str) -> None:
    action = scene.start()
    for code, successful in (("200", True), ("409", False)):
        with in_thread(lambda: getattr(action, control)(*scene.command.controls[control])) as commanding:
            frame = scene.relay.take_command(f"{scene.command.family or scene.command.method}.{control}")
            scene.relay.answer(frame, {"code": code, "message": f"said {code}"})
        result = commanding.result()
        assert (result.successful, result.code, result.message) == (successful, code, f"said {code}")
        sent = frame["params"]["params"]
        assert [sent[name] for name in ("node_id", "call_id")] == ["node-1", "call-1"]
        assert sent["control_id"] == action.control_id
        if control == "volume":
            assert sent["volume"] == 3


@every_control
def test_a_control_of_one_that_is_over_is_not_sent(scene: Scene, control: str) -> None:
    action = scene.start()
    scene.tell(*scene.command.success)
    action.wait(10)
    result = getattr(action, control)(*scene.command.controls[control])
    assert (result.successful, result.code) == (False, None)
    assert "over already" in result.message
    assert "nothing was sent" in result.message
    scene.nothing_more_was_sent()


@every_command
def test_an_action_has_exactly_the_controls_of_the_wire(scene: Scene) -> None:
    """Defects 17 and 30: nothing is offered that Relay does not know, and nothing left out."""
    action = scene.start()
    verbs = {verb for row in OPERATIONS.values() for verb in row.sub_commands}
    offered = {verb for verb in verbs if hasattr(action, verb)}
    assert offered == set(scene.command.controls) == set(OPERATIONS[scene.command.kind].sub_commands)


@every_command
@both_forms
def test_on_a_call_that_has_ended_nothing_is_sent(scene: Scene, form: str) -> None:
    scene.relay.tell_state("ended", end_reason="hangup")
    scene.call.wait_for_ended(timeout=10)
    result = scene.command.run(scene.call, form)
    assert (result.successful, result.code, result.event) == (False, None, None)
    assert "nothing was sent" in result.message
    scene.nothing_more_was_sent()


@every_command
@both_forms
def test_on_a_call_that_was_not_dialled_nothing_is_sent(stage: Stage, command: Command, form: str) -> None:
    result = command.run(stage.new_call(), form)
    assert not result.successful
    assert "dial() it first" in result.message
    stage.settle()


@every_command
@both_forms
def test_after_disconnecting_nothing_is_sent(scene: Scene, form: str) -> None:
    scene.stage.client.disconnect()
    result = scene.command.run(scene.call, form)
    assert not result.successful
    assert "nothing was sent" in result.message


@every_command
def test_a_command_that_could_not_be_sent_in_time_surely_was_not(scene: Scene) -> None:
    scene.relay.refuse_next()
    scene.relay.line.break_()
    until(lambda: scene.stage.client.state == "reconnecting")
    with pytest.raises(NotConnected, match="was not sent"):
        scene.command.run(scene.call, "async", wait_timeout=0)
    assert not scene.call._actions
    scene.relay.next_line()
    scene.stage.come_back()


@every_command
@both_forms
def test_an_unknown_keyword_is_a_type_error(scene: Scene, form: str) -> None:
    with pytest.raises(TypeError, match="bogus"):
        scene.command.run(scene.call, form, bogus=1)
    scene.nothing_more_was_sent()


@every_command
def test_handlers_and_the_call_s_iterator_hear_of_it(scene: Scene) -> None:
    heard: list[Fields] = []
    scene.call.on(scene.command.event_type, heard.append)
    names = [name for name in OPERATIONS[scene.command.kind].names if "." in name or name == "prompt"]
    told: list[str] = []
    for name in names:
        scene.call.on(name, remember(told, name))
    stream = scene.call.events(timeout=10)
    action = scene.start()
    events = [event for event in (scene.command.progress, *scene.command.success) if event]
    scene.tell(*events)
    action.wait(10)
    until(lambda: len(heard) == len(events))
    state_of = OPERATIONS[scene.command.kind].state_of
    names_of = OPERATIONS[scene.command.kind].names_of
    assert [state_of(event) for event in heard] == [state_of(event) for event in events]
    assert told == [name for event in events for name in names_of(event) if name in names]
    assert [next(stream).name for _ in events] == [names_of(event)[-1] for event in events]


@every_command
def test_whoever_changes_what_he_was_told_changes_nobody_else_s(scene: Scene) -> None:
    heard: list[Fields] = []
    scene.call.on(scene.command.event_type, spoil)
    scene.call.on(scene.command.event_type, heard.append)
    told = [scene.call.events(timeout=10), scene.call.events(timeout=10)]
    action = scene.start()
    told += [action.events(timeout=10), action.events(timeout=10)]
    scene.tell(*scene.command.success)
    result = action.wait(10)
    assert result.event is not None
    spoil(result.event.payload)
    for events in [[next(stream) for stream in told] for _ in scene.command.success]:
        for event in events:
            spoil(event.payload)
        assert all(event.payload["call_id"] == "call-1" for event in events)
    assert result.event == action.wait().event
    assert result.event.payload
    until(lambda: len(heard) == len(scene.command.success))
    assert all(event["call_id"] == "call-1" for event in heard)


def spoil(told: Fields) -> None:
    """Empty a dict, and whatever is in it."""
    for inner in told.values():
        if isinstance(inner, dict):
            spoil(inner)
    told.clear()


def remember(told: list[str], name: str) -> Callable[[Fields], object]:
    return lambda _: told.append(name)
