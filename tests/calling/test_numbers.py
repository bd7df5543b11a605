"""What a phone number may be, in every place that takes one (api.md 12, protocol.md 16.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from relay_sync import Client, RelayTimeout
from tests.stage import Stage

GOOD = "+15550100"
TAKERS: dict[str, Callable[[Client, str], object]] = {
    "message from_number": lambda client, value: client.messaging.send(
        from_number=value, to_number=GOOD, context="office", body="Hi", wait_timeout=0
    ),
    "message to_number": lambda client, value: client.messaging.send(
        from_number=GOOD, to_number=value, context="office", body="Hi", wait_timeout=0
    ),
    "call from_number": lambda client, value: client.calling.new_call(from_number=value, to_number=GOOD),
    "call to_number": lambda client, value: client.calling.new_call(from_number=GOOD, to_number=value),
    "device to_number": lambda client, value: client.calling.new_call(from_number=GOOD, devices=[{"to_number": value}]),
}
NONE = ("office", "+", "+0123", "+1234567890123456", "+1555\n", "tel:+15550100", "12", "123456789", "12a", "١٢٣")
FINE = ("+1", "+123456789012345", "123", "12345678")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage(ping_interval=3600, request_timeout=10) as stage:
        yield stage


@pytest.fixture(autouse=True)
def no_thread_left() -> None:
    """The stage of this module keeps its threads from test to test."""


@pytest.mark.parametrize("value", NONE)
@pytest.mark.parametrize("taker", TAKERS)
def test_what_is_no_number_is_refused_by_name_and_nothing_is_sent(stage: Stage, taker: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"E\.164") as refused:
        TAKERS[taker](stage.client, value)
    assert f"{taker.split()[1]}={value!r}" in str(refused.value)
    assert stage.relay.line.sent.empty()


@pytest.mark.parametrize("value", FINE)
@pytest.mark.parametrize("taker", TAKERS)
def test_the_shortest_and_the_longest_of_each_form_are_numbers(stage: Stage, taker: str, value: str) -> None:
    with suppress(RelayTimeout):  # no answer was waited for
        TAKERS[taker](stage.client, value)


@pytest.mark.parametrize("given", ["0015550100", "+1 (555) 0100", "+1-555-0100"])
def test_the_number_that_was_meant_is_suggested(stage: Stage, given: str) -> None:
    with pytest.raises(ValueError, match=r"did you mean '\+15550100'\?"):
        stage.client.calling.new_call(from_number=GOOD, to_number=given)
