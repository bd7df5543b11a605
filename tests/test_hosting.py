"""What the client says about the server it runs in."""

from __future__ import annotations

import sys
import types
import warnings
from typing import Any

import pytest

from relay_sync import Client
from relay_sync.errors import ConnectFailed


def connect() -> None:
    """Connect to a port where nobody listens."""
    with pytest.raises(ConnectFailed):
        Client("proj-1", "PTsecret", "ws://127.0.0.1:1").connect()


def test_under_uwsgi_without_threads_connecting_warns_and_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", types.SimpleNamespace(has_threads=0))
    with pytest.warns(RuntimeWarning, match="--enable-threads") as told:
        connect()
    assert told[0].filename == __file__  # the line of the caller's


@pytest.mark.parametrize("server", [types.SimpleNamespace(has_threads=1), types.SimpleNamespace()])
def test_under_uwsgi_with_threads_connecting_says_nothing(monkeypatch: pytest.MonkeyPatch, server: Any) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", server)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        connect()


def test_constructing_under_uwsgi_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", types.SimpleNamespace(has_threads=0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Client("proj-1", "PTsecret", "ws://127.0.0.1:1")
