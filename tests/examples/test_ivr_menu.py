"""examples/ivr_menu.py, until Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay_sync.emulator import Emulator
from tests.examples.programs import EXAMPLES, Program


@pytest.fixture
def program(relay: Emulator, tmp_path: Path) -> Iterator[Program]:
    with Program(EXAMPLES / "ivr_menu.py", relay=relay, folder=tmp_path) as program:
        program.says("ready for calls to office")
        yield program


def test_a_caller_who_presses_a_key_gets_the_answer_to_it(relay: Emulator, program: Program) -> None:
    caller = relay.phone("+15550101", presses_when_asked="2")
    caller.call(context="office")
    menu = relay.expect("calling.play_and_collect")
    assert menu.params["collect"]["digits"] == {"max": 1}
    relay.clock.advance(20)
    program.says("^[+]15550101 chose 2$")
    assert "Main Street" in relay.expect("calling.play").params["play"][0]["params"]["text"]
    relay.clock.advance(10)
    assert "Goodbye" in relay.expect("calling.play", count=2).params["play"][0]["params"]["text"]
    relay.clock.advance(10)
    assert caller.wait_for("ended")
    program.interrupt()
    assert "Traceback" not in program.ends()


def test_a_caller_who_presses_nothing_is_asked_three_times(relay: Emulator, program: Program) -> None:
    caller = relay.phone("+15550102")
    caller.call(context="office")
    for count in range(1, 4):
        relay.expect("calling.play_and_collect", count=count)
        relay.clock.advance(20)
    relay.expect("calling.play")
    relay.clock.advance(10)
    assert caller.wait_for("ended")
    assert program.output.count("+15550102 chose no_input") == 3


def test_ctrl_c_lets_the_call_that_is_up_come_to_its_end(relay: Emulator, program: Program) -> None:
    caller = relay.phone("+15550103", presses_when_asked="1")
    caller.call(context="office")
    relay.expect("calling.play_and_collect")
    program.interrupt()
    relay.clock.advance(20)
    for count in (1, 2):
        relay.expect("calling.play", count=count)
        relay.clock.advance(10)
    assert caller.wait_for("ended")
    assert "Traceback" not in program.ends()
