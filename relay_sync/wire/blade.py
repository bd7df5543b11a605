"""Blade, the dialect of v2: ``blade.connect``, ``blade.execute`` and so on (protocol.md 4 and 5)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from relay_sync.wire.dialect import (
    REAUTHENTICATE,
    UNRECEIVE,
    Handshake,
    Heard,
    Said,
    authentication,
    is_passing,
    nonsense,
    not_understood,
    pong,
    refused,
    text_or_none,
)
from relay_sync.wire.events import Answer, Dropped, GoAway, Happened, Ready, Refused, RelayEvent
from relay_sync.wire.jsonrpc import Failure, Request, Success, brief, write_result

_VERSION: Final = {"major": 2, "minor": 3, "revision": 0}
_SETUP_PROTOCOL: Final = "signalwire"
_CHANNEL: Final = "notifications"


class Blade:
    """The Blade dialect of one client. Implements ``Dialect``; not thread-safe, as its session is not.

    Attributes:
        name: ``blade``.
        lacks: ``signalwire.unreceive``: how to leave a context is not documented (protocol.md 3).
        secrets: none.
        session_id: from ``blade.connect``; sent with the next one to resume.
        protocol: from ``setup``; goes round every command and stands on every event of ours.
        signature: ``authorization.signature`` of the last connect.
        node_id: ``nodeid`` of the last connect.
    """

    __slots__ = (
        "_agent", "_authentication", "_project", "_unbroken", "lacks", "name", "node_id", "protocol", "secrets",
        "session_id", "signature",
    )  # fmt: skip

    def __init__(self, *, project: str, token: str, agent: str, jwt_token: str | None = None) -> None:
        """Take the credentials, which are sent as they are, and the name and version we go by."""
        self.name: str = "blade"
        self.lacks: frozenset[str] = frozenset({UNRECEIVE})
        self.secrets: tuple[str, ...] = ()
        self._project = project
        self._authentication = authentication(project, token, jwt_token)
        self._agent = agent
        self.session_id: str | None = None
        self.protocol: str | None = None
        self.signature: str | None = None
        self.node_id: str | None = None
        # Whether everything since the last Ready was restored. A handshake that breaks half-way after the session was
        # lost leaves a new session id behind, and restoring *that* one brings no call back.
        self._unbroken = False

    def __repr__(self) -> str:
        return f"<Blade session_id={self.session_id!r} protocol={self.protocol!r}>"

    def handshake(self, contexts: Collection[str]) -> Handshake:
        """Connect, set up the protocol, subscribe to its events, receive the contexts: one step at a time."""
        answer = Answer.to((yield self._connect()))
        if not answer.ok:
            return self._refused(answer)
        self._take_session(answer.result)

        self._keep_protocol_of(self.signature)
        previous = self.protocol
        answer = _inner((yield _execute(_SETUP_PROTOCOL, "setup", {"protocol": previous} if previous else {})))
        if not answer.ok:
            return self._refused(answer)
        protocol = text_or_none(answer.result.get("protocol"))
        if protocol is None:
            return self._refused(nonsense("setup was answered without a protocol"))
        self._unbroken = self._unbroken and protocol == previous
        self.protocol = protocol

        answer = Answer.to((yield _subscription(protocol)))
        if not answer.ok:
            return self._refused(answer)
        if _CHANNEL in _listed(answer.result.get("failed_channels")):
            return self._refused(nonsense(f"Relay would not subscribe us to the channel {_CHANNEL}"))

        contexts_refused = None
        if contexts:
            answer = _inner((yield self.command("signalwire.receive", {"contexts": list(contexts)})))
            contexts_refused = None if answer.ok else answer
        restored, self._unbroken = self._unbroken, True
        return Ready(restored, contexts_refused)

    def _connect(self) -> Said:
        params: dict[str, Any] = {"version": _VERSION, "authentication": self._authentication, "agent": self._agent}
        if self.session_id is not None:
            params["sessionid"] = self.session_id  # this spelling: with `session_id` the Go SDK resumes nothing
        return "blade.connect", params

    def _take_session(self, result: dict[str, Any]) -> None:
        authorization = result.get("authorization")
        self._unbroken = self._unbroken and result.get("session_restored") is True
        self.session_id = text_or_none(result.get("sessionid"))
        self.node_id = text_or_none(result.get("nodeid"))
        self.signature = text_or_none(authorization.get("signature")) if isinstance(authorization, dict) else None

    def _keep_protocol_of(self, signature: str | None) -> None:
        """Forget a previous protocol whose second piece is not the signature: it is another authorization's."""
        if self.protocol is not None and (signature is None or self.protocol.split("_")[1:2] != [signature]):
            self.protocol = None

    def _refused(self, answer: Answer) -> Refused:
        # It may be the old session that Relay will not have (-32003 says so outright, protocol.md 7). Unless the fault
        # is a passing one of its own, resuming again would be refused for ever.
        if not is_passing(answer.code):
            self.forget()
        return refused(answer)

    def forget(self) -> None:
        """Forget session id and protocol: the next handshake starts afresh."""
        self.session_id = self.protocol = None
        self._unbroken = False

    def renew(self, jwt_token: str) -> None:
        """Authenticate with this JWT from the next ``blade.connect`` on."""
        self._authentication = authentication(self._project, "", jwt_token)

    def command(self, method: str, params: dict[str, Any]) -> Said:
        """Wrap a command in ``blade.execute`` with the protocol as it is now.

        A ``calling.dial`` of exactly one device becomes the ``calling.begin`` of that device (protocol.md 10.3).
        Another JWT is shown with a request of its own, which is not wrapped (protocol.md 5.7).
        """
        if method == REAUTHENTICATE:
            return "blade.reauthenticate", {"sessionid": self.session_id, **params}
        if method == "calling.dial":
            method, params = _dial(params)
        return _execute(self.protocol, method, params)

    def answer(self, reply: Success | Failure, method: str) -> Answer:
        """Return the answer to a command, which but for another JWT's is that inside the reply."""
        return Answer.to(reply) if method == REAUTHENTICATE else _inner(reply)

    def ping(self, now: float) -> Said:
        """Return a ``blade.ping``, whose params are all optional."""
        return "blade.ping", {}

    def hear(self, request: Request) -> Heard:
        """Take in an event, a ping, the announcement of the close; ignore routing news (protocol.md 5.4 to 5.7)."""
        match request.method:
            case "blade.broadcast":
                return None, self._broadcast(request.params)
            case "blade.ping":
                return pong(request)
            case "blade.disconnect":
                return write_result(request.id, {}), GoAway(restart=False)
            case "blade.netcast":
                return None, None
            case _:
                return not_understood(request)

    def _broadcast(self, params: dict[str, Any]) -> Happened | Dropped:
        protocol = params.get("protocol")
        if protocol is None or protocol != self.protocol:
            return Dropped("event of another protocol", brief(protocol))
        event = RelayEvent.read(params.get("params"), params.get("event"))
        if event is None:
            return Dropped("malformed event", f"in the queue {brief(params.get('event'))}")
        return Happened(event)


def _inner(reply: Success | Failure) -> Answer:
    """Return the answer inside the reply to a ``blade.execute``: its result is in the result's ``result``."""
    if isinstance(reply, Failure):
        return Answer.refusal(reply)
    outer = reply.result
    return Answer.of(outer.get("result") if isinstance(outer, dict) else outer)


def _execute(protocol: str | None, method: str, params: dict[str, Any]) -> Said:
    return "blade.execute", {"protocol": protocol, "method": method, "params": params}


def _subscription(protocol: str) -> Said:
    return "blade.subscription", {"command": "add", "protocol": protocol, "channels": [_CHANNEL]}


def _dial(params: dict[str, Any]) -> Said:
    match params:
        case {"devices": [[device]], **rest}:
            return "calling.begin", {**rest, "device": device}
        case _:
            return "calling.dial", params


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
