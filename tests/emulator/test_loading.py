"""Media are fetched away from the emulator's thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from relay_sync.emulator import Emulator
from relay_sync.emulator.loading import Loader
from tests.emulator.raw import RawClient, audio, frames_of


class Slow:
    """A media library that fetches for as long as the test likes."""

    def __init__(self) -> None:
        self.fetching = threading.Event()
        self.there = threading.Event()

    def sequence(self, items: Any) -> Any:
        self.fetching.set()
        self.there.wait(10)
        return np.full(8000, 0.25, np.float32)


@pytest.fixture
def slow(relay: Emulator) -> Iterator[Slow]:
    library = Slow()
    relay.running_parts.loader.library = library  # type: ignore[assignment]  # a stand-in that blocks
    yield library
    library.there.set()


def begin(client: RawClient) -> dict[str, Any]:
    """Start a playback whose media are on the way; return the ids of its call."""
    call = client.answered()
    assert client.command("calling.play", {**call, "control_id": "p", "play": [audio("x")]})["code"] == "200"
    client.drain()
    return call


def test_the_emulator_goes_on_while_media_are_fetched(relay: Emulator, client: RawClient, slow: Slow) -> None:
    call = begin(client)
    assert slow.fetching.wait(10)
    assert relay.calls[0].plays == {"p": "loading"}
    assert client.control(call, "p", "pause")["code"] == "200"
    assert client.control(call, "p", "volume", volume=6)["code"] == "200"
    assert client.control(call, "p", "resume")["code"] == "200"
    assert [entry for entry in client.drain() if "play:" in entry] == []
    slow.there.set()
    relay.clock.advance(1)
    assert client.drain() == ["play:playing", "play:paused", "play:playing", "play:finished"]
    assert relay.phones["+15550101"].heard.duration == 1.0


def test_advancing_waits_for_media_that_are_on_the_way(relay: Emulator, client: RawClient, slow: Slow) -> None:
    begin(client)
    with pytest.raises(TimeoutError, match="media still being fetched"):
        relay.clock.advance(1, timeout=0.01)
    assert relay.clock.now() == 0.0
    slow.there.set()
    relay.clock.advance(2)
    assert client.drain() == ["play:playing", "play:finished"]


def test_a_stop_does_not_wait_for_the_media(relay: Emulator, client: RawClient, slow: Slow) -> None:
    call = begin(client)
    assert client.control(call, "p", "stop")["code"] == "200"
    assert client.drain() == ["reply:calling.play.stop", "play:finished"]
    slow.there.set()
    relay.clock.advance(5)
    assert client.drain() == []
    assert not relay.phones["+15550101"].heard.samples.any()


def test_a_call_can_end_while_its_media_are_fetched(relay: Emulator, client: RawClient, slow: Slow) -> None:
    call = begin(client)
    client.command("calling.end", call)
    slow.there.set()
    relay.clock.advance(1)
    assert client.drain() == ["reply:calling.end", "play:finished", "state:ending", "state:ended"]


def test_the_emulator_stops_while_media_are_fetched(
    dialect: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay_sync.emulator.loading._JOIN", 0.0)
    library = Slow()
    with Emulator(stepped=True) as relay, frames_of[dialect](relay).ready() as client:
        relay.running_parts.loader.library = library  # type: ignore[assignment]  # a stand-in that blocks
        begin(client)
        assert library.fetching.wait(10)
    assert "is still fetching media" in caplog.text
    library.there.set()


def test_a_library_that_fails_in_an_unforeseen_way_gives_the_event_error(
    relay: Emulator, client: RawClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(relay.media, "sequence", lambda items: 1 // 0)
    client.command("calling.play", {**client.answered(), "control_id": "p", "play": [audio("x")]})
    client.wait_event("play", "error")
    assert "unforeseen" in caplog.text


def test_a_loader_that_never_loaded_ends_at_once(relay: Emulator) -> None:
    loader = Loader(relay.media)
    loader.cancel()
    loader.join()
