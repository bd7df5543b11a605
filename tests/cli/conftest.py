"""Fixtures of the command line's tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay_sync.emulator import Emulator
from tests.cli.support import Cli
from tests.words import spoken


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line in an empty folder, with nothing about Relay in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SIGNALWIRE_")]:
        monkeypatch.delenv(name)
    return Cli(capsys)


@pytest.fixture
def relay(dialect: str) -> Iterator[Emulator]:
    """An emulator whose time goes 20 times as fast, and that speaks one dialect alone, each in turn."""
    with Emulator(dialects=spoken(), speed=20.0) as emulator:
        yield emulator


@pytest.fixture
def environment(relay: Emulator) -> dict[str, str]:
    """The variables that point to it."""
    return {
        "SIGNALWIRE_PROJECT_ID": relay.project,
        "SIGNALWIRE_API_TOKEN": relay.token,
        "SIGNALWIRE_RELAY_HOST": relay.url,
    }


@pytest.fixture
def pointed(cli: Cli, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line with an environment that points to the emulator."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return cli
