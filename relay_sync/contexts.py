"""Contexts: registering them, and leaving them, at Relay and in what each handshake registers."""

from __future__ import annotations

from relay_sync.calling.result import ReceiveResult
from relay_sync.errors import NotConnected
from relay_sync.link.books import NEW
from relay_sync.link.connection import Connection
from relay_sync.link.waiting import Deadline
from relay_sync.wire.dialect import UNRECEIVE
from relay_sync.wire.events import Answer

RECEIVE = "signalwire.receive"


class _Lacking(Exception):
    """The dialect has no such command; raised to call one off before it is sent."""


def change_contexts(connection: Connection, names: list[str], deadline: Deadline, *, wanted: bool) -> ReceiveResult:
    """Register contexts now, where connected, and at every later connection; or, where not ``wanted``, leave them.

    The session's contexts are changed with the lock held: as the command leaves, and as its answer comes.
    Before ``connect()`` nothing is sent. Where Relay refused, and where the command was surely not sent, they are
    as before. Where it is unknown whether Relay has done it, they are as asked: the next connection makes sure.
    """
    session, lock = connection.session, connection.monitor.lock
    do, undo = session.add_contexts, session.remove_contexts
    if not wanted:
        do, undo = undo, do
    with lock:
        if connection.state == NEW:
            do(names)
            what = "registered" if wanted else "not registered"
            return ReceiveResult(successful=True, message=f"{what} at connect()", _outcome="done")

    changed: list[str] = []

    def enlist() -> None:
        # Not before: a handshake that comes first must find them as they are said to be where this is never sent.
        changed.extend(name for name in names if (name in session.contexts) is not wanted)
        do(changed)
        if not wanted and UNRECEIVE in session.dialect.lacks:
            raise _Lacking

    def answered(answer: Answer) -> None:
        # Here, in the order in which Relay answers: another thread may have asked for the same contexts.
        if answer.ok:
            do(names)
        else:
            undo(changed)

    method = RECEIVE if wanted else UNRECEIVE
    try:
        answer = connection.request(method, {"contexts": names}, deadline, sending=enlist, answered=answered)
    except _Lacking:
        return ReceiveResult(
            message=f"nothing was sent: {session.dialect.name} has no way to leave a context; "
            "from the next connection on they are not registered"
        )
    except NotConnected:
        with lock:
            undo(changed)
        raise
    return ReceiveResult.of(answer, method=method)
