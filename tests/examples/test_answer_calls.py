"""examples/answer_calls.py, until Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay_sync.emulator import Emulator
from tests.examples.programs import EXAMPLES, Program


@pytest.fixture
def program(relay: Emulator, tmp_path: Path) -> Iterator[Program]:
    relay.route("+15550200", "office")
    with Program(EXAMPLES / "answer_calls.py", relay=relay, folder=tmp_path) as program:
        program.says("ready for calls to 'office'")
        yield program


def test_each_of_two_callers_hears_all_of_the_music_and_ctrl_c_ends_it(relay: Emulator, program: Program) -> None:
    callers = [relay.phone("+15550101"), relay.phone("+15550102")]
    callers[0].call("+15550200")
    relay.expect("calling.play")
    relay.clock.advance(5)
    callers[1].call("+15550200")
    relay.expect("calling.play", count=2)
    relay.clock.advance(15)
    assert callers[0].wait_for("ended")
    relay.clock.advance(5)
    assert callers[1].wait_for("ended")

    for caller in callers:
        assert caller.heard.between(0, 20).rms_db() == pytest.approx(-20, abs=0.01)
        assert caller.heard.duration == 20
        program.says(f"^{caller.number.replace('+', '[+]')} ended: hangup$")
    assert len(relay.journal.commands("calling.end")) == 2
    program.interrupt()
    assert "Traceback" not in program.ends()


def test_a_caller_who_hangs_up_is_no_trouble(relay: Emulator, program: Program) -> None:
    caller = relay.phone("+15550101")
    caller.call("+15550200")
    relay.expect("calling.play")
    relay.clock.advance(1)
    caller.hang_up()
    program.says("^[+]15550101 ended: hangup$")
    assert caller.heard.duration == 1
    program.interrupt()
    assert "Traceback" not in program.ends()


def test_ctrl_c_ends_it_while_a_call_is_up(relay: Emulator, program: Program) -> None:
    relay.phone("+15550101").call("+15550200")
    relay.expect("calling.play")
    program.interrupt()
    assert "Traceback" not in program.ends()
