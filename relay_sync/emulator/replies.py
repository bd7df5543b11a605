"""When the reply to a request is sent: by the rule before the events that follow from it, or as a fault asks."""

from __future__ import annotations

import logging
from collections.abc import Callable

from relay_sync.emulator.envelope import INTERNAL_ERROR, Accepted, Frame, Refused, RpcError
from relay_sync.emulator.service import Link
from relay_sync.emulator.session import Session

logger: logging.Logger = logging.getLogger(__name__)

Carry = Callable[[], Accepted]
"""Carries out a request; raises :exc:`Refused` or :exc:`RpcError`."""

Write = Callable[["Accepted | Refused | RpcError"], Frame]
"""Makes the reply frame of an outcome, in the dialect of the connection."""


def carry_out(link: Link, method: str, session: Session | None, carry: Carry, write: Write) -> None:
    """Carry out one request and see to its reply.

    ``session`` is whose events are held back until the reply is out (None before there is one).
    """
    faults = link.service.faults
    faults.at_command(link, method)
    if link.reachable:
        _carry_out_now(link, method, session, carry, write)
    else:  # it has been cut, and this never happens; or it is silent, and this comes later
        link.wait_then(link.speaks(), lambda: _carry_out_now(link, method, session, carry, write))


def _carry_out_now(link: Link, method: str, session: Session | None, carry: Carry, write: Write) -> None:
    faults = link.service.faults
    if not link.reachable or faults.ignores(method):
        return
    fate = faults.fate_of_reply(method)
    keeping = (
        session if fate is None or fate.kind in ("repeat", "garble") else None
    )  # by the rule, the events come after the reply
    if keeping is not None:
        keeping.keep_events()
    try:
        outcome = faults.refusal_of(method) or _outcome(carry)
        if isinstance(outcome, Accepted) and outcome.fail is not None and faults.fails(method):
            outcome.fail()
        frame = write(outcome)
        postponed = fate is not None and fate.kind == "postpone"
        if not postponed:
            faults.send_reply(link, method, frame, fate)
        if isinstance(outcome, Accepted) and outcome.then is not None:
            outcome.then()
    finally:
        if keeping is not None:
            keeping.let_go()
    settled = outcome.settled if isinstance(outcome, Accepted) else None
    if postponed and settled is not None:
        link.wait_then(settled, lambda: faults.send_reply(link, method, frame, fate))
    elif postponed:
        faults.send_reply(link, method, frame, fate)


def _outcome(carry: Carry) -> Accepted | Refused | RpcError:
    try:
        return carry()
    except (Refused, RpcError) as refusal:
        return refusal
    except Exception:
        # Our mistake. The client is told, and the connection goes on.
        logger.exception("the emulator failed to carry out a request")
        return RpcError(INTERNAL_ERROR, "Internal error of the emulator: see its log")
