"""Whatever a user's handler hangs on: it never runs on the reader, and never under the connection's lock."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from functools import partial
from types import FrameType

import pytest

from relay_sync import Client, WouldDeadlock
from relay_sync.link import stream as stream_module
from relay_sync.link import waiting
from relay_sync.link.failures import TransportTimeout
from relay_sync.link.stream import Stream
from relay_sync.wire.events import RelayEvent
from tests.link.support import program
from tests.stage import Stage
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


# Signal handlers and finalisers run between any two steps of ours, perhaps while this very thread holds a lock. A test
# that holds the lock itself is in the same place.


def locks(stage: Stage) -> list[threading.Lock]:
    life = stage.client._life()
    return [life.connection.monitor.lock, life.lanes.lock, life.conversations.lock, life.chores.lock]


@pytest.mark.parametrize("number", range(4))
def test_disconnect_may_be_called_in_the_midst_of_our_own_work(stage: Stage, number: int) -> None:
    with locks(stage)[number]:
        stage.client.disconnect()
    until(lambda: stage.client.state == "closed", "that it is closed")


def test_a_command_in_the_midst_of_our_own_work_raises_because_it_would_wait_for_itself(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MIDST_S", 0.05)
    action = stage.play(stage.call())
    with stage.client._life().connection.monitor.lock:
        execute = partial(stage.client.execute, "calling.play", {})
        for attempt in (action.pause, action.wait, execute, partial(stage.client.calling.find, action.ref)):
            with pytest.raises(WouldDeadlock, match="signal handler"):
                attempt()
    stage.settle()


def test_so_does_what_begins_again_or_takes_a_new_token_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MIDST_S", 0.05)
    with Stage() as stage:
        lock = stage.client._life().connection.monitor.lock
        stage.client.disconnect()
        with lock, pytest.raises(WouldDeadlock):
            Client.connect(stage.client)
    client = Client(host="ws://127.0.0.1:1", jwt_token="ey.first.token")
    with client._life().connection.monitor.lock, pytest.raises(WouldDeadlock):
        client.reauthenticate("ey.second.token")


def test_a_lock_that_another_thread_holds_for_a_moment_is_waited_for(stage: Stage) -> None:
    lock = stage.client._life().connection.monitor.lock
    with lock:
        asking = Running(lambda: stage.client.execute("calling.play", {}))
        until(asking.thread.is_alive)
    stage.relay.accept_command("calling.play")
    assert asking.result().successful


def test_a_signal_handler_may_disconnect_whatever_it_interrupts() -> None:
    with program(
        """
import os, signal, threading
from tests.stage import Stage
signal.signal(signal.SIGUSR1, lambda *_: stage.client.disconnect())
stage = Stage()
stage.connect()
lock = stage.client._life().connection.monitor.lock
with lock:
    os.kill(os.getpid(), signal.SIGUSR1)
    print("returned", flush=True)
stage.client._life().connection._thread.join(10)
print(stage.client.state, flush=True)
"""
    ) as child:
        assert child.end() == (0, "returned\nclosed\n", "")


def test_a_finaliser_on_the_reader_may_disconnect(stage: Stage) -> None:
    """The reader holds the lock, and what it sets free there may be the last that somebody's object hung on."""

    class Finalised:
        def __del__(self) -> None:
            stage.client.disconnect()

    taken = stage.client._life().table.take

    def take(event: RelayEvent) -> None:
        kept = Finalised()
        del kept
        taken(event)

    stage.client._life().table.take = take  # type: ignore[method-assign]
    stage.relay.tell_state("created")
    until(lambda: stage.client.state == "closed", "that it is closed")


def test_a_finaliser_in_the_midst_of_tls_may_disconnect() -> None:
    """The reader is in a call into the TLS session, which nobody can make twice at a time."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = Stream(1.0)
        stream._sock, stream._tls_session = ours, True
        with stream._tls, pytest.raises(TransportTimeout):
            stream.write(b"goodbye", 0.5, last=True, finish=0.0)
        stream.write(b"goodbye", 0.5, last=True, finish=0.0)
        assert theirs.recv(100) == b"goodbye"


@pytest.mark.parametrize("write", ["write", "write_many"])
def test_an_interrupt_right_after_the_turn_to_write_was_taken_gives_it_back(write: str) -> None:
    """Ctrl-C comes when a call has returned, before what it returned is looked at: as a profiler may raise."""
    stream = Stream(1.0)

    def interrupt(frame: FrameType, event: str, called: object) -> None:
        name = getattr(called, "__name__", "")
        if event == "c_return" and name in ("acquire", "extend") and frame.f_code.co_filename == stream_module.__file__:
            sys.setprofile(None)
            raise KeyboardInterrupt

    sys.setprofile(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            getattr(stream, write)([b"x"], 1.0)
    finally:
        sys.setprofile(None)
    assert not stream._writing.locked()


def test_a_callback_for_which_the_workers_have_closed_in_that_moment_does_not_run_on_the_reader(stage: Stage) -> None:
    action = stage.play(stage.call())
    names: list[str] = []
    action.future.add_done_callback(lambda _: names.append(threading.current_thread().name))
    stage.client._life().lanes.close()  # as disconnect() does, while the reader has the end of the playback in hand
    stage.tell_play(action, "finished")
    until(lambda: names, "that the callback has run")
    assert not names[0].startswith("relay-reader")
