"""One command about a call or an action, ready to be given: alone, or in a pipeline with others.

What a command is (how it is sent, what its answer moves, what is made of it) is written once, here and where
the verbs are; whoever gives it decides only how it is waited for.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from relay_sync.calling.result import Result
from relay_sync.errors import RelayError
from relay_sync.link.connection import Connection
from relay_sync.link.waiting import Deadline
from relay_sync.wire.events import Answer

C = TypeVar("C", bound=Result)


class Over(Exception):
    """Raised under the lock to call off a command that can no longer do anything."""


class Command(Generic[C]):
    """One command; its result is a ``kind``.

    Attributes:
        connection: the connection of what it is about; None where it is about nothing in particular.
        method: Relay's name of it.
        params: its parameters.
    """

    __slots__ = ("connection", "kind", "method", "params")

    def __init__(self, connection: Connection | None, kind: type[C], method: str, params: dict[str, Any]) -> None:
        self.connection: Connection | None = connection
        self.kind: type[C] = kind
        self.method: str = method
        self.params: dict[str, Any] = params

    def give(self, wait_timeout: float | None) -> C:
        """Send it, and block until what its verb says has happened.

        Raises NotConnected, ConnectionLost or RelayTimeout.
        """
        connection = self.connection
        assert connection is not None  # only those that are given in a pipeline have none
        connection.monitor.check_process()
        deadline = Deadline(wait_timeout, name="wait_timeout")
        try:
            answer = connection.request(
                self.method,
                self.params,
                deadline.within(connection.limits.request),
                sending=self.sending,
                answered=self.answered,
            )
            return self.result(answer, deadline)
        except Over:
            return self.unsent()
        except RelayError as error:
            self.failed(error)
            raise

    # -- the lock is held in these two ------------------------------------------------------------------

    def sending(self) -> None:
        """It is about to be sent. Raises :class:`Over` where that can do nothing."""

    def answered(self, answer: Answer) -> None:
        """Relay answered."""

    # -- and not in these -------------------------------------------------------------------------------

    def result(self, answer: Answer, deadline: Deadline) -> C:
        """What the answer amounts to; blocks where the verb does until more has happened than the answer."""
        return self.kind.of(answer, method=self.method)

    def unsent(self) -> C:
        """The result where it was called off."""
        raise AssertionError(f"{self.method} is never called off")

    def failed(self, error: RelayError) -> None:
        """It ended with this error, which is told what it is about."""

    def mistaken(self, error: RelayError) -> C:
        """The result that stands for ``error`` where others were given too."""
        return self.kind(message=error.message, error=error)
