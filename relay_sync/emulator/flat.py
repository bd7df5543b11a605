"""The Flat dialect: envelope, handshake and acknowledgements (protocol.md 4, 6 and 7)."""

from __future__ import annotations

from typing import Any

from relay_sync.emulator import envelope
from relay_sync.emulator.acknowledgements import Acknowledgements
from relay_sync.emulator.checks import Field, anything, check_fields, number, text, texts
from relay_sync.emulator.describing import as_object, describe_reply
from relay_sync.emulator.dispatch import TASKS
from relay_sync.emulator.envelope import (
    AUTHENTICATION_FAILED,
    BAD_PARAMS,
    INVALID_REQUEST,
    STALE_RESUME,
    UNKNOWN_METHOD,
    Accepted,
    Frame,
    Refused,
    RpcError,
)
from relay_sync.emulator.journal import Described
from relay_sync.emulator.login import SCOPES, Login
from relay_sync.emulator.objects import flag
from relay_sync.emulator.replies import carry_out
from relay_sync.emulator.service import Link
from relay_sync.emulator.session import AUTHORIZATION, EVENTS, Event, Session

_CONNECT = (
    Field("version", anything),
    Field("authentication", anything),
    Field("agent", text, False),
    Field("event_acks", flag, False),
    Field("contexts", texts, False),
    Field("topics", texts, False),  # JS
    Field("protocol", text, False),
    Field("authorization_state", text, False),
    Field("eventing", anything, False),  # browsers, as the next one
    Field("dpop_token", text, False),
)
_AUTHENTICATION = (Field("project", text, False), Field("token", text, False), Field("jwt_token", text, False))
_REAUTHENTICATE = (Field("authentication", anything), Field("dpop_token", text, False))
_PING = (Field("timestamp", number(), False), Field("payload", text, False))

_OF_THE_SESSION = frozenset(
    f"signalwire.{name}" for name in ("connect", "disconnect", "event", "ping", "reauthenticate")
)
"""The methods that are no commands: Blade has others for the same."""


class Flat:
    """What Flat calls things, and in which order it wants them. Holds no state: that is in link and session."""

    @property
    def opening(self) -> str:
        """The method of the first request."""
        return "signalwire.connect"

    def describe(self, frame: Frame) -> Described:
        """Tell the journal what a frame is."""
        method, params = frame.get("method"), as_object(frame.get("params"))
        if method == "signalwire.event":
            return _describe_event(method, params)
        if isinstance(method, str):
            if method in _OF_THE_SESSION:
                return Described("other", method)
            return Described("command", method, method, params)
        return describe_reply(frame)

    def receive(self, link: Link, frame: Frame) -> None:
        """Act on a request."""
        method, params, request_id = frame["method"], frame.get("params", {}), frame.get("id")

        def write(outcome: Accepted | Refused | RpcError) -> Frame:
            if isinstance(outcome, Refused):
                return envelope.success(request_id, {"code": outcome.code, "message": outcome.message})
            if isinstance(outcome, RpcError):
                return envelope.failure(request_id, outcome.code, outcome.message, **outcome.more)
            return envelope.success(request_id, outcome.result)

        carry_out(link, method, link.session, lambda: self._carry(link, frame, method, params), write)

    def answer(self, link: Link, frame: Frame) -> None:
        """Note an acknowledgement: an empty result with the id of the event (protocol.md 6.2)."""
        if link.session is not None and link.session.acknowledgements is not None and "result" in frame:
            link.session.acknowledgements.take(str(frame.get("id")))

    def event(self, session: Session, queue: str, event: dict[str, Any]) -> Frame:
        """Wrap an event: a ``signalwire.event``, whose id the client sends back (protocol.md 4, 6.2)."""
        if queue == TASKS:  # the only one whose type is told by the queue alone (protocol.md 15)
            event = {"event_type": queue, **event}
        frame = envelope.request(envelope.new_id(), "signalwire.event", event)
        if session.acknowledgements is not None:
            session.acknowledgements.expect(frame)
        return frame

    def ping(self, request_id: str, timestamp: float) -> Frame:
        """Return the server's ping (protocol.md 6.6)."""
        return envelope.request(request_id, "signalwire.ping", {"timestamp": timestamp})

    def go_away(self, request_id: str, restart: bool) -> Frame:
        """Return ``signalwire.disconnect`` (protocol.md 6.5)."""
        return envelope.request(request_id, "signalwire.disconnect", {"restart": restart})

    def _carry(self, link: Link, frame: Frame, method: str, params: Any) -> Accepted:
        if link.service.strict and frame.get("jsonrpc") != "2.0":
            raise RpcError(INVALID_REQUEST, 'jsonrpc must be "2.0"')
        if not isinstance(params, dict) and method in _OF_THE_SESSION:  # a command's are looked at by the desk
            raise RpcError(BAD_PARAMS, "params must be an object")
        if method == "signalwire.connect":
            return self._connect(link, params)
        if link.session is None:
            raise RpcError(AUTHENTICATION_FAILED, "Authentication required")
        if method == "signalwire.reauthenticate":
            return self._reauthenticate(link, link.session, params)
        link.service.logins.check(link.session.login)
        if method == "signalwire.ping":
            _check(link, method, params, _PING)
            return Accepted(dict(params) if link.service.assumptions.ping_echoes else {})
        if method in _OF_THE_SESSION:  # the rest of them is the server's to send
            raise RpcError(UNKNOWN_METHOD, f"Unknown method {method}")
        return link.service.desk.perform(link.session, method, params)

    def _connect(self, link: Link, params: dict[str, Any]) -> Accepted:
        if link.session is not None:
            raise RpcError(INVALID_REQUEST, "Already connected")
        _check(link, "signalwire.connect", params, _CONNECT)
        who = as_object(params["authentication"])
        _check(link, "authentication", who, _AUTHENTICATION)
        login = link.service.logins.log_in(link, who)
        session, resumed = self._session(link, login, params)
        before = session.acknowledgements.pending if resumed and session.acknowledgements is not None else []
        session.acknowledgements = None
        if params.get("event_acks") is True:
            again = link.service.assumptions.redeliver_after
            session.acknowledgements = Acknowledgements(link, again)
            link.service.journal.expect_acknowledgements(link.number)
        link.session = session
        contexts = [*params.get("contexts", ()), *params.get("topics", ())]

        def begin() -> None:
            if session.acknowledgements is not None:
                session.acknowledgements.redeliver(before)  # which are older than those that it missed
            session.subscribe(link.service.assumptions.replay_missed_events)
            renew_state(session)
            if contexts:
                link.service.desk.perform(session, "signalwire.receive", {"contexts": contexts})

        result = {
            "protocol": session.protocol,
            "identity": f"{session.node_id}@emulator",
            "authorization": _authorization(session),
        }
        return Accepted(result, then=begin)

    def _session(self, link: Link, login: Login, params: dict[str, Any]) -> tuple[Session, bool]:
        """Return the session that the client asks to resume, or else a new one, and whether it was resumed."""
        protocol, state = params.get("protocol"), params.get("authorization_state")
        sessions = link.service.sessions
        found = None if protocol is None else sessions.find(login.project, str(protocol), state)
        if found is None and protocol is not None and link.service.assumptions.stale_resume == "-32003":
            raise RpcError(STALE_RESUME, "Requester validation failed: the session can't be resumed")
        session, restored = sessions.connect(link, login, None if found is None else found.id)
        if not restored:
            session.new_protocol()
        return session, restored

    def _reauthenticate(self, link: Link, session: Session, params: dict[str, Any]) -> Accepted:
        _check(link, "signalwire.reauthenticate", params, _REAUTHENTICATE)
        who = as_object(params["authentication"])
        _check(link, "authentication", who, _AUTHENTICATION)
        session.login = link.service.logins.log_in_again(link, session.login, who)
        return Accepted({"authorization": _authorization(session)}, then=lambda: renew_state(session))


def renew_state(session: Session) -> None:
    """Give a session a new authorization state, and tell its client (protocol.md 6.3)."""
    params = {"authorization_state": session.new_state()}
    event: Event = {"event_type": AUTHORIZATION, "params": params}
    session.emit(EVENTS, event)


def _authorization(session: Session) -> dict[str, Any]:
    """Return what a client of Flat is told of its login: it differs by its kind (protocol.md 6.1)."""
    login = session.login
    if login.by_jwt:
        whose = {"jti": login.id, "project_id": login.project}
        return {**whose, "expires_at": login.expires_at, "scopes": list(SCOPES)}
    return {"project": login.project, "expires_at": None, "scopes": list(SCOPES), "signature": session.signature}


def _check(link: Link, what: str, params: dict[str, Any], fields: tuple[Field, ...]) -> None:
    if complaint := check_fields(what, params, fields, link.service.strict):
        raise RpcError(BAD_PARAMS, complaint)


def _describe_event(method: str, event: dict[str, Any]) -> Described:
    kind = event.get("event_type")
    if kind == TASKS:  # has no inner params; described as in Blade, where nothing tells the type
        return Described("event", method, TASKS, {name: event[name] for name in event if name != "event_type"})
    if kind == AUTHORIZATION:  # a matter of the session: Blade has no such thing
        return Described("other", method, AUTHORIZATION)
    return Described("event", method, kind if isinstance(kind, str) else None, as_object(event.get("params")))
