"""stop(): from any thread, twice, from a handler, in every state; everybody is told, and the thread is gone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

import pytest

from relay_sync.errors import ConnectionLost, NotConnected
from relay_sync.link import connection as connection_module
from relay_sync.link.books import CLOSED, NEW, RECONNECTING
from relay_sync.link.handlers import Lane, Workers
from relay_sync.link.waiting import Deadline
from relay_sync.wire.events import RelayEvent
from tests.link.conftest import MakeLink
from tests.link.support import INTERVAL, Gate, HeldTransport, Link, MovedClock
from tests.support import LIMIT, Running

DISCONNECTED = "the client was disconnected"


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers here answer the goodbye at once or never."""
    monkeypatch.setattr(connection_module, "CLOSE_GRACE_S", 0.02)


def stopped(link: Link) -> None:
    """Stop it, and see that everything of it is gone."""
    link.connection.stop()
    assert link.connection.state == CLOSED
    assert not link.thread.is_alive()
    assert link.listener.lost == [DISCONNECTED]


# In every state


def test_a_connection_that_was_never_started_can_be_closed(link: Link) -> None:
    link.connection.stop()
    assert link.connection.state == CLOSED
    link.start()
    assert link.connection._thread is None
    with pytest.raises(NotConnected, match=r"disconnect\(\) was called"):
        link.connection.wait_ready(Deadline(LIMIT))


def test_closing_when_ready_says_goodbye_and_ends_the_thread(ready: Link) -> None:
    line = ready.line
    stopped(ready)
    assert line.closes == 1
    assert line._shut.is_set()
    ready.listener.expect("signalwire.socket.close")
    assert ready.monitor.reader is None


def test_a_peer_that_does_not_answer_the_goodbye_is_not_waited_for(ready: Link) -> None:
    ready.line.answers_close = False
    stopped(ready)


def test_closing_while_the_socket_is_being_opened_ends_that(link: Link) -> None:
    transport = HeldTransport()
    transport.at_open = Gate()
    link.relay.prepare(transport)
    waiting = Running(lambda: link.connection.wait_ready(Deadline(LIMIT)))
    link.asleep()
    link.start()
    transport.at_open.reached()
    stopped(link)
    with pytest.raises(NotConnected, match=r"disconnect\(\) was called"):
        waiting.result()


def test_closing_during_the_handshake(link: Link) -> None:
    link.start()
    link.relay.next_line().take()
    asked = link.ask()
    link.asleep()
    stopped(link)
    with pytest.raises(NotConnected, match=r"calling.play was not sent: the client is disconnected; call connect\(\)"):
        asked.result()


def test_closing_during_the_pause_between_attempts(make_link: MakeLink) -> None:
    """The pause is of thirty seconds, by the real clock: only the flag can end it."""
    link = make_link(jitter=lambda: 1.0)
    link.make_ready()
    link.connection._reader._standing.attempts = 10
    napping = Gate()

    class Flag(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            napping._reached.set()
            return super().wait(timeout)

    link.connection._stop = Flag()
    link.line.break_()
    napping.reached()
    assert link.connection.state == RECONNECTING
    stopped(link)


def test_closing_just_before_a_socket_is_opened_leaves_it_unopened(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "JOIN_S", 0.01)
    gate = Gate()
    make = link.connection._reader._open_transport

    def held() -> object:
        gate.pass_()
        return make()

    link.connection._reader._open_transport = held  # type: ignore[assignment]
    link.start()
    gate.reached()
    link.connection.stop()
    gate.open()
    link.thread.join(LIMIT)
    transport = link.relay.next_line()
    assert not hasattr(transport, "open_timeout")


def test_closing_while_relay_is_silent(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock)
    link.make_ready()
    clock.move(INTERVAL)
    link.settle()
    assert link.line.take()["method"] == link.relay.words.ping
    link.line.answers_close = False
    stopped(link)


def test_closing_while_relay_drains(ready: Link) -> None:
    ready.hear(id="d-1", method=ready.relay.words.farewell, params={})
    asked = ready.ask()
    ready.asleep()
    stopped(ready)
    with pytest.raises(NotConnected):
        asked.result()


def test_closing_after_it_has_closed_by_itself(link: Link) -> None:
    link.relay.refuse_next()
    link.start()
    link.thread.join(LIMIT)
    link.connection.stop()
    assert len(link.listener.lost) == 1


# By anybody


def test_closing_twice_tells_once(ready: Link) -> None:
    stopped(ready)
    stopped(ready)


def test_ten_threads_may_close_at_once(ready: Link) -> None:
    start = threading.Barrier(10)

    def stop() -> None:
        start.wait(LIMIT)
        ready.connection.stop()

    for stopping in [Running(stop) for _ in range(10)]:
        stopping.result()
    stopped(ready)


def test_a_handler_may_close_the_connection_it_was_called_for(ready: Link) -> None:
    workers = Workers(1)
    lane = Lane(workers)
    closed = threading.Event()

    def handler() -> None:
        ready.connection.stop()
        closed.set()

    ready.listener.taking = lambda event: ready.connection.later(partial(lane.put, handler))
    ready.relay.tell_state("created")
    assert closed.wait(LIMIT)
    stopped(ready)
    workers.close()


def test_closing_on_the_readers_own_thread_does_not_wait_for_itself(ready: Link) -> None:
    ready.listener.taking = lambda event: ready.connection.later(ready.connection.stop)
    ready.relay.tell_state("created")
    ready.thread.join(LIMIT)
    stopped(ready)


def test_a_thread_that_does_not_end_in_time_is_named_and_ends_by_itself(
    ready: Link, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "JOIN_S", 0.01)
    gate = Gate()
    ready.listener.taking = lambda event: ready.connection.later(gate.pass_)
    ready.relay.tell_state("created")
    gate.reached()
    ready.connection.stop()
    assert f"thread {ready.thread.name} is still busy closing" in caplog.text
    gate.open()
    ready.thread.join(LIMIT)
    stopped(ready)


def test_interrupting_the_goodbye_still_cuts_the_connection(ready: Link) -> None:
    """A second Ctrl-C while the first one's ``with`` block is being left."""
    line = ready.line
    line.answers_close = False

    def interrupted() -> None:
        raise KeyboardInterrupt

    line.send_close = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        ready.connection.stop()
    ready.thread.join(LIMIT)
    assert not ready.thread.is_alive()


# Everybody is told


def test_closing_ends_every_wait_with_an_error_of_its_own(ready: Link) -> None:
    asked = [ready.ask() for _ in range(3)]
    for _ in asked:
        ready.relay.take_command("calling.play")
    watcher = Running(lambda: ready.connection.wait_closed(Deadline(None)))
    ready.asleep()
    stopped(ready)
    errors = []
    for one in asked:
        with pytest.raises(ConnectionLost, match=r"disconnect\(\) was called before the answer came") as caught:
            one.result()
        errors.append(caught.value)
    assert len(set(map(id, errors))) == 3
    watcher.result()


def test_after_it_is_closed_a_command_is_surely_not_sent(ready: Link) -> None:
    stopped(ready)
    with pytest.raises(NotConnected, match=r"the client is disconnected; call connect\(\)") as caught:
        ready.connection.request("calling.play", {}, Deadline(LIMIT))
    assert caught.value.method == "calling.play"
    assert ready.line.sent.empty()


def test_waiting_for_the_end_has_its_limit_too(ready: Link) -> None:
    with pytest.raises(TimeoutError, match=r"not closed within 0\.0 s"):
        ready.connection.wait_closed(Deadline(0))


def test_what_was_put_off_when_it_was_closed_is_done(ready: Link) -> None:
    done: list[bool] = []
    ready.listener.losing = lambda why: ready.connection.later(lambda: done.append(ready.monitor.lock.locked()))
    stopped(ready)
    assert done == [False]


def test_what_relay_says_after_the_flag_is_discarded(ready: Link) -> None:
    """TLS in flight garbles, and what was closed should not go on changing."""
    ready.line.answers_close = False
    inside, go_on = Gate(), ready.line.receive

    def receive(timeout: float | None) -> str | None:
        text = go_on(timeout)
        if text is not None and "late" in text:
            inside.pass_()
        return text

    ready.line.receive = receive  # type: ignore[method-assign]
    ready.settle()
    ready.relay.tell_state("created", call_id="late")
    inside.reached()
    stopping = Running(ready.connection.stop)
    ready.connection._stop.wait(LIMIT)
    inside.open()
    stopping.result()
    assert ready.listener.events == []


def test_closing_says_nothing_of_a_lost_connection(ready: Link, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stopped(ready)
    assert caplog.records == []


# (close, send)


def close_then_send(link: Link, transport: HeldTransport) -> Running[object]:
    gate = transport.hold_send()
    asked = link.ask()
    gate.reached()
    link.connection.stop()
    gate.open()
    return asked  # type: ignore[return-value]


def send_then_close(link: Link, transport: HeldTransport) -> Running[object]:
    asked = link.ask()
    link.relay.take_command("calling.play")
    link.connection.stop()
    return asked  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("order", "error"),
    [(close_then_send, NotConnected), (send_then_close, ConnectionLost)],
    ids=["close, send", "send, close"],
)
def test_a_command_knows_whether_it_may_have_left_before_the_close(
    link: Link, order: Callable[[Link, HeldTransport], Running[object]], error: type[Exception]
) -> None:
    transport = HeldTransport()
    link.relay.prepare(transport)
    link.make_ready()
    asked = order(link, transport)
    with pytest.raises(error):
        asked.result()
    assert transport.sent.empty()


@pytest.mark.parametrize("close_first", [True, False])
def test_an_answer_counts_if_it_came_before_the_close(ready: Link, close_first: bool) -> None:
    asked = ready.ask()
    frame = ready.relay.take_command("calling.play")
    if close_first:
        ready.connection.stop()
    ready.relay.answer(frame, {"code": "200", "message": "OK"})
    if close_first:
        with pytest.raises(ConnectionLost):
            asked.result()
    else:
        assert asked.result().ok


def test_starting_and_closing_at_once_leaves_nothing_behind(make_link: MakeLink) -> None:
    for _ in range(20):
        link = make_link()
        starting, stopping = Running(link.start), Running(link.connection.stop)
        starting.result()
        stopping.result()
        assert link.connection.state == CLOSED
        thread = link.connection._thread
        if thread is not None:
            thread.join(LIMIT)
            assert not thread.is_alive()


def test_a_connection_that_is_closed_before_its_thread_begins_opens_nothing(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def stop_first(thread: threading.Thread) -> None:
        if thread.name.startswith("relay-reader"):
            link.connection.stop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", stop_first)
    link.start()
    link.thread.join(LIMIT)
    assert link.relay._transports.empty()
    assert link.connection.state == CLOSED != NEW


def test_an_event_in_the_middle_of_the_close_cannot_be_taken_half(ready: Link) -> None:
    """The close waits for the lock: what is being taken is taken in full, and told before the end is."""
    order: list[str] = []
    inside = Gate()

    def take(event: RelayEvent) -> None:
        inside.pass_()
        order.append("event")

    ready.listener.taking = take
    ready.listener.losing = lambda why: order.append("end")
    ready.relay.tell_state("created")
    inside.reached()
    stopping = Running(ready.connection.stop)
    inside.open()
    stopping.result()
    assert order == ["event", "end"]
