"""Why a connection is over, and whether another attempt can help."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from relay_sync.errors import AuthenticationFailed, ConnectFailed, RelayError
from relay_sync.wire.events import Refused, Unspoken


class Lost(Exception):
    """The connection is over, for a reason of the session's rather than the transport's."""

    def __init__(self, error: Callable[[], RelayError], *, heals: bool = True, at_once: bool = False) -> None:
        self.error = error
        self.heals = heals
        self.at_once = at_once  # to be tried again at once, and within the same limit


def unspoken(turned_down: Unspoken) -> Lost:
    """Why a connection is over on which another dialect can't be tried any more; a fresh one can have it."""
    say = f"Relay does not speak the dialect {turned_down.dialect!r}"
    return Lost(partial(ConnectFailed, say), at_once=True)


def refusal(refused: Refused, message: str) -> Lost:
    """Why a connection is over whose handshake Relay refused; ``message`` is Relay's own, secrets masked."""
    answer = refused.answer
    if refused.credentials:
        say = f"Relay refused the credentials: {message} (code {answer.code}); check project and token, or the JWT"
        return Lost(partial(AuthenticationFailed, say, code=answer.code), heals=False)
    say = f"Relay refused the connection: {message} (code {answer.code})"
    return Lost(partial(ConnectFailed, say, code=answer.code))
