"""Who has answered, by how long and how much is said; ``test_detect`` has the rest over the wire."""

from __future__ import annotations

import numpy as np
import pytest

from relay_sync.emulator.media.greeting import Greeting, Verdict
from relay_sync.emulator.media.sound import RATE
from relay_sync.emulator.media.speech import speech

QUIET = np.zeros(6 * RATE, np.float32)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Hello?", "HUMAN"),
        ("Yes?", "HUMAN"),
        ("Hi, you have reached Bob. Please leave a message after the beep.", "MACHINE"),
    ],
)
def test_speech_is_told_by_its_length(text: str, answer: str) -> None:
    verdict = Greeting().feed(np.concatenate([speech(text), QUIET]))
    assert verdict is not None
    assert verdict.answer == answer


@pytest.mark.parametrize("size", [1, 7, 79, 80, 161, 4000])
def test_the_verdict_does_not_depend_on_the_blocks(size: int) -> None:
    generator = np.random.default_rng(1)
    loud = generator.uniform(-0.3, 0.3, 9600).astype(np.float32)
    sound = np.concatenate([QUIET[:1000], loud[:5000], QUIET[:900], loud[5000:], QUIET[:9000]])
    whole = Greeting(first=100)
    assert whole.feed(sound) is not None
    piecewise = Greeting(first=100)
    found = [piecewise.feed(sound[start : start + size]) for start in range(0, len(sound), size)]
    assert [verdict for verdict in found if verdict] == [whole.verdict]
    assert piecewise.verdict == whole.verdict


def test_sixteen_bit_samples_are_as_loud_as_floats() -> None:
    sound = np.concatenate([np.full(8000, 0.02, np.float32), QUIET])
    expected = Verdict("HUMAN", 8000 + RATE)
    assert Greeting().feed(sound) == expected
    assert Greeting().feed((sound * 32768).astype(np.int16)) == expected


def test_nothing_comes_after_the_verdict() -> None:
    greeting = Greeting(initial_timeout=1)
    assert greeting.feed(QUIET) == Verdict("UNKNOWN", RATE)
    assert greeting.feed(np.ones(2 * RATE, np.float32)) is None
    assert greeting.verdict == Verdict("UNKNOWN", RATE)
