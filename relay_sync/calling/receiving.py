"""What calls, messages and tasks share when they come in: a handler for each context, and contexts registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from relay_sync.calling import checks
from relay_sync.calling.result import ReceiveResult
from relay_sync.errors import NotConnected
from relay_sync.link.waiting import Deadline

Handler = Callable[[Any], object]


class Host(Protocol):
    """What the services need of the client."""

    def _receive(self, contexts: list[str], deadline: Deadline) -> ReceiveResult:
        """Register contexts now, where connected, and at every later connection."""


class Handlers:
    """One handler for each context. Changed by single steps of a dict, which are atomic: it needs no lock."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._by_context: dict[str, Handler] = {}

    def __str__(self) -> str:
        return f"handlers of {', '.join(sorted(self._by_context)) or 'no context'}"

    def get(self, context: str | None) -> Handler | None:
        """The handler of a context."""
        return self._by_context.get(context or "")

    def clear(self) -> None:
        """Forget them all."""
        self._by_context.clear()

    def register(self, contexts: Iterable[str], handler: Handler, wait_timeout: float | None) -> ReceiveResult:
        """Enlist ``handler``, then register the contexts: the first event may come before the answer."""
        names = checks.words(contexts, "contexts", "context names")
        checks.handler(handler)
        deadline = Deadline(wait_timeout, name="wait_timeout")
        before = {name: self._by_context.get(name) for name in names}
        self._by_context.update(dict.fromkeys(names, handler))
        try:
            result = self._host._receive(names, deadline)
        except NotConnected:  # surely not sent
            self._put_back(before, handler)
            raise
        if not result.successful:
            self._put_back(before, handler)
        return result

    def _put_back(self, before: dict[str, Handler | None], failed: Handler) -> None:
        for name, handler in before.items():
            if self._by_context.get(name) is not failed:
                continue  # another thread has registered its own meanwhile
            if handler is None:
                self._by_context.pop(name, None)
            else:
                self._by_context[name] = handler
