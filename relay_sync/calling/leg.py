"""A call leg: what is known of it, what runs on it, and how its end ends everything on it."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from sys import intern
from typing import TYPE_CHECKING, Any, TypeVar

from relay_sync.calling.command import Over
from relay_sync.calling.desk import Desk
from relay_sync.calling.gone import GONE, GONE_GRACE_S
from relay_sync.calling.kept import Kept, keep, once, whole
from relay_sync.calling.result import CallIds, Event, Outcome, Result
from relay_sync.calling.stream import EventStream
from relay_sync.errors import NotConnected, RelayError
from relay_sync.link.books import CLOSED
from relay_sync.link.handlers import Job, Lane, run
from relay_sync.link.waiting import Deadline, Waitable
from relay_sync.masking import shorten
from relay_sync.wire.events import Answer
from relay_sync.wire.ids import new_uuid
from relay_sync.wire.states import BY_EVENT_TYPE, CALL_STATE_EVENT, CALL_STATES

if TYPE_CHECKING:
    from relay_sync.calling.action import Action

logger: logging.Logger = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], object]
REMEDY = "connect() and make a new call"  # for a call whose client is closed: it does not come back
A = TypeVar("A", bound="Action[Any]")
C = TypeVar("C", bound=Result)

_ORDER = {state: place for place, state in enumerate(CALL_STATES)}


class Leg(Waitable):
    """The part of a call that all families of verbs stand on. Users see it as :class:`Call`."""

    __slots__ = (
        "__weakref__",
        "_actions",
        "_answer_told",
        "_bridge",
        "_closing",
        "_desk",
        "_device",
        "_dialled",
        "_handlers",
        "_lane",
        "_last",
        "_lost",
        "_occurred",
        "_over",
        "_streams",
        "_to_dial",
        "context",
        "direction",
        "end_reason",
        "id",
        "node_id",
        "peer",
        "prev_state",
        "state",
        "tag",
    )

    def __init__(self, desk: Desk, device: dict[str, Any] | None, tag: str | None = None) -> None:
        super().__init__()
        self._desk = desk
        self._device = None if device is None else keep(device)
        self._actions: tuple[Action[Any], ...] = ()  # that run on it: few at a time, so they need no index
        self._handlers: dict[str, tuple[Handler, ...]] | None = None
        self._lane: Lane | None = None
        self._last: Kept | None = None  # the params of the last state event
        self._answer_told: Kept | None = None  # those of the one that told of the answer
        self._occurred: tuple[str, ...] = ()  # the states that Relay really told of
        self._over = ""  # why nothing more will be heard of it; '' while it lives
        self._closing: Event | None = None  # the event that ended it
        self._lost = False  # over because the session was, not because Relay said so
        self._dialled = False
        self._to_dial: dict[str, Any] | None = None  # what dial() sends: devices, and what goes with them
        self._bridge: Event | None = None  # the last that was told of a bridge to another call
        self._streams: list[EventStream] | None = None
        #: Relay's id of the call; None before the first event of an outbound call.
        self.id: str | None = None
        #: Relay's node that holds the call; goes with every command.
        self.node_id: str | None = None
        #: A UUID made by the client, by which Relay tells the legs of a dial.
        self.tag: str = new_uuid() if tag is None else tag
        #: ``created ringing answered ending ended``; None before the first.
        self.state: str | None = None
        #: The state before that.
        self.prev_state: str | None = None
        #: The context an inbound call came for.
        self.context: str | None = None
        #: ``inbound`` or ``outbound``.
        self.direction: str | None = None
        #: Why it ended: ``hangup cancel busy noAnswer decline error``; None where Relay did not say.
        self.end_reason: str | None = None
        #: The call it is bridged to.
        self.peer: Leg | None = None

    # -- for the verbs ------------------------------------------------------------------------------

    def _not_usable(self) -> str:
        """Why no command can be given on this call; '' when one can."""
        if self._over:
            return self._over
        if self.id is None:
            return "the call has no id yet: dial() it first"
        return ""

    def _check_usable(self) -> None:
        """Raise :class:`Over` where a command can no longer, or not yet, do anything."""
        if self._not_usable():
            raise Over

    def _request(
        self,
        method: str,
        params: dict[str, Any],
        deadline: Deadline,
        *,
        sending: Callable[[], None] | None = None,
        answered: Callable[[Answer], None] | None = None,
        gone: Collection[str] = GONE,
    ) -> Answer:
        """Send a command about this call and block for the answer; errors carry the call's id.

        ``gone`` are the codes by which Relay says that it no longer knows the call. Raises
        :class:`Over` where the call ended, or its session, before the command could be sent.
        """
        ids = {} if self.id is None else {"node_id": self.node_id, "call_id": self.id}
        try:
            return self._desk.connection.request(
                method,
                {**ids, **params},
                deadline.within(self._desk.request_timeout),
                sending=sending or self._check_usable,
                answered=partial(self._heard_answer, answered, gone),
            )
        except RelayError as error:
            raise self._named(error)  # noqa: B904  (the same error, with the id on it)

    def _named(self, error: RelayError) -> RelayError:
        """The same error, with the call's id, and what helps a call whose client is closed."""
        error.call_id = self.id
        if isinstance(error, NotConnected) and self._desk.connection.state == CLOSED:
            error.message += " and make a new call"  # after "call connect()"
            error.args = (error.message,)
        return error

    def _wait_until(self, ready: Callable[[], bool], deadline: Deadline, what: str) -> None:
        """Block until ``ready()``, or until nothing more will be heard of the call."""
        monitor = self._desk.monitor
        monitor.check_process()
        try:
            with monitor.lock:
                self._end_if_closed()
                self._desk.shelf.watch(self)
                try:
                    monitor.wait_until(self, lambda: bool(self._over) or ready(), deadline, lambda: f"{self!r} {what}")
                finally:
                    self._desk.shelf.unwatch(self)
        except RelayError as error:
            error.call_id = self.id
            raise

    def _carry_out(
        self,
        kind: type[C],
        method: str,
        params: dict[str, Any],
        wait_timeout: float | None,
        *,
        answered: Callable[[Answer], None] | None = None,
        gone: Collection[str] = GONE,
    ) -> C:
        """The whole of a verb that is done once Relay has answered."""
        deadline = Deadline(wait_timeout, name="wait_timeout")
        self._desk.monitor.check_process()
        try:
            self._check_usable()
            answer = self._request(method, params, deadline, answered=answered, gone=gone)
        except Over:
            return kind.unsent(self._not_usable())
        return kind.of(answer, method=method, call_id=self.id)

    def _heard_answer(self, then: Callable[[Answer], None] | None, gone: Collection[str], answer: Answer) -> None:
        """Relay answered a command about this call. The lock is held, by the reader."""
        if then is not None:
            then(answer)
        if self.id is not None and answer.code in gone:
            self._gone()

    def _gone(self) -> None:
        """Relay no longer knows the call: its end was missed, unless the event that tells it is just on its way."""
        why = "Relay no longer knows the call; its end was not heard"
        self._desk.connection.call_later(GONE_GRACE_S, lambda: self._close(why, None, lost=True))

    def _end_if_closed(self) -> None:
        """The connection may have closed before this call was in any table that was told. The lock is held."""
        if not self._over and self._desk.connection.state == CLOSED:
            self._close(f"the client was disconnected; {REMEDY}", None, lost=True)

    def _start(self, action: A, wait_timeout: float | None) -> tuple[A, Deadline]:
        deadline = Deadline(wait_timeout, name="wait_timeout")
        self._desk.monitor.check_process()
        action._start(deadline)
        return action, deadline

    def _device_told(self) -> dict[str, Any]:
        """A copy of its device, as far as it is known."""
        return {} if self._device is None else whole(self._device)

    def _last_event(self) -> Event | None:
        """The last state event, as results carry it."""
        if self._last is None:
            return None
        last = whole(self._last)
        return Event(str(last.get("call_state", "")), last)

    def _over_outcome(self) -> Outcome:
        return "lost" if self._lost else "failed"

    def _call_ids(self) -> CallIds:
        return CallIds(self.id, self.node_id, self.tag)

    # -- what happens to it; the lock is held in all of these -----------------------------------------

    def _take_state(self, params: dict[str, Any]) -> None:
        """A state event. Steps may be missing; a step back or a repetition is old news."""
        state = params.get("call_state")
        if not isinstance(state, str) or not self._is_news(state):
            return
        if state not in _ORDER:
            text = "Relay told of the unknown call state %r; it is kept"
            self._desk.log(logger, logging.WARNING, text, shorten(state, 80))
        state = intern(state)
        self.prev_state, self.state = self.state, state
        self._occurred = once(*self._occurred, state)
        self._learn(params)
        self._last = keep(params, call_id=self.id, tag=self.tag, device=self._device)
        if state == "answered":
            self._answer_told = self._last
        self._emit(("stateChange", state), params, CALL_STATE_EVENT)
        if state == "ended":
            reason = f" ({self.end_reason})" if self.end_reason else ""
            self._close(f"the call has ended{reason}", self._last_event(), lost=False)
        self._changed()

    def _is_news(self, state: str) -> bool:
        if self._over or state == self.state:
            return False
        return state not in _ORDER or _ORDER[state] > max((_ORDER.get(past, -1) for past in self._occurred), default=-1)

    def _learn(self, params: dict[str, Any]) -> None:
        """Keep what an event tells of the call itself."""
        device = params.get("device")
        if isinstance(device, dict) and isinstance(device.get("params"), dict):
            # Events leave out what was sent only for the dial, such as its ring timeout.
            known = self._device_told()
            merged = {**known.get("params", {}), **device["params"]} if known.get("type") == device.get("type") else {}
            self._device = keep({**device, "params": merged} if merged else device)
        for name in ("direction", "end_reason"):
            value = params.get(name)
            if isinstance(value, str) and value:
                setattr(self, name, intern(value))

    def _take_operation(self, event_type: str, params: dict[str, Any]) -> None:
        """An event of an operation that runs, or ran, on this call, or of one that this library does not know."""
        rows = BY_EVENT_TYPE.get(event_type, ())
        row = rows[0] if rows else None
        action: Action[Any] | None = None
        if self._actions:
            action = self._action_of(event_type, params.get("control_id"))
            # A prompt's playback tells with the prompt's control id; it is not the prompt's event.
            if action is not None and action._operation.event_type == event_type:
                action._take(params)
                row = action._operation if action._operation in rows else row
        if self._handlers or self._streams:
            names = () if row is None else row.names_of(params)
            self._emit(names, params, event_type, None if row is None else row.told(params))
        elif row is None and action is None:
            self._desk.log(logger, logging.DEBUG, "%s is not known; dropped", shorten(event_type, 80))

    def _action_of(self, event_type: str, control_id: object) -> Action[Any] | None:
        """The operation that an event names; or the one that its type alone tells."""
        for action in self._actions:
            if action._control_id == control_id:
                return action
        for action in self._actions:
            if action._is_of(event_type):
                return action
        return None

    def _emit(
        self,
        names: tuple[str, ...],
        params: dict[str, Any],
        event_type: str,
        told: Mapping[str, Any] | None = None,
    ) -> None:
        """Run the handlers of these names, then of the raw event type, on the call's lane once the lock is released.

        Those of the names are given ``told``, which for some operations is a part of ``params`` (api.md 11).
        """
        names = names or (event_type,)
        for stream in self._streams or ():
            stream._add(Event(names[-1], params))
        if not self._handlers:
            return
        chosen = [
            (handler, params if told is None or name == event_type else told)
            for name in dict.fromkeys((*names, event_type))
            for handler in self._handlers.get(name, ())
        ]
        if not chosen:
            return
        if self._lane is None:
            self._lane = self._desk.lane()
        self._desk.later(partial(self._lane.put, partial(_run_all, chosen, event_type, self)))

    def _close(self, why: str, event: Event | None, *, lost: bool) -> None:
        """Nothing more will be heard of it: end all that runs on it, and leave the table."""
        if self._over:
            return
        self._over, self._lost, self._closing = why, lost, event
        if lost:
            self.prev_state, self.state = self.state, "ended"
        for action in self._actions:
            action._end_with(why, event, self._over_outcome())
        for stream in self._streams or ():
            stream._end()
        self._actions = ()
        self._handlers = self._streams = None
        self._unbridge()
        self._desk.shelf.forget(self)
        self._changed()

    def _unbridge(self) -> None:
        """It is no longer connected to another call, nor that one to it."""
        peer, self.peer = self.peer, None
        if peer is not None and peer.peer is self:
            peer._unbridge()
        self._changed()


def _run_all(handlers: list[tuple[Handler, Mapping[str, Any]]], event_type: str, leg: Leg) -> None:
    """Run handlers one after the other, each with a dict of its own; one that raises stops no other."""
    for handler, told in handlers:
        job: Job = partial(handler, {**copy.deepcopy(dict(told)), "event_type": event_type})
        run(job, f"of call {leg.id}")
