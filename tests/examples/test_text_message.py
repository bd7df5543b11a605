"""examples/text_message.py."""

from __future__ import annotations

from pathlib import Path

from relay_sync.emulator import Emulator
from tests.examples.programs import EXAMPLES, Program

EXAMPLE = EXAMPLES / "text_message.py"


def test_the_message_arrives_and_is_followed(relay: Emulator, tmp_path: Path) -> None:
    with Program(EXAMPLE, relay=relay, folder=tmp_path) as program:
        program.says("^state: initiated$")
        relay.clock.advance(2)
        assert " is delivered" in program.ends()
    (message,) = relay.phones["+15550199031"].messages
    assert (message.body, message.from_number) == ("Your table is ready.", "+15550100")
    assert relay.expect("messaging.send").params["tags"] == ["table"]


def test_a_message_that_fails_says_why(relay: Emulator, tmp_path: Path) -> None:
    with Program(EXAMPLE, relay=relay, folder=tmp_path, TO_NUMBER="+15550199033") as program:
        program.ends()
    assert " is failed" in program.output


def test_a_message_that_is_refused_says_why(relay: Emulator, tmp_path: Path) -> None:
    relay.refuse_next("messaging.send", "402", "No money left")
    with Program(EXAMPLE, relay=relay, folder=tmp_path) as program:
        assert "refused: No money left" in program.ends(code=1)
