"""In a forked child: what the parent owns is refused at once, whatever lock was held while forking."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial

import pytest

from relay_sync import Client
from relay_sync.errors import NotConnected
from relay_sync.link.waiting import Deadline
from tests.forking import in_child
from tests.link.support import Link
from tests.support import LIMIT, Running, ScriptedRelay
from tests.words import chosen

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


ENTRIES: dict[str, Callable[[Link], object]] = {
    "start": lambda link: link.start(),
    "wait_ready": lambda link: link.connection.wait_ready(Deadline(LIMIT)),
    "wait_closed": lambda link: link.connection.wait_closed(Deadline(LIMIT)),
    "request": lambda link: link.connection.request("calling.play", {}, Deadline(LIMIT)),
    "request_many": lambda link: link.connection.request_many([], Deadline(LIMIT), 64),
    "act": lambda link: link.connection.act(lambda: None),
    "stop": lambda link: link.connection.stop(),
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("held", [False, True], ids=["lock free", "lock held"])
def test_no_entry_touches_a_lock_that_may_be_held_by_a_thread_that_does_not_exist_there(
    ready: Link, entry: str, held: bool
) -> None:
    if held:
        ready.monitor.lock.acquire()
    try:
        told = in_child(partial(ENTRIES[entry], ready))
    finally:
        if held:
            ready.monitor.lock.release()
    assert told.startswith(f"NotConnected: this belongs to process {os.getpid()}, and this is its forked child")
    assert "nothing was sent" in told
    ready.settle()
    assert ready.line.sent.empty()


def test_the_parent_goes_on_after_a_fork(ready: Link) -> None:
    in_child(lambda: ready.connection.act(lambda: None))
    asked = ready.ask()
    ready.relay.accept_command("calling.play")
    assert asked.result().ok


def test_a_child_forked_in_the_middle_of_a_command_finds_everything_of_the_parents_closed_to_it(ready: Link) -> None:
    asked = ready.ask()
    frame = ready.relay.take_command("calling.play")
    assert in_child(lambda: ready.connection.request("calling.end", {}, Deadline(0))).startswith("NotConnected")
    ready.relay.answer(frame, {"code": "200", "message": "OK"})
    assert asked.result().ok


def test_letting_go_of_the_parents_socket_needs_no_lock_and_says_nothing(ready: Link) -> None:
    def let_go() -> object:
        ready.connection.abandon()
        return ready.line.abandoned, ready.line.closes, ready.line.sent.qsize()

    with ready.monitor.lock:
        assert in_child(let_go) == "(True, 0, 0)"
    assert not ready.line.abandoned


def test_letting_go_without_a_socket_is_harmless(link: Link) -> None:
    assert in_child(link.connection.abandon) == "None"
    link.connection.abandon()


def test_letting_go_is_of_the_present_socket(ready: Link) -> None:
    with ready.monitor.lock:
        ready.connection.abandon()
    assert ready.line.abandoned


def test_a_connected_client_opens_a_connection_of_its_own_in_the_child() -> None:
    parents = ScriptedRelay()
    client = Client("proj-1", "PTsecret", "ws://127.0.0.1:1", dialect=chosen())
    client._open_transport = parents.open_transport  # type: ignore[assignment,method-assign]
    accepting = Running(parents.accept)
    client.connect()
    accepting.result()

    def use() -> object:
        childs = ScriptedRelay()
        client._open_transport = childs.open_transport  # type: ignore[assignment,method-assign]
        before = client.state

        def serve() -> None:
            childs.accept(session_id="sess-2")
            childs.accept_command("calling.play")

        Running(serve)
        result = client.execute("calling.play", {})
        return before, result.successful, client.state, client.session_id

    assert in_child(use) == "('new', True, 'ready', 'sess-2')"
    assert (client.state, client.session_id) == ("ready", "sess-1")
    assert parents.line.sent.empty()
    client.disconnect()


def test_a_thread_that_waits_while_another_forks_is_not_disturbed(ready: Link) -> None:
    waiting = Running(lambda: ready.connection.wait_closed(Deadline(LIMIT)))
    ready.asleep()
    with pytest.raises(AssertionError):
        assert in_child(lambda: ready.connection.wait_closed(Deadline(LIMIT))) == "None"
    ready.connection.stop()
    waiting.result()


def test_the_refusal_is_the_error_for_what_was_surely_not_sent() -> None:
    link = Link()
    told = in_child(lambda: isinstance(_raised(link.monitor.check_process), NotConnected))
    assert told == "True"


def test_once_the_process_is_patched_a_wait_on_an_older_connection_is_refused_with_advice(
    ready: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = threading.Lock
    monkeypatch.setattr(threading, "Lock", lambda: lock())
    with pytest.raises(NotConnected, match=r"gevent or eventlet patched .* disconnect\(\) before the patch"):
        ready.ask().result(LIMIT)
    assert ready.line.sent.empty()


def _raised(act: Callable[[], object]) -> BaseException | None:
    try:
        act()
    except NotConnected as error:
        return error
    return None
