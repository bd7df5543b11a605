"""Flat, the current dialect: ``signalwire.connect``, ``signalwire.event``, and commands as they are (protocol.md 6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any, Final

from relay_sync.wire.dialect import (
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
from relay_sync.wire.jsonrpc import Failure, Request, RequestId, Success, brief, write_result

_VERSION: Final = {"major": 2, "minor": 0, "revision": 0}
_AUTHORIZATION_STATE: Final = "signalwire.authorization.state"

#: Codes of a refusal that is about what we want to resume: protocol.md 7, and HTTP's words for what is gone.
_STALE: Final = frozenset({"-32003", "404", "410"})

#: How many events are remembered, to tell one that is delivered again from a new one.
_REMEMBERED: Final = 64


class Flat:
    """The Flat dialect of one client. Implements ``Dialect``; not thread-safe, as its session is not.

    Attributes:
        name: ``flat``.
        lacks: nothing.
        secrets: the last authorization states, as secret as the token, for which they stand.
        session_id: from ``signalwire.connect``, which may leave it out; nothing depends on it.
        protocol: from ``signalwire.connect``; sent with the next one to resume.
        signature: ``authorization.signature`` of the last connect; a JWT has none.
        node_id: ``nodeid`` of the last connect, which may leave it out.
    """

    __slots__ = (
        "_agent", "_authentication", "_authorization_state", "_heard", "_project", "_unix_time", "lacks", "name",
        "node_id", "protocol", "secrets", "session_id", "signature",
    )  # fmt: skip

    def __init__(
        self,
        *,
        project: str,
        token: str,
        agent: str,
        jwt_token: str | None = None,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        """Take the credentials, which are sent as they are, and the name and version we go by.

        ``unix_time`` gives the time of day, which our pings carry.
        """
        self.name: str = "flat"
        self.lacks: frozenset[str] = frozenset()
        self.secrets: tuple[str, ...] = ()
        self._project = project
        self._authentication = authentication(project, token, jwt_token)
        self._agent = agent
        self._unix_time = unix_time
        self.session_id: str | None = None
        self.protocol: str | None = None
        self.signature: str | None = None
        self.node_id: str | None = None
        self._authorization_state: str | None = None
        self._heard: dict[RequestId, dict[str, Any]] = {}  # the last events, by the id of their request

    def __repr__(self) -> str:
        return f"<Flat protocol={self.protocol!r}>"

    def handshake(self, contexts: Collection[str]) -> Handshake:
        """Connect, which receives the contexts as well; once more with nothing to resume where that was stale."""
        previous, state = self.protocol, self._authorization_state
        answer = Answer.to((yield self._connect(contexts)))
        if previous is not None and answer.code in _STALE:
            self.forget()
            answer = Answer.to((yield self._connect(contexts)))
        if not answer.ok:
            return self._refused(answer)
        protocol = text_or_none(answer.result.get("protocol"))
        if protocol is None:
            return self._refused(nonsense("signalwire.connect was answered without a protocol"))
        restored = self.protocol is not None and protocol == previous
        if not restored and self._authorization_state == state:
            self._authorization_state = None  # the old session's; that of the new one may have come before the reply
        self._take_session(protocol, answer.result)
        return Ready(restored, None)

    def _connect(self, contexts: Collection[str]) -> Said:
        params: dict[str, Any] = {
            "version": _VERSION,
            "agent": self._agent,
            "event_acks": True,
            "authentication": self._authentication,
        }
        if contexts:
            params["contexts"] = list(contexts)
        if self.protocol is not None:
            params["protocol"] = self.protocol
            if self._authorization_state is not None:
                params["authorization_state"] = self._authorization_state
        return "signalwire.connect", params

    def _take_session(self, protocol: str, result: dict[str, Any]) -> None:
        authorization = result.get("authorization")
        self.protocol = protocol
        self.session_id = text_or_none(result.get("sessionid"))
        self.node_id = text_or_none(result.get("nodeid"))
        self.signature = text_or_none(authorization.get("signature")) if isinstance(authorization, dict) else None

    def _refused(self, answer: Answer) -> Refused:
        # As in Blade: unless the fault is a passing one, resuming again would be refused for ever.
        if not is_passing(answer.code):
            self.forget()
        return refused(answer)

    def forget(self) -> None:
        """Forget protocol and authorization state: the next handshake starts afresh."""
        self.session_id = self.protocol = self._authorization_state = None

    def renew(self, jwt_token: str) -> None:
        """Authenticate with this JWT from the next ``signalwire.connect`` on."""
        self._authentication = authentication(self._project, "", jwt_token)

    def command(self, method: str, params: dict[str, Any]) -> Said:
        """Return the command as it is: nothing is wrapped round it, and one device is dialled as several are."""
        return method, params

    def answer(self, reply: Success | Failure, method: str) -> Answer:
        """Return the answer that a reply is: nothing is wrapped round it."""
        return Answer.to(reply)

    def ping(self, now: float) -> Said:
        """Return a ``signalwire.ping``; its timestamp is the time of day, and ``now`` need not be."""
        return "signalwire.ping", {"timestamp": self._unix_time()}

    def hear(self, request: Request) -> Heard:
        """Take in an event, which is acknowledged, a ping, the announcement of the close (protocol.md 6.2 to 6.6)."""
        match request.method:
            case "signalwire.event":
                # Acknowledged whatever it holds, and one that was delivered again as well: or it would come for ever.
                return write_result(request.id, {}), self._event(request)
            case "signalwire.ping":
                return pong(request)
            case "signalwire.disconnect":
                return write_result(request.id, {}), GoAway(restart=request.params.get("restart") is True)
            case _:
                return not_understood(request)

    def _event(self, request: Request) -> Happened | Dropped | None:
        params = request.params
        if params.get("event_type") == _AUTHORIZATION_STATE:
            return self._keep_state(params.get("params"))
        if self._is_repeated(request):
            return Dropped("repeated event", f"of type {brief(params.get('event_type'))}")
        event = RelayEvent.read(params)
        if event is None:
            return Dropped("malformed event", f"of type {brief(params.get('event_type'))}")
        return Happened(event)

    def _keep_state(self, inner: object) -> Dropped | None:
        state = text_or_none(inner.get("authorization_state")) if isinstance(inner, dict) else None
        if state is None:
            return Dropped("malformed event", f"of type {_AUTHORIZATION_STATE}")
        self.secrets = (*self.secrets[-1:], state)  # with the last one, which may yet be repeated
        self._authorization_state = state
        return None

    def _is_repeated(self, request: Request) -> bool:
        """Tell whether this event was delivered before: an acknowledgement may be lost with its connection.

        Same id and same content: a service that counts its ids afresh on each connection repeats nothing.
        """
        if request.id is None:
            return False
        if self._heard.get(request.id) == request.params:
            return True
        self._heard.pop(request.id, None)
        self._heard[request.id] = request.params
        if len(self._heard) > _REMEMBERED:
            del self._heard[next(iter(self._heard))]
        return False
