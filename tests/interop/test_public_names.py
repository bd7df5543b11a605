"""docs/porting.md lists every public name of signalwire 2.1.1, as that package itself has it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from relay_sync.emulator import Emulator
from tests import porting

PROGRAMS = Path(__file__).with_name("programs")
CONSTRUCTED = {"Client", "Consumer", "Task", "Event"}  # by users; the others are made by Relay's answers


def client_python() -> Path:
    """The interpreter of the environment that has the official client."""
    folder = os.environ.get("RELAY_SYNC_INTEROP_CLIENTS")
    if not folder:
        pytest.skip("needs the official clients: run `tox -e interop`")
    return Path(folder) / "python" / "bin" / "python"


@pytest.fixture(scope="module")
def v2() -> dict[str, Any]:
    """What the installed package has."""
    done = subprocess.run(
        [client_python(), PROGRAMS / "public_names.py"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def is_inside(name: str) -> bool:
    """Whether a class or a function, with its module, is one that the page says is not for users."""
    places = [place for place in porting.inside() if not place.startswith(".")]
    return any(name == place or name.startswith(f"{place}.") for place in places)


def test_every_class_is_on_the_page(v2: dict[str, Any]) -> None:
    assert {name for name in v2["classes"] if not is_inside(name)} == set(porting.imports())


def test_every_function_is_of_the_inside(v2: dict[str, Any]) -> None:
    assert not [name for name in v2["functions"] if not is_inside(name)]


def test_every_member_is_on_the_page_with_its_parameters_and_nothing_else_is(v2: dict[str, Any]) -> None:
    hidden = {name.removeprefix(".") for name in porting.inside() if name.startswith(".")}
    expected = set()
    for path in porting.imports():
        kind = path.rpartition(".")[2]
        for member, signature in v2["classes"][path].items():
            if member in hidden or (not member and kind not in CONSTRUCTED):
                continue
            expected.add(f"{kind}{'.' if member else ''}{member}{signature or ''}")
    assert {row.v2 for row in porting.rows()} == expected


def test_what_is_called_the_inside_is_there(v2: dict[str, Any]) -> None:
    members = {f".{name}" for path in porting.imports() for name in v2["classes"][path]}
    known = [*v2["classes"], *v2["functions"]]
    for name in porting.inside():
        if name.startswith("."):
            assert name in members
        else:
            assert any(one == name or one.startswith(f"{name}.") for one in known), name


def test_the_events_and_options_are_those(v2: dict[str, Any]) -> None:
    assert sorted(porting.listed("events")) == v2["events"]
    assert sorted(porting.listed("client events")) == v2["client_events"]
    assert sorted(porting.listed("options")) == v2["options"]


def test_the_program_that_test_porting_ports_is_a_program_for_v2() -> None:
    interpreter = client_python()
    with Emulator(speed=4) as relay:  # the phone has 5 virtual seconds to begin to speak
        phone = relay.phone("+15550199023")  # presses 1234# after each prompt for digits
        login = (relay.url, relay.project, relay.token, phone.number)
        running = subprocess.Popen(
            [interpreter, PROGRAMS / "reminder.py", *login], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            relay.expect("calling.record", timeout=60)
            phone.say("Please call me back tomorrow.")
            out, err = running.communicate(timeout=60)
        finally:
            running.kill()
            running.communicate()
    said = out.splitlines()
    for line in ("asked: True digit 1234", "recorded: True True", "ended: True hangup ended"):
        assert line in said, err
