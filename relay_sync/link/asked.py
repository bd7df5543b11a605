"""One command between its sending and its answer."""

from __future__ import annotations

from collections.abc import Callable

from relay_sync.errors import RelayError
from relay_sync.link.waiting import Once
from relay_sync.wire.events import Answer


class Asked(Once):
    """One command as the session keeps it by its id; ``over`` once it is answered, or can't be any more."""

    __slots__ = ("_answer", "_answered", "_error")

    def __init__(self, answered: Callable[[Answer], None] | None) -> None:
        super().__init__()
        self._answered = answered
        self._answer: Answer | None = None
        self._error: Callable[[], RelayError] | None = None

    def settle(self, answer: Answer) -> None:
        """Relay answered. The lock is held, by the reader; ``answered`` is called before the waiter wakes."""
        try:
            if self._answered is not None:
                self._answered(answer)
        finally:
            self._answer = answer
            self.happen()

    def fail(self, error: Callable[[], RelayError]) -> None:
        """The connection is gone. The lock is held."""
        self._error = error
        self.happen()

    def outcome(self) -> Answer | RelayError:
        """The answer, once ``over``; or why there is none, a new error that gathers its own traceback."""
        if self._error is not None:
            return self._error()
        assert self._answer is not None  # it is over, and not failed
        return self._answer

    def answer(self) -> Answer:
        """The answer, once ``over``; or raises why there is none."""
        outcome = self.outcome()
        if isinstance(outcome, RelayError):
            raise outcome
        return outcome
