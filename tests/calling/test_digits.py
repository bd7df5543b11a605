"""Digits sent into a call (api.md 7.10, protocol.md 11.8)."""

from __future__ import annotations

from typing import Any

import pytest

from relay_sync import Call
from relay_sync.calling.digits import SendDigitsAction, SendDigitsResult
from tests.calling.moves import begin, block, sent_by, tell
from tests.stage import Stage
from tests.support import until


@pytest.fixture
def call(stage: Stage) -> Call:
    return stage.call()


@pytest.mark.parametrize("digits", ["1", "0123456789*#ABCD", "12w3W#", "w"])
def test_every_key_and_both_waits_are_sent_as_they_are(stage: Stage, call: Call, digits: str) -> None:
    assert sent_by(stage, lambda: call.send_digits_async(digits)) == {"digits": digits}


@pytest.mark.parametrize(
    ("digits", "error", "named"),
    [
        ("", ValueError, "digits='' is empty"),
        ("12 3", ValueError, "digits='12 3': ' ' is not one of the characters"),
        ("12E", ValueError, "'E' is not"),
        ("12a", ValueError, "'a' is not"),
        ("1٣", ValueError, "is not one of"),
        (123, TypeError, "digits=123"),
        (None, TypeError, "digits=None"),
        (["1"], TypeError, "digits="),
    ],
)
def test_a_character_that_is_no_key_is_named_before_anything_is_sent(
    stage: Stage, call: Call, digits: Any, error: type[Exception], named: str
) -> None:
    for verb in (call.send_digits, call.send_digits_async):
        with pytest.raises(error, match=named):
            verb(digits)
    stage.settle()


def test_the_blocking_form_returns_when_they_were_sent(stage: Stage, call: Call) -> None:
    running, control_id = block(stage, lambda: call.send_digits("12#"))
    tell(stage, control_id, "send_digits", {"state": "sending"})
    assert running.thread.is_alive()
    tell(stage, control_id, "send_digits", {"state": "finished"})
    assert type(running.result()) is SendDigitsResult
    assert running.result().successful


def test_there_is_no_stop() -> None:
    """Defect 30: an example of v2's pages calls it, the wire does not know it."""
    assert not hasattr(SendDigitsAction, "stop")


def test_handlers_hear_of_the_end(stage: Stage, call: Call) -> None:
    heard: list[str] = []
    for name in ("sendDigits.stateChange", "sendDigits.finished"):
        call.on(name, lambda _, name=name: heard.append(name))
    action = begin(stage, lambda: call.send_digits_async("1"))
    tell(stage, action, "send_digits", {"state": "finished"})
    until(lambda: len(heard) == 2)
    assert heard == ["sendDigits.stateChange", "sendDigits.finished"]
