"""examples/many_calls.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay_sync.emulator import Emulator
from tests.examples.programs import EXAMPLES, Program
from tests.words import dial_one

EXAMPLE = EXAMPLES / "many_calls.py"


def test_many_phones_hear_the_message_at_the_same_time(relay: Emulator, tmp_path: Path) -> None:
    phones = [relay.phone(f"+1555010{number}") for number in range(10, 30)]
    with Program(EXAMPLE, *(phone.number for phone in phones), relay=relay, folder=tmp_path) as program:
        relay.expect("calling.play", count=20)
        relay.clock.advance(20)
        output = program.ends()
    for phone in phones:
        assert f"{phone.number}: the message is finished" in output
        assert phone.heard.duration == 20
        assert phone.heard.rms_db() == pytest.approx(-20, abs=0.01)
    assert len(relay.journal.commands("calling.end")) == 20


def test_without_numbers_it_rings_phones_of_the_emulator_that_behave_differently(
    relay: Emulator, tmp_path: Path
) -> None:
    with Program(EXAMPLE, relay=relay, folder=tmp_path) as program:
        relay.expect(dial_one(), count=4)
        relay.expect("calling.play", count=2)  # on the phones that answer at once
        relay.clock.advance(2)
        relay.expect("calling.play", count=3)  # on the one that lets it ring
        relay.clock.advance(20)
        output = program.ends()
    assert "+15550199003: " in output
    for number in ("+15550199001", "+15550199002"):
        assert f"{number}: the message is finished" in output
        assert relay.phones[number].heard.between(0, 20).rms_db() == pytest.approx(-20, abs=0.01)
    assert relay.phones["+15550199006"].heard.duration == 3
    assert {phone.state for phone in relay.phones.values()} == {"ended"}
