"""What holds for every test: the dialect it speaks, and that it leaves no thread behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.conforming import check_payloads
from tests.jitter import Jitter
from tests.stage import Stage, at_once
from tests.support import until
from tests.words import DEFAULT, NAMES, VARIABLE, chosen, spoken

if TYPE_CHECKING:
    from relay_sync import Client
    from relay_sync.emulator import Emulator


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--dialect",
        choices=NAMES,
        default=DEFAULT,
        help="the dialect that the client's tests speak (tox -e py: blade; tox -e dialects: flat)",
    )
    parser.addoption(
        "--jitter",
        type=int,
        metavar="SEED",
        help="slow down functions that the seed chooses, so that threads meet in rare orders (tests/jitter.py)",
    )


def pytest_configure(config: pytest.Config) -> None:
    os.environ[VARIABLE] = config.getoption("--dialect")
    if config.getoption("--jitter") is not None:
        config.pluginmanager.register(Jitter(config.getoption("--jitter")))


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail a test after which a thread of ours, or of its own, is still alive."""
    before = set(threading.enumerate())
    yield

    def left() -> list[threading.Thread]:
        # Executors keep idle threads on purpose; they are named by the standard library.
        return [t for t in threading.enumerate() if t not in before and t.name.startswith(("relay-", "test-"))]

    until(lambda: not left(), "that no thread is left")


@pytest.fixture(params=NAMES)
def dialect(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each dialect in turn; what goes by :func:`tests.words.chosen` speaks it, and so do programs that a test runs."""
    monkeypatch.setenv(VARIABLE, request.param)
    return chosen()


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A connected client whose relay the test plays."""
    with Stage() as stage:
        yield stage


@pytest.fixture
def relay(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """An emulator in stepped time."""
    from relay_sync.emulator import Emulator  # brings numpy: only for tests that need it

    with Emulator(dialects=spoken(), stepped=True, ping_interval=None) as emulator:
        yield emulator
        if "fault" not in request.module.__name__:  # which spoil events on purpose
            check_payloads((event.event_type, event.params) for event in emulator.journal.events())


@pytest.fixture
def client(relay: Emulator) -> Iterator[Client]:
    """A client of that emulator, connected over a real socket."""
    from relay_sync import Client

    with Client(**relay.credentials, dialect=chosen()) as client:
        at_once(client)
        yield client
