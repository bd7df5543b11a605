"""examples/waiting_room.py."""

from __future__ import annotations

from pathlib import Path

from relay_sync.emulator import Emulator
from tests.examples.programs import EXAMPLES, Program

EXAMPLE = EXAMPLES / "waiting_room.py"


def test_the_caller_waits_until_the_agent_takes_the_call(relay: Emulator, tmp_path: Path) -> None:
    caller, agent = relay.phone("+15550101"), relay.phone("+15550102", answer_after=2)
    with Program(EXAMPLE, relay=relay, folder=tmp_path, CALLER=caller.number, AGENT=agent.number) as program:
        program.says("^enqueue 1 of 1$")
        assert agent.wait_for("ringing")
        relay.clock.advance(2)
        relay.expect("calling.connect")
        relay.clock.advance(1)
        program.says("^[+]15550102 talks to [+]15550101$")
        relay.clock.advance(agent.say("Hello, what can I do for you?"))
        caller.hang_up()
        assert "\ndequeue " in program.ends()
    assert agent.wait_for("ended")
    assert caller.heard.between(caller.heard.duration - 0.5).rms_db() > -60


def test_it_says_so_when_the_caller_has_gone(relay: Emulator, tmp_path: Path) -> None:
    caller, agent = relay.phone("+15550101"), relay.phone("+15550102", answer_after=2)
    with Program(EXAMPLE, relay=relay, folder=tmp_path, CALLER=caller.number, AGENT=agent.number) as program:
        program.says("^enqueue 1 of 1$")
        caller.hang_up()
        assert agent.wait_for("ringing")
        relay.clock.advance(2)
        relay.expect("calling.connect")
        relay.clock.advance(1)
        assert "nobody to talk to: " in program.ends(code=1)
    assert agent.wait_for("ended")
