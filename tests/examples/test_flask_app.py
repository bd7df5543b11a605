"""examples/flask_app.py, served by Flask's own server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay_sync.emulator import Emulator
from tests.examples.programs import EXAMPLES, Program
from tests.examples.web import Browser, check_music_is_controlled, check_what_cannot_be


@pytest.fixture
def program(relay: Emulator, tmp_path: Path) -> Iterator[Program]:
    arguments = ("-m", "flask", "--app", EXAMPLES / "flask_app.py", "run", "--port", "0")
    with Program(*arguments, relay=relay, folder=tmp_path) as program:
        yield program


@pytest.fixture
def url(program: Program) -> str:
    return program.says(r"Running on (http://127\.0\.0\.1:\d+)")[1]


def test_views_start_pause_resume_and_stop_music_on_a_call(relay: Emulator, program: Program, url: str) -> None:
    check_music_is_controlled(relay, url)
    check_what_cannot_be(relay, url)
    assert "Traceback" not in program.output
    program.interrupt()
    program.ends()


def test_without_relay_a_view_says_what_is_wrong(relay: Emulator, url: str) -> None:
    relay.stop()
    response = Browser(url).send("POST", "/calls", **{"from": "+15550100", "to": "+15550101"})
    assert response.status_code == 503
    assert f"127.0.0.1:{relay.port}" in response.json()["error"]
