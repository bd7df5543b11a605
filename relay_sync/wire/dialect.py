"""The shape of a dialect: the service's words for what a session wants said, and what it hears.

A dialect is one class in one file. It keeps what the service needs for resuming (session id, protocol). Time, the ids
of our requests and who waits for them are the business of ``Session``, and which dialect is spoken that of ``Choice``.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from typing import Any, Final, Protocol

from relay_sync.wire.events import Answer, Dropped, GoAway, Happened, Ready, Refused
from relay_sync.wire.jsonrpc import METHOD_NOT_FOUND, Failure, Request, Success, brief, write_error, write_result

#: Method and params of a request, as they stand on the wire.
Said = tuple[str, dict[str, Any]]

#: A handshake told as a story: it yields each request it wants sent, receives the reply to it, returns how it ended.
Handshake = Generator[Said, Success | Failure, Ready | Refused]

#: The text of a reply (None: none is due) and what to tell about a request of the server's (None: nothing).
Heard = tuple[str | None, Happened | GoAway | Dropped | None]

#: Codes of a refused handshake that only other credentials can turn: protocol.md 7, and HTTP's words for the same.
CREDENTIAL_CODES: Final = frozenset({"-32002", "401", "403"})


#: The command that leaves contexts, which not every dialect has.
UNRECEIVE: Final = "signalwire.unreceive"
#: The command that shows Relay another JWT, as ``Session`` is asked for it in every dialect.
REAUTHENTICATE: Final = "signalwire.reauthenticate"


class Dialect(Protocol):
    """What ``Session`` needs of a dialect.

    Attributes:
        name: what ``Client.dialect`` calls it.
        lacks: the commands that the service has in other dialects and not in this one.
        secrets: what the service told in confidence, to be hidden in all that is shown.
        session_id: the service's name of the session, None until known.
        protocol: the protocol string of the session, None until known.
        signature: the signature of the authorization, None until known.
        node_id: the node of the service that we are connected to, None until known.
    """

    name: str
    lacks: frozenset[str]
    secrets: tuple[str, ...]
    session_id: str | None
    protocol: str | None
    signature: str | None
    node_id: str | None

    def handshake(self, contexts: Collection[str]) -> Handshake:
        """Begin a handshake on a fresh connection, resuming the previous session where there is one.

        ``contexts`` is a live view: it is read when the frame that carries it is made. The generator may be dropped at
        any step, when the connection breaks.
        """
        ...

    def command(self, method: str, params: dict[str, Any]) -> Said:
        """Return a command as this dialect says it now. ``params`` is left as it is."""
        ...

    def answer(self, reply: Success | Failure, method: str) -> Answer:
        """Return what the reply to the ``command`` of that name says."""
        ...

    def ping(self, now: float) -> Said:
        """Return the request that asks for a sign of life. Any reply to it is one."""
        ...

    def hear(self, request: Request) -> Heard:
        """Take in a request of the server's: an event, a ping, a farewell. Never raises on what it holds."""
        ...

    def forget(self) -> None:
        """Forget the session: the next handshake starts afresh."""
        ...

    def renew(self, jwt_token: str) -> None:
        """Authenticate with this JWT from the next handshake on. Sends nothing."""
        ...


class Maker(Protocol):
    """Makes the dialect of one client: a dialect's class is one."""

    def __call__(self, *, project: str, token: str, jwt_token: str | None, agent: str) -> Dialect:
        """Return a dialect with nothing to resume.

        Args:
            project: project id; "" where there is none, which needs a JWT.
            token: API token; "" where there is none, which needs a JWT.
            jwt_token: a JSON Web Token to authenticate with in place of the token, or None.
            agent: the name and version we go by.
        """
        ...


def authentication(project: str, token: str, jwt_token: str | None) -> dict[str, str]:
    """Return the ``authentication`` of a handshake (protocol.md 5.1, 6.1); with a JWT the project is optional."""
    if jwt_token is None:
        return {"project": project, "token": token}
    return {"project": project, "jwt_token": jwt_token} if project else {"jwt_token": jwt_token}


def nonsense(message: str) -> Answer:
    """Return what an answer of Relay's amounts to that cannot be one."""
    return Answer(False, None, message, {})


def is_passing(code: str | None) -> bool:
    """Tell whether a refusal is a fault of the moment: a timeout, too many requests, a failure of the server's."""
    return code is not None and (code in ("-32000", "429") or (len(code) == 3 and code[0] == "5"))


def text_or_none(value: object) -> str | None:
    """Return a field of a reply that is a text worth having, else None."""
    return value if isinstance(value, str) and value else None


def refused(answer: Answer) -> Refused:
    """Return the end of a handshake that Relay refused with ``answer``."""
    return Refused(answer, answer.code in CREDENTIAL_CODES)


def pong(request: Request) -> Heard:
    """Answer a ping of the server's with its own ``timestamp`` and ``payload`` (protocol.md 5.4, 6.6)."""
    echo = {key: request.params[key] for key in ("timestamp", "payload") if key in request.params}
    try:
        return write_result(request.id, echo), None
    except ValueError:
        # What can be read cannot always be written: 1e999 is read as infinity.
        return write_result(request.id, {}), None


def not_understood(request: Request) -> Heard:
    """Refuse a request of the server's that this dialect does not know."""
    dropped = Dropped("unknown method", brief(request.method))
    return write_error(request.id, METHOD_NOT_FOUND, "Method not found"), dropped
