"""Whatever runs on a call when it ends, ends with it, and is told as the assumption says."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from relay_sync.emulator import PayStep
from tests.emulator.raw import Frame, RawClient
from tests.emulator.test_refusals import MORE

LATER = {
    "calling.collect": "collect",
    "calling.stream": "stream",
    "calling.pay": "pay",
    "calling.ai": "ai",
    "calling.echo": "echo",
    "calling.transcribe": "transcribe",
    "calling.queue.enter": "queue",
}
SILENT = [
    "calling.live_transcribe",
    "calling.live_translate",
    "calling.join_room",
    "calling.bind_digit",
    "calling.hold",
]


def started(client: RawClient, method: str) -> Frame:
    """Start it on a call that speaks, and let it run for a second."""
    client.relay.scripts.pay(PayStep("payment-card-number", after=100))
    client.relay.phone("+15550101", says="Hello there")
    call = client.answered("+15550101")
    assert client.command(method, {**call, **MORE.get(method, {})})["code"] == "200"
    client.relay.clock.advance(1)
    client.drain()
    return call


@pytest.mark.parametrize("method", LATER)
@pytest.mark.parametrize("answer", ["before", "after", "never"])
def test_it_is_told_before_or_after_the_end_or_never(
    assumed: Any, caplog: pytest.LogCaptureFixture, method: str, answer: str
) -> None:
    client = assumed(plays_at_call_end=answer, unreachable_tap="tapping")
    started(client, method)
    client.relay.phones["+15550101"].hang_up()
    client.relay.clock.advance(200)
    came = [entry.partition(":")[0] for entry in client.drain()]
    last = LATER[method]
    ends = ["state", "state"]
    assert came == {"before": [last, *ends], "after": [*ends, last], "never": ends}[answer]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("method", SILENT)
@pytest.mark.parametrize("answer", ["before", "after", "never"])
def test_what_tells_nothing_ends_too(assumed: Any, caplog: pytest.LogCaptureFixture, method: str, answer: str) -> None:
    client = assumed(plays_at_call_end=answer)
    started(client, method)
    client.relay.phones["+15550101"].hang_up()
    client.relay.clock.advance(200)
    assert client.drain() == ["state:ending", "state:ended"]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("answer", ["before", "after", "never"])
def test_that_somebody_left_a_conference_is_news_in_any_case(
    assumed: Any, caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    client = assumed(plays_at_call_end=answer)
    started(client, "calling.join_conference")
    client.relay.phones["+15550101"].hang_up()
    client.relay.clock.advance(1)
    news, ends = ["conference:participant-leave", "conference:conference-end"], ["state:ending", "state:ended"]
    came = [entry.removeprefix("calling.") for entry in client.drain()]
    assert came == ([*news, *ends] if answer != "after" else [*ends, *news])
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("method", [*LATER, *SILENT, "calling.join_conference"])
def test_the_emulator_stops_in_the_midst_of_it(assumed: Any, caplog: pytest.LogCaptureFixture, method: str) -> None:
    client = assumed(unreachable_tap="tapping")
    started(client, method)
    client.relay.stop()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    with contextlib.suppress(OSError):
        client.close()
