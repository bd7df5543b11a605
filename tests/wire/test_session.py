from __future__ import annotations

import math
from typing import Any

import pytest

from relay_sync.errors import NotConnected
from relay_sync.wire.events import Answer, Answered, Dropped, GoAway, Happened, RelayEvent, Silent
from relay_sync.wire.session import Session
from tests.wire.support import INTERVAL, LIMIT, PROTOCOL, TIMEOUT, Table


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def ready(table: Table) -> Table:
    table.make_ready()
    return table


OK = Answer(True, "200", "OK", {"code": "200", "message": "OK"})


# Commands and their answers


def test_an_answer_goes_to_whoever_asked(ready: Table) -> None:
    first, second = object(), object()
    a, _ = ready.ask("calling.play", first)
    b, _ = ready.ask("calling.play", second)
    assert ready.accept_inner(b, code="200", message="OK") == [Answered(second, OK)]
    assert ready.accept_inner(a, code="200", message="OK") == [Answered(first, OK)]


def test_ids_are_never_used_twice_in_one_session_nor_in_two() -> None:
    seen: set[str] = set()
    for table in (Table(), Table()):
        for _ in range(3):
            table.make_ready()
            idents = [table.ask("calling.play", None)[0] for _ in range(5)]
            assert not seen & set(idents)
            seen |= set(idents)
            table.lose()
    assert len(seen) == 30


def test_a_duplicated_answer_is_harmless(ready: Table) -> None:
    ident, _ = ready.ask("calling.play", "t")
    assert ready.accept_inner(ident, code="200", message="OK") == [Answered("t", OK)]
    (dropped,) = ready.accept_inner(ident, code="200", message="OK")
    assert isinstance(dropped, Dropped)
    assert dropped.kind == "unexpected answer"


@pytest.mark.parametrize("ident", ["nobody", "", 5, "r-1"])
def test_an_answer_nobody_waits_for_is_dropped(ready: Table, ident: object) -> None:
    (dropped,) = ready.say(id=ident, result={"result": {"code": "200"}})
    assert isinstance(dropped, Dropped)
    assert dropped.kind == "unexpected answer"


def test_a_late_answer_is_dropped_and_named(ready: Table) -> None:
    ident, _ = ready.ask("calling.play", "t")
    ready.session.forget(ident)
    ready.now += 12.5
    assert ready.accept_inner(ident, code="200") == [
        Dropped("late answer", "to calling.play, 12.5 s after it was asked")
    ]
    (again,) = ready.accept_inner(ident, code="200")
    assert isinstance(again, Dropped)
    assert again.kind == "unexpected answer"


def test_forgetting_is_harmless_for_what_was_answered_or_never_asked(ready: Table) -> None:
    ident, _ = ready.ask("calling.play", "t")
    ready.accept_inner(ident, code="200")
    ready.session.forget(ident)
    ready.session.forget("nobody")
    assert ready.lose() == []


def test_commands_given_up_do_not_pile_up(ready: Table) -> None:
    idents = [ready.ask("calling.play", None)[0] for _ in range(1000)]
    for ident in idents:
        ready.session.forget(ident)
    kinds = [ready.accept_inner(ident, code="200") for ident in (idents[0], idents[-1])]
    assert [outcome.kind for (outcome,) in kinds if isinstance(outcome, Dropped)] == [
        "unexpected answer",
        "late answer",
    ]
    assert ready.lose() == []


def test_nothing_is_asked_before_the_session_is_ready(table: Table) -> None:
    for reached in (lambda: None, table.open, table.to_setup, table.to_subscription):
        reached()
        with pytest.raises(NotConnected, match=r"calling\.play was not sent") as caught:
            table.session.ask("calling.play", {}, table.now, "t")
        assert caught.value.method == "calling.play"
    assert table.lose() == []


@pytest.mark.parametrize(
    ("value", "error"), [(math.nan, ValueError), (-math.inf, ValueError), (object(), TypeError), (b"", TypeError)]
)
def test_what_json_cannot_carry_is_refused_before_anything_is_enlisted(
    ready: Table, value: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"calling\.play\.volume"):
        ready.session.ask("calling.play.volume", {"volume": value}, ready.now, "t")
    assert ready.sent() == []
    assert ready.lose() == []


def test_asking_puts_nothing_into_outgoing(ready: Table) -> None:
    ready.ask("calling.play", "t")
    assert ready.sent() == []


def test_a_lost_connection_gives_back_everybody_who_waits(ready: Table) -> None:
    tokens = [object() for _ in range(3)]
    idents = [ready.ask("calling.play", token)[0] for token in tokens]
    ready.accept_inner(idents[1], code="200")
    assert ready.lose() == [tokens[0], tokens[2]]
    assert ready.lose() == []
    assert not ready.session.ready
    with pytest.raises(NotConnected):
        ready.session.ask("calling.play", {}, ready.now, "t")


def test_an_answer_of_the_previous_connection_finds_nobody(ready: Table) -> None:
    ident, _ = ready.ask("calling.play", "t")
    ready.lose()
    ready.make_ready()
    (dropped,) = ready.accept_inner(ident, code="200")
    assert isinstance(dropped, Dropped)


def test_a_late_answer_is_named_even_after_a_reconnect(ready: Table) -> None:
    ident, _ = ready.ask("calling.play", "t")
    ready.session.forget(ident)
    ready.lose()
    ready.make_ready(session_restored=True)
    (dropped,) = ready.accept_inner(ident, code="200")
    assert isinstance(dropped, Dropped)
    assert dropped.kind == "late answer"


def test_a_reply_that_is_no_object_is_a_refusal(ready: Table) -> None:
    ident, _ = ready.ask("calling.play", "t")
    (answered,) = ready.say(id=ident, result=[1, 2])
    assert isinstance(answered, Answered)
    assert not answered.answer.ok


def test_an_error_reply_is_a_refusal_with_its_code(ready: Table) -> None:
    ident, _ = ready.ask("calling.play", "t")
    assert ready.refuse(ident, -32601, "unknown") == [Answered("t", Answer(False, "-32601", "unknown", {}))]


def test_an_event_may_overtake_the_answer_of_its_command(ready: Table) -> None:
    ident, _ = ready.ask("calling.play", "t")
    event = {"event_type": "calling.call.play", "params": {"state": "playing"}}
    assert ready.broadcast(event) == [Happened(RelayEvent("calling.call.play", {"state": "playing"}, None, None))]
    assert ready.accept_inner(ident, code="200", message="OK") == [Answered("t", OK)]


# The handshake


def test_a_duplicated_reply_does_not_advance_the_handshake_twice(table: Table) -> None:
    connect = table.open()
    table.connected(connect["id"])
    setup = table.take()
    (dropped,) = table.connected(connect["id"])
    assert isinstance(dropped, Dropped)
    assert table.sent() == []
    table.accept_inner(setup["id"], protocol=PROTOCOL)
    assert table.take()["method"] == "blade.subscription"


def test_a_reply_to_another_handshake_does_not_advance_this_one(table: Table) -> None:
    old = table.open()
    table.lose()
    new = table.open()
    (dropped,) = table.connected(old["id"])
    assert isinstance(dropped, Dropped)
    assert table.sent() == []
    assert table.connected(new["id"]) == []


def test_a_handshake_has_a_limit_that_traffic_does_not_extend(table: Table) -> None:
    table.open()
    assert table.session.next_timer() == table.now + LIMIT
    table.now += LIMIT - 1
    table.say(id="srv-1", method="blade.ping")
    assert table.session.tick(table.now) == []
    table.now += 1
    assert table.session.tick(table.now) == [Silent(LIMIT)]
    assert table.session.next_timer() is None
    assert table.session.tick(table.now + 1000) == []


def test_a_lost_connection_ends_the_handshake(table: Table) -> None:
    setup = table.to_setup()
    table.session.receive('{"id":"srv-1","method":"blade.ping"}', table.now)
    table.lose()
    assert table.sent() == []
    assert table.session.next_timer() is None
    (dropped,) = table.accept_inner(setup["id"], protocol=PROTOCOL)
    assert isinstance(dropped, Dropped)


def test_a_farewell_during_the_handshake_ends_it(table: Table) -> None:
    connect = table.open()
    assert table.say(id="srv-2", method="blade.disconnect") == [GoAway(False)]
    assert [frame["id"] for frame in table.sent()] == ["srv-2"]
    (dropped,) = table.connected(connect["id"])
    assert isinstance(dropped, Dropped)
    assert table.sent() == []


def test_opening_anew_leaves_nothing_of_the_connection_before(ready: Table) -> None:
    ready.session.tick(ready.now + INTERVAL)
    ready.say(id="srv-1", method="blade.ping")
    connect = ready.open()  # the only frame to send
    assert connect["method"] == "blade.connect"
    assert not ready.session.ready
    assert ready.session.next_timer() == ready.now + LIMIT


def test_a_command_unanswered_at_a_new_opening_is_not_lost(ready: Table) -> None:
    ready.ask("calling.play", "t")
    ready.open()
    assert ready.lose() == ["t"]


def test_a_farewell_after_a_refusal_is_answered_and_not_told(table: Table) -> None:
    table.refuse(table.open()["id"], -32002)
    assert table.say(id="srv-2", method="blade.disconnect") == []
    assert table.take() == {"id": "srv-2", "result": {}}


# Contexts


def test_contexts_are_kept_once_and_in_order(table: Table) -> None:
    session = table.session
    session.add_contexts(["office", "home", "office"])
    session.add_contexts(["home", "sales"])
    assert list(session.contexts) == ["office", "home", "sales"]
    session.remove_contexts(["home", "unknown"])
    assert list(session.contexts) == ["office", "sales"]
    assert table.sent() == []


def test_a_context_that_is_no_string_is_refused_and_none_is_added(table: Table) -> None:
    with pytest.raises(TypeError, match="5"):
        table.session.add_contexts(["office", 5])  # type: ignore[list-item]  # the point of the test
    assert table.session.contexts == ()


# Draining


def test_after_a_farewell_answers_still_come_and_nothing_may_be_asked(ready: Table) -> None:
    ident, _ = ready.ask("calling.play", "t")
    ready.say(id="srv-2", method="blade.disconnect")
    assert not ready.session.ready
    with pytest.raises(NotConnected):
        ready.ask("calling.play", "u")
    assert ready.accept_inner(ident, code="200", message="OK") == [Answered("t", OK)]
    assert ready.broadcast({"event_type": "e", "params": {}}) == [Happened(RelayEvent("e", {}, None, None))]
    assert ready.lose() == []


def test_commands_unanswered_at_the_close_are_given_back(ready: Table) -> None:
    ready.ask("calling.play", "t")
    ready.say(id="srv-2", method="blade.disconnect")
    assert ready.lose() == ["t"]


def test_while_draining_pings_are_answered_and_none_is_sent(ready: Table) -> None:
    ready.say(id="srv-2", method="blade.disconnect")
    ready.say(id="srv-5", method="blade.ping")
    assert ready.session.tick(ready.now + INTERVAL) == []
    assert [frame["id"] for frame in ready.sent()] == ["srv-2", "srv-5"]


def test_a_server_that_says_farewell_and_never_closes_is_silent(ready: Table) -> None:
    ready.say(id="srv-2", method="blade.disconnect")
    due = ready.now + INTERVAL + TIMEOUT
    ready.now += 3
    assert ready.say(id="srv-3", method="blade.disconnect") == []  # answered again, told once, and no longer time
    assert [frame["id"] for frame in ready.sent()] == ["srv-2", "srv-3"]
    assert ready.session.next_timer() == due
    assert ready.session.tick(due) == [Silent(INTERVAL + TIMEOUT)]


# Pings


def test_a_ping_goes_out_every_interval_once_ready(table: Table) -> None:
    table.to_subscription()
    assert table.session.tick(table.now + 2 * INTERVAL - 1) == []
    assert table.sent() == []
    table.lose()
    table.make_ready()
    for _ in range(3):
        due = table.session.next_timer()
        assert due == table.now + INTERVAL
        assert table.session.tick(due - 0.01) == []
        assert table.sent() == []
        table.now = due
        assert table.session.tick(table.now) == []
        ping = table.take()
        assert (ping["method"], ping["params"]) == ("blade.ping", {})
        assert table.accept(ping["id"], timestamp=1767225600.5) == []


def test_an_unanswered_ping_is_silence(ready: Table) -> None:
    start = ready.now
    assert ready.session.tick(start + INTERVAL) == []
    assert ready.session.next_timer() == start + INTERVAL + TIMEOUT
    assert ready.session.tick(start + INTERVAL + TIMEOUT - 0.01) == []
    assert ready.session.tick(start + INTERVAL + TIMEOUT) == [Silent(TIMEOUT)]


def test_silence_is_told_once_and_leaves_no_timer(ready: Table) -> None:
    ready.session.tick(ready.now + INTERVAL)
    ready.session.outgoing()
    assert ready.session.tick(ready.now + INTERVAL + TIMEOUT) == [Silent(TIMEOUT)]
    assert ready.session.next_timer() is None
    assert ready.session.tick(ready.now + 1000) == []
    assert ready.sent() == []


@pytest.mark.parametrize(
    "sign",
    [
        {"id": "srv-1", "method": "blade.ping"},
        {"id": "unknown", "result": {}},
        {"nonsense": True},
    ],
)
def test_anything_received_after_a_ping_is_a_sign_of_life(ready: Table, sign: dict[str, Any]) -> None:
    ready.now += INTERVAL
    ready.session.tick(ready.now)
    ready.say(**sign)
    assert ready.session.tick(ready.now + TIMEOUT) == []
    assert ready.session.next_timer() == ready.now + INTERVAL


def test_an_error_reply_to_a_ping_is_a_sign_of_life(ready: Table) -> None:
    ready.now += INTERVAL
    ready.session.tick(ready.now)
    assert ready.refuse(ready.take()["id"], -32601) == []
    assert ready.session.tick(ready.now + TIMEOUT) == []


def test_late_and_duplicated_pongs_are_not_worth_a_word(ready: Table) -> None:
    ready.session.tick(ready.now + INTERVAL)
    ping = ready.take()
    for _ in range(2):
        assert ready.accept(ping["id"]) == []
    ready.lose()
    assert ready.accept(ping["id"]) == []


def test_a_long_ping_timeout_counts_from_the_first_unanswered_ping() -> None:
    blade = Table().session.dialect
    table = Table(Session(blade, ping_interval=2.0, ping_timeout=5.0))
    table.make_ready()
    start = table.now
    for seconds in (2, 4, 6):
        assert table.session.tick(start + seconds) == []
    assert len(table.sent()) == 3
    assert table.session.next_timer() == start + 7
    assert table.session.tick(start + 7) == [Silent(5.0)]


def test_a_jump_of_the_clock_gives_one_ping(ready: Table) -> None:
    ready.now += 1000 * INTERVAL
    assert ready.session.tick(ready.now) == []
    assert ready.take()["method"] == "blade.ping"
    assert ready.session.next_timer() == ready.now + TIMEOUT


@pytest.mark.parametrize("jump", [0.0, 0.1, TIMEOUT, INTERVAL, INTERVAL + TIMEOUT, 1e6])
def test_after_a_tick_the_next_timer_lies_ahead(table: Table, jump: float) -> None:
    table.open()
    for _ in range(5):
        table.now += jump
        table.session.tick(table.now)
        timer = table.session.next_timer()
        assert timer is None or timer > table.now
    table.lose()
    table.make_ready()
    for _ in range(5):
        table.now += jump
        table.session.tick(table.now)
        timer = table.session.next_timer()
        assert timer is None or timer > table.now


@pytest.mark.parametrize(("interval", "timeout"), [(0, 5), (10, 0), (-1, 5), (math.nan, 5), (10, math.nan)])
def test_a_ping_needs_an_interval_and_a_timeout(table: Table, interval: float, timeout: float) -> None:
    with pytest.raises(ValueError, match="ping_interval and ping_timeout"):
        Session(table.session.dialect, ping_interval=interval, ping_timeout=timeout)


def test_a_session_that_was_never_opened_has_nothing_to_do(table: Table) -> None:
    assert table.session.next_timer() is None
    assert table.session.tick(table.now) == []
    assert table.sent() == []
    assert table.lose() == []
    assert repr(table.session) == "<Session not ready, 0 unanswered, <Blade session_id=None protocol=None>>"


def test_the_repr_tells_how_it_stands(ready: Table) -> None:
    ready.ask("calling.play", "t")
    assert repr(ready.session).startswith("<Session ready, 1 unanswered, <Blade session_id='sess-1'")


def test_what_cannot_be_read_is_dropped_with_little_of_its_text(ready: Table) -> None:
    (dropped,) = ready.session.receive("#SP" + "x" * 1000, ready.now)
    assert isinstance(dropped, Dropped)
    assert dropped.kind == "unreadable frame"
    assert len(dropped.detail) < 150
