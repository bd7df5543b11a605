"""Which dialect is spoken: the one that was asked for, or each in turn until the service has agreed to one.

The service is asked with the handshake itself. It turns a dialect down by not knowing its first method, by saying
nothing to it, or by closing the connection over it; credentials that it refuses it has understood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from relay_sync.wire.blade import Blade
from relay_sync.wire.dialect import Dialect, Maker
from relay_sync.wire.events import Answer
from relay_sync.wire.flat import Flat
from relay_sync.wire.jsonrpc import METHOD_NOT_FOUND

#: The dialects by name, in the order in which they are tried where none is asked for: the current one first.
DIALECTS: Final[Mapping[str, Maker]] = MappingProxyType({"flat": Flat, "blade": Blade})

#: Seconds that the service may be silent to the handshake of a dialect while there is another one to try.
PATIENCE_S: Final = 3.0

#: What a service may say of a method that it does not know: JSON-RPC's word for it, and HTTP's.
_UNKNOWN: Final = frozenset({str(METHOD_NOT_FOUND), "404", "405", "501"})


class Choice:
    """The dialects that may be spoken with a service, and which of them it has agreed to.

    Not thread-safe, as a session is not. It outlives sessions, so that the service is asked once.

    Attributes:
        agreed: whether the dialect is known: the service has agreed to it, or there is no other.
    """

    __slots__ = ("_at", "_makers", "_tried", "agreed")

    def __init__(self, *makers: Callable[[], Dialect]) -> None:
        """Take what makes each dialect, in the order in which they are to be tried; at least one."""
        self._makers = makers
        self._at = 0
        self._tried = 0  # how many the service has turned down, one after the other
        self.agreed: bool = len(makers) == 1

    def begin(self) -> Dialect:
        """Return the dialect for a new session to begin with: the one agreed to before, else the first."""
        self._tried = 0
        if not self.agreed:
            self._at = 0
        return self._makers[self._at]()

    def patience(self, limit: float) -> float:
        """Return how many of the ``limit`` seconds the service may take for the present handshake.

        All of them where no other dialect is left to try; else no more than half, so that one has time left.
        """
        return min(PATIENCE_S, limit / 2) if self._another_is_left() else limit

    def agree(self) -> None:
        """Note that the service speaks the present dialect."""
        self.agreed = True
        self._tried = 0

    def doubt(self) -> None:
        """Ask again from now on, where there is another dialect: there is no session left that could be lost by it."""
        self.agreed = len(self._makers) == 1
        self._tried = 0

    def turned_down(self, answer: Answer) -> Dialect | None:
        """Return the dialect to try now that the service refused a handshake; None where that was not the matter.

        A service that has agreed to a dialect before may have been replaced by one that does not know it.
        """
        if answer.code not in _UNKNOWN:
            return None
        self.agreed = len(self._makers) == 1
        return self._next()

    def ignored(self) -> Dialect | None:
        """Return the dialect to try now that the service said nothing, or hung up; None where that is no answer.

        It is none from a service that has agreed: that one is having a bad day, and holds a session of ours.
        """
        return None if self.agreed else self._next()

    def _next(self) -> Dialect | None:
        if not self._another_is_left():
            self._tried = 0  # the next attempt may try them all
            return None
        self._tried += 1
        self._at = (self._at + 1) % len(self._makers)
        return self._makers[self._at]()

    def _another_is_left(self) -> bool:
        return not self.agreed and self._tried + 1 < len(self._makers)
