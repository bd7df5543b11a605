"""The Blade dialect: envelope and handshake (protocol.md 4, 5 and 7)."""

from __future__ import annotations

from typing import Any

from relay_sync.emulator import envelope
from relay_sync.emulator.checks import Field, anything, check_fields, number, one_of, text, texts
from relay_sync.emulator.describing import as_object, describe_reply
from relay_sync.emulator.dispatch import TASKS
from relay_sync.emulator.envelope import (
    AUTHENTICATION_FAILED,
    BAD_PARAMS,
    INVALID_REQUEST,
    UNKNOWN_METHOD,
    Accepted,
    Frame,
    Refused,
    RpcError,
)
from relay_sync.emulator.journal import Described, Kind
from relay_sync.emulator.login import SCOPES
from relay_sync.emulator.replies import carry_out
from relay_sync.emulator.service import Link
from relay_sync.emulator.session import Session

_CONNECT = (
    Field("version", anything),
    Field("authentication", anything),
    Field("agent", text, False),
    Field("sessionid", text, False),
    Field("session_id", text, False),  # Go's spelling; it does not resume (protocol.md 19)
    Field("identity", anything, False),
    Field("network", anything, False),
)
_AUTHENTICATION = (Field("project", text), Field("token", text, False), Field("jwt_token", text, False))
_EXECUTE = (Field("protocol", text), Field("method", text), Field("params", anything, False))
_SETUP = (Field("protocol", text, False),)
_SUBSCRIPTION = (Field("command", one_of("add", "remove")), Field("protocol", text), Field("channels", texts))
_REAUTHENTICATE = (Field("sessionid", text), Field("authentication", anything))
_PING = (Field("timestamp", number(), False), Field("payload", text, False))

_SETUP_PROTOCOL = "signalwire"
_CHANNEL = "notifications"
_FLAT_ONLY = frozenset({"signalwire.unreceive"})  # no client of this dialect sends it (protocol.md 3)


class Blade:
    """What Blade calls things, and in which order it wants them. Holds no state: that is in link and session."""

    @property
    def opening(self) -> str:
        """The method of the first request."""
        return "blade.connect"

    def describe(self, frame: Frame) -> Described:
        """Tell the journal what a frame is."""
        method, params = frame.get("method"), as_object(frame.get("params"))
        if isinstance(method, str):
            return _describe_request(method, params)
        return describe_reply(frame)

    def receive(self, link: Link, frame: Frame) -> None:
        """Act on a request."""
        method, params, request_id = frame["method"], frame.get("params", {}), frame.get("id")
        name = method
        if method == "blade.execute" and isinstance(params, dict) and isinstance(params.get("method"), str):
            name = params["method"]
        wrapped = method == "blade.execute"

        def write(outcome: Accepted | Refused | RpcError) -> Frame:
            return self._reply(link, request_id, outcome, wrapped)

        carry_out(link, name, link.session, lambda: self._carry(link, frame, method, params), write)

    def answer(self, link: Link, frame: Frame) -> None:
        """Make nothing of a client's reply: events have none in this dialect."""

    def event(self, session: Session, queue: str, event: dict[str, Any]) -> Frame:
        """Wrap an event: a ``blade.broadcast`` (protocol.md 4)."""
        params = {
            "broadcaster_nodeid": session.node_id,
            "protocol": session.protocol,
            "channel": _CHANNEL,
            "event": queue,
            "params": event,
        }
        return envelope.request(envelope.new_id(), "blade.broadcast", params)

    def ping(self, request_id: str, timestamp: float) -> Frame:
        """Return the server's ping (protocol.md 5.4)."""
        return envelope.request(request_id, "blade.ping", {"timestamp": timestamp, "payload": "ping"})

    def go_away(self, request_id: str, restart: bool) -> Frame:
        """Return ``blade.disconnect``, which has no params: it does not tell of a restart (protocol.md 5.6)."""
        return envelope.request(request_id, "blade.disconnect")

    def _carry(self, link: Link, frame: Frame, method: str, params: Any) -> Accepted:
        if link.service.strict and frame.get("jsonrpc") != "2.0":
            raise RpcError(INVALID_REQUEST, 'jsonrpc must be "2.0"')
        if not isinstance(params, dict):
            raise RpcError(BAD_PARAMS, "params must be an object")
        if method == "blade.connect":
            return self._connect(link, params)
        if link.session is None:
            raise RpcError(AUTHENTICATION_FAILED, "Authentication required")
        if method == "blade.reauthenticate":
            return self._reauthenticate(link, link.session, params)
        link.service.logins.check(link.session.login)
        if method == "blade.execute":
            return self._execute(link, link.session, params)
        if method == "blade.subscription":
            return self._subscription(link, link.session, params)
        if method == "blade.ping":
            _check(link, method, params, _PING)
            return Accepted(dict(params) if link.service.assumptions.ping_echoes else {})
        if method == "blade.disconnect":
            link.close_soon()
            return Accepted()
        raise RpcError(UNKNOWN_METHOD, f"Unknown method {method}")

    def _connect(self, link: Link, params: dict[str, Any]) -> Accepted:
        if link.session is not None:
            raise RpcError(INVALID_REQUEST, "Already connected")
        _check(link, "blade.connect", params, _CONNECT)
        who = as_object(params["authentication"])
        _check(link, "authentication", who, _AUTHENTICATION)
        login = link.service.logins.log_in(link, who)
        session, restored = link.service.sessions.connect(link, login, params.get("sessionid"))
        link.session = session
        return Accepted(
            {
                "session_restored": restored,
                "sessionid": session.id,
                "nodeid": session.node_id,
                "master_nodeid": link.service.node_id,
                "authorization": _authorization(session),
                "routes": [],
                "protocols": [],
                "subscriptions": [],
                "authorities": [],
                "authorizations": [],
                "accesses": [],
                "protocols_uncertified": [_SETUP_PROTOCOL],
            }
        )

    def _reauthenticate(self, link: Link, session: Session, params: dict[str, Any]) -> Accepted:
        _check(link, "blade.reauthenticate", params, _REAUTHENTICATE)
        who = as_object(params["authentication"])
        _check(link, "authentication", who, _AUTHENTICATION)
        if params["sessionid"] != session.id:
            raise RpcError(BAD_PARAMS, "Unknown session")
        session.login = link.service.logins.log_in_again(link, session.login, who)
        return Accepted({"authorization": _authorization(session)})

    def _execute(self, link: Link, session: Session, params: dict[str, Any]) -> Accepted:
        _check(link, "blade.execute", params, _EXECUTE)
        method, inner = params["method"], params.get("params", {})
        if params["protocol"] == _SETUP_PROTOCOL and method == "setup":
            inner = as_object(inner)
            _check(link, "setup", inner, _SETUP)
            asked = inner.get("protocol")
            # Kept only by the session it was given to; any other client gets one of its own.
            kept = asked is not None and asked == session.protocol
            return Accepted({"protocol": session.protocol if kept else session.new_protocol()})
        if session.protocol is None or params["protocol"] != session.protocol:
            raise RpcError(BAD_PARAMS, f"Unknown protocol {params['protocol']}")
        if link.service.strict and method in _FLAT_ONLY:
            raise RpcError(UNKNOWN_METHOD, f"Unknown method {method}")
        return link.service.desk.perform(session, method, inner)

    def _subscription(self, link: Link, session: Session, params: dict[str, Any]) -> Accepted:
        _check(link, "blade.subscription", params, _SUBSCRIPTION)
        known = params["protocol"] == session.protocol
        done = [channel for channel in params["channels"] if known and channel == _CHANNEL]
        if done and params["command"] == "add":
            session.subscribe(link.service.assumptions.replay_missed_events)
        elif done:
            session.subscribed = False
        return Accepted(
            {
                "command": params["command"],
                "protocol": params["protocol"],
                "subscribe_channels": done,
                "failed_channels": [channel for channel in params["channels"] if channel not in done],
            }
        )

    def _reply(self, link: Link, request_id: object, outcome: Accepted | Refused | RpcError, wrapped: bool) -> Frame:
        nodes = {}
        if link.session is not None:
            nodes = {"requester_nodeid": link.session.node_id, "responder_nodeid": link.service.node_id}
        if isinstance(outcome, Refused):
            result: dict[str, Any] = {"code": outcome.code, "message": outcome.message}
        elif isinstance(outcome, RpcError):
            return envelope.failure(request_id, outcome.code, outcome.message, **nodes, **outcome.more)
        else:
            result = outcome.result
        return envelope.success(request_id, {**nodes, "result": result} if wrapped else result)


def _authorization(session: Session) -> dict[str, Any]:
    login = session.login
    facts = {"project": login.project, "expires_at": login.expires_at, "scopes": list(SCOPES)}
    return {**facts, "signature": session.signature}


def _check(link: Link, what: str, params: dict[str, Any], fields: tuple[Field, ...]) -> None:
    if complaint := check_fields(what, params, fields, link.service.strict):
        raise RpcError(BAD_PARAMS, complaint)


def _describe_request(method: str, params: dict[str, Any]) -> Described:
    if method == "blade.execute":
        inner = params.get("method")
        if isinstance(inner, str):
            kind: Kind = "other" if inner == "setup" else "command"
            return Described(kind, method, inner, as_object(params.get("params")))
    if method == "blade.broadcast":
        event, queue = as_object(params.get("params")), params.get("event")
        if queue == TASKS:  # has neither type nor params
            return Described("event", method, queue, event)
        return Described("event", method, event.get("event_type"), as_object(event.get("params")))
    return Described("other", method)
