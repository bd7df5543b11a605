"""``calling.queue.enter`` and ``calling.queue.leave``: calls that wait, in order, for somebody to take them.

A ``calling.connect`` to a device of type ``queue`` takes one: the call that asks is bridged to the one that has waited
longest. ``position`` counts from 1 and ``size`` counts everybody, both as they are just before a call goes;
``avg_time`` is how many seconds those taken so far have waited on average. Times of events are microseconds since 1970,
0 for what has not happened. With ``wait_url`` a call that waits hears that sound again and again (protocol.md 13).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from relay_sync.emulator.calls import Call, Surroundings
from relay_sync.emulator.connect import EVENT, Bridged, Ringback
from relay_sync.emulator.envelope import Refused
from relay_sync.emulator.places import Place


class Queues:
    """The queues of one emulator, by name; one exists from the first time somebody names it."""

    def __init__(self, around: Surroundings) -> None:
        self._waits = around.assumptions.connect_to_empty_queue == "waits"
        self._queues: dict[str, Queue] = {}

    def enter(self, call: Call, params: Mapping[str, Any]) -> Waiting:
        """Put a call at the end of a queue."""
        return Waiting(call, self._queue(str(params["queue_name"])), params)

    def waiting(self, call: Call, params: Mapping[str, Any]) -> Waiting:
        """Return a call's waiting in the queue that is named; refuses with ``409`` if it isn't in that."""
        for operation in call.operations.values():
            if isinstance(operation, Waiting) and operation.queue.is_that(params):
                return operation
        raise Refused("409", "Call is not in this queue")

    def take(self, call: Call, params: Mapping[str, Any]) -> None:
        """Bridge ``call`` to the one that has waited longest, as ``calling.connect`` does."""
        queue = self._queue(str(params["queue_name"]))
        if not queue.is_that(params):
            raise Refused("409", "Queue does not exist")
        call.emit(EVENT, {"connect_state": "connecting"})
        if queue.waiting or self._waits:
            queue.serve(call)
        else:
            call.emit(EVENT, {"connect_state": "failed", "failed_reason": "noAnswer"})

    def _queue(self, name: str) -> Queue:
        return self._queues.setdefault(name, Queue(name))


class Queue:
    """One queue: who waits, and who waits for somebody to come."""

    def __init__(self, name: str) -> None:
        self.id: str = str(uuid.uuid4())
        self.name = name
        self.waiting: list[Waiting] = []
        self._takers: list[Call] = []
        self._waited: list[float] = []  # seconds, of those taken

    @property
    def average(self) -> int:
        """How many seconds those taken so far have waited, on average."""
        return round(sum(self._waited) / len(self._waited)) if self._waited else 0

    def is_that(self, params: Mapping[str, Any]) -> bool:
        """Is this the queue that these params name?"""
        return (params["queue_name"], params.get("queue_id", self.id)) == (self.name, self.id)

    def serve(self, call: Call) -> None:
        """Give ``call`` the first that waits, now or when somebody comes."""
        self._takers.append(call)
        call.connecting = True
        call.on_ended.append(self._give_up)
        self.match()

    def match(self) -> None:
        """Bring the first of either side together."""
        if not self._takers or not self.waiting:
            return
        taker, first = self._takers.pop(0), self.waiting[0]
        taker.connecting = False
        taker.on_ended.remove(self._give_up)
        self._waited.append(first.taken())
        Bridged(taker, first.call).begin()

    def _give_up(self, taker: Call) -> None:
        self._takers.remove(taker)


class Waiting(Place):
    """A call's waiting in a queue."""

    where = "queue"

    def __init__(self, call: Call, queue: Queue, params: Mapping[str, Any]) -> None:
        super().__init__(call, str(params.get("control_id", "")))
        self.queue = queue
        url = params.get("wait_url")
        self._music = Ringback(call, [] if url is None else [{"type": "audio", "params": {"url": url}}])
        self._times = {"enqueue_ts": _now(call), "dequeue_ts": 0, "leave_ts": 0}
        self._since = call.around.clock.now()
        queue.waiting.append(self)
        self._tell("enqueue")
        self._music.start()
        queue.match()

    def stop(self) -> None:
        """Leave it."""
        self._go("leave", "leave_ts")

    def end_with_call(self, tell: bool) -> None:
        """The call has ended, and so left."""
        self._go("leave", "leave_ts", tell)

    def taken(self) -> float:
        """Its turn has come; return how long that took."""
        self._go("dequeue", "dequeue_ts")
        return self.call.around.clock.now() - self._since

    def _go(self, status: str, time: str, tell: bool = True) -> None:
        self._close()
        self._music.stop()
        self._times[time] = _now(self.call)
        if tell:
            self._tell(status)
        self.queue.waiting.remove(self)

    def _tell(self, status: str) -> None:
        queue = self.queue
        told: dict[str, Any] = {"control_id": self.control_id} if self.control_id else {}
        self.call.emit("calling.call.queue", {
            **told,
            "status": status,
            "id": queue.id,
            "name": queue.name,
            "position": queue.waiting.index(self) + 1,
            "size": len(queue.waiting),
            "avg_time": queue.average,
            **self._times,
        })  # fmt: skip


def _now(call: Call) -> int:
    return round(call.around.clock.timestamp() * 1e6)
