"""20,000 frames that should not come, in each dialect; ``python -m tests.faults.fuzz 1000000`` sends a million."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faults.fuzz import Generator, run
from tests.stage import Stage
from tests.support import LIMIT
from tests.words import make_words

pytestmark = pytest.mark.timeout(300)


def test_after_20000_frames_of_every_kind_the_connection_works() -> None:
    outcome = run(20_000, seed=20_000)
    assert outcome.handled > 100, "none was right enough to be taken in"
    assert len(outcome.dropped) >= 5, "all were right, or wrong in one way"


@pytest.mark.parametrize("depth", [300, 600])
def test_an_event_of_a_call_that_is_nested_deeply_ends_nothing(depth: int) -> None:
    """JSON's reader takes as much; what copies it in Python does not."""
    nest: dict[str, Any] = {}
    for _ in range(depth):
        nest = {"nest": nest}
    with Stage() as stage:
        call = stage.call()
        call.on("play.playing", dict)
        action = stage.play(call)
        told = {"call_id": "call-1", "node_id": "node-1", "control_id": action.control_id}
        stage.relay.tell("calling.call.play", **told, state="paused", nest=nest)
        stage.relay.tell("calling.call.state", call_id="call-1", node_id="node-1", call_state="ending", device=nest)
        stage.tell_play(action, "finished")
        assert action.wait(LIMIT).successful
        assert stage.client.connected


def test_the_same_seed_makes_the_same_frames_and_enough_of_each_kind() -> None:
    first, again = (Generator(7, make_words(), "p", ["a", "b"]) for _ in range(2))
    texts = [first.text() for _ in range(2000)]
    assert texts == [again.text() for _ in range(2000)]

    def is_json(text: str) -> bool:
        try:
            return isinstance(json.loads(text), dict)
        except (ValueError, RecursionError):
            return False

    right = sum(map(is_json, texts))
    assert 1200 < right < 1950
