"""Operations whose end no source promises after a ``stop()`` (protocol.md 11.2 and 13)."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from relay_sync.calling.action import Stoppable
from relay_sync.calling.command import Command
from relay_sync.calling.control import Control
from relay_sync.calling.result import Result, StopResult

R = TypeVar("R", bound=Result)

# Which event follows a stop, if any, is not documented.
STOP_GRACE_S = 1.0


class Graceful(Stoppable[R]):
    """An action that ends a second after Relay accepted its stop, where Relay tells no end of it."""

    __slots__ = ()

    def stop(self, *, wait_timeout: float | None = None) -> StopResult:
        """Stop it at once; return once Relay has answered, which may be before it ended.

        It ends with what Relay tells then, or a second after the answer where Relay tells nothing.

        Args:
            wait_timeout: seconds for Relay's answer; the client's ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer. Where the operation is over already, nothing is sent and it is not successful.

        Raises:
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        return self._stop_command().give(wait_timeout)

    def _stop_command(self) -> Command[StopResult]:
        return Control(self, "stop", StopResult, accepted=self._stopped)

    # -- what happens to it; the lock is held in all of these -----------------------------------------

    def _stopped(self) -> None:
        self._leg._desk.connection.call_later(STOP_GRACE_S, self._give_up)

    def _give_up(self) -> None:
        if self._result is None:
            self._finish("finished", self._untold())

    @abstractmethod
    def _untold(self) -> R:
        """The result where it was stopped, and Relay told none."""
