"""Why a connection is over, and whether another attempt can help."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from relay_sync.errors import AuthenticationFailed, ConnectFailed, RelayError
from relay_sync.wire.events import Refused


class Lost(Exception):
    """The connection is over, for a reason of the session's rather than the transport's."""

    def __init__(self, error: Callable[[], RelayError], *, heals: bool = True) -> None:
        self.error = error
        self.heals = heals


def refusal(refused: Refused, message: str) -> Lost:
    """Why a connection is over whose handshake Relay refused; ``message`` is Relay's own, secrets masked."""
    answer = refused.answer
    if refused.credentials:
        say = f"Relay refused the credentials: {message} (code {answer.code}); check project and token"
        return Lost(partial(AuthenticationFailed, say, code=answer.code), heals=False)
    say = f"Relay refused the connection: {message} (code {answer.code})"
    return Lost(partial(ConnectFailed, say, code=answer.code))
