"""examples/voicemail.py, until Ctrl-C."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import soundfile

from relay_sync.emulator import Emulator
from tests.examples.programs import EXAMPLES, Program


@pytest.fixture
def program(relay: Emulator, tmp_path: Path) -> Iterator[Program]:
    with Program(EXAMPLES / "voicemail.py", relay=relay, folder=tmp_path) as program:
        program.says("ready for calls to office")
        yield program


def test_the_message_is_recorded_and_can_be_fetched(relay: Emulator, program: Program) -> None:
    caller = relay.phone("+15550101")
    caller.call(context="office")
    relay.expect("calling.play")
    relay.clock.advance(15)
    relay.expect("calling.record")
    relay.clock.advance(caller.say("Hello, please call me back."))
    relay.clock.advance(caller.press("#"))
    left = program.says(r"^[+]15550101 left (\S+) s: (\S+)$")
    relay.expect("calling.play", count=2)
    relay.clock.advance(10)
    assert caller.wait_for("ended")

    with requests.Session() as session:
        session.trust_env = False
        response = session.get(left[2], timeout=60)
    sound, rate = soundfile.read(io.BytesIO(response.content))
    assert len(sound) / rate == pytest.approx(float(left[1]), abs=0.1)
    assert abs(sound).max() > 0.01
    program.interrupt()
    assert "Traceback" not in program.ends()


def test_a_caller_who_says_nothing_leaves_nothing(relay: Emulator, program: Program) -> None:
    caller = relay.phone("+15550102")
    caller.call(context="office")
    relay.expect("calling.play")
    relay.clock.advance(15)
    relay.expect("calling.record")
    relay.clock.advance(15)
    assert caller.wait_for("ended")
    assert re.search(r"\+15550102 left nothing", program.output)
