"""examples/listen_in.py."""

from __future__ import annotations

from pathlib import Path

from relay_sync.emulator import Emulator
from tests.examples.programs import EXAMPLES, Program

EXAMPLE = EXAMPLES / "listen_in.py"


def test_the_extension_is_dialled_and_the_sound_comes_here(relay: Emulator, tmp_path: Path) -> None:
    phone = relay.phone("+15550101", says="Hello, this is the desk speaking.")
    with Program(EXAMPLE, relay=relay, folder=tmp_path, TO_NUMBER=phone.number) as program:
        relay.expect("calling.send_digits")
        relay.clock.advance(3)
        program.says("^digits: True$")
        relay.expect("calling.tap")
        relay.clock.advance(2.1)
        assert program.ends() == "digits: True\nstop: True heard: 2.0 s\ntap: True\n"
    assert phone.digits_heard == "12"
