"""An emulator in stepped time and a client of it; no fault is in force yet. Every test here runs in each dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from relay_sync.emulator import Emulator
from tests.faults.support import SPEECHES, Line, Speech

MakeLine = Callable[..., Line]


@pytest.fixture(autouse=True)
def each(dialect: str) -> None:
    """Run whatever comes to stand here in each dialect; a test that can't depend on that says so (``in_one``)."""


@pytest.fixture
def speech(dialect: str) -> Speech:
    """What tests must know of the dialect that is spoken."""
    return SPEECHES[dialect]


@pytest.fixture
def relay() -> Iterator[Emulator]:
    with Emulator(stepped=True, ping_interval=None) as emulator:
        yield emulator


@pytest.fixture
def make_line(relay: Emulator, speech: Speech) -> Iterator[MakeLine]:
    """Return a function that connects a client with options of its own."""
    lines: list[Line] = []

    def make(**options: object) -> Line:
        line = Line(relay, speech, **options)
        lines.append(line)
        line.connect()
        return line

    yield make
    relay.clear_faults()
    for line in lines:
        line.client.disconnect()


@pytest.fixture
def line(make_line: MakeLine) -> Line:
    """A client with limits so short that a wait which passes them is seen, and pings so rare that they play no part."""
    return make_line()
