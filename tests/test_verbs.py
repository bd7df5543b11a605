"""What must hold for every method that blocks: see :mod:`tests.verbs`."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator

import pytest

from relay_sync import CommandRefused, NotConnected, RelayError, RelayTimeout, Result, WouldDeadlock
from relay_sync.calling.action import Action
from relay_sync.link import waiting
from tests import verbs
from tests.pulse import within
from tests.stage import Stage
from tests.support import LIMIT, in_thread
from tests.verbs import VERBS, Scene, Verb

LIMIT_S = 0.02
SOON_S = 0.5  # within which what is over has ended

every_verb = pytest.mark.parametrize("verb", VERBS, ids=str)


def test_every_method_that_blocks_has_a_row() -> None:
    rows = {str(verb) for verb in VERBS}
    assert len(rows) == len(VERBS), "a row stands twice"
    assert verbs.blocking() - rows - set(verbs.APART) == set(), "new methods that block: give each a row in verbs.py"
    assert rows - verbs.blocking() == set(), "rows of methods that are no more"
    assert verbs.unsorted() == set(), "say in verbs.py whether it blocks: a row, or APART, or INSTANT"
    assert set(verbs.new_actions()) <= set(verbs._STARTS), "a new class of actions"


@pytest.fixture(scope="module")
def silent() -> Iterator[Scene]:
    """A relay that never answers a command, unless the scene asks it to."""
    with Stage(ping_interval=3600, request_timeout=10) as stage:
        yield Scene(stage)


@pytest.fixture(autouse=True)
def no_thread_left() -> None:
    """The scene of this module keeps its threads from test to test."""


def late(scene: Scene, verb: Verb) -> RelayTimeout:
    """What a verb that is not answered raises in time; it gets more of it where a slow machine did not come to send."""
    limit = LIMIT_S
    while True:
        act = verb.prepare(scene)
        began = time.monotonic()
        with within(limit + SOON_S), pytest.raises(RelayTimeout, match=rf"within {limit} s|\({limit} s\)") as caught:
            act(**{verb.limit: limit})
        assert time.monotonic() - began >= limit
        if caught.value.sent or not verb.sends:
            return caught.value
        limit *= 10
        assert limit <= LIMIT


@every_verb
def test_a_relay_that_never_answers_is_given_up_at_the_limit(silent: Scene, verb: Verb) -> None:
    error = late(silent, verb)
    if verb.sends:
        assert error.sent
        assert error.method
    assert silent.client.connected
    silent.stage.relay.line.drain()
    silent.stage.settle()


@every_verb
def test_without_a_limit_the_answer_to_a_command_has_one_all_the_same(
    silent: Scene, verb: Verb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requirement R1.1: what sends is bounded by ``request_timeout``; what only waits is bounded by the call's end."""
    if not verb.sends:
        pytest.skip("it sends nothing")
    act = verb.prepare(silent)
    connection = silent.client._life().connection
    limits = type(connection.limits)(request=LIMIT_S)
    monkeypatch.setattr(connection, "limits", limits)
    monkeypatch.setattr(silent.client, "_limits", limits)
    with within(LIMIT_S + SOON_S), pytest.raises(RelayTimeout):
        act()
    silent.stage.relay.line.drain()


@every_verb
def test_in_the_midst_of_our_own_work_it_raises_for_it_would_wait_for_itself(
    silent: Scene, verb: Verb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a signal handler or a finaliser may call it, while its thread holds the lock."""
    act = verb.prepare(silent)
    monkeypatch.setattr(waiting, "MIDST_S", 0.01)
    with silent.client._life().connection.monitor.lock, pytest.raises(WouldDeadlock):
        act(**{verb.limit: LIMIT_S})
    silent.stage.relay.line.drain()


# After disconnect()


@pytest.fixture(scope="module")
def gone() -> Iterator[dict[str, object]]:
    """What every verb says on what is left of a client that was disconnected."""
    said: dict[str, object] = {}
    with Stage() as stage:
        scene = Scene(stage)
        acts = {str(verb): verb.prepare(scene) for verb in VERBS}
        stage.client.disconnect()
        for name, act in acts.items():
            try:
                with in_thread(act) as acting:
                    pass
                said[name] = acting.result()
            except (RelayError, StopIteration) as error:
                said[name] = error
        yield said


ON_A_CALL = [verb for verb in VERBS if verb.owner == "Call" or verb.owner.endswith("Action")]


@every_verb
def test_on_a_client_that_was_disconnected_nothing_is_sent_and_the_remedy_is_named(
    gone: dict[str, object], verb: Verb
) -> None:
    said = gone[str(verb)]
    remedy = "connect() and make a new call" if verb in ON_A_CALL else "connect()"
    if isinstance(said, RelayError):
        assert isinstance(said, NotConnected)
        assert remedy in said.message
    elif isinstance(said, Action):
        assert said.completed
        assert remedy in said.result.message
    elif isinstance(said, Result):
        assert not said.successful
        assert remedy in said.message
    else:  # a wait whose thing can't come any more, or an iteration that is over
        assert said is False or isinstance(said, StopIteration)
        assert not verb.sends


# Code, message and ids


def twin(error: RelayError) -> RelayError:
    copied = pickle.loads(pickle.dumps(error))
    assert isinstance(copied, RelayError)
    return copied


@every_verb
def test_what_relay_refuses_keeps_code_message_and_ids_as_a_result_and_as_an_error(silent: Scene, verb: Verb) -> None:
    if not verb.sends:
        pytest.skip("it sends nothing that could be refused")
    act = verb.prepare(silent)
    with in_thread(act) as acting:
        frame = silent.stage.relay.take_any()
        silent.stage.relay.answer(frame, {"code": "499", "message": f"no {verb}"})
    said = acting.result()
    result = said.result if isinstance(said, Action) else said
    assert isinstance(result, Result)
    assert (result.successful, result.code, result.message) == (False, "499", f"no {verb}")
    with pytest.raises(CommandRefused) as caught:
        pickle.loads(pickle.dumps(result)).raise_for_status()
    sent = frame["params"]
    told = sent["params"]
    for error in (caught.value, twin(caught.value)):
        assert (error.code, error.message) == ("499", f"no {verb}")
        # One device is dialled by calling.begin in this dialect, and called by the name that the other has too.
        assert error.method == {"calling.begin": "calling.dial"}.get(sent["method"], sent["method"])
        if verb.owner.endswith("Action") or verb.named == "Call.hangup":
            assert error.call_id == told["call_id"]
        # Operations that have no control id on the wire have one here; that of queue_leave() means nothing to anybody.
        assert verb.name == "queue_leave" or error.control_id == told.get("control_id", error.control_id)


@every_verb
def test_what_is_late_names_the_call_and_the_operation(silent: Scene, verb: Verb) -> None:
    raised = late(silent, verb)
    error = twin(raised)
    assert error.__dict__ == raised.__dict__
    if verb.sends:
        told = silent.stage.relay.take_any()["params"]["params"]
        if verb.owner != "Calling":
            assert error.call_id == told.get("call_id")
            # That of queue_leave() means nothing to anybody.
            assert verb.name == "queue_leave" or error.control_id == told.get("control_id", error.control_id)
    silent.stage.relay.line.drain()
