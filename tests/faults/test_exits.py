"""The interpreter's end in every state: a few runs in each dialect; ``python -m tests.faults.exits 200`` makes many."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.exits import STATES, Ports, run_one, surroundings

RUNS = 3

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def ports() -> Iterator[Ports]:
    with surroundings() as ports:
        yield ports


@pytest.fixture(autouse=True)
def no_thread_left() -> None:
    """The surroundings of this module keep their threads from test to test."""


@pytest.mark.parametrize("state", STATES)
def test_the_interpreter_ends_with_code_0_and_without_a_word(ports: Ports, state: str) -> None:
    for _ in range(RUNS):
        outcome = run_one(state, ports)
        assert outcome.right, outcome
        assert outcome.seconds < 15.0
