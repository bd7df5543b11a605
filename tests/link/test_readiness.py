"""Waiting for one socket, with poll() and where a system has none."""

from __future__ import annotations

import select
import selectors
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from relay_sync.link.readiness import Readiness

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=["poll", "selector"])
def pair(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    if request.param == "selector":
        monkeypatch.delattr(select, "poll", raising=False)
        monkeypatch.setattr(selectors, "DefaultSelector", selectors.SelectSelector)
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def test_it_tells_of_data_again_and_again_and_of_the_end(pair: Pair) -> None:
    one, other = pair
    readable = Readiness(one, selectors.EVENT_READ)
    for _ in range(2):
        assert not readable.wait(0.0)
        other.send(b"x")
        assert readable.wait(None)
        assert readable.wait(0.0), "it is still there"
        one.recv(1)
    other.close()
    assert readable.wait(10.0)
    readable.close()


def test_it_tells_of_room(pair: Pair) -> None:
    one, other = pair
    one.setblocking(False)
    writable = Readiness(one, selectors.EVENT_WRITE)
    assert writable.wait(10.0)
    with suppress(BlockingIOError):
        while True:
            one.send(b"\0" * 65536)
    assert not writable.wait(0.001)
    while not writable.wait(0.0):
        other.recv(65536)
    writable.close()
