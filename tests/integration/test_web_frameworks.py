"""Reloaders and management commands open no connection; the first view that uses the client opens the one there is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from relay_sync.emulator import Emulator
from tests.integration.servers import (
    PROGRAMS,
    Server,
    at_once,
    check_each_process_has_a_connection_of_its_own,
    connections_of,
    post,
)
from tests.words import in_one, make_words

DJANGO = PROGRAMS / "django_project.py"
SERVERS = {
    "flask": (("-m", "flask", "--app", "flask_site", "run", "--debug", "--port", "0"), r"Debugger PIN"),
    "django": ((DJANGO, "runserver", "127.0.0.1:0"), r"Starting development server"),
}


@pytest.mark.parametrize("framework", SERVERS)
def test_a_server_with_a_reloader_opens_one_connection_when_a_view_needs_it(
    relay: Emulator, tmp_path: Path, framework: str
) -> None:
    command, up = SERVERS[framework]
    with Server(sys.executable, *command, relay=relay, folder=tmp_path) as server:
        url = server.says(r"(http://127\.0\.0\.1:\d+)")[0]
        server.says(up)
        assert relay.journal.total == 0
        answers = at_once(relay, lambda: post(url), 2) + at_once(relay, lambda: post(url), 2)
        assert relay.connections == 1
        assert len(connections_of(relay, f'"{make_words().first}"')) == 1  # of all that ever were
        check_each_process_has_a_connection_of_its_own(relay, answers)


@in_one("nothing is sent")
@pytest.mark.parametrize(
    "command",
    [("check",), ("migrate",), ("test",), ("collectstatic", "--noinput"), ("shell", "-c", "print('shell')")],
    ids=lambda command: command[0],
)
def test_management_commands_open_no_connection(relay: Emulator, tmp_path: Path, command: tuple[str, ...]) -> None:
    with Server(sys.executable, DJANGO, *command, relay=relay, folder=tmp_path) as program:
        program.ends()
    assert relay.journal.total == 0
