"""Faults on request: data objects that the emulator consults on the way of a request and of an event.

* at the upgrade of a new connection: :meth:`Faults.refuses_connections`
* before a request is carried out: :meth:`Faults.refusal_of`; after it: :meth:`Faults.failure_of`
* before a reply is sent: :meth:`Faults.fate_of_reply`
* when an event is sent: :meth:`Faults.copies`

What acts on connections that exist (drop, silence, go away, raw text) is done by the server when it is asked for. A
method is named as in a command (``calling.play``, ``signalwire.receive``, ``setup``) or, for the session itself, as on
the socket (``blade.connect``, ``blade.subscription``, ``blade.ping``). All of it runs on the emulator's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from relay_sync.emulator.envelope import Refused, RpcError

Fate = Literal["first", "last", "held", "lost"]
"""Of a reply: before the events of its command (the rule), after them, kept until released, never sent."""


@dataclass(slots=True)
class Refusal:
    """The next ``left`` requests of ``method`` are refused; a negative code makes a JSON-RPC error."""

    method: str
    code: str
    message: str
    left: int

    def error(self) -> Refused | RpcError:
        """Return the refusal in the shape that its code asks for."""
        if self.code.startswith("-"):
            return RpcError(int(self.code), self.message)
        return Refused(self.code, self.message)


@dataclass(slots=True)
class ReplyRule:
    """What becomes of replies to ``method``: of the next ``left``, or of all (None)."""

    method: str
    fate: Fate
    left: int | None = None


class Faults:
    """The faults in force; none at first."""

    def __init__(self) -> None:
        self._held: list[tuple[str, Callable[[], None]]] = []
        self.clear()

    def clear(self) -> None:
        """End every fault in force. Held replies are dropped: call :meth:`release` first to send them."""
        self.refusals: list[Refusal] = []
        self.replies: list[ReplyRule] = []
        self.failures: dict[str, int] = {}  # method -> how many of its next commands come to nothing
        self.duplicate_events = False
        self.refuses_connections = False
        self.silent_from_the_start = False
        self._held.clear()

    def failure_of(self, method: str) -> bool:
        """Use up one failure of what this method starts, if there is one."""
        left = self.failures.get(method, 0)
        if left:
            self.failures[method] = left - 1
        return left > 0

    def refusal_of(self, method: str) -> Refused | RpcError | None:
        """Use up one refusal of this method, if there is one."""
        for refusal in self.refusals:
            if refusal.method == method:
                refusal.left -= 1
                if refusal.left <= 0:
                    self.refusals.remove(refusal)
                return refusal.error()
        return None

    def fate_of_reply(self, method: str) -> Fate:
        """Use up one rule about replies to this method, if there is one."""
        for rule in self.replies:
            if rule.method == method:
                if rule.left is not None:
                    rule.left -= 1
                    if rule.left <= 0:
                        self.replies.remove(rule)
                return rule.fate
        return "first"

    def copies(self) -> int:
        """Return how many times an event is sent."""
        return 2 if self.duplicate_events else 1

    def hold(self, method: str, send: Callable[[], None]) -> None:
        """Keep a reply; ``send`` sends it (and does nothing when its connection is gone)."""
        self._held.append((method, send))

    def held(self) -> tuple[str, ...]:
        """Return the methods whose replies are being held, oldest first."""
        return tuple(method for method, _ in self._held)

    def release(self, method: str | None) -> int:
        """Send the held replies of ``method`` (None: all), oldest first, and hold no more; return their number."""
        chosen = [send for name, send in self._held if method in (None, name)]
        self._held = [(name, send) for name, send in self._held if method not in (None, name)]
        self.replies = [rule for rule in self.replies if rule.fate != "held" or method not in (None, rule.method)]
        for send in chosen:
            send()
        return len(chosen)
