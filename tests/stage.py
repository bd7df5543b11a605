"""A client and the relay that a test plays for it, with the moves that most tests begin with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import pytest

from relay_sync import Call, Client, PlayAction
from relay_sync.link.failures import TransportLost
from relay_sync.link.road import Transport
from relay_sync.link.waiting import Deadline
from tests.support import ScriptedRelay, in_thread, until
from tests.words import chosen

PROJECT = "canary-project-7f3a"
TOKEN = "PTcanary-token-51b9e2"
GIVEN: dict[str, Any] = {"project": PROJECT, "token": TOKEN, "host": "ws://127.0.0.1:9"}
URL = "https://example.com/welcome.mp3"
LOOK_S = 0.002  # seconds after which a thread looks at a clock that a test moves


class ScriptedClient(Client):
    """A client whose sockets are the queues of a :class:`ScriptedRelay`, and that reconnects at once."""

    def __init__(self, relay: ScriptedRelay, **options: Any) -> None:
        super().__init__(**{**GIVEN, "dialect": chosen(), **options})
        self._scripted = relay

    def _open_transport(self) -> Transport:  # type: ignore[override]  # any Transport will do
        transport = self._scripted.open_transport()
        closing = transport.send_close

        def send_close() -> None:
            closing()
            transport.incoming.put(TransportLost("closed by Relay: 1000"))  # as a real peer does, within the grace

        transport.send_close = send_close  # type: ignore[method-assign]
        return transport

    def connect(self) -> None:
        at_once(self)
        super().connect()


def at_once(client: Client) -> None:
    """Have a client reconnect without the random delay."""
    client._life().connection._reader._jitter = lambda: 0.0


class FakeClock:
    """A clock that the test moves, and deadlines that go by it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def deadline(self, timeout: float | None, *, name: str = "timeout") -> Deadline:
        return Deadline(timeout, lambda: self.now, name=name)


@contextmanager
def standing_time() -> Iterator[FakeClock]:
    """Have every time limit that is given in the block go by a clock that stands still until the test moves it.

    So nothing is late on a slow machine before it is to be. Whoever waits looks at the clock every now and then.
    """
    clock, nap = FakeClock(), Deadline.nap
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Deadline.__init__, "__defaults__", (lambda: clock.now,))
        patch.setattr(
            Deadline, "nap", lambda deadline: min(LOOK_S, LOOK_S if (left := nap(deadline)) is None else left)
        )
        yield clock


@contextmanager
def limits(client: Client, **seconds: float) -> Iterator[None]:
    """Give a client other limits (``request``, ``connect``, ``resume``) in the block: nothing before it is hurried."""
    connection = client._life().connection
    before = connection.limits
    connection.limits = client._limits = before._replace(**seconds)
    try:
        yield
    finally:
        connection.limits = client._limits = before


class Stage:
    """A connected client and its scripted relay; pings would come between the frames of a test that takes long."""

    def __init__(self, **options: Any) -> None:
        self.relay = ScriptedRelay()
        self.client = ScriptedClient(self.relay, **{"ping_interval": 3600, **options})

    def __enter__(self) -> Stage:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.disconnect()

    def connect(self, *, contexts: bool = False) -> None:
        with in_thread(self.client.connect) as connecting:
            self.relay.next_line()
            self.relay.shake_hands(contexts=contexts)
        connecting.result()

    def reconnect(self, *, restored: bool = True, contexts: bool = False, protocol: str | None = None) -> None:
        """Break the connection and take the next one through its handshake."""
        self.relay.line.break_()
        self.come_back(restored=restored, contexts=contexts, protocol=protocol)

    def come_back(self, *, restored: bool = True, contexts: bool = False, protocol: str | None = None) -> None:
        self.relay.next_line()
        self.relay.shake_hands(restored=restored, contexts=contexts, protocol=protocol)
        until(lambda: self.client.connected)

    def new_call(self, **more: Any) -> Call:
        return self.client.calling.new_call(from_number="+15550100", to_number="+15550101", **more)

    def call(self, call_id: str = "call-1", **more: Any) -> Call:
        """A call that was dialled and answered."""
        call = self.new_call(**more)
        with in_thread(call.dial) as dialling:
            self.relay.accept_command("calling.begin")
            self.relay.tell_state("created", call_id, tag=call.tag)
            self.relay.tell_state("answered", call_id, tag=call.tag)
        assert dialling.result().successful
        return call

    def play(self, call: Call, state: str = "playing") -> PlayAction:
        """A playback on a call, in that state ('' for one that nothing was heard of)."""
        with in_thread(lambda: call.play_audio_async(URL)) as starting:
            self.relay.accept_command("calling.play")
        action = starting.result()
        if state:
            self.tell_play(action, state)
            action.wait_for_state(state, 10)
        return action

    def tell_play(self, action: PlayAction, state: str) -> None:
        self.relay.tell_play(state, action.control_id, action.call.id or "")

    def settle(self) -> None:
        """Return once the client has taken all that the relay said so far: events and answers keep their order."""
        with in_thread(lambda: self.client.execute("test.settle", {})) as asking:
            self.relay.accept_command("test.settle")
        asking.result()
        assert self.relay.words.has_acknowledged()

    def inbound(self, call_id: str = "call-in", context: str = "office", **more: Any) -> None:
        """Offer an inbound call."""
        self.relay.tell(
            "calling.call.receive",
            **{
                "call_id": call_id,
                "node_id": "node-1",
                "context": context,
                "call_state": "created",
                "direction": "inbound",
                "tag": "",
                "device": {"type": "phone", "params": {"from_number": "+15550107788", "to_number": "+15550100"}},
                **more,
            },
        )

    @property
    def tables(self) -> list[Any]:
        """Everything that the client keeps by call: empty where no call is alive."""
        table = self.client._life().table
        everything = (table._by_id, table._by_tag, table._abandoned, table._unwanted, table._watched)
        return [kept for kept in everything if kept]


def parked(thing: Any, count: int = 1) -> None:
    """Return once ``count`` threads wait on a call or an action: they hold no lock and have looked."""
    until(lambda: thing._room is not None and thing._room.inside >= count, f"that {count} wait on {thing!r}")


def nudge(client: Client, thing: Any) -> None:
    """Have whoever waits on a call or an action look again, and see what time it is."""
    with client._life().connection.monitor.lock:
        thing._changed()
