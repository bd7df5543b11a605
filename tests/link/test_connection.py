"""A connection that works: its one thread, the road out, the road in, and each race in both of its orders."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from relay_sync.errors import (
    AuthenticationFailed,
    ConnectFailed,
    ConnectionLost,
    NotConnected,
    RelayTimeout,
    WouldDeadlock,
)
from relay_sync.link.books import CLOSED, CONNECTING, NEW, READY, RECONNECTING, Limits
from relay_sync.link.failures import OpenFailed, TransportLost
from relay_sync.link.waiting import Deadline
from relay_sync.wire.events import Answer, RelayEvent
from relay_sync.wire.session import Session
from tests.link.conftest import MakeLink
from tests.link.support import INTERVAL, TIMEOUT, HeldTransport, Link, MovedClock
from tests.support import LIMIT, Running, ScriptedTransport, until
from tests.words import blade_only, chosen

OK = {"code": "200", "message": "OK"}


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("relay-reader-")]


def texts(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


def wait_ready(link: Link) -> None:
    link.connection.wait_ready(Deadline(LIMIT))


# Its thread


def test_making_a_connection_starts_no_thread_and_opens_nothing(link: Link) -> None:
    assert link.connection.state == NEW
    assert readers() == []
    assert link.relay._transports.empty()


def test_one_thread_per_connection_however_often_it_is_started(link: Link) -> None:
    link.start()
    link.start()
    link.relay.accept()
    wait_ready(link)
    link.start()
    assert readers() == [link.thread]
    assert link.thread.daemon


def test_each_connection_has_a_thread_with_a_name_of_its_own(make_link: MakeLink) -> None:
    links = [make_link(), make_link()]
    for one in links:
        one.make_ready()
    assert len({thread.name for thread in readers()}) == 2


def test_many_commands_and_events_need_no_further_thread(ready: Link) -> None:
    for number in range(50):
        asked = ready.ask()
        ready.relay.accept_command("calling.play")
        ready.relay.tell_state("created", call_id=f"call-{number}")
        assert asked.result().ok
    assert readers() == [ready.thread]


def test_without_a_thread_to_be_had_nobody_is_left_waiting(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as without:
        without.setattr(threading.Thread, "start", refuse)
        link.start()
    with pytest.raises(ConnectFailed, match="can't start new thread"):
        wait_ready(link)


# Connecting


def test_the_states_of_a_connection_are_new_connecting_ready(link: Link) -> None:
    states = [link.connection.state]
    link.start()
    link.relay.next_line()
    states.append(link.connection.state)
    link.relay.shake_hands()
    wait_ready(link)
    states.append(link.connection.state)
    assert states == [NEW, CONNECTING, READY]


def test_everybody_who_waits_for_ready_is_told(link: Link) -> None:
    waiting = [Running(partial(wait_ready, link)) for _ in range(3)]
    link.asleep(count=3)
    link.make_ready()
    for one in waiting:
        one.result()
    wait_ready(link)


def test_the_listener_is_told_of_the_socket_and_then_of_ready(ready: Link) -> None:
    assert ready.listener.told.empty()  # both were taken by make_ready
    assert ready.listener.lost == []
    assert ready.listener.resumptions == 0


def test_opening_and_handshake_share_the_time_to_connect(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock, limits=Limits(connect=8.0))

    class Slow(ScriptedTransport):
        def open(self, timeout: float) -> None:
            super().open(timeout)
            clock.move(6.0)

    transport = Slow()
    link.relay.prepare(transport)
    link.start()
    link.relay.next_line()
    link.settle()
    assert transport.open_timeout == 8.0
    assert link.session.next_timer() == clock.now + 2.0


def test_who_does_not_answer_the_handshake_in_time_has_refused_it(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock, limits=Limits(connect=8.0))
    link.start()
    link.relay.next_line().take()
    clock.move(8.0)
    link.line.nudge()
    with pytest.raises(ConnectFailed, match=r"Relay did not answer the handshake for 8\.0 s"):
        wait_ready(link)


def test_a_first_connection_that_fails_is_not_tried_again(link: Link) -> None:
    link.relay.refuse_next()
    link.start()
    with pytest.raises(ConnectFailed, match="nothing listens there"):
        wait_ready(link)
    assert link.connection.state == CLOSED
    (error,) = link.listener.expect("signalwire.socket.error")
    assert isinstance(error, ConnectFailed)
    link.thread.join(LIMIT)
    assert link.relay._transports.qsize() == 1
    assert link.listener.told.empty()  # no socket was open, so none is said to be closed


def test_everybody_gets_an_error_of_their_own(link: Link) -> None:
    link.relay.refuse_next()
    waiting = [Running(partial(wait_ready, link)) for _ in range(3)]
    link.asleep(count=3)
    link.start()
    errors = []
    for one in waiting:
        with pytest.raises(ConnectFailed) as caught:
            one.result()
        errors.append(caught.value)
    assert len(set(map(id, errors))) == 3


def test_refused_credentials_say_so_with_relays_words(link: Link) -> None:
    link.start()
    connect = link.relay.next_line().take()
    link.line.say({"jsonrpc": "2.0", "id": connect["id"], "error": {"code": -32002, "message": "Unauthorized"}})
    with pytest.raises(AuthenticationFailed, match=r"Unauthorized.*check project and token") as caught:
        wait_ready(link)
    assert caught.value.code == "-32002"


def test_what_relay_repeats_of_the_credentials_is_masked_in_the_error(make_link: MakeLink) -> None:
    link = make_link(mask=lambda text: text.replace("PTsecret", "***"))
    link.start()
    connect = link.relay.next_line().take()
    link.line.say({"jsonrpc": "2.0", "id": connect["id"], "error": {"code": -32002, "message": "no token PTsecret"}})
    with pytest.raises(AuthenticationFailed, match=r"no token \*\*\*"):
        wait_ready(link)


def test_a_refusal_for_another_reason_is_a_failure_to_connect(link: Link) -> None:
    link.start()
    connect = link.relay.next_line().take()
    link.line.say({"jsonrpc": "2.0", "id": connect["id"], "error": {"code": 500, "message": "Internal"}})
    with pytest.raises(ConnectFailed, match="Internal") as caught:
        wait_ready(link)
    assert not isinstance(caught.value, AuthenticationFailed)


def test_a_connection_that_breaks_during_the_handshake_has_failed(link: Link) -> None:
    link.start()
    link.relay.next_line().take()
    link.line.break_("reset by peer")
    with pytest.raises(ConnectFailed, match=r"before Relay said ready .reset by peer"):
        wait_ready(link)
    link.listener.expect("signalwire.socket.close")


def test_who_waits_for_ready_too_briefly_learns_how_long_it_was(link: Link) -> None:
    link.start()
    with pytest.raises(ConnectFailed, match=r"did not say ready within 0\.0 s"):
        link.connection.wait_ready(Deadline(0))


def test_a_farewell_during_the_first_handshake_leaves_it_connecting(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock)
    link.start()
    link.relay.next_line().take()
    link.hear(id="d-1", method=link.relay.words.farewell, params={})
    assert link.connection.state == CONNECTING
    link.line.break_("closed by Relay: 1001")
    with pytest.raises(ConnectFailed, match="1001"):
        wait_ready(link)


@blade_only
def test_contexts_that_relay_refuses_are_told_of_and_harm_nothing_else(
    make_link: MakeLink, caplog: pytest.LogCaptureFixture
) -> None:
    link = make_link(contexts=("office",))
    link.start()
    link.relay.accept()
    link.relay.refuse_command("signalwire.receive", "404", "no such context")
    wait_ready(link)
    link.listener.expect("ready")
    assert "Relay refused the contexts ('office',): 404 no such context" in texts(caplog, logging.ERROR)


@blade_only
def test_what_relay_says_of_the_contexts_at_first_is_kept_for_those_who_look_late(make_link: MakeLink) -> None:
    link = make_link(contexts=("office",))
    link.start()
    link.relay.accept()
    link.relay.refuse_command("signalwire.receive")
    link.listener.expect("ready")
    link.line.break_()
    link.come_back(contexts=True)
    assert link.connection.contexts_refused is not None
    assert link.connection.contexts_refused.code == "404"


@blade_only
def test_a_refusal_of_the_contexts_at_a_reconnect_is_not_taken_for_one_at_the_first_connection(
    make_link: MakeLink, caplog: pytest.LogCaptureFixture
) -> None:
    link = make_link(contexts=("office",))
    link.start()
    link.relay.accept(contexts=True)
    link.listener.expect("ready")
    link.line.break_()
    link.relay.accept()
    link.relay.refuse_command("signalwire.receive")
    until(lambda: "Relay refused the contexts" in caplog.text, "that the refusal is logged")
    assert link.connection.contexts_refused is None


@pytest.mark.parametrize("wait", ["wait_ready", "wait_closed"])
def test_a_wait_for_a_state_can_be_called_off(link: Link, wait: str) -> None:
    link.start()
    link.relay.next_line()
    enough = threading.Event()
    waiting = Running(lambda: getattr(link.connection, wait)(Deadline(LIMIT), enough.is_set))
    link.asleep()
    link.connection.nudge()
    link.asleep()
    enough.set()
    link.connection.nudge()
    waiting.result()
    assert link.connection.state == CONNECTING


# The road out


def test_a_command_returns_relays_answer(ready: Link) -> None:
    asked = ready.ask("calling.play", params={"call_id": "call-1"})
    assert ready.relay.accept_command("calling.play", control_id="c-1") == {"call_id": "call-1"}
    assert asked.result() == Answer(True, "200", "OK", {"control_id": "c-1", **OK})


def test_a_refusal_is_an_answer_too(ready: Link) -> None:
    asked = ready.ask()
    ready.relay.refuse_command("calling.play", "404", "Call does not exist")
    answer = asked.result()
    assert (answer.ok, answer.code, answer.message) == (False, "404", "Call does not exist")


def test_a_hundred_commands_at_once_get_each_its_own_answer(ready: Link) -> None:
    asked = [ready.ask(params={"number": number}) for number in range(100)]
    frames = [ready.relay.take_any() for _ in asked]
    for frame in reversed(frames):
        ready.relay.answer(frame, {**OK, "number": frame["params"]["params"]["number"]})
    assert [one.result().result["number"] for one in asked] == list(range(100))


def test_a_command_before_the_start_is_surely_not_sent(link: Link) -> None:
    with pytest.raises(NotConnected, match=r"calling\.play was not sent: call connect\(\) first") as caught:
        link.connection.request("calling.play", {}, Deadline(LIMIT))
    assert caught.value.method == "calling.play"


@pytest.mark.parametrize(("value", "error"), [(float("nan"), ValueError), (object(), TypeError)])
def test_what_json_cannot_carry_is_refused_and_leaves_nothing_behind(
    ready: Link, value: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"calling\.play"):
        ready.connection.request("calling.play", {"volume": value}, Deadline(LIMIT))
    assert ready.line.sent.empty()
    assert ready.session._asked == {}


def test_a_command_during_the_handshake_goes_out_after_the_contexts(make_link: MakeLink) -> None:
    link = make_link(contexts=("office",))
    link.start()
    asked = link.ask()
    link.asleep()
    link.relay.accept(contexts=True)
    link.relay.accept_command("calling.play")
    assert asked.result().ok


def test_a_command_that_is_not_ready_in_time_is_surely_not_sent(link: Link) -> None:
    link.start()
    link.relay.next_line()
    with pytest.raises(NotConnected, match=r"not ready within 0\.0 s \(the client is connecting\)") as caught:
        link.connection.request("calling.play", {}, Deadline(0))
    assert caught.value.method == "calling.play"
    link.relay.shake_hands()
    wait_ready(link)
    link.settle()
    assert link.line.sent.empty()


def test_a_command_whose_time_is_up_when_it_could_be_sent_is_not_sent(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock)
    link.make_ready()
    with pytest.raises(
        RelayTimeout, match=rf"calling\.play was not sent: its time was up before \({LIMIT} s\)"
    ) as caught:
        link.ask(sending=lambda: clock.move(LIMIT)).result()
    assert not caught.value.sent
    assert caught.value.method == "calling.play"
    assert link.line.sent.empty()
    assert link.session._asked == {}


def test_a_command_that_relay_does_not_take_in_time_is_not_sent(ready: Link) -> None:
    ready.line.blocked = True
    with pytest.raises(RelayTimeout, match="Relay takes no data") as caught:
        ready.ask().result()
    assert not caught.value.sent
    assert ready.session._asked == {}


@pytest.mark.parametrize(("timeout", "limit"), [(4.0, 4.0), (None, 7.0)])
def test_writing_may_take_what_is_left_of_the_commands_time_or_the_time_for_an_answer(
    make_link: MakeLink, timeout: float | None, limit: float
) -> None:
    given: list[float] = []

    class Noting(ScriptedTransport):
        def send(self, text: str, timeout: float) -> None:
            given.append(timeout)
            super().send(text, timeout)

    link = make_link(clock=MovedClock(), limits=Limits(request=7.0))
    link.relay.prepare(Noting())
    link.make_ready()
    asked = link.ask(timeout=timeout)
    link.relay.accept_command("calling.play")
    asked.result()
    assert given[-1] == limit


def test_what_has_to_be_enlisted_is_enlisted_before_the_command_leaves(ready: Link) -> None:
    seen: list[tuple[bool, bool]] = []
    asked = ready.ask(sending=lambda: seen.append((ready.monitor.lock.locked(), ready.line.sent.empty())))
    ready.relay.accept_command("calling.play")
    asked.result()
    assert seen == [(True, True)]


def test_a_command_may_be_called_off_at_the_last_moment(ready: Link) -> None:
    class Over(Exception):
        pass

    def call_off() -> None:
        raise Over

    with pytest.raises(Over):
        ready.ask(sending=call_off).result()
    assert ready.line.sent.empty()
    assert ready.session._asked == {}


def test_the_answer_takes_effect_before_the_waiter_wakes_and_on_the_readers_thread(ready: Link) -> None:
    seen: list[tuple[bool, str, bool]] = []

    def answered(answer: Answer) -> None:
        seen.append((ready.monitor.lock.locked(), threading.current_thread().name, answer.ok))

    asked = ready.ask(answered=answered)
    ready.relay.accept_command("calling.play")
    asked.result()
    assert seen == [(True, ready.thread.name, True)]


def test_a_blocking_method_on_the_connections_own_thread_raises(ready: Link) -> None:
    errors: list[BaseException] = []

    def block(event: RelayEvent) -> None:
        for act in (
            partial(ready.connection.request, "calling.play", {}, Deadline(LIMIT)),
            partial(wait_ready, ready),
            partial(ready.connection.wait_closed, Deadline(LIMIT)),
        ):
            try:
                act()
            except WouldDeadlock as error:
                errors.append(error)

    ready.listener.taking = block
    ready.relay.tell_state("created")
    ready.settle()
    assert [str(error).partition(": ")[0] for error in errors] == ["calling.play", "connect()", "run()"]
    assert ready.connection.state == READY


def test_the_number_of_the_thread_that_ended_is_not_mistaken_for_it(ready: Link) -> None:
    """The system gives it to one of the next threads, which then waits for nobody."""
    reader = ready.thread
    ready.connection.stop()
    reader.join(LIMIT)
    for _ in range(20):
        with pytest.raises(NotConnected):
            ready.ask().result()
    assert ready.monitor.reader is None


# (answer, event)


@pytest.mark.parametrize("answer_first", [True, False])
def test_answer_and_event_take_effect_in_the_order_in_which_they_come(ready: Link, answer_first: bool) -> None:
    order: list[str] = []
    ready.listener.taking = lambda event: order.append("event")
    asked = ready.ask(answered=lambda answer: order.append("answer"))
    frame = ready.relay.take_command("calling.play")
    if answer_first:
        ready.relay.answer(frame, OK)
    ready.relay.tell_play("playing", "c-1")
    if not answer_first:
        ready.relay.answer(frame, OK)
    asked.result()
    ready.settle()
    assert order == (["answer", "event"] if answer_first else ["event", "answer"])


# (timeout, answer)


def held(link: Link) -> HeldTransport:
    """Make it ready over a transport that can be held."""
    transport = HeldTransport()
    link.relay.prepare(transport)
    link.make_ready()
    return transport


def test_an_answer_that_comes_before_the_time_is_up_counts_though_the_asker_looks_after_it(
    make_link: MakeLink,
) -> None:
    clock = MovedClock()
    link = make_link(clock=clock)
    transport = held(link)
    came = threading.Event()

    def answer_and_pass_the_time() -> None:
        link.relay.accept_command("calling.play")
        assert came.wait(LIMIT)
        clock.move(LIMIT)

    transport.sent_one = answer_and_pass_the_time
    assert link.ask(answered=lambda answer: came.set()).result().ok


def test_an_answer_that_comes_after_the_time_was_up_is_dropped(
    make_link: MakeLink, caplog: pytest.LogCaptureFixture
) -> None:
    clock = MovedClock()
    link = make_link(clock=clock)
    transport = held(link)
    transport.sent_one = lambda: clock.move(LIMIT)
    applied: list[Answer] = []
    with pytest.raises(RelayTimeout, match=rf"no answer to calling\.play within {LIMIT} s") as caught:
        link.ask(answered=applied.append).result()
    assert caught.value.sent
    assert caught.value.method == "calling.play"
    link.relay.accept_command("calling.play")
    link.settle()
    assert applied == []
    assert link.connection.dropped == {"late answer": 1}
    assert "dropped: late answer: to calling.play, 10.0 s after it was asked" in texts(caplog)


def test_a_second_answer_to_a_command_is_dropped(ready: Link) -> None:
    asked = ready.ask()
    frame = ready.relay.take_command("calling.play")
    ready.relay.answer(frame, OK)
    ready.relay.answer(frame, {"code": "500", "message": "again"})
    assert asked.result().ok
    ready.settle()
    assert ready.connection.dropped == {"unexpected answer": 1}


# The road in


def test_events_are_taken_by_the_reader_in_order_with_the_lock_held(ready: Link) -> None:
    locked: list[bool] = []
    ready.listener.taking = lambda event: locked.append(ready.monitor.lock.locked())
    for number in range(20):
        ready.relay.tell_state("created", call_id=f"call-{number}")
    ready.settle()
    assert [event.params["call_id"] for event in ready.listener.events] == [f"call-{n}" for n in range(20)]
    assert all(locked)
    assert ready.listener.threads == {ready.thread.name}


def test_what_is_put_off_is_done_in_order_once_the_lock_is_released(ready: Link) -> None:
    done: list[tuple[str, bool]] = []

    def put_off(event: RelayEvent) -> None:
        for name in ("first", "second"):
            ready.connection.later(lambda name=name: done.append((name, ready.monitor.lock.locked())))  # type: ignore[misc]
        done.append(("taken", True))

    ready.listener.taking = put_off
    ready.relay.tell_state("created")
    ready.settle()
    assert done == [("taken", True), ("first", False), ("second", False)]


def test_one_thing_put_off_that_fails_does_not_keep_the_others(ready: Link, caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    def decide() -> None:
        ready.connection.later(lambda: 1 // 0)
        ready.connection.later(lambda: done.append("the other"))

    ready.connection.act(decide)
    assert done == ["the other"]
    assert "ZeroDivisionError" in caplog.text
    assert ready.connection.state == READY


class Meanwhile:
    """A lock that lets others have their turn as soon as it is let go for the first time."""

    def __init__(self, lock: threading.Lock, act: Callable[[], object]) -> None:
        self._lock = lock
        self._turns = [act]
        self.locked = lock.locked
        self.acquire = lock.acquire
        self.release = lock.release

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        while self._turns:
            self._turns.pop()()


def test_what_one_thread_puts_off_is_not_done_by_another_that_had_nothing_to_do_as_well(link: Link) -> None:
    done: list[str] = []
    connection = link.connection
    others = partial(connection.act, lambda: connection.later(lambda: done.append("once")))
    link.monitor.lock = Meanwhile(link.monitor.lock, others)  # type: ignore[assignment]
    connection.act(lambda: None)
    assert done == ["once"]


def test_what_an_event_put_off_is_done_even_if_the_reply_to_it_cannot_be_sent(ready: Link) -> None:
    """It may be all that a future or a handler will ever hear of the event."""
    done = threading.Event()
    ready.connection.act(lambda: ready.session._outgoing.append("a reply of the reader's own"))
    ready.listener.taking = lambda event: ready.connection.later(done.set)
    ready.line.sending = TransportLost("broken pipe")
    ready.relay.tell_state("created")
    assert done.wait(LIMIT)
    ready.relay.accept()


def test_every_frame_is_shown_to_a_listener_that_wants_them(ready: Link) -> None:
    ready.relay.tell_state("created", call_id="unwanted")
    ready.settle()
    ready.listener.wants_frames = True
    ready.relay.tell_state("created", call_id="wanted")
    ready.line.say("not even JSON")
    ready.settle()
    assert ["wanted" in text for text in ready.listener.frames] == [True, False]


def test_a_ping_of_relays_is_answered_by_the_reader(ready: Link) -> None:
    ready.hear(id="p-1", method=ready.relay.words.ping, params={"payload": "x"})
    assert ready.line.take() == {"jsonrpc": "2.0", "id": "p-1", "result": {"payload": "x"}}


GARBAGE = ["not even JSON", "[]", '{"jsonrpc": "2.0"}', "[" * 100_000, '"\ud800"'.encode("utf-8", "replace").decode()]


def test_frames_that_are_not_understood_are_counted_logged_once_per_kind_and_harm_nothing(
    ready: Link, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        for text in GARBAGE:
            ready.line.say(text)
        ready.line.say({"jsonrpc": "2.0", "id": "x", "method": "relay.dance", "params": {}})
        ready.line.say({"jsonrpc": "2.0", "id": "nobody-asked", "result": {}})
    ready.settle()
    assert ready.connection.dropped["unreadable frame"] == 3 * len(GARBAGE)
    assert ready.connection.dropped["unknown method"] == 3
    assert ready.connection.dropped["unexpected answer"] == 3
    kinds = [text.split(": ")[1] for text in texts(caplog)]
    assert sorted(kinds) == ["unexpected answer", "unknown method", "unreadable frame"]
    for _ in range(3):
        assert ready.line.take()["error"]["code"] == -32601
    asked = ready.ask()
    ready.relay.accept_command("calling.play")
    assert asked.result().ok


def test_a_dropped_frame_shows_no_secret_and_not_too_much(ready: Link, caplog: pytest.LogCaptureFixture) -> None:
    ready.line.say('{"token": "PTverysecret", "padding": "' + "x" * 5000)
    ready.settle()
    (text,) = texts(caplog)
    assert "PTverysecret" not in text
    assert len(text) < 300


def test_debug_logging_shows_every_frame_by_direction_with_secrets_masked(
    link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "relay_sync.wire")
    link.make_ready()
    asked = link.ask()
    link.relay.accept_command("calling.play")
    asked.result()
    shown = [record.getMessage() for record in caplog.records if record.name == "relay_sync.wire"]
    steps = {"blade": 4, "flat": 2}[chosen()]  # of the handshake three, or one
    assert [text[0] for text in shown] == [">", "<"] * steps
    assert "PTsecret" not in caplog.text
    assert '"method":"calling.play"' in shown[-2].replace(" ", "")


def test_nothing_is_logged_under_the_lock_because_log_handlers_are_the_users(ready: Link) -> None:
    locked: list[bool] = []

    class Nosy(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            locked.append(ready.monitor.lock.locked())

    logger, handler = logging.getLogger("relay_sync"), Nosy()
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        ready.line.say("not even JSON")
        ready.hear(id="d-1", method=ready.relay.words.farewell, params={})
        ready.line.break_()
        ready.come_back()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert locked
    assert not any(locked)


# Our own bugs


def raise_bug(*_: object) -> None:
    raise RuntimeError("a bug of ours")


def test_an_exception_that_nobody_foresaw_is_logged_and_closes_and_tells_everybody(
    ready: Link, caplog: pytest.LogCaptureFixture
) -> None:
    asked = [ready.ask(), ready.ask()]
    for _ in asked:
        ready.relay.take_command("calling.play")
    watcher = Running(lambda: ready.connection.wait_closed(Deadline(LIMIT)))
    ready.asleep()
    ready.listener.taking = raise_bug
    ready.relay.tell_state("created")
    for one in asked:
        with pytest.raises(ConnectionLost, match="a bug of ours"):
            one.result()
    with pytest.raises(ConnectionLost, match="a bug of ours"):
        watcher.result()
    assert ready.connection.state == CLOSED
    assert len(ready.listener.lost) == 1
    assert "a bug of ours" in ready.listener.lost[0]
    ready.thread.join(LIMIT)
    assert "Traceback" in caplog.text
    with pytest.raises(NotConnected, match="a bug of ours"):
        ready.connection.request("calling.play", {}, Deadline(LIMIT))


def test_an_answer_whose_effect_fails_reaches_its_asker_all_the_same(ready: Link) -> None:
    asked = ready.ask(answered=raise_bug)
    ready.relay.accept_command("calling.play")
    assert asked.result().ok
    with pytest.raises(ConnectionLost):
        ready.connection.wait_closed(Deadline(LIMIT))


def test_an_answer_that_cannot_be_made_out_leaves_nobody_waiting_for_it(
    ready: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ready.ask(timeout=None)
    ready.relay.take_command("calling.play")
    monkeypatch.setattr(type(ready.session.dialect), "answer", raise_bug)
    ready.line.say({"jsonrpc": "2.0", "id": next(iter(ready.session._asked)), "result": {}})
    with pytest.raises(ConnectionLost, match="a bug of ours"):
        asked.result()


def test_an_answer_reaches_its_asker_though_what_is_due_in_that_moment_fails(
    ready: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ready.ask(timeout=None)
    monkeypatch.setattr(Session, "tick", raise_bug)
    ready.relay.accept_command("calling.play")
    assert asked.result().ok


def test_who_waits_for_the_end_learns_of_it_though_telling_of_the_session_fails(ready: Link) -> None:
    watcher = Running(lambda: ready.connection.wait_closed(Deadline(None)))
    ready.asleep()
    ready.listener.losing = raise_bug
    with pytest.raises(RuntimeError, match="a bug of ours"):
        ready.connection.stop()
    watcher.result()


class Broken(logging.Handler):
    """A log handler of a user's that raises."""

    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("no space left on device")


@pytest.fixture
def broken_log() -> Iterator[None]:
    logger, handler = logging.getLogger("relay_sync"), Broken()
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    yield
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_log_handler_that_raises_neither_ends_the_connection_nor_keeps_what_was_put_off(
    make_link: MakeLink, broken_log: None
) -> None:
    link, done = make_link(), threading.Event()
    link.make_ready()

    def put_off(event: RelayEvent) -> None:
        link.connection.later(raise_bug)
        link.connection.later(done.set)

    link.listener.taking = put_off
    link.line.say("not even JSON")
    link.relay.tell_state("created")
    assert done.wait(LIMIT)
    link.line.break_()
    link.come_back()
    assert link.connection.state == READY


def test_an_interrupted_close_completes_what_was_put_off_all_the_same(ready: Link) -> None:
    done = threading.Event()

    def interrupt() -> None:
        raise KeyboardInterrupt

    def put_off(why: str) -> None:
        ready.connection.later(interrupt)
        ready.connection.later(done.set)

    ready.listener.losing = put_off
    with pytest.raises(KeyboardInterrupt):
        ready.connection.stop()
    assert done.is_set()


def test_a_transport_that_cannot_even_be_made_is_a_failure_to_connect(
    link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    link.connection._reader._open_transport = raise_bug  # type: ignore[assignment]
    link.start()
    with pytest.raises(ConnectFailed, match="a bug of ours"):
        wait_ready(link)
    assert "Traceback" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_reader_that_is_told_to_end_itself_still_tells_everybody(ready: Link) -> None:
    """SystemExit from anywhere below ends the thread, which is no reason to leave somebody waiting."""
    asked = ready.ask()
    ready.relay.take_command("calling.play")

    def leave(event: RelayEvent) -> None:
        raise SystemExit

    ready.listener.taking = leave
    ready.relay.tell_state("created")
    with pytest.raises(ConnectionLost, match="thread failed"):
        asked.result()
    with pytest.raises(ConnectionLost, match="thread failed"):
        ready.connection.wait_closed(Deadline(LIMIT))


# Silence


def test_a_peer_that_is_silent_after_a_ping_is_found_and_left(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock)
    link.make_ready()
    asked = link.ask(timeout=60.0)
    link.relay.take_command("calling.play")
    clock.move(INTERVAL)
    link.settle()
    assert link.line.take()["method"] == link.relay.words.ping
    clock.move(TIMEOUT)
    link.line.nudge()
    with pytest.raises(ConnectionLost, match=rf"nothing was heard from Relay for {TIMEOUT} s"):
        asked.result()
    link.come_back()


def test_any_sign_of_life_keeps_the_connection(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock)
    link.make_ready()
    for _ in range(5):
        clock.move(INTERVAL)
        link.settle()
        assert link.line.take()["method"] == link.relay.words.ping
        link.relay.tell_state("created")  # not even the pong
        link.settle()
    assert link.connection.state == READY


def test_what_was_received_while_the_process_was_stopped_counts_before_the_clock(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock)
    link.make_ready()
    clock.move(INTERVAL)
    link.settle()
    ping = link.line.take()
    clock.move(3600.0)
    link.relay.reply(ping, {})
    link.settle()
    assert link.connection.state == READY


def test_a_peer_that_takes_none_of_the_readers_own_frames_is_left(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock)
    link.make_ready()
    asked = link.ask(timeout=60.0)
    link.relay.take_command("calling.play")
    link.line.blocked = True
    clock.move(INTERVAL)
    link.line.nudge()
    with pytest.raises(ConnectionLost, match="Relay takes no data"):
        asked.result()
    link.come_back()


# A transport that is closed before its reader has noticed


def test_a_command_that_surely_did_not_leave_goes_out_once_on_the_next_connection(ready: Link) -> None:
    attempts: list[str] = []
    old = ready.line
    send = old.send

    def count(text: str, timeout: float) -> None:
        attempts.append(text)
        send(text, timeout)

    old.send = count  # type: ignore[method-assign]
    old._shut.set()  # as after the peer's closing frame, which the reader has yet to take in
    enlisted: list[str] = []
    asked = ready.ask(sending=lambda: enlisted.append(ready.connection.state))
    ready.asleep()
    assert len(attempts) == 1  # it waits for the next one, and does not try this one over and over
    assert ready.session._asked == {}
    old.break_("closed by Relay: 1001")
    ready.come_back()
    ready.relay.accept_command("calling.play")
    assert asked.result().ok
    assert old.sent.empty()
    assert len(attempts) == 1
    assert enlisted == [READY, READY]


def test_a_command_whose_next_connection_does_not_come_in_time_was_surely_not_sent(make_link: MakeLink) -> None:
    clock = MovedClock()
    link = make_link(clock=clock)
    link.make_ready()
    link.line._shut.set()
    asked = link.ask()
    link.asleep()
    clock.move(LIMIT)
    link.line.break_()  # wakes it
    with pytest.raises(NotConnected, match="the client is reconnecting"):
        asked.result()
    link.come_back()
    link.settle()
    assert link.line.sent.empty()


def test_a_connection_that_breaks_under_a_command_leaves_unknown_whether_it_was_done(ready: Link) -> None:
    ready.line.sending = TransportLost("broken pipe")
    with pytest.raises(ConnectionLost, match=r"broke while calling\.play was being sent .broken pipe") as caught:
        ready.ask().result()
    assert caught.value.method == "calling.play"
    assert ready.session._asked == {}
    ready.line.sending = None


def test_a_failure_to_open_names_its_reason(link: Link) -> None:
    transport = ScriptedTransport()
    transport.opening = OpenFailed("relay.example.com does not resolve", tls=False)
    link.relay.prepare(transport)
    link.start()
    with pytest.raises(ConnectFailed, match=r"relay\.example\.com does not resolve"):
        wait_ready(link)
    until(lambda: transport._shut.is_set(), "that its socket is closed")
    assert link.connection.state != RECONNECTING
