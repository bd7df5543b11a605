"""Whatever a user's handler hangs on: it never runs on the reader, and never under the connection's lock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from relay_sync import Client
from tests.support import LIMIT, Running, ScriptedRelay, until
from tests.words import chosen


class Places:
    """A handler that notes on which thread it ran, and takes the lock there: under the lock it could not."""

    def __init__(self, client: Client) -> None:
        self._lock = client._life().connection.monitor.lock
        self.seen: dict[str, str] = {}

    def note(self, name: str, *_: object) -> None:
        assert self._lock.acquire(timeout=LIMIT)
        self._lock.release()
        self.seen.setdefault(name, threading.current_thread().name)


@pytest.fixture
def relay() -> ScriptedRelay:
    return ScriptedRelay()


@pytest.fixture
def client(relay: ScriptedRelay) -> Iterator[Client]:
    client = Client("proj-1", "PTsecret", "ws://127.0.0.1:1", dialect=chosen())
    client._open_transport = relay.open_transport  # type: ignore[assignment,method-assign]
    yield client
    client.disconnect()


def test_no_code_of_the_users_runs_on_the_reader_or_under_the_lock(client: Client, relay: ScriptedRelay) -> None:
    places = Places(client)
    for name in ("ready", "signalwire.socket.open", "signalwire.socket.close", "signalwire.socket.message"):
        client.on(name, partial(places.note, name))
    client.calling.receive(["office"], partial(places.note, "inbound call"))

    accepting = Running(partial(relay.accept, contexts=True))
    client.connect()
    accepting.result()

    call = client.calling.new_call(from_number="+15550100", to_number="+15550101")
    call.on("stateChange", partial(places.note, "call"))
    call.on("play.finished", partial(places.note, "play"))
    dialling = Running(call.dial)
    relay.accept_command("calling.begin")
    relay.tell_state("answered", tag=call.tag)
    dialling.result()

    playing = Running(partial(call.play_audio_async, "https://example.com/welcome.mp3"))
    control_id = relay.accept_command("calling.play")["control_id"]
    action = playing.result()
    action.future.add_done_callback(partial(places.note, "future"))
    relay.tell_play("finished", control_id)
    relay.tell("calling.call.receive", call_id="call-2", node_id="node-1", context="office", call_state="created")
    until(lambda: "inbound call" in places.seen, "that all was heard")
    relay.line.break_()

    expected = {
        "ready",
        "signalwire.socket.open",
        "signalwire.socket.close",
        "signalwire.socket.message",
        "inbound call",
        "call",
        "play",
        "future",
    }
    until(lambda: expected <= set(places.seen), "that every handler ran")
    reader = client._life().connection._thread
    assert reader is not None
    assert all(place.startswith("relay-") and place != reader.name for place in places.seen.values()), places.seen
