from __future__ import annotations

from typing import Any

import pytest

from relay_sync.wire.blade import Blade
from relay_sync.wire.choice import DIALECTS, PATIENCE_S, Choice
from relay_sync.wire.events import Answer, Ready, Refused, Silent, Unspoken
from relay_sync.wire.flat import Flat
from relay_sync.wire.session import Session
from tests.wire.support import INTERVAL, LIMIT, TIMEOUT, Table

WHO = {"project": "proj-1", "token": "PTsecret", "agent": "relay_sync/0"}
REFUSED = "no (code -32601)"
FALLEN_BACK = [Unspoken("flat", "blade", REFUSED)]


def gone_silent(seconds: float) -> list[Unspoken]:
    return [Unspoken("flat", "blade", f"no answer for {seconds:.1f} s")]


def both() -> Choice:
    return Choice(lambda: Flat(**WHO), lambda: Blade(**WHO))


class ChoiceTable(Table):
    """A session that may choose, and a service."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        super().__init__(Session(choice, ping_interval=INTERVAL, ping_timeout=TIMEOUT))

    def first_word(self) -> str:
        method: str = self.open()["method"]
        return method

    def speaks_flat(self) -> Any:
        return self.accept(self.open()["id"], protocol="p1")

    def tick(self, seconds: float) -> Any:
        self.now += seconds
        return self.session.tick(self.now)


@pytest.fixture
def table() -> ChoiceTable:
    return ChoiceTable(both())


def test_the_current_dialect_is_tried_first() -> None:
    assert list(DIALECTS) == ["flat", "blade"]
    assert [make(**WHO, jwt_token=None).name for make in DIALECTS.values()] == ["flat", "blade"]


def test_a_service_that_speaks_the_first_is_spoken_to_in_it(table: ChoiceTable) -> None:
    assert not table.choice.agreed
    assert table.speaks_flat() == [Ready(False, None)]
    assert table.choice.agreed
    assert table.session.dialect.name == "flat"


@pytest.mark.parametrize("code", [-32601, "-32601", 404, 405, 501])
def test_a_service_that_does_not_know_the_method_is_spoken_to_in_the_next(table: ChoiceTable, code: int | str) -> None:
    table.session.add_contexts(["office"])
    assert table.refuse(table.open()["id"], code) == [Unspoken("flat", "blade", f"no (code {code})")]
    assert table.sent() == []  # the next one wants a connection that has not heard the first
    table.lose()
    assert not table.choice.agreed
    assert table.make_ready() == Ready(False, None)
    assert table.choice.agreed
    assert table.session.dialect.name == "blade"


def test_a_service_that_says_nothing_is_spoken_to_in_the_next(table: ChoiceTable) -> None:
    table.open()
    assert table.session.next_timer() == table.now + PATIENCE_S
    assert table.tick(PATIENCE_S - 0.01) == []
    assert table.tick(0.01) == gone_silent(3.0)
    table.lose()
    table.open()
    assert table.session.next_timer() == table.now + LIMIT


def test_a_service_that_hangs_up_is_spoken_to_in_the_next(table: ChoiceTable) -> None:
    table.open()
    assert table.session.hung_up("closed by Relay: 1000") == Unspoken("flat", "blade", "closed by Relay: 1000")
    table.lose()
    table.open()
    assert table.session.hung_up("closed by Relay: 1000") is None  # there is no other
    table.lose()
    assert table.first_word() == "blade.connect"


def test_a_service_that_hangs_up_later_was_no_stranger_to_the_dialect(table: ChoiceTable) -> None:
    table.speaks_flat()
    assert table.session.hung_up("reset by peer") is None
    table.lose()
    table.open()
    assert table.session.hung_up("reset by peer") is None  # it has agreed before, and holds a session
    table.lose()
    assert table.first_word() == "signalwire.connect"


def test_a_service_that_has_answered_one_step_may_take_its_time_for_the_others() -> None:
    table = ChoiceTable(Choice(lambda: Blade(**WHO), lambda: Flat(**WHO)))
    table.connected(table.open()["id"])
    assert table.session.next_timer() == table.now + LIMIT
    assert table.session.hung_up("reset by peer") is None
    assert table.tick(LIMIT) == [Silent(LIMIT)]


@pytest.mark.parametrize("how", ["silent", "hung up"])
def test_a_service_whose_session_was_given_up_is_asked_again(table: ChoiceTable, how: str) -> None:
    table.speaks_flat()
    table.lose()
    table.session.forget_session()
    assert not table.choice.agreed
    table.open()
    if how == "silent":
        assert table.tick(PATIENCE_S) == gone_silent(3.0)
    else:
        assert table.session.hung_up("gone") == Unspoken("flat", "blade", "gone")
    table.lose()
    table.make_ready()
    assert table.choice.agreed


def test_with_one_dialect_there_is_nothing_to_doubt() -> None:
    table = ChoiceTable(Choice(lambda: Flat(**WHO)))
    table.session.forget_session()
    assert table.choice.agreed


def test_little_time_is_shared_between_the_dialects(table: ChoiceTable) -> None:
    table.session.open(table.now, 2.0)
    assert table.tick(1.0) == gone_silent(1.0)


@pytest.mark.parametrize("code", [-32002, 401, -32003, -32602, 500, -32000])
def test_another_refusal_is_no_reason_to_speak_otherwise(table: ChoiceTable, code: int) -> None:
    (refused,) = table.refuse(table.open()["id"], code)
    assert isinstance(refused, Refused)
    table.lose()
    assert table.first_word() == "signalwire.connect"


def test_the_answer_is_remembered_for_reconnects(table: ChoiceTable) -> None:
    table.refuse(table.open()["id"], -32601)
    table.lose()
    table.make_ready()
    table.lose()
    assert table.open()["params"]["sessionid"] == "sess-1"
    assert table.tick(LIMIT) == [Silent(LIMIT)]  # silence is no answer to a dialect once agreed to
    table.lose()
    assert table.first_word() == "blade.connect"


def test_the_answer_is_remembered_for_the_next_session(table: ChoiceTable) -> None:
    table.refuse(table.open()["id"], -32601)
    table.lose()
    table.make_ready()
    assert ChoiceTable(table.choice).first_word() == "blade.connect"


def test_without_an_answer_the_next_session_begins_with_the_first(table: ChoiceTable) -> None:
    table.refuse(table.open()["id"], -32601)
    table.lose()
    assert table.first_word() == "blade.connect"
    again = ChoiceTable(table.choice)
    assert again.first_word() == "signalwire.connect"
    assert again.tick(PATIENCE_S) == gone_silent(3.0)


@pytest.mark.parametrize("how", ["refused", "silent"])
def test_a_service_that_speaks_none_is_told_of_as_the_last_one_failed(table: ChoiceTable, how: str) -> None:
    table.refuse(table.open()["id"], -32601)
    table.lose()
    ident = table.open()["id"]
    if how == "refused":
        assert table.refuse(ident, -32601) == [Refused(Answer(False, "-32601", "no", {}), False)]
    else:
        assert table.tick(LIMIT) == [Silent(LIMIT)]
    table.lose()
    again = table.refuse(table.open()["id"], -32601)
    assert again == [Unspoken("blade", "flat", REFUSED)]  # the next attempt tries all again


def test_a_service_that_was_replaced_is_asked_again(table: ChoiceTable) -> None:
    table.refuse(table.open()["id"], -32601)
    table.lose()
    table.make_ready()
    table.lose()
    assert table.refuse(table.open()["id"], -32601) == [Unspoken("blade", "flat", REFUSED)]
    table.lose()
    assert table.speaks_flat() == [Ready(False, None)]
    assert table.choice.agreed


def test_with_one_dialect_there_is_no_choice() -> None:
    table = ChoiceTable(Choice(lambda: Flat(**WHO)))
    assert table.choice.agreed
    table.open()
    assert table.session.next_timer() == table.now + LIMIT
    assert table.tick(LIMIT) == [Silent(LIMIT)]
    table.lose()
    assert table.refuse(table.open()["id"], -32601) == [Refused(Answer(False, "-32601", "no", {}), False)]
    assert table.choice.agreed


def test_a_farewell_that_nothing_follows_is_no_refusal_of_a_dialect(table: ChoiceTable) -> None:
    table.open()
    table.say(id="srv-1", method="signalwire.disconnect", params={})
    (silent,) = table.tick(INTERVAL + TIMEOUT)
    assert isinstance(silent, Silent)
