"""Legs that nobody wants: those of a dial that was given up are hung up, whatever becomes of the connection."""

from __future__ import annotations

import logging
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
        """Hang up, and again where the connection's loss has cut that off: a second hang-up does no harm.

        Ends with Relay's answer or with the session: a request that is not answered waits for the
        connection, or for the answer, as long as one may take, so this never spins.
        """
        connection = self._desk.connection
        params = {"call_id": call_id, "node_id": node_id, "reason": "hangup"}

        def wanted() -> None:
            if call_id not in self._ids:
                raise Over

        while call_id in self._ids:
            try:
                connection.request(
                    "calling.end",
                    params,
                    Deadline(self._desk.request_timeout),
                    sending=wanted,
                    answered=partial(self._answered, call_id),
                )
            except (NotConnected, ConnectionLost, RelayTimeout) as error:
                text = "…%s, which nobody wants, is not hung up yet: %s"
                say(logger, logging.INFO, text, call_id[-6:], error.message)
            except Over:
                return
