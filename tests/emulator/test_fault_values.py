"""Faults as data: their texts, what they compare to, what is no fault, and the schedules made from a seed."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from relay_sync.emulator import KINDS, Fault, Moment, command_line, random_faults
from relay_sync.emulator.__main__ import main

TEXTS = [
    ("drop", Fault(kind="drop")),
    ("drop after reply to calling.play", Fault(kind="drop", moment=Moment("after", "reply", "calling.play"))),
    ("drop before event calling.call.play:finished #2",
     Fault(kind="drop", moment=Moment("before", "event", "calling.call.play:finished", 2, 2))),
    ("close 1012 at connect #3", Fault(kind="close", code="1012", moment=Moment("at", "connect", "", 3, 3))),
    ("silence 0.5s in 12.25", Fault(kind="silence", seconds=0.5, moment=Moment("in", seconds=12.25))),
    ("drip 7 0.001s", Fault(kind="drip", number=7, seconds=0.001)),
    ("drip 0.5s", Fault(kind="drip", seconds=0.5)),
    ("go-away restart", Fault(kind="go-away", what="restart")),
    ("send nan after reply to ping", Fault(kind="send", what="nan", moment=Moment("after", "reply", "ping"))),
    ("jump -3600s", Fault(kind="jump", seconds=-3600.0)),
    ("refuse 402 'message=Pay first' at command calling.play #1-5",
     Fault(kind="refuse", code="402", message="Pay first", moment=Moment("at", "command", "calling.play", 1, 5))),
    ("refuse -32000 at command login", Fault(kind="refuse", code="-32000", moment=Moment("at", "command", "login"))),
    ("lose reply to calling.play #2-", Fault(kind="lose", moment=Moment("on", "reply", "calling.play", 2, None))),
    ("repeat 3 event calling.call.*", Fault(kind="repeat", number=3, moment=Moment("on", "event", "calling.call.*"))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "fault"), TEXTS)
def test_a_text_is_a_fault_and_a_fault_that_text(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault
    assert str(fault) == text
    assert hash(Fault.parse(text)) == hash(fault)


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("drop after calling.play", "drop after reply to calling.play"),
        ("drop after calling.call.play:playing", "drop after event calling.call.play:playing"),
        ("drop at calling.play", "drop at command calling.play"),
        ("lose calling.play", "lose reply to calling.play"),
        ("lose on event messaging.state", "lose event messaging.state"),
        ("refuse 402 calling.play", "refuse 402 at command calling.play"),
        ("silence 2", "silence 2s"),
        ("restart in 3s", "restart in 3"),
        ("drop after reply to calling.play #1", "drop after reply to calling.play"),
    ],
)
def test_what_goes_without_saying_need_not_be_said(short: str, full: str) -> None:
    assert str(Fault.parse(short)) == full


@pytest.mark.parametrize(("text", "fault"), TEXTS)
def test_a_fault_goes_through_json(text: str, fault: Fault) -> None:
    assert Fault.from_dict(json.loads(json.dumps(fault.as_dict()))) == fault


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "nothing is said"),
        ("explode", "no kind 'explode'"),
        ("drop after", "needs a name"),
        ("drop in", "wants a number of seconds"),
        ("drop in soon", "wants a number of seconds"),
        ("drop in 3 calling.play", "'calling.play' is left over"),
        ("drop after calling.play calling.end", "'calling.end' is left over"),
        ("drop on calling.play", "can't strike"),
        ("drop after command calling.play", "no moment after command"),
        ("lose", "can't strike at once"),
        ("refuse calling.play", "needs a code"),
        ("delay reply to calling.play", "needs a seconds"),
        ("jump", "needs a seconds"),
        ("silence -1", "0 or more"),
        ("silence inf", "0 or more"),
        ("repeat 0 calling.play", "1 or more"),
        ("send rubbish", "no garbage 'rubbish'"),
        ("send", "needs a what"),
        ("garble reply to calling.play", "needs a what"),
        ("garble state-null reply to calling.play", "no way to garble"),
        ("go-away now", "say `restart` or nothing"),
        ("drop after calling.play #0", "count from 1"),
        ("drop after calling.play #3-2", "not backwards"),
        ("drop after calling.play #x", "is no number"),
        ("swap reply to calling.play", "can't strike"),
        ("drop 'unclosed", "No closing quotation"),
    ],
)
def test_what_is_no_fault_is_refused_with_a_reason(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="is no fault") as caught:
        Fault.parse(text)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"kind": "explode"}, "no fault 'explode'"),
        ({"kind": "drop", "seconds": 1.0}, "takes no seconds"),
        ({"kind": "close", "code": "abc"}, "a code is a number"),
    ],
)
def test_a_value_that_can_t_be_is_refused_too(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Fault(**arguments)


def test_a_seed_makes_the_same_faults_each_time_and_another_seed_others() -> None:
    assert random_faults(7, 50) == random_faults(7, 50)
    assert random_faults(7, 50) != random_faults(8, 50)


def test_every_kind_of_a_schedule_comes_up_and_can_be_written_down() -> None:
    drawn = [fault for seed in range(40) for fault in random_faults(seed)]
    assert [Fault.parse(str(fault)) for fault in drawn] == drawn
    assert {fault.kind for fault in drawn} == set(KINDS) - {"hold", "refuse-credentials"}


def test_a_schedule_is_of_the_kinds_that_are_asked_for_and_within_its_time() -> None:
    drawn = random_faults(3, 100, seconds=5.0, kinds=("drop", "restart"))
    assert {fault.kind for fault in drawn} == {"drop", "restart"}
    assert max(fault.moment.seconds for fault in drawn) <= 5.0
    with pytest.raises(ValueError, match="no kind 'explode'"):
        random_faults(1, kinds=("explode",))


def test_a_schedule_is_a_command_line() -> None:
    drawn = random_faults(11, 10)
    words = shlex.split(command_line(drawn))
    assert words[::2] == ["--fault"] * 10
    assert [Fault.parse(text) for text in words[1::2]] == list(drawn)


def test_python_m_refuses_what_is_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--fault", "explode"])
    assert ended.value.code == 2
    assert "there is no kind 'explode'" in capsys.readouterr().err
