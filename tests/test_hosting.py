"""What the client says about the server it runs in."""

from __future__ import annotations

import os
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


def master(pid: int, **options: object) -> types.SimpleNamespace:
    """The module of a uWSGI with threads, whose master has this process id; as it shows its options."""
    shown = {option.replace("_", "-"): value for option, value in options.items()}
    return types.SimpleNamespace(has_threads=1, masterpid=lambda: pid, opt={"processes": b"2", **shown})


@pytest.mark.parametrize("options", [{}, {"py_call_uwsgi_fork_hooks": b"Off"}, {"py_call_osafterfork": True}])
def test_connecting_in_uwsgis_master_warns_and_names_the_option(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, object]
) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", master(os.getpid(), **options))
    with pytest.warns(RuntimeWarning, match="--py-call-uwsgi-fork-hooks") as told:
        connect()
    assert told[0].filename == __file__


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(master(os.getppid()), id="a worker"),
        pytest.param(master(0), id="no master"),
        pytest.param(master(os.getpid(), py_call_uwsgi_fork_hooks=True), id="with the option"),
        pytest.param(master(os.getpid(), py_call_uwsgi_fork_hooks=b"true"), id="with the option in a file"),
        pytest.param(master(os.getpid(), py_call_uwsgi_fork_hooks=[b"false", True]), id="with the option, after all"),
    ],
)
def test_connecting_in_a_worker_or_in_a_master_that_forks_with_care_says_nothing(
    monkeypatch: pytest.MonkeyPatch, server: types.SimpleNamespace
) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", server)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        connect()


def test_constructing_under_uwsgi_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", types.SimpleNamespace(has_threads=0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Client("proj-1", "PTsecret", "ws://127.0.0.1:1")
