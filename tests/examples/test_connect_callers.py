"""examples/connect_callers.py."""

from __future__ import annotations

from pathlib import Path

from relay_sync.emulator import Emulator
from tests.examples.programs import EXAMPLES, Program

EXAMPLE = EXAMPLES / "connect_callers.py"


def test_the_two_hear_each_other_until_one_hangs_up(relay: Emulator, tmp_path: Path) -> None:
    first, second = relay.phone("+15550101"), relay.phone("+15550102", answer_after=2)
    with Program(EXAMPLE, relay=relay, folder=tmp_path, FIRST=first.number, SECOND=second.number) as program:
        relay.expect("calling.connect")
        relay.clock.advance(2)
        program.says("^[+]15550101 talks to [+]15550102$")
        relay.clock.advance(first.say("Hello there, how are you?"))
        relay.clock.advance(second.say("Fine, thank you!"))
        second.hang_up()
        assert "connect.disconnected" in program.ends()
    assert first.wait_for("ended")
    assert first.heard.between(0, 2).rms_db() > -60, "the ringing"
    assert second.heard.rms_db() > -60
    assert first.heard.between(first.heard.duration - 0.5).rms_db() > -60


def test_it_says_so_when_the_second_is_not_there(relay: Emulator, tmp_path: Path) -> None:
    first, second = relay.phone("+15550101"), relay.phone("+15550102", busy=True)
    with Program(EXAMPLE, relay=relay, folder=tmp_path, FIRST=first.number, SECOND=second.number) as program:
        relay.expect("calling.play")
        relay.clock.advance(10)
        assert "+15550102 was not connected: " in program.ends(code=1)
    assert first.wait_for("ended")
