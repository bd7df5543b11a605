"""How a client comes back: when it tries, what it waits for, what Relay may ask of it."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator

import pytest

from relay_sync import AuthenticationFailed, ConnectFailed, NotConnected
from tests.faults.conftest import MakeLine
from tests.faults.support import PROMPTLY, Line, Speech, raised, within
from tests.stage import limits, parked
from tests.support import in_thread, until


class Pauses(logging.Handler):
    """The pauses before each attempt to reconnect, as the client's log tells them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.seconds: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == "reconnecting in %.1f s" and isinstance(record.args, tuple):
            self.seconds += [float(str(pause)) for pause in record.args]


@pytest.fixture
def pauses() -> Iterator[list[float]]:
    handler, logger = Pauses(), logging.getLogger("relay_sync.link.connection")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.seconds
    logger.removeHandler(handler)
    logger.setLevel(before)


def random_parts(line: Line, *parts: float) -> None:
    """Have the client's random numbers be these, over and over: a thousandth of them, so that nobody has to wait."""
    numbers = itertools.cycle(parts)
    line.client._life().connection._reader._jitter = lambda: next(numbers) / 1000


def test_the_pause_doubles_with_each_failed_attempt_up_to_thirty_seconds(line: Line, pauses: list[float]) -> None:
    random_parts(line, 1.0)
    with line.reconnecting(), line.relay.faults.add("refuse-tcp"):
        line.relay.faults.add("drop")
        until(lambda: len(pauses) >= 8)
    assert [round(pause * 1000) for pause in pauses[:8]] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_pause_is_a_random_part_of_that(line: Line, pauses: list[float]) -> None:
    random_parts(line, 0.5, 0.25, 1.0)
    with line.reconnecting(), line.relay.faults.add("refuse-tcp"):
        line.relay.faults.add("drop")
        until(lambda: len(pauses) >= 5)
    assert [round(pause * 10000) for pause in pauses[:5]] == [5, 5, 40, 40, 40]


@pytest.mark.parametrize(
    "failure",
    [
        "refuse-connections",
        "drop at connect #1-3",
        "close 1011 at connect #1-3",
        "drop before reply to login #1-3",
        "refuse -32000 login #1-3",
        "refuse 503 login #1-3",
    ],
)
def test_only_a_handshake_that_succeeds_makes_the_pauses_start_again(
    line: Line, pauses: list[float], failure: str
) -> None:
    """A server that takes the connection and fails then is no better than one that does not take it."""
    random_parts(line, 1.0)
    with line.reconnecting(), line.relay.faults.add(failure):
        line.relay.faults.add("drop")
        until(lambda: len(pauses) >= 4, f"a fourth attempt; {pauses}")
        # The fourth attempt succeeds by itself, but for the failure that lasts.
    assert [round(pause * 1000) for pause in pauses[:4]] == [1, 2, 4, 8]
    pauses.clear()
    with line.reconnecting():
        line.relay.faults.add("drop")
    assert round(pauses[0] * 1000) == 1


def test_a_server_that_falls_silent_in_the_handshake_is_given_up_and_tried_again(line: Line) -> None:
    call = line.dial()
    line.relay.faults.add("silence at command login")
    with limits(line.client, connect=0.5), within(0.5 + PROMPTLY), line.reconnecting():
        line.relay.faults.add("drop")
        line.relay.wait_for(lambda relay: line.logins >= 2)
        line.back(2)
    assert call.hangup().successful


def test_a_server_that_restarts_ends_its_calls_and_has_the_client_back_with_its_contexts(line: Line) -> None:
    taken: list[str | None] = []
    assert line.client.calling.receive(["office"], lambda call: taken.append(call.from_number)).successful
    action = line.play()
    with in_thread(action.wait) as waiting, line.reconnecting():
        parked(action)
        line.relay.faults.add("restart 0.1")
    assert not waiting.result().successful
    assert action.call.state == "ended"
    assert line.dial().active
    line.relay.phone("+15550170").call(context="office")
    until(lambda: taken == ["+15550170"])


def test_a_server_that_says_goodbye_is_answered_and_left_and_calls_go_on(line: Line) -> None:
    action = line.play()
    with in_thread(action.wait) as waiting:
        parked(action)
        with line.reconnecting():
            line.relay.faults.add("go-away")
        line.relay.clock.advance(61)
    assert waiting.result().successful
    answers = [
        frame.body
        for frame in line.relay.journal.frames
        if frame.direction == "received" and frame.body is not None and frame.method is None
    ]
    assert any("result" in answer for answer in answers)


def test_nothing_is_sent_after_the_goodbye_but_on_the_next_connection(line: Line) -> None:
    call = line.dial()
    before = line.logins
    with line.relay.faults.add("refuse-connections"):
        line.relay.faults.add("go-away")
        until(lambda: line.client.state == "reconnecting")
        with in_thread(lambda: call.play_silence_async(10)) as playing:
            parked(line.client._life().connection)
            line.relay.faults.clear()
        line.back(before)
    assert not playing.result().completed
    (command,) = line.relay.journal.commands("calling.play")
    assert command.connection == max(frame.connection for frame in line.relay.journal.frames)


def test_a_server_that_says_goodbye_with_restart_ends_the_session(line: Line) -> None:
    action = line.play()
    with in_thread(action.wait) as waiting, line.reconnecting():
        parked(action)
        line.relay.faults.add("go-away restart")
    assert (waiting.result().successful, action.state) == (False, "failed")
    assert line.dial().active


def test_a_drop_in_every_step_of_the_handshake_is_only_another_attempt(line: Line) -> None:
    """Each of several faults strikes one attempt; the session is the same in the end."""
    action = line.play()
    line.relay.faults.add_all(
        ["drop at connect", "drop at command login", "drop after reply to login #2", "end before reply to setup #1"]
        if line.speech.more
        else ["drop at connect", "drop at command login", "drop after reply to login #2"]
    )
    with line.reconnecting():
        line.relay.faults.add("drop")
    assert action.stop().successful
    assert action.wait(5).successful


# -- the first connection


@pytest.mark.parametrize(
    "fault",
    [
        "refuse-tcp",
        "refuse-connections",
        "drop at connect",
        "end at connect",
        "close 1011 at connect",
        "drop at command login",
        "close 1013 before reply to login",
        "drop after reply to login",
        "refuse -32000 login",
        "refuse 500 login",
    ],
)
def test_a_first_connection_that_fails_is_told_at_once_and_tried_once(make_line: MakeLine, fault: str) -> None:
    line = make_line()
    client = line.speech.client(line.relay)
    with line.relay.faults.add(fault):
        was_ready = fault.startswith("drop after") and not line.speech.more
        try:
            with within(PROMPTLY + was_ready):  # who sees it ready only after it was lost waits out the first pause
                error = raised(client.connect)
        finally:
            client.disconnect()
        if was_ready:
            assert error is None
        else:
            assert type(error) is ConnectFailed
    client.connect()
    assert client.connected
    client.disconnect()


@pytest.mark.parametrize(
    "fault", ["silence at connect", "silence at command login", "ignore login", "lose login", "drip 1 0.1s at connect"]
)
def test_a_first_connection_that_is_not_answered_is_told_in_time(
    make_line: MakeLine, speech: Speech, fault: str
) -> None:
    line = make_line()
    client = speech.client(line.relay, connect_timeout=0.3)
    with line.relay.faults.add(fault), within(0.3 + PROMPTLY):
        assert type(raised(client.connect)) is ConnectFailed
    client.connect()
    client.disconnect()


def test_a_handshake_that_drips_in_is_a_handshake(make_line: MakeLine, speech: Speech) -> None:
    line = make_line()
    line.relay.faults.add("drip 20 0.001s at connect")
    with speech.client(line.relay) as client:
        assert client.connected


def test_refused_credentials_are_told_at_once_and_never_tried_again(make_line: MakeLine, speech: Speech) -> None:
    line = make_line()
    logins = line.logins
    client = speech.client(line.relay)
    with line.relay.faults.add("refuse-credentials"), within(PROMPTLY):
        error = raised(client.connect)
    assert isinstance(error, AuthenticationFailed)
    assert line.logins == logins + 1
    assert client.state == "closed"
    with pytest.raises(NotConnected):
        client.execute("calling.end", {})


# -- the end


@pytest.mark.parametrize("fault", ["silence", "vanish", "refuse-connections", "drip 1 1s", "go-away"])
def test_disconnect_ends_under_two_seconds_whatever_the_peer_does(make_line: MakeLine, fault: str) -> None:
    line = make_line()
    action = line.play()
    with in_thread(action.wait) as waiting:
        parked(action)
        line.relay.faults.add(fault)
        if fault == "refuse-connections":
            line.relay.faults.add("drop")
            until(lambda: line.client.state == "reconnecting")
        with within(2.0):
            line.client.disconnect()
            line.client.disconnect()
    result = waiting.result()
    assert (line.client.state, result.successful, action.state) == ("closed", False, "failed")
