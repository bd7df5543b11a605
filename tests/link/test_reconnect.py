"""A connection that breaks: what was in flight, what waits, how long it tries, and what becomes of the session."""

from __future__ import annotations

import logging

import pytest

from relay_sync.errors import AuthenticationFailed, ConnectFailed, ConnectionLost, NotConnected
from relay_sync.link.books import CLOSED, READY, RECONNECTING, Limits
from relay_sync.link.failures import FrameTooLarge, OpenFailed
from relay_sync.link.waiting import Deadline
from tests.link.conftest import MakeLink
from tests.link.support import INTERVAL, TIMEOUT, HeldTransport, Link, MovedClock, Nap
from tests.support import LIMIT, Running, ScriptedTransport

NOT_RESTORED = "Relay did not restore the session after the connection was lost"


def napping(make_link: MakeLink, **settings: object) -> tuple[Link, Nap]:
    """A connection that is ready, and whose pauses between attempts pass at once."""
    clock = MovedClock()
    link = make_link(clock=clock, **settings)
    nap = Nap(clock)
    link.connection._stop = nap
    link.make_ready()
    return link, nap


def reconnecting(link: Link) -> None:
    """Break the connection, and wait until the next socket is open."""
    link.line.break_()
    link.relay.next_line()
    assert link.connection.state == RECONNECTING


# What was in flight, and what waits


def test_what_was_in_flight_is_lost_with_an_error_for_each(ready: Link) -> None:
    asked = [ready.ask() for _ in range(3)]
    for _ in asked:
        ready.relay.take_command("calling.play")
    ready.line.break_("reset by peer")
    errors = []
    for one in asked:
        with pytest.raises(ConnectionLost, match=r"broke before the answer came .reset by peer") as caught:
            one.result()
        assert caught.value.method == "calling.play"
        errors.append(caught.value)
    assert len(set(map(id, errors))) == 3
    assert len({id(error.__traceback__) for error in errors}) == 3


def test_what_was_in_flight_is_not_sent_again(ready: Link) -> None:
    asked = ready.ask()
    ready.relay.take_command("calling.play")
    ready.line.break_()
    with pytest.raises(ConnectionLost):
        asked.result()
    ready.come_back()
    ready.settle()
    assert ready.line.sent.empty()


def test_an_answer_that_comes_on_the_next_connection_is_nobodys(ready: Link) -> None:
    asked = ready.ask()
    frame = ready.relay.take_command("calling.play")
    ready.line.break_()
    with pytest.raises(ConnectionLost):
        asked.result()
    ready.come_back()
    ready.relay.answer(frame, {"code": "200", "message": "OK"})
    ready.settle()
    assert ready.connection.dropped == {"unexpected answer": 1}


@pytest.mark.parametrize("lost_first", [True, False])
def test_loss_and_answer_take_effect_in_the_order_in_which_they_come(ready: Link, lost_first: bool) -> None:
    asked = ready.ask()
    frame = ready.relay.take_command("calling.play")
    line = ready.line
    if lost_first:
        line.break_()
        ready.relay.answer(frame, {"code": "200", "message": "OK"})
        with pytest.raises(ConnectionLost):
            asked.result()
    else:
        ready.relay.answer(frame, {"code": "200", "message": "OK"})
        line.break_()
        assert asked.result().ok
    ready.come_back()


def test_a_command_given_while_reconnecting_waits_and_goes_out_once(ready: Link) -> None:
    reconnecting(ready)
    asked = ready.ask()
    ready.asleep()
    ready.relay.shake_hands()
    ready.relay.accept_command("calling.play")
    assert asked.result().ok
    ready.settle()
    assert ready.line.sent.empty()


def test_a_command_given_while_reconnecting_that_is_not_ready_in_time_is_surely_not_sent(
    make_link: MakeLink,
) -> None:
    clock = MovedClock()
    link = make_link(clock=clock)
    link.make_ready()
    reconnecting(link)
    asked = link.ask()
    link.asleep()
    clock.move(LIMIT)
    link.line.break_()  # wakes it
    with pytest.raises(NotConnected, match=rf"not ready within {LIMIT} s \(the client is reconnecting\)"):
        asked.result()
    link.come_back()
    link.settle()
    assert link.line.sent.empty()


def test_a_command_without_time_is_not_held_up_while_reconnecting(ready: Link) -> None:
    reconnecting(ready)
    with pytest.raises(NotConnected):
        ready.connection.request("calling.play", {}, Deadline(0))
    ready.relay.shake_hands()


def test_a_frame_made_for_one_connection_never_leaves_on_the_next(ready: Link) -> None:
    """The writer is held until a whole reconnection has happened between making the frame and writing it."""
    first = HeldTransport()
    ready.line.break_()
    ready.relay.prepare(first)
    ready.come_back()
    gate = first.hold_send()
    asked = ready.ask()
    gate.reached()
    first.break_()
    ready.come_back()
    ready.settle()
    assert ready.line.sent.empty()
    gate.open()
    ready.relay.accept_command("calling.play")  # made anew for this one: it surely had not left
    assert asked.result().ok
    assert first.sent.empty()


def test_contexts_are_registered_again_before_any_waiting_command_goes_out(make_link: MakeLink) -> None:
    link = make_link(contexts=("office", "home"))
    link.make_ready(contexts=True)
    reconnecting(link)
    asked = link.ask()
    link.asleep()
    link.relay.shake_hands(contexts=True)
    link.relay.accept_command("calling.play")
    assert asked.result().ok


def test_who_waits_for_ready_while_reconnecting_is_told(ready: Link) -> None:
    reconnecting(ready)
    waiting = Running(lambda: ready.connection.wait_ready(Deadline(LIMIT)))
    ready.asleep()
    ready.relay.shake_hands()
    waiting.result()


def test_the_same_thread_goes_on_after_a_loss(ready: Link) -> None:
    before = ready.thread
    ready.line.break_()
    ready.come_back()
    assert ready.thread is before
    assert before.is_alive()


def test_a_socket_that_was_lost_is_closed_and_said_to_be(ready: Link) -> None:
    old = ready.line
    ready.line.break_()
    ready.listener.expect("signalwire.socket.close")
    ready.listener.expect("signalwire.socket.open")
    ready.come_back()
    assert old._shut.is_set()


def test_a_frame_too_large_closes_the_connection_with_that_reason(
    ready: Link, caplog: pytest.LogCaptureFixture
) -> None:
    ready.line.incoming.put(FrameTooLarge("the peer announced a message of 99 bytes; the limit is 10"))
    ready.come_back()
    assert "a message of 99 bytes; the limit is 10" in caplog.text


# How long it tries


def test_pauses_grow_to_thirty_seconds_and_are_reset_only_by_a_handshake(make_link: MakeLink) -> None:
    link, nap = napping(make_link, jitter=lambda: 1.0, limits=Limits(resume=1e6))
    link.relay.refuse_next(7)
    link.line.break_()
    for _ in range(7):
        link.relay.next_line()
    link.relay.next_line().take()  # opened, and no more than that
    assert nap.naps == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    link.line.break_()
    link.come_back()
    assert nap.naps[8:] == [30.0]
    link.line.break_()
    link.come_back()
    assert nap.naps[9:] == [1.0]


def test_the_pause_is_a_random_part_of_its_ceiling(make_link: MakeLink) -> None:
    parts = iter([0.5, 0.25, 0.0, 1.0])
    link, nap = napping(make_link, jitter=lambda: next(parts), limits=Limits(resume=1e6))
    link.relay.refuse_next(3)
    link.line.break_()
    for _ in range(3):
        link.relay.next_line()
    link.come_back()
    assert nap.naps == [0.5, 0.5, 8.0]  # of 1, 2, (none of 4) and 8


def test_it_tries_for_ever(make_link: MakeLink) -> None:
    link, nap = napping(make_link, jitter=lambda: 1.0)
    link.relay.refuse_next(200)
    link.line.break_()
    for _ in range(200):
        link.relay.next_line()
    link.come_back()
    assert link.connection.state == READY
    assert sum(nap.naps) > 5000


def test_no_attempt_takes_longer_than_the_lost_session_has_left(make_link: MakeLink) -> None:
    link, _ = napping(make_link, jitter=lambda: 1.0, limits=Limits(connect=10.0, resume=5.0))
    transports = [ScriptedTransport() for _ in range(3)]
    for transport in transports[:2]:
        transport.opening = OpenFailed("nothing listens there", tls=False)
    link.relay.prepare(*transports)
    link.line.break_()
    for _ in transports:
        link.relay.next_line()
    # After pauses of 1, 2, and 4 seconds; the last of them outlives the session, and a new one has all the time.
    assert [transport.open_timeout for transport in transports] == [4.0, 2.0, 10.0]


@pytest.mark.parametrize("code", [-32002, 401, 403])
def test_credentials_refused_at_a_reconnect_close_it_and_everybody_is_told(ready: Link, code: int) -> None:
    watcher = Running(lambda: ready.connection.wait_closed(Deadline(LIMIT)))
    ready.asleep()
    reconnecting(ready)
    asked = ready.ask()
    ready.asleep(count=2)
    connect = ready.line.take()
    ready.line.say({"jsonrpc": "2.0", "id": connect["id"], "error": {"code": code, "message": "Unauthorized"}})
    with pytest.raises(NotConnected, match=r"calling\.play was not sent: Relay refused the credentials: Unauthorized"):
        asked.result()
    with pytest.raises(AuthenticationFailed, match="Unauthorized"):
        watcher.result()
    with pytest.raises(AuthenticationFailed):
        ready.connection.wait_ready(Deadline(LIMIT))
    assert ready.connection.state == CLOSED
    (why,) = ready.listener.lost
    assert "Unauthorized" in why
    ready.thread.join(LIMIT)
    assert ready.relay._transports.empty()


def test_a_certificate_that_is_not_trusted_at_a_reconnect_cannot_heal(ready: Link) -> None:
    ready.relay.refuse_next(tls=True)
    ready.line.break_()
    with pytest.raises(ConnectFailed, match="nothing listens there"):
        ready.connection.wait_closed(Deadline(LIMIT))
    ready.thread.join(LIMIT)
    assert ready.relay._transports.qsize() == 1
    assert len(ready.listener.lost) == 1


def test_any_other_refusal_at_a_reconnect_is_tried_again(ready: Link) -> None:
    reconnecting(ready)
    connect = ready.line.take()
    ready.line.say({"jsonrpc": "2.0", "id": connect["id"], "error": {"code": 503, "message": "Busy"}})
    ready.come_back()
    assert ready.connection.state == READY


def test_a_handshake_that_is_not_answered_is_given_up_and_tried_again(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock)
    link.make_ready()
    reconnecting(link)
    link.line.take()
    clock.move(Limits().connect)
    link.line.nudge()
    link.come_back()


# What becomes of the session


def test_a_restored_session_goes_on(ready: Link) -> None:
    ready.line.break_()
    ready.come_back(restored=True)
    assert ready.listener.resumptions == 1
    assert ready.listener.lost == []


def test_the_handshake_asks_for_the_session_that_was_lost(ready: Link) -> None:
    reconnecting(ready)
    remembered = {"sessionid": "sess-1", "protocol": ready.relay.PROTOCOL}[ready.relay.words.resumes]
    assert ready.line.take()["params"][ready.relay.words.resumes] == remembered
    ready.line.break_()
    ready.come_back()


def test_the_listener_learns_of_the_restored_session_before_any_waiting_command_goes_out(ready: Link) -> None:
    reconnecting(ready)
    before: list[int] = []
    asked = ready.ask(sending=lambda: before.append(ready.listener.resumptions))
    ready.asleep()
    ready.relay.shake_hands(restored=True)
    ready.relay.accept_command("calling.play")
    asked.result()
    assert before == [1]


def test_a_session_that_is_not_restored_is_lost_once_and_says_why(ready: Link) -> None:
    ready.line.break_()
    ready.come_back(restored=False)
    assert ready.listener.lost == [NOT_RESTORED]
    assert ready.listener.resumptions == 0


def test_another_protocol_is_another_session(ready: Link) -> None:
    ready.line.break_()
    ready.come_back(restored=True, protocol="signalwire_sig1_other")
    assert ready.listener.lost == [NOT_RESTORED]


def test_each_loss_is_a_loss_of_its_own(ready: Link) -> None:
    ready.line.break_()
    ready.come_back(restored=False)
    ready.line.break_()
    ready.come_back(restored=True)
    ready.line.break_()
    ready.come_back(restored=False)
    assert ready.listener.lost == [NOT_RESTORED] * 2
    assert ready.listener.resumptions == 1


def test_a_session_that_cannot_be_resumed_in_time_is_lost_once_and_then_not_asked_for(make_link: MakeLink) -> None:
    link, nap = napping(make_link, jitter=lambda: 1.0, limits=Limits(resume=60.0))
    given_up_at: list[float] = []
    link.listener.losing = lambda why: given_up_at.append(link.connection._clock())
    lost_at = link.connection._clock()
    link.relay.refuse_next(100)
    link.line.break_()
    for _ in range(100):
        link.relay.next_line()
    link.relay.next_line()
    assert link.listener.lost == ["the session could not be resumed within 60.0 s"]
    assert given_up_at == [lost_at + 60.0]
    assert link.relay.words.resumes not in link.line.take()["params"]
    link.line.break_()
    link.come_back()
    assert len(link.listener.lost) == 1  # what is new has not been lost
    assert link.listener.resumptions == 0
    assert nap.naps[-1] == 30.0


def test_a_session_that_was_given_up_may_be_followed_by_one_that_is_lost(make_link: MakeLink) -> None:
    link, _ = napping(make_link, limits=Limits(resume=0.0))
    link.line.break_()
    link.come_back()
    assert len(link.listener.lost) == 1
    link.line.break_()
    link.come_back()
    assert link.listener.lost == ["the session could not be resumed within 0.0 s"] * 2


def test_a_loss_in_the_handshake_does_not_prolong_the_time_to_resume(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock, limits=Limits(connect=100.0, resume=60.0))
    link.make_ready()
    reconnecting(link)
    clock.move(59.0)
    reconnecting(link)
    assert link.listener.lost == []
    clock.move(1.0)
    reconnecting(link)
    assert len(link.listener.lost) == 1
    link.relay.shake_hands(restored=True)  # nobody asked for that
    link.listener.expect("ready")
    assert link.listener.resumptions == 0


def test_a_session_restored_in_time_has_all_the_time_again_when_it_is_lost_again(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock, limits=Limits(connect=100.0, resume=60.0))
    link.make_ready()
    for _ in range(3):
        reconnecting(link)
        clock.move(40.0)
        link.relay.shake_hands(restored=True)
        link.listener.expect("ready")
    assert link.listener.lost == []
    assert link.listener.resumptions == 3


# Relay says goodbye


def test_relays_farewell_is_answered_and_nothing_more_is_sent_until_the_next_connection(ready: Link) -> None:
    answered = ready.ask("calling.play")
    in_flight = ready.relay.take_command("calling.play")
    ready.hear(id="d-1", method=ready.relay.words.farewell, params={})
    assert ready.line.take() == {"jsonrpc": "2.0", "id": "d-1", "result": {}}
    assert ready.connection.state == RECONNECTING
    waiting = ready.ask("calling.end")
    ready.asleep()
    # What was sent before may still be answered.
    ready.relay.answer(in_flight, {"code": "200", "message": "OK"})
    assert answered.result().ok
    old = ready.line
    old.break_("closed by Relay: 1001")
    ready.relay.accept(restored=True)
    ready.relay.accept_command("calling.end")
    assert waiting.result().ok
    assert old.sent.empty()
    assert ready.listener.lost == []


def test_what_relay_had_not_answered_when_it_left_is_lost(ready: Link) -> None:
    asked = ready.ask()
    ready.relay.take_command("calling.play")
    ready.hear(id="d-1", method=ready.relay.words.farewell, params={})
    ready.line.break_("closed by Relay: 1001")
    with pytest.raises(ConnectionLost, match="1001"):
        asked.result()
    ready.come_back()


def test_a_relay_that_says_goodbye_and_stays_is_left(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock)
    link.make_ready()
    link.hear(id="d-1", method=link.relay.words.farewell, params={})
    clock.move(INTERVAL + TIMEOUT)
    link.line.nudge()
    link.come_back(restored=True)
    assert link.connection.state == READY


def test_relay_may_say_goodbye_twice(ready: Link) -> None:
    for number in range(2):
        ready.hear(id=f"d-{number}", method=ready.relay.words.farewell, params={})
    assert ready.connection.state == RECONNECTING
    ready.line.break_()
    ready.come_back()


# What is logged


def test_a_loss_is_logged_once_as_a_warning_and_attempts_are_not(ready: Link, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ready.relay.refuse_next(3)
    ready.line.break_("reset by peer")
    for _ in range(3):
        ready.relay.next_line()
    ready.come_back()
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == ["connection lost: the connection broke before the answer came (reset by peer)"]
    assert caplog.text.count("reconnecting in 0.0 s") == 4
