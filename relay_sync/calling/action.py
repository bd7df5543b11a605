"""What all Actions share: an operation that runs on a call, from its start to its end.

Claims:

* An action is in its call's table before its command is sent, so an event may come before the answer.
* Final stays final: ``_result`` is set once, under the lock, and nothing moves ``_state`` after it.
* Whatever ends the call or the session ends its actions, so every wait here ends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from sys import intern
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from relay_sync.calling.checks import one_of
from relay_sync.calling.command import C, Command, Over
from relay_sync.calling.control import Control
from relay_sync.calling.gone import GONE
from relay_sync.calling.kept import Kept, keep, whole
from relay_sync.calling.result import Event, Outcome, Result, StopResult
from relay_sync.calling.stream import EventStream
from relay_sync.errors import RelayError
from relay_sync.link.waiting import Deadline, Waitable
from relay_sync.masking import shorten
from relay_sync.ref import Ref
from relay_sync.wire.events import Answer
from relay_sync.wire.ids import new_uuid
from relay_sync.wire.states import Operation

if TYPE_CHECKING:
    from concurrent.futures import Future

    from relay_sync.calling.call import Call
    from relay_sync.calling.future import ActionFuture
    from relay_sync.calling.leg import Leg

logger: logging.Logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Result)

FAILED = "failed"  # ours: it never started, or its call or session ended under it


class Action(Waitable, Generic[R]):
    """An operation that is running on a call.

    Made by the ``*_async`` methods of :class:`Call`, which return once Relay has accepted or refused
    it. Safe to use from any thread.
    """

    __slots__ = (
        "__weakref__",
        "_control_id",
        "_future",
        "_heard",
        "_last",
        "_leg",
        "_payload",
        "_result",
        "_state",
        "_streams",
        "_visits",
    )

    # The first three are of the class, but for operations that the caller describes.
    _operation: Operation
    _command: str  # the command that starts it
    _success: frozenset[str]  # those of its final states that are what one wanted
    _family: ClassVar[str] = ""  # what its sub-commands hang on by a dot; '' for the command that starts it
    _result_type: ClassVar[type[Result]]
    _controlled: ClassVar[bool] = True  # whether the wire names it by a control id; else there is one per call
    _gone: ClassVar[tuple[str, ...]] = GONE  # the answers to its start by which the call is gone
    _own_states: ClassVar[tuple[str, ...]] = (FAILED,)  # states that this library, not Relay, puts it in

    def __init__(self, leg: Leg, params: dict[str, Any]) -> None:
        super().__init__()
        self._leg = leg
        self._control_id = new_uuid()
        self._payload = keep({**self._ids(), **params}, **self._own())
        self._state = ""
        self._heard = 0  # events of this action so far that were news
        self._last: Kept | None = None  # the params of the last event of this action
        self._result: R | None = None  # set once
        self._streams: list[EventStream] | None = None
        self._future: ActionFuture[R] | None = None
        self._visits: dict[str, int] | None = None  # how often each state was entered, once somebody asked

    # -- what one can see ---------------------------------------------------------------------------

    @property
    def control_id(self) -> str:
        """The UUID that identifies the operation."""
        return self._control_id

    @property
    def call(self) -> Call:
        """The call it runs on."""
        return cast("Call", self._leg)  # every leg that users see is a Call

    @property
    def ref(self) -> str | None:
        """Its name, for a session, a database or a queue: short, safe in JSON, and without a secret.

        ``client.calling.find(ref)`` gives the live action again. None where its call was never dialled.
        """
        if self._leg.id is None:
            return None
        return Ref(self._leg.node_id or "", self._leg.id, self._control_id, self._family or self._command).text

    @property
    def payload(self) -> dict[str, Any]:
        """A copy of what was sent to Relay to start the operation."""
        return whole(self._payload)

    @property
    def state(self) -> str:
        """The present state: ``''`` before anything was heard.

        ``'failed'`` where it never started, or its call or session ended under it.
        """
        return self._state

    @property
    def completed(self) -> bool:
        """Whether the operation is over, well or not."""
        return self._result is not None

    @property
    def result(self) -> R:
        """The result: final once ``completed``, and until then one that is not successful."""
        if self._result is not None:
            return self._result
        return self._make(message="it is not over yet", _outcome="pending")

    def __repr__(self) -> str:
        call, control = (self._leg.id or "")[-6:], self._control_id[-6:]
        return f"<{type(self).__name__} {self._state or 'starting'} call=…{call} control=…{control}>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"{self!r} belongs to this process and can't be pickled: pass on its ref, for calling.find()")

    # -- waiting ------------------------------------------------------------------------------------

    @property
    def future(self) -> Future[R]:
        """A future of the result, for ``concurrent.futures.wait`` and ``as_completed``.

        Made on first use. ``cancel()`` returns False: ``stop()`` is how one stops the operation.
        Its callbacks run on a worker thread.
        """
        from relay_sync.calling.future import ActionFuture  # concurrent.futures: few ask for it

        desk = self._leg._desk
        desk.monitor.check_process()
        with desk.monitor.lock:
            if self._future is None:
                self._future = ActionFuture(self)
                if self._result is not None:
                    self._future.set_result(self._result)  # nobody has it yet: no callback can run here
            return self._future

    def wait(self, timeout: float | None = None) -> R:
        """Block until the operation is over and return its result.

        It ends with the operation, with its call, or with the session. What Relay told while the
        connection was lost may never be told again: playbacks are asked after then, but any other
        operation whose end was missed so ends only with its call. Give a limit where that is too long.

        Args:
            timeout: seconds; None waits as long as the call lives, 0 only looks.

        Raises:
            RelayTimeout: it is not over yet. That changes nothing: wait again.
        """
        return self._wait(Deadline(timeout))

    def _wait(self, deadline: Deadline) -> R:
        if self._result is None:
            self._wait_until(lambda: self._result is not None, deadline, "has not ended")
        return self.result

    def wait_for_state(self, state: str, timeout: float | None = None) -> bool:
        """Block until the operation is in ``state``, or has been since this wait began.

        Args:
            state: one of the operation's states, or ``failed``.
            timeout: seconds; None waits as long as that state can still come.

        Returns:
            True in that state; False only when it can't come any more.

        Raises:
            RelayTimeout: neither within ``timeout``.
            ValueError: no such state.
        """
        one_of(state, "state", (*self._operation.states, *self._own_states))
        deadline = Deadline(timeout)
        lock = self._leg._desk.monitor.lock
        self._leg._desk.monitor.check_process()
        with lock:
            if self._visits is None:
                self._visits = {}
            before = self._visits.get(state, 0)

        def came() -> bool:
            return self._state == state or self._count(state) > before

        self._wait_until(lambda: came() or self._result is not None, deadline, f"was not {state!r}")
        return came()

    def events(self, timeout: float | None = None) -> EventStream:
        """Iterate over the events of this operation, from the last one heard to its end.

        Args:
            timeout: seconds that each step may wait for the next event; None waits as long as the call lives.

        Returns:
            An iterator of :class:`Event`, which ends with the operation, its call or the session.

        Raises:
            RelayTimeout: in a step, when nothing came in time; the next one may go on.
            TypeError, ValueError: ``timeout`` is not a number of seconds.
        """
        desk = self._leg._desk
        desk.monitor.check_process()
        stream = EventStream(desk.monitor, timeout, self._drop_stream, repr(self))
        with desk.monitor.lock:
            if self._last is not None:
                last = whole(self._last)
                stream._add(Event(self._operation.state_of(last) or "", last))
            if self._result is not None:
                stream._end()
            else:
                self._streams = [*(self._streams or ()), stream]
        return stream

    def _drop_stream(self, stream: EventStream) -> None:
        self._streams = [one for one in self._streams or () if one is not stream]

    def _count(self, state: str) -> int:
        return 0 if self._visits is None else self._visits.get(state, 0)

    def _wait_until(self, ready: Callable[[], bool], deadline: Deadline, what: str) -> None:
        monitor = self._leg._desk.monitor
        monitor.check_process()
        try:
            with monitor.lock:
                monitor.wait_until(self, ready, deadline, lambda: f"{self!r} {what}")
        except RelayError as error:
            raise self._named(error)  # noqa: B904  (the same error, with ids on it)

    def _named(self, error: RelayError) -> RelayError:
        error.control_id = self._control_id
        return self._leg._named(error)

    # -- commands -----------------------------------------------------------------------------------

    def _start(self, deadline: Deadline) -> None:
        """Send the command that starts it; returns once Relay has accepted or refused it."""
        leg = self._leg
        why = leg._not_usable()
        if why:
            self._state, self._result = FAILED, self._make_unsent(why)
            return
        try:
            leg._desk.connection.request(
                self._command,
                whole(self._payload),
                deadline.within(leg._desk.request_timeout),
                sending=self._enlist,
                answered=self._started,
            )
        except Over:
            why = leg._not_usable() or f"{self._command} is running on this call already"
            self._state, self._result = FAILED, self._make_unsent(why)
        except BaseException as error:
            with leg._desk.monitor.lock:
                self._leave()
            if isinstance(error, RelayError):
                self._named(error)
            raise

    def _enlist(self) -> None:
        leg = self._leg
        if leg._not_usable():
            raise Over
        if self in leg._actions:
            return  # enlisted already: the first frame surely did not leave
        if not self._controlled and any(other._is_of(self._operation.event_type) for other in leg._actions):
            raise Over
        leg._actions += (self,)

    def _is_of(self, event_type: str) -> bool:
        """Whether events of this type are its own without naming it: one such operation runs on a call at a time."""
        return not self._controlled and self._operation.event_type == event_type

    def _leave(self) -> None:
        self._leg._actions = tuple(other for other in self._leg._actions if other is not self)

    def _ids(self) -> dict[str, str | None]:
        """By what its commands name it."""
        ids = {"node_id": self._leg.node_id, "call_id": self._leg.id}
        if self._controlled:
            ids["control_id"] = self._control_id
        return ids

    def _own(self) -> dict[str, str | None]:
        """What it shares with all that is kept of it."""
        return {"call_id": self._leg.id, "control_id": self._control_id}

    def _started(self, answer: Answer) -> None:
        """Relay answered the start. The lock is held, by the reader."""
        if self._result is not None:
            return
        if answer.ok:
            self._accepted(answer)
        else:
            self._finish(FAILED, self._make(code=answer.code, message=answer.message, _outcome="refused"))
            if answer.code in self._gone:
                self._leg._gone()

    def _accepted(self, answer: Answer) -> None:
        """Relay accepted the start. The lock is held, by the reader."""

    def _control(
        self,
        verb: str,
        kind: type[C],
        wait_timeout: float | None,
        *,
        accepted: Callable[[], None] | None = None,
        params: Mapping[str, object] | None = None,
    ) -> C:
        """Give one sub-command and return what Relay answered; ``accepted`` is called with the lock held."""
        return Control(self, verb, kind, accepted=accepted, params=params).give(wait_timeout)

    def _why_over(self) -> str:
        reason = self.result.message
        return f"the operation is over already ({self._state})" + (f": {reason}" if reason else "")

    # -- what happens to it; the lock is held in all of these -----------------------------------------

    def _take(self, params: dict[str, Any]) -> None:
        """An event of this operation."""
        state = self._operation.state_of(params)
        if self._result is not None or not state:
            return
        # One that repeats the state is the echo of an answer that told it first; and the first of all, which tells that
        # it has begun, is older than any command about it.
        if state != self._state and (self._last is not None or state not in self._operation.states[:1]):
            self._heard += 1
        for stream in self._streams or ():
            stream._add(Event(state, params))
        self._last = keep(params, call_id=self._leg.id, control_id=self._control_id)
        result = self._judge(state, params)
        if result is not None:
            self._finish(state, result)
            return
        if not self._knows(state):
            text = "%s: Relay told of the unknown state %r; it is kept"
            self._leg._desk.log(logger, logging.WARNING, text, self._operation.event_type, shorten(state, 80))
        self._move(state)

    def _knows(self, state: str) -> bool:
        """Whether the state is one that Relay is known to tell of."""
        return state in self._operation.states

    def _judge(self, state: str, params: dict[str, Any]) -> R | None:
        """The result, where this event ends the operation; None where it goes on."""
        if state not in self._operation.final:
            return None
        return self._ended(state, params, state in self._success)

    def _ended(self, state: str, params: dict[str, Any], successful: bool, **fields: Any) -> R:
        """The result of an operation that Relay said has ended."""
        outcome: Outcome = "done" if successful else "failed"
        message = "" if successful else f"{self._command} ended with {state!r}"
        event = Event(state, dict(self._operation.object_of(params)))
        return self._make(
            **{"successful": successful, "message": message, "event": event, "_outcome": outcome, **fields}
        )

    def _move(self, state: str) -> None:
        self._state = intern(state)
        if self._visits is not None:
            self._visits[state] = self._visits.get(state, 0) + 1
        self._changed()

    def _finish(self, state: str, result: R) -> None:
        self._move(state)  # before the result: wait() and completed look at that without the lock
        self._result = result
        self._leave()
        for stream in self._streams or ():
            stream._end()
        self._streams = None
        if self._future is not None:
            self._leg._desk.later(partial(self._future.set_result, result))

    def _end_with(self, message: str, event: Event | None, outcome: Outcome) -> None:
        """Its call or session has ended: nothing more will be heard of it."""
        if self._result is None:
            self._finish(FAILED, self._make(message=message, event=event, _outcome=outcome))

    def _make(self, **fields: Any) -> R:
        if not fields.get("successful"):
            ids = {"call_id": self._leg.id, "control_id": self._control_id}
            fields["_about"] = {"method": self._command, **ids}
        return cast("R", self._result_type(**fields))

    def _make_unsent(self, why: str) -> R:
        return cast("R", self._result_type.unsent(why))


class Stoppable(Action[R]):
    """An action with ``stop()``."""

    __slots__ = ()

    def stop(self, *, wait_timeout: float | None = None) -> StopResult:
        """Stop the operation at once; return once Relay has answered, which may be before it ended.

        Args:
            wait_timeout: seconds for Relay's answer; bounded by the client's ``request_timeout`` in any case.

        Returns:
            Relay's answer. Where the operation is over already, nothing is sent and it is not successful.

        Raises:
            NotConnected: not sent.
            ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        return self._stop_command().give(wait_timeout)

    def _stop_command(self) -> Command[StopResult]:
        return Control(self, "stop", StopResult)
