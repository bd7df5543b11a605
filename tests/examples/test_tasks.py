"""examples/tasks.py: one process that delivers, one that takes."""

from __future__ import annotations

from pathlib import Path

from relay_sync.emulator import Emulator
from tests.examples.programs import EXAMPLES, Program

EXAMPLE = EXAMPLES / "tasks.py"


def deliver(relay: Emulator, folder: Path, *arguments: str) -> None:
    folder.mkdir(exist_ok=True)
    with Program(EXAMPLE, *arguments, relay=relay, folder=folder) as program:
        assert program.ends() == ""


def test_what_one_process_delivers_another_does(relay: Emulator, tmp_path: Path) -> None:
    phone, busy = relay.phone("+15550101"), relay.phone("+15550102", busy=True)
    with Program(EXAMPLE, relay=relay, folder=tmp_path) as program:
        program.says("ready for tasks of reminders")
        deliver(relay, tmp_path / "other", phone.number, "The", "show", "begins")
        assert relay.expect("calling.play").params["play"][0]["params"]["text"] == "The show begins"
        relay.clock.advance(10)
        program.says("^[+]15550101 was called$")
        assert phone.heard.rms_db() > -60
        deliver(relay, tmp_path / "other", busy.number, "Hello")
        program.says("^[+]15550102 did not answer: ")
        program.interrupt()
        assert "Traceback" not in program.ends()


def test_a_task_that_is_not_taken_is_an_error(relay: Emulator, tmp_path: Path) -> None:
    with Program(
        EXAMPLE, "+15550101", "Hello", relay=relay, folder=tmp_path, SIGNALWIRE_API_TOKEN="PTwrong"
    ) as program:
        assert "Relay did not take the task" in program.ends(code=1)
