"""Why a connection is over, and whether another attempt can help."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from relay_sync.errors import AuthenticationFailed, ConnectFailed, RelayError
from relay_sync.wire.events import Refused


class Lost(Exception):
    """The connection is over, for a reason of the session's rather than the transport's."""

    def __init__(self, error: Callable[[], RelayError], *, heals: bool = True, at_once: bool = False) -> None:
        self.error = error
        self.heals = heals
        self.at_once = at_once  # to be tried again at once, and within the same limit


class Tried:
    """The dialects that were tried in one attempt to connect, for what is said where none of them did."""

    def __init__(self) -> None:
        self._turned_down: dict[str, str] = {}  # name: why

    def add(self, dialect: str, why: str) -> Lost:
        """The service turned this one down: why its connection is over. A fresh one can have the next."""
        self._turned_down[dialect] = why
        return Lost(partial(ConnectFailed, f"Relay does not speak the dialect {dialect!r}: {why}"), at_once=True)

    def clear(self) -> None:
        """Another attempt begins, or one was found."""
        self._turned_down.clear()

    def broken(self, dialect: str, why: str) -> Lost:
        """Why a connection is over that broke in the handshake."""
        say = f"the connection broke before Relay said ready ({why}; dialect {dialect!r})"
        return Lost(partial(ConnectFailed, say + self._before()))

    def unreachable(self, reason: str, *, heals: bool) -> Lost:
        """Why there was no connection."""
        return Lost(partial(ConnectFailed, reason + self._before()), heals=heals)

    def refused(self, dialect: str, refused: Refused, message: str) -> Lost:
        """Why a connection is over whose handshake Relay refused; ``message`` is Relay's own, secrets masked."""
        code = refused.answer.code
        said = f"{message} (code {code}, dialect {dialect!r})"
        if refused.credentials:
            say = f"Relay refused the credentials: {said}; check project and token, or the JWT"
            return Lost(partial(AuthenticationFailed, say + self._before(), code=code), heals=False)
        return Lost(partial(ConnectFailed, f"Relay refused the connection: {said}{self._before()}", code=code))

    def _before(self) -> str:
        return "".join(f"; before that, in {dialect!r}: {why}" for dialect, why in self._turned_down.items())
