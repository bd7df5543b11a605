"""An emulator in stepped time and clients of bare frames, closed when the test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from relay_sync.emulator import Assumptions, Emulator
from tests.conforming import check_payloads
from tests.emulator.raw import RawClient, Stages, frames_of

Connect = Callable[..., RawClient]

in_blade: pytest.MarkDecorator = pytest.mark.parametrize("dialect", ["blade"])
"""Marks a test of what only Blade has. What only Flat has is in test_flat.py."""

in_both: pytest.MarkDecorator = pytest.mark.parametrize("dialect", list(frames_of))
"""Marks a test of what both have, in a module about one of them."""


@pytest.fixture
def relay(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    with Emulator(stepped=True, ping_interval=None) as emulator:
        yield emulator
        if "fault" not in request.module.__name__:  # which spoil events on purpose
            check_payloads((event.event_type, event.params) for event in emulator.journal.events())


@pytest.fixture(params=list(frames_of))
def dialect(request: pytest.FixtureRequest) -> str:
    """What the clients speak. A module about one of the two says so with a fixture of its own."""
    return str(request.param)


@pytest.fixture
def connect(dialect: str) -> Iterator[Connect]:
    """Return a function that makes a client of an emulator, ready and receiving the contexts named."""
    clients: list[RawClient] = []

    def connect(relay: Emulator, *contexts: str, ready: bool = True) -> RawClient:
        client = frames_of[dialect](relay)
        clients.append(client)
        return client.ready(*contexts) if ready else client

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def client(relay: Emulator, connect: Connect) -> RawClient:
    return connect(relay)


@pytest.fixture
def assumed(dialect: str) -> Iterator[Callable[..., RawClient]]:
    """Return a function that gives a client of an emulator with these assumptions."""
    with ExitStack() as stack:

        def assumed(**answers: Any) -> RawClient:
            relay = Emulator(stepped=True, ping_interval=None, assumptions=Assumptions(**answers))
            stack.enter_context(relay)
            return stack.enter_context(frames_of[dialect](relay)).ready("office")

        yield assumed


@pytest.fixture
def stages(dialect: str) -> Iterator[Stages]:
    with Stages(dialect) as stages:
        yield stages


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds in which no two moments are alike: 8 kHz, far below the limiter, never silent."""
    path = tmp_path_factory.mktemp("media") / "noise.wav"
    generator = np.random.default_rng(11)
    samples = generator.integers(1, 5000, 80_000, dtype=np.int16) * generator.choice([-1, 1], 80_000).astype(np.int16)
    soundfile.write(path, samples, 8000, subtype="PCM_16")
    return path
