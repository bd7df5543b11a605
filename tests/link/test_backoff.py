from __future__ import annotations

import pytest

from relay_sync.link.backoff import chance, delay


def test_the_ceiling_doubles_from_one_second_and_stays_at_thirty() -> None:
    assert [delay(attempt, 1.0) for attempt in range(8)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


@pytest.mark.parametrize(("random", "expected"), [(0.0, 0.0), (0.25, 4.0), (0.5, 8.0), (1.0, 16.0)])
def test_the_delay_is_the_random_part_of_the_ceiling(random: float, expected: float) -> None:
    assert delay(4, random) == expected


def test_a_very_long_outage_does_not_overflow() -> None:
    assert delay(1_000_000, 1.0) == 30.0


def test_first_and_most_are_the_callers() -> None:
    assert [delay(attempt, 1.0, first=0.5, most=3.0) for attempt in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert delay(0, 1.0, first=50.0) == 30.0


def test_the_delay_is_always_a_float() -> None:
    assert isinstance(delay(9, 1, first=1, most=30), float)


@pytest.mark.parametrize(("attempt", "random"), [(-1, 0.5), (0, -0.1), (0, 1.1), (0, float("nan"))])
def test_what_can_only_be_a_mistake_is_refused(attempt: int, random: float) -> None:
    with pytest.raises(ValueError, match="must"):
        delay(attempt, random)


def test_chances_differ_and_lie_in_the_range_that_is_asked_for() -> None:
    chances = {chance() for _ in range(100)}
    assert len(chances) > 90
    assert 0.0 <= min(chances) < 0.3 < 0.7 < max(chances) <= 1.0
