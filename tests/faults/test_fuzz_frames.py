"""20,000 frames that should not come; ``python -m tests.faults.fuzz 1000000`` sends a million."""

from __future__ import annotations

import json

import pytest

from tests.faults.fuzz import Generator, run

pytestmark = pytest.mark.timeout(300)


def test_after_20000_frames_of_every_kind_the_connection_works() -> None:
    outcome = run(20_000, seed=20_000)
    assert outcome.handled > 100, "none was right enough to be taken in"
    assert len(outcome.dropped) >= 5, "all were right, or wrong in one way"


def test_the_same_seed_makes_the_same_frames_and_enough_of_each_kind() -> None:
    first, again = (Generator(7, "p", ["a", "b"]) for _ in range(2))
    texts = [first.text() for _ in range(2000)]
    assert texts == [again.text() for _ in range(2000)]

    def is_json(text: str) -> bool:
        try:
            return isinstance(json.loads(text), dict)
        except (ValueError, RecursionError):
            return False

    right = sum(map(is_json, texts))
    assert 1200 < right < 1950
