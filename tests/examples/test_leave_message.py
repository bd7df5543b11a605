"""examples/leave_message.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay_sync.emulator import Emulator
from tests.examples.programs import EXAMPLES, Program

EXAMPLE = EXAMPLES / "leave_message.py"


def test_a_machine_is_spoken_to_after_its_beep(relay: Emulator, tmp_path: Path) -> None:
    with Program(EXAMPLE, relay=relay, folder=tmp_path) as program:
        relay.expect("calling.detect")
        relay.clock.advance(30)
        relay.expect("calling.play")
        began = relay.clock.now()
        relay.clock.advance(15)
        assert "answered by MACHINE\nmessage delivered\n" in program.ends()
    ready = [event.at for event in relay.journal.events("calling.call.detect") if "READY" in str(event.params)][-1]
    assert ready < began
    phone = relay.phones["+15550199042"]
    assert phone.end_reason == "hangup"
    assert phone.heard.rms_db() > -60
    assert phone.heard.between(0, ready - 1).rms_db() == float("-inf"), "nobody spoke over the greeting"


def test_a_person_is_spoken_to_at_once(relay: Emulator, tmp_path: Path) -> None:
    phone = relay.phone("+15550101", says="Hello?")
    with Program(EXAMPLE, relay=relay, folder=tmp_path, TO_NUMBER=phone.number) as program:
        relay.expect("calling.detect")
        relay.clock.advance(10)
        relay.expect("calling.play")
        relay.clock.advance(15)
        assert "answered by HUMAN\nmessage delivered\n" in program.ends()


@pytest.mark.parametrize("behaviour", ["busy", "decline"])
def test_it_says_so_when_nobody_answers(relay: Emulator, tmp_path: Path, behaviour: str) -> None:
    phone = relay.phone("+15550102", **{behaviour: True})  # type: ignore[arg-type]
    with Program(EXAMPLE, relay=relay, folder=tmp_path, TO_NUMBER=phone.number) as program:
        assert "+15550102 did not answer: " in program.ends(code=1)
