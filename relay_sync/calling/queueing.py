"""Queues in which callers wait for somebody to take them (api.md 15, protocol.md 13)."""

from __future__ import annotations

from typing import Any

from relay_sync.calling import checks, fields
from relay_sync.calling.action import Action
from relay_sync.calling.gone import GONE_FOR_SURE
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import ReplyResult, Result
from relay_sync.wire.ids import new_uuid
from relay_sync.wire.states import OPERATIONS


class QueueResult(Result):
    """How a stay in a queue ended: successful when somebody took the call out of it.

    Attributes:
        queue_id: Relay's id of the queue.
        queue_name: its name.
        position: the place in it that Relay told last; 1 is the first.
        size: how many were in it.
        avg_time: how long calls stay in it on average, as Relay tells it.
        enqueue_ts: when the call came into it, in microseconds of Unix time; 0 or None where it did not.
        dequeue_ts: when it was taken out of it, likewise.
        leave_ts: when it left it, likewise.
    """

    queue_id: str | None = None
    queue_name: str | None = None
    position: float | None = None
    size: float | None = None
    avg_time: float | None = None
    enqueue_ts: float | None = None
    dequeue_ts: float | None = None
    leave_ts: float | None = None


class QueueAction(Action[QueueResult]):
    """A call's stay in a queue; made by :meth:`Call.queue_enter_async`.

    ``state`` goes ``''``, ``'enqueue'``, then ``'dequeue'`` where somebody took the call, or ``'leave'``
    where it left without that; ``'failed'`` as for every action.
    """

    __slots__ = ("_told",)

    _operation = OPERATIONS["queue"]
    _command = "calling.queue.enter"
    _family = "calling.queue"
    _success = frozenset({"dequeue"})
    _result_type = QueueResult
    _gone = GONE_FOR_SURE

    def __init__(self, leg: Leg, params: dict[str, Any]) -> None:
        super().__init__(leg, params)
        self._told: dict[str, Any] = {}

    @property
    def queue_id(self) -> str | None:
        """Relay's id of the queue; None before Relay told."""
        return fields.text(self._told.get("id"))

    @property
    def position(self) -> float | None:
        """The place in the queue that Relay told last, 1 for the first; None before Relay told."""
        return fields.number(self._told.get("position"))

    @property
    def size(self) -> float | None:
        """How many Relay last said are in the queue; None before Relay told."""
        return fields.number(self._told.get("size"))

    def leave(self, *, wait_timeout: float | None = None) -> ReplyResult:
        """Leave the queue; return once Relay has answered, which may be before the stay has ended.

        Args:
            wait_timeout: seconds for Relay's answer; the client's ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer. Where the stay is over already, nothing is sent and it is not successful.

        Raises:
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        params = {"queue_name": self.payload["queue_name"]} | ({"queue_id": self.queue_id} if self.queue_id else {})
        return self._control("leave", ReplyResult, wait_timeout, params=params)

    # -- what happens to it; the lock is held in all of these -----------------------------------------

    def _take(self, params: dict[str, Any]) -> None:
        self._told = {**self._told, **params}
        super()._take(params)

    def _make(self, **values: Any) -> QueueResult:
        told = self._told
        return super()._make(
            queue_id=self.queue_id,
            queue_name=fields.text(told.get("name")) or self.payload["queue_name"],
            **{
                name: fields.number(told.get(name))
                for name in ("position", "size", "avg_time", "enqueue_ts", "dequeue_ts", "leave_ts")
            },
            **values,
        )


class Queueing(Leg):
    """The verbs of queues."""

    __slots__ = ()

    def queue_enter(
        self,
        queue_name: str,
        status_url: str | None = None,
        wait_url: str | None = None,
        *,
        wait_timeout: float | None = None,
    ) -> QueueResult:
        """Put the call into a queue, and block until somebody took it out or it left.

        Args:
            queue_name: of the queue.
            status_url: http or https address that is told of it.
            wait_url: http or https address of what the caller hears meanwhile.
            wait_timeout: seconds for the whole of it; without it the call's end bounds the wait. A
                call whose wait timed out stays in the queue.

        Returns:
            Successful when somebody took the call, and it is bridged; not when it left the queue, Relay
            refused it, or the call ended first.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer, or no end, in time.
        """
        action, deadline = self._start(QueueAction(self, _enter(queue_name, status_url, wait_url)), wait_timeout)
        return action._wait(deadline)

    def queue_enter_async(
        self,
        queue_name: str,
        status_url: str | None = None,
        wait_url: str | None = None,
        *,
        wait_timeout: float | None = None,
    ) -> QueueAction:
        """Start :meth:`queue_enter` and return its action once Relay has accepted or refused it. Not asyncio.

        A refused one is ``completed`` with state ``'failed'``, and its result says why.
        ``wait_timeout`` bounds Relay's answer, as ``request_timeout`` does in any case.
        """
        return self._start(QueueAction(self, _enter(queue_name, status_url, wait_url)), wait_timeout)[0]

    def queue_leave(
        self,
        queue_name: str,
        queue_id: str | None = None,
        status_url: str | None = None,
        *,
        wait_timeout: float | None = None,
    ) -> ReplyResult:
        """Take the call out of a queue; return once Relay has answered.

        Args:
            queue_name: of the queue.
            queue_id: Relay's id of it, where it is known.
            status_url: http or https address that is told of it.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer, with all its fields as ``result``.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        params = {"control_id": new_uuid(), **_queue(queue_name, status_url)}
        if queue_id is not None:
            params["queue_id"] = checks.text(queue_id, "queue_id", "Relay's id of the queue")
        return self._carry_out(ReplyResult, "calling.queue.leave", params, wait_timeout, gone=GONE_FOR_SURE)


def _queue(queue_name: object, status_url: object) -> dict[str, Any]:
    params = {"queue_name": checks.text(queue_name, "queue_name", "the name of a queue")}
    if status_url is not None:
        params["status_url"] = checks.web_address(status_url, "status_url")
    return params


def _enter(queue_name: object, status_url: object, wait_url: object) -> dict[str, Any]:
    params = _queue(queue_name, status_url)
    return params if wait_url is None else {**params, "wait_url": checks.web_address(wait_url, "wait_url")}
