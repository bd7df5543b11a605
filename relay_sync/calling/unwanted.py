"""Legs that nobody wants: those of a dial that was given up are hung up, whatever becomes of the connection."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from relay_sync.calling.command import Over
from relay_sync.calling.desk import Desk
from relay_sync.calling.gone import GONE
from relay_sync.errors import ConnectionLost, NotConnected, RelayTimeout
from relay_sync.link.saying import say
from relay_sync.link.waiting import Deadline
from relay_sync.wire.events import Answer

logger: logging.Logger = logging.getLogger(__name__)


class Unwanted:
    """Call ids of legs to be hung up, until Relay has answered; the connection's lock guards them."""

    __slots__ = ("_desk", "_ids")

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ids: set[str] = set()

    def __len__(self) -> int:
        return len(self._ids)

    # -- the lock is held ------------------------------------------------------------------------------

    def hang_up(self, call_id: str, node_id: object) -> None:
        """Have a leg hung up by a worker, now or once the connection is there again."""
        self._ids.add(call_id)
        self._desk.later(partial(self._desk.chores.submit, partial(self._hang_up, call_id, node_id)))

    def clear(self) -> None:
        """The session is gone, and what it held with it."""
        self._ids.clear()

    def _answered(self, call_id: str, answer: Answer) -> None:
        self._ids.discard(call_id)
        if not answer.ok and answer.code not in GONE:
            text = "Relay did not hang up …%s, which nobody wants: %s (code %s)"
            self._desk.log(logger, logging.WARNING, text, call_id[-6:], answer.message, answer.code)

    # -- what workers do -------------------------------------------------------------------------------

    def _hang_up(self, call_id: str, node_id: object) -> None:
        """Hang up, and again where the connection's loss has cut that off; ends with the session, too."""
        connection = self._desk.connection
        params = {"call_id": call_id, "node_id": node_id, "reason": "hangup"}

        def wanted() -> None:
            if call_id not in self._ids:
                raise Over

        def end() -> None:
            with suppress(Over):
                connection.request(
                    "calling.end",
                    params,
                    Deadline(self._desk.request_timeout),
                    sending=wanted,
                    answered=partial(self._answered, call_id),
                )

        def tell(why: str) -> None:
            say(logger, logging.INFO, "…%s, which nobody wants, is not hung up yet: %s", call_id[-6:], why)

        until_answered(end, lambda: call_id in self._ids, tell)


def until_answered(give: Callable[[], object], wanted: Callable[[], bool], tell: Callable[[str], None]) -> None:
    """Give a command that does no harm a second time until it was answered, or is not ``wanted`` any more.

    ``tell`` is told why it was not answered, each time. A command that is not waits for the connection, or for the
    answer, as long as one may take, so this never spins.
    """
    while wanted():
        try:
            give()
        except (NotConnected, ConnectionLost, RelayTimeout) as error:
            tell(error.message)
        else:
            return
