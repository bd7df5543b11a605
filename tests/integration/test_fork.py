"""``os.fork`` and multiprocessing against the emulator, with the parent's client in each state and under load."""

from __future__ import annotations

import ast
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from relay_sync import Client, NotConnected, PlayAction
from relay_sync.emulator import Emulator
from tests.forking import in_child
from tests.integration.servers import (
    LIMIT,
    PROGRAMS,
    Server,
    check_each_process_has_a_connection_of_its_own,
    connections_of,
)
from tests.support import Running, until
from tests.words import dial_one, make_words

FORKS = 100


@pytest.fixture
def client(relay: Emulator) -> Iterator[Client]:
    client = Client(**relay.credentials, connect_timeout=LIMIT, request_timeout=LIMIT)
    yield client
    client.disconnect()


def play(client: Client) -> PlayAction:
    """A play that runs, on a phone that answers at once."""
    action = client.calling.dial(from_number="+15550100", to_number="+15550102", timeout=30).call.play_silence_async(60)
    assert action.wait_for_state("playing", timeout=LIMIT)
    return action


def use(client: Client, inherited: PlayAction | None, *, first: Callable[[], object]) -> dict[str, Any]:
    """In the child: what its own client can do, and what the parent's play says."""
    told = {"pid": os.getpid(), "before": client.state, "inherited": ""}
    first()
    action = play(client)
    told |= {"call": action.call.id, "control": action.control_id, "paused": action.pause().successful}
    if inherited is not None:
        try:
            inherited.stop()
        except NotConnected as error:
            told["inherited"] = error.message
    client.disconnect()
    return told | {"after": client.state}


def forked(
    client: Client, inherited: PlayAction | None = None, *, first: Callable[[], object] = list
) -> dict[str, Any]:
    told = in_child(lambda: use(client, inherited, first=first))
    assert told.startswith("{"), told
    answer: dict[str, Any] = ast.literal_eval(told)
    return answer


@pytest.mark.parametrize("closed", [False, True], ids=["new", "closed"])
def test_the_child_of_a_parent_that_is_not_connected_connects_when_it_is_told_to(
    relay: Emulator, client: Client, closed: bool
) -> None:
    if closed:
        client.connect()
        client.disconnect()

    def first() -> None:
        with pytest.raises(NotConnected, match="connect"):
            client.execute("calling.play", {})
        client.connect()

    answer = forked(client, first=first)
    assert (answer["before"], answer["after"]) == ("new", "closed")
    check_each_process_has_a_connection_of_its_own(relay, [answer])
    assert client.state == ("closed" if closed else "new")
    client.connect()
    assert play(client).pause().successful


def test_the_child_of_a_parent_that_is_connecting(relay: Emulator, client: Client) -> None:
    relay.hold_reply(make_words().first, count=1)
    connecting = Running(client.connect)
    until(lambda: relay.held_replies, "that the handshake is under way", LIMIT)
    assert client.state == "connecting"
    answer = forked(client)
    assert (answer["before"], answer["after"], client.state) == ("new", "closed", "connecting")
    relay.release()
    connecting.result(LIMIT)
    check_it_is_untouched(relay, client, play(client), [answer])


def test_the_child_of_a_parent_whose_play_runs(relay: Emulator, client: Client) -> None:
    client.connect()
    music = play(client)
    before = own_commands(relay, music)
    answer = forked(client, music)
    assert answer["inherited"].startswith(f"this belongs to process {os.getpid()}")
    assert own_commands(relay, music) == before
    check_it_is_untouched(relay, client, music, [answer])


def test_the_child_of_a_parent_that_reconnects(relay: Emulator, client: Client) -> None:
    client.connect()
    music = play(client)
    relay.hold_reply(make_words().first, count=1)
    relay.drop_connections()
    until(lambda: relay.held_replies, "that the next handshake is under way", LIMIT)
    assert client.state == "reconnecting"
    answer = forked(client, music)
    assert answer["inherited"].startswith(f"this belongs to process {os.getpid()}")
    relay.release()
    until(lambda: client.connected, "that the parent is ready again", LIMIT)
    assert music.pause().successful
    assert not connections_of(relay, music.control_id) & connections_of(relay, answer["control"])


def test_children_forked_under_load_find_no_lock_held_and_disturb_nobody(relay: Emulator, client: Client) -> None:
    client.connect()
    music = play(client)
    done = threading.Event()

    def load() -> int:
        count = 0
        while not done.is_set():
            assert music.volume(count % 40).successful
            with pytest.raises(TimeoutError):
                music.wait(timeout=0)
            count += 1
        return count

    threads = [Running(load) for _ in range(4)]
    try:
        answers = [forked(client, music) for _ in range(FORKS)]
    finally:
        done.set()
    assert all(thread.result(LIMIT) > 0 for thread in threads)
    assert all(answer["inherited"] for answer in answers)
    check_it_is_untouched(relay, client, music, answers)


def own_commands(relay: Emulator, action: PlayAction) -> list[str]:
    """What the client of this play has sent, by method."""
    connections = connections_of(relay, action.control_id)
    return [command.method for command in relay.journal.commands() if command.connection in connections]


def check_it_is_untouched(relay: Emulator, client: Client, music: PlayAction, answers: list[dict[str, Any]]) -> None:
    """The parent's play goes on, on one connection on which nobody spoke of the children's."""
    check_each_process_has_a_connection_of_its_own(relay, answers)
    assert client.connected
    assert music.pause().successful
    assert music.wait_for_state("paused", timeout=LIMIT)
    assert music.resume().successful
    relay.clock.advance(60)
    assert music.wait(timeout=LIMIT).successful
    (connection,) = connections_of(relay, music.control_id)
    for answer in answers:
        assert connection not in connections_of(relay, answer["call"])


@pytest.mark.parametrize(("method", "parent"), [("fork", ""), ("fork", "1"), ("spawn", "")])
def test_processes_of_multiprocessing_have_connections_of_their_own(
    relay: Emulator, tmp_path: Path, method: str, parent: str
) -> None:
    command = (sys.executable, PROGRAMS / "many_processes.py", method)
    with Server(*command, relay=relay, folder=tmp_path, PARENT_PLAYS=parent) as program:
        relay.expect(dial_one(), count=3 if parent else 2, timeout=LIMIT)
        relay.clock.advance(1)
        program.ends()
        (answers,) = program.says(r"^(\[\{.*)$")
        (ends,) = program.says(r"^(\[\d.*)$")
    assert ends == f"[0, 0] {'ready' if parent else 'new'}"
    check_each_process_has_a_connection_of_its_own(relay, json.loads(answers))
    if parent:
        assert all(answer["inherited"].startswith("NotConnected") for answer in json.loads(answers))
