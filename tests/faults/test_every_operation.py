"""Each operation that can run on a call, under what ends all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from relay_sync import Call, ConnectionLost, RelayTimeout
from relay_sync.calling.action import Action
from relay_sync.emulator import Assumptions, Emulator
from tests.faults.support import PROMPTLY, Line, Speech, within
from tests.stage import limits, parked
from tests.support import in_thread, until

Start = Callable[[Call], Action[Any]]

SILENCE = [{"type": "silence", "duration": 60}]
DEVICE = {"type": "phone", "from_number": "+15550100", "to_number": "+15550199004", "timeout": 50}  # nobody answers
OPERATIONS: dict[str, Start] = {
    "play": lambda call: call.play_silence_async(60),
    "prompt": lambda call: call.prompt_async("digits", SILENCE, digits_max=2),
    "record": lambda call: call.record_async(end_silence_timeout=0, initial_timeout=0),
    "detect": lambda call: call.detect_async("machine", timeout=60),
    "fax_receive": lambda call: call.fax_receive_async(),
    "tap": lambda call: call.tap_async("both", "rtp", target_addr="127.0.0.1", target_port=9),
    "send_digits": lambda call: call.send_digits_async("1" * 60),
    "connect": lambda call: call.connect_async([[DEVICE]]),
}
COMMANDS = {
    "play": "calling.play", "prompt": "calling.play_and_collect", "record": "calling.record",
    "detect": "calling.detect", "fax_receive": "calling.receive_fax", "tap": "calling.tap",
    "send_digits": "calling.send_digits", "connect": "calling.connect",
}  # fmt: skip

every = pytest.mark.parametrize("operation", list(OPERATIONS))


@every
def test_it_ends_when_the_session_is_not_restored(line: Line, operation: str) -> None:
    action = OPERATIONS[operation](line.dial())
    with in_thread(action.wait) as waiting:
        parked(action)
        line.relay.faults.add("forget")
        with line.reconnecting():
            line.relay.faults.add("drop")
        with within(PROMPTLY):
            result = waiting.result()
    assert (result.successful, result.event, action.state) == (False, None, "failed")


@every
def test_it_ends_when_relay_tells_only_that_its_call_has(speech: Speech, operation: str) -> None:
    assumptions = Assumptions(plays_at_call_end="never")
    with Emulator(stepped=True, ping_interval=None, assumptions=assumptions) as relay:
        line = Line(relay, speech)
        line.connect()
        with line.client:
            action = OPERATIONS[operation](line.dial())
            relay.faults.add("lose event calling.call.connect #1-")
            with in_thread(action.wait) as waiting:
                parked(action)
                line.hang_up(action.call)
                with within(PROMPTLY):
                    result = waiting.result()
            assert (result.successful, action.completed) == (False, True)


@every
def test_it_ends_with_disconnect(line: Line, operation: str) -> None:
    action = OPERATIONS[operation](line.dial())
    with in_thread(action.wait) as waiting:
        parked(action)
        with within(2.0):
            line.client.disconnect()
        result = waiting.result()
    assert (result.successful, result.event, action.state) == (False, None, "failed")


@every
def test_its_start_is_unknown_when_the_connection_breaks_under_it(line: Line, operation: str) -> None:
    call = line.dial()
    line.relay.faults.drop_before(COMMANDS[operation])
    with within(PROMPTLY), pytest.raises(ConnectionLost) as caught:
        OPERATIONS[operation](call)
    assert (caught.value.method, caught.value.call_id) == (COMMANDS[operation], call.id)


@every
def test_its_start_has_a_limit_when_the_reply_is_lost(line: Line, operation: str) -> None:
    call = line.dial()
    line.relay.faults.lose(COMMANDS[operation])
    with limits(line.client, request=0.5), within(0.5 + PROMPTLY), pytest.raises(RelayTimeout) as caught:
        OPERATIONS[operation](call)
    assert caught.value.sent
    assert call.hangup().successful
    assert line.logins == 1


@every
def test_events_before_the_reply_to_its_start_are_its_own(line: Line, operation: str) -> None:
    call = line.dial()
    line.relay.before_reply(COMMANDS[operation])
    action = OPERATIONS[operation](call)
    with in_thread(action.wait) as waiting:
        line.hang_up(call)
    assert waiting.result() == action.result
    assert action.completed


@every
def test_it_goes_on_over_a_restored_session(line: Line, operation: str) -> None:
    call = line.dial()
    action = OPERATIONS[operation](call)
    with line.reconnecting():
        line.relay.faults.add("drop")
    line.client.execute("calling.play.stop", {"call_id": call.id, "node_id": call.node_id, "control_id": "none"})
    assert not action.completed
    with in_thread(action.wait) as waiting:
        line.hang_up(call)
    assert waiting.result().event is not None  # heard on the new connection


# -- what is no operation of a call


def test_a_message_that_is_not_told_of_any_more_ends_its_wait(line: Line) -> None:
    line.client.messaging.state_change(["office"], lambda message: None)
    line.relay.phone("+15550160", message_after=60)
    sent = line.client.messaging.send(
        from_number="+15550100", to_number="+15550160", context="office", body="hello"
    ).sent
    assert sent is not None
    with in_thread(sent.wait) as waiting:
        parked(sent)
        line.relay.faults.add("forget")
        with line.reconnecting():
            line.relay.faults.add("drop")
        with within(PROMPTLY):
            assert waiting.result() is False


def test_an_inbound_call_that_is_offered_twice_is_handled_once(line: Line) -> None:
    taken: list[Call] = []
    assert line.client.calling.receive(["office"], taken.append).successful
    line.relay.faults.repeat("calling.call.receive", 3)
    line.relay.phone("+15550161").call(context="office")
    until(lambda: taken)
    assert line.dial().active  # all three have been read
    assert len(taken) == 1


def test_answering_a_call_that_is_lost_is_told(line: Line) -> None:
    ended: list[object] = []

    def answer(call: Call) -> None:
        try:
            ended.append(call.answer())
        except ConnectionLost as error:
            ended.append(error)

    assert line.client.calling.receive(["office"], answer).successful
    line.relay.faults.drop_at("calling.answer")
    line.relay.phone("+15550162").call(context="office")
    with within(PROMPTLY):
        until(lambda: ended)
    assert isinstance(ended[0], ConnectionLost)


def test_a_peer_that_reads_nothing_does_not_hold_up_who_writes(line: Line) -> None:
    """Not the one whose frame fills the buffers, nor those behind it."""
    action = line.play()
    line.relay.faults.add("silence")
    # A frame that has begun gets half a second to end.
    limited = limits(line.client, request=0.3)
    with limited, within(0.3 + 0.5 + PROMPTLY), pytest.raises((RelayTimeout, ConnectionLost)):
        action.call.play_tts("x" * 20_000_000)
    with within(2.0):
        line.client.disconnect()
