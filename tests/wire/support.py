"""The service at the other side of the table: it reads what a session sends and says what the test wants."""

from __future__ import annotations

import json
from typing import Any

from relay_sync.wire.blade import Blade
from relay_sync.wire.events import Outcome, Ready
from relay_sync.wire.flat import Flat
from relay_sync.wire.session import Session

PROTOCOL = "signalwire_sig1_x9"
FLAT_PROTOCOL = "signalwire_sig1_x9_proj-1"
INTERVAL, TIMEOUT, LIMIT = 10.0, 5.0, 20.0


class Table:
    """One session, the clock that it is told, and a service that speaks Blade."""

    def __init__(self, session: Session | None = None) -> None:
        if session is None:
            blade = Blade(project="proj-1", token="PTsecret", agent="relay_sync/0")
            session = Session(blade, ping_interval=INTERVAL, ping_timeout=TIMEOUT)
        self.session = session
        self.now = 100.0

    def sent(self) -> list[dict[str, Any]]:
        """The frames that wait to be sent, read."""
        return [json.loads(text) for text in self.session.outgoing()]

    def take(self) -> dict[str, Any]:
        """The only frame that waits to be sent, read."""
        (frame,) = self.sent()
        assert frame.pop("jsonrpc") == "2.0"
        return frame

    def say(self, **frame: Any) -> list[Outcome]:
        """Say one frame of which the test gives all but the version."""
        return self.session.receive(json.dumps({"jsonrpc": "2.0", **frame}), self.now)

    def accept(self, ident: str, **result: Any) -> list[Outcome]:
        """Reply to anything but a ``blade.execute``."""
        return self.say(id=ident, result=result)

    def accept_inner(self, ident: str, **result: Any) -> list[Outcome]:
        """Reply to a ``blade.execute``."""
        return self.accept(ident, requester_nodeid="rn-1", responder_nodeid="rn-2", result=result)

    def refuse(self, ident: str, code: int | str, message: str = "no") -> list[Outcome]:
        """Reply with an error of JSON-RPC."""
        return self.say(id=ident, error={"code": code, "message": message})

    def broadcast(self, event: Any, *, protocol: Any = PROTOCOL, queue: str = "queuing.relay.events") -> list[Outcome]:
        """Say an event the Blade way."""
        params = {"broadcaster_nodeid": "rn-2", "protocol": protocol, "channel": "notifications", "event": queue}
        return self.say(id="evt-1", method="blade.broadcast", params={**params, "params": event})

    def ask(self, method: str, token: object, **params: Any) -> tuple[str, dict[str, Any]]:
        """Ask a command and return its id and what would go over the wire."""
        ident, text = self.session.ask(method, params, self.now, token)
        frame = json.loads(text)
        assert frame["id"] == ident
        return ident, frame

    # The handshake, step by step; each takes the frame it replies to and returns the outcomes.

    def open(self) -> dict[str, Any]:
        """Open, and return the first frame."""
        self.session.open(self.now, LIMIT)
        return self.take()

    def connected(self, ident: str, **changed: Any) -> list[Outcome]:
        """Accept ``blade.connect`` in full, but for what the test changes."""
        reply: dict[str, Any] = {
            "session_restored": False,
            "sessionid": "sess-1",
            "nodeid": "rn-1",
            "master_nodeid": "rn-0",
            "authorization": {"project": "proj-1", "expires_at": None, "signature": "sig1"},
        }
        return self.accept(ident, **{**reply, **changed})

    def subscribed(self, ident: str, protocol: str = PROTOCOL) -> list[Outcome]:
        """Accept the subscription."""
        return self.accept(
            ident, command="add", protocol=protocol, subscribe_channels=["notifications"], failed_channels=[]
        )

    def to_setup(self, **changed: Any) -> dict[str, Any]:
        """Open and accept the connect; return the next frame."""
        assert self.connected(self.open()["id"], **changed) == []
        return self.take()

    def to_subscription(self, protocol: str = PROTOCOL, **changed: Any) -> dict[str, Any]:
        """Go on to the subscription and return its frame."""
        assert self.accept_inner(self.to_setup(**changed)["id"], protocol=protocol) == []
        return self.take()

    def make_ready(self, protocol: str = PROTOCOL, **changed: Any) -> Ready:
        """Shake hands, accepting everything, and return how it ended."""
        outcomes = self.subscribed(self.to_subscription(protocol, **changed)["id"], protocol)
        if not outcomes:
            outcomes = self.accept_inner(self.take()["id"], code="200", message="Receiving")
        (ready,) = outcomes
        assert isinstance(ready, Ready)
        return ready

    def lose(self) -> list[object]:
        """The connection is gone."""
        return self.session.fail()


class FlatTable(Table):
    """A session, and a service that speaks Flat."""

    def __init__(self, **credentials: Any) -> None:
        given = {"project": "proj-1", "token": "PTsecret", "agent": "relay_sync/0", **credentials}
        self.flat = Flat(**given, unix_time=lambda: 1767225605.0)
        super().__init__(Session(self.flat, ping_interval=INTERVAL, ping_timeout=TIMEOUT))

    def connected(self, ident: str, **changed: Any) -> Any:
        reply = {
            "protocol": FLAT_PROTOCOL,
            "identity": "idn-1@host-1",
            "authorization": {"project": "proj-1", "signature": "sig1"},
        }
        return self.accept(ident, **{**reply, **changed})

    def ready(self, **changed: Any) -> Ready:
        (ready,) = self.connected(self.open()["id"], **changed)
        assert isinstance(ready, Ready)
        return ready

    def event(self, event: Any, ident: Any = "evt-1") -> list[Any]:
        return self.say(id=ident, method="signalwire.event", params=event)

    def state(self, value: Any, ident: str = "evt-s") -> list[Any]:
        inner = {"authorization_state": value}
        return self.event({"event_type": "signalwire.authorization.state", "params": inner}, ident)
