"""Whatever a peer sends is set aside, or ends the connection with a clear reason; the thread lives in any case."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from relay_sync import ConnectFailed, RelayError
from relay_sync.emulator import GARBAGE, GARBLED_EVENTS, GARBLED_REPLIES
from tests.faults.conftest import MakeLine
from tests.faults.support import PINGING, PROMPTLY, Line, Speech, raised, within
from tests.stage import limits, parked
from tests.support import in_thread, until

SET_ASIDE = [name for name, garbage in GARBAGE.items() if not garbage.breaks]
BREAKING = [name for name, garbage in GARBAGE.items() if garbage.breaks and name != "torn"]
REASONS = {
    "too-large": "the peer announced a message of 10485761 bytes; the limit is 10485760",
    "huge": "the peer announced a message of 4611686018427387904 bytes; the limit is 10485760",
    "reserved-bits": "the peer broke the WebSocket protocol",
    "unknown-opcode": "the peer broke the WebSocket protocol",
    "long-ping": "a control frame of 126 bytes",
    "stray-fragment": "a fragment out of place",
}


@pytest.mark.parametrize("name", SET_ASIDE)
def test_garbage_is_set_aside_and_the_connection_goes_on(line: Line, name: str) -> None:
    action = line.play()
    with in_thread(action.wait) as waiting:
        parked(action)
        line.relay.faults.add(f"send {name}")
        assert action.pause().successful  # on the same connection, after the garbage
        assert action.resume().successful
        line.relay.clock.advance(61)
    assert waiting.result().successful
    assert line.logins == 1


@pytest.mark.parametrize("name", SET_ASIDE)
@pytest.mark.parametrize("moment", ["before reply to calling.play", "after event calling.call.play:playing"])
def test_garbage_between_a_command_its_reply_and_its_events_changes_neither(line: Line, name: str, moment: str) -> None:
    call = line.dial()
    line.relay.faults.add(f"send {name} {moment}")
    action = call.play_silence_async(5)
    assert action.wait_for_state("playing", timeout=5)
    line.relay.clock.advance(6)
    assert action.wait(5).successful


@pytest.mark.parametrize("name", BREAKING)
def test_what_no_connection_survives_ends_it_with_a_reason_and_it_comes_back(
    line: Line, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    action = line.play()
    with caplog.at_level(logging.WARNING, logger="relay_sync"), line.reconnecting():
        line.relay.faults.add(f"send {name}")
    assert REASONS[name] in caplog.text
    assert action.stop().successful


def test_an_oversized_frame_is_the_reason_that_a_command_in_flight_is_told(line: Line) -> None:
    call = line.dial()
    line.relay.faults.add("send too-large before reply to calling.play")
    error = raised(lambda: call.play_silence(1))
    assert isinstance(error, RelayError)
    assert "the limit is 10485760" in error.message


def test_the_memory_of_an_announced_frame_is_not_taken(line: Line) -> None:
    """The connection ends when the length is known, long before so much could have come."""
    with within(2.0), line.reconnecting():
        line.relay.faults.add("send huge")


def test_a_torn_frame_is_found_by_the_next_ping_that_stays_unanswered(make_line: MakeLine) -> None:
    line = make_line(**PINGING)
    action = line.play()
    with line.reconnecting():
        line.relay.faults.add("send torn")
    assert action.stop().successful


@pytest.mark.parametrize("name", [*BREAKING, "not-json", "array", "binary", "unknown-id"])
@pytest.mark.parametrize("moment", ["at connect", "before reply to login", "after reply to login"])
def test_garbage_in_the_handshake_is_set_aside_or_fails_it_in_time(
    speech: Speech, make_line: MakeLine, name: str, moment: str
) -> None:
    line = make_line()
    line.relay.faults.add(f"send {name} {moment}")
    other = speech.client(line.relay, connect_timeout=1.0)
    with within(1.0 + PROMPTLY):
        error = raised(other.connect)
    other.disconnect()
    too_late = moment.startswith("after") and not speech.more  # it was ready by then
    assert isinstance(error, ConnectFailed) is (name in BREAKING and not too_late)


def test_what_is_set_aside_is_counted_and_logged_once_per_kind(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="relay_sync"):
        for _ in range(5):
            line.relay.faults.add("send not-json")
        until(lambda: line.client._life().connection.dropped["unreadable frame"] == 5)
        assert line.dial().active
    assert caplog.text.count("unreadable frame") == 1


@pytest.mark.parametrize("what", list(GARBLED_REPLIES))
@pytest.mark.parametrize("command", ["begin", "calling.play", "calling.play.pause", "calling.end", "ping"])
def test_a_garbled_reply_is_told_in_time_and_nothing_else_suffers(
    make_line: MakeLine, command: str, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is made of it: a result or an error of ours, and the connection goes on."""
    line = make_line(**({"ping_interval": 0.1} if command == "ping" else {}))
    action = line.play()
    garble = line.relay.faults.add(f"garble {what} reply to {line.speech.begin if command == 'begin' else command}")
    acts: dict[str, Callable[[], object]] = {
        "begin": lambda: line.client.calling.dial(from_number="+15550100", to_number="+15550150", wait_timeout=1.0),
        "calling.play": lambda: action.call.play_silence_async(1),
        "calling.play.pause": action.pause,
        "calling.end": lambda: action.call.hangup(wait_timeout=1.0),
        "ping": garble.wait,
    }
    with limits(line.client, request=0.5), within(1.0 + PROMPTLY):
        error = raised(acts[command])
    assert error is None or isinstance(error, RelayError)
    garble.wait()
    assert line.dial().active
    assert line.logins == 1
    assert "failed" not in caplog.text  # no bug of ours on the connection's thread


@pytest.mark.parametrize("what", list(GARBLED_EVENTS))
@pytest.mark.parametrize("event", ["play:playing", "play:finished", "state:created", "state:answered", "state:ended"])
def test_a_garbled_event_is_no_worse_than_a_lost_one(
    line: Line, event: str, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    garble = line.relay.faults.add(f"garble {what} event calling.call.{event}")
    dial = {"from_number": "+15550100", "to_number": "+15550151", "wait_timeout": 1.0}
    with within(2.0 + 2 * PROMPTLY):
        result = raised(lambda: line.client.calling.dial(**dial))
        assert result is None or isinstance(result, RelayError)
        call = line.dial()
        action = call.play_silence_async(1)
        line.relay.clock.advance(2)
        assert raised(lambda: action.wait(0.5 if event == "play:finished" else 10)) is None or event.startswith("play:")
        line.hang_up(call)
        assert (
            raised(lambda: call.wait_for_ended(timeout=0.5 if event == "state:ended" else 10)) is None
            or event == "state:ended"
        )
    garble.wait()
    assert line.dial().active
    assert line.logins == 1
    assert "failed" not in caplog.text


@pytest.mark.parametrize(("what", "heard"), [("nested", True), ("nested-deeply", False), ("params-deep-within", False)])
def test_a_real_event_is_heard_as_it_is_where_it_is_nested_and_set_aside_where_too_deeply(
    line: Line, what: str, heard: bool
) -> None:
    action, told = line.play(), list[dict[str, Any]]()
    action.call.on("play.paused", told.append)
    garble = line.relay.faults.add(f"garble {what} event calling.call.play:paused")
    assert action.pause().successful
    garble.wait()
    assert action.resume().successful
    assert action.wait_for_state("playing", timeout=5)
    line.hang_up(action.call)
    assert action.call.wait_for_ended(timeout=5)  # handlers of one call run in order: what was to be heard, was
    until(lambda: not line.client._life().lanes.busy, "that the handlers are done")
    assert [event["nest"] is not None for event in told] == ([True] if heard else [])
    assert line.client._life().connection.dropped == ({} if heard else {"unreadable frame": 1})
    assert line.logins == 1


@pytest.mark.parametrize("what", list(GARBLED_REPLIES))
def test_a_garbled_login_fails_it_in_time_or_is_understood(make_line: MakeLine, speech: Speech, what: str) -> None:
    line = make_line()
    line.relay.faults.add(f"garble {what} reply to login")
    other = speech.client(line.relay, connect_timeout=0.5)
    with within(0.5 + PROMPTLY):
        error = raised(other.connect)
    assert error is None or type(error) is ConnectFailed
    other.disconnect()


@pytest.mark.parametrize("text", ["drip 4 0.0002s", "drip 7 0.001s"])
def test_frames_that_drip_in_are_read_whole(line: Line, text: str) -> None:
    with line.relay.faults.add(text):
        action = line.play(seconds=5)
        line.relay.clock.advance(6)
        assert action.wait(10).successful
    assert line.logins == 1


def test_a_peer_that_drips_too_slowly_to_say_anything_is_a_silent_one(make_line: MakeLine) -> None:
    line = make_line(**PINGING)
    action = line.play()
    with line.reconnecting():
        line.relay.faults.add("drip 1 0.1s")
    assert action.stop().successful
