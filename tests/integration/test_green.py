"""Processes that gevent or eventlet has patched: plain and TLS, before and after the import of relay_sync."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from relay_sync.emulator import Emulator
from tests.integration.servers import PROGRAMS, Server
from tests.integration.tunnel import tls_front

DONE = """\
waited: True
paused: True True
resumed: True True
timed out: RelayTimeout
the others ran meanwhile: True
stopped: True
all waits ended: [True, True, True, True]
ended: True
closed: closed True 1
"""


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_client_works_and_lets_the_other_greenlets_run(
    relay: Emulator, tmp_path: Path, library: str, when: str
) -> None:
    with Server(sys.executable, PROGRAMS / "green.py", library, when, relay=relay, folder=tmp_path) as program:
        assert program.ends() == DONE


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_so_it_does_over_tls(relay: Emulator, tmp_path: Path, library: str, when: str) -> None:
    with (
        tls_front(relay, tmp_path) as variables,
        Server(
            sys.executable, PROGRAMS / "green.py", library, when, relay=relay, folder=tmp_path, **variables
        ) as program,
    ):
        assert program.ends().endswith(DONE)


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
def test_a_patch_under_a_connected_client_is_refused_within_a_second_with_advice(
    relay: Emulator, tmp_path: Path, library: str
) -> None:
    with Server(sys.executable, PROGRAMS / "green.py", library, "connected", relay=relay, folder=tmp_path) as program:
        output = program.ends()
    assert "\nrefused: connect(): gevent or eventlet patched this process after" in "\n" + output
    assert "command refused: calling.play: gevent or eventlet patched" in output
    assert float(output.split("closed: closed ")[1].split()[0]) < 1
    assert output.endswith(DONE)  # after disconnect() and connect() it works
