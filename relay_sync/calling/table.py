"""Every live call of one session, by id and by tag: takes each event to its call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from sys import intern
from typing import Any

from relay_sync.calling.action import Action
from relay_sync.calling.attendance import Attendance
from relay_sync.calling.call import Call
from relay_sync.calling.desk import Desk
from relay_sync.calling.gone import GONE_GRACE_S
from relay_sync.calling.leg import Leg
from relay_sync.calling.play import PlayAction
from relay_sync.calling.result import Event
from relay_sync.calling.unwanted import Unwanted, until_answered
from relay_sync.errors import RelayError
from relay_sync.link.connection import Connection
from relay_sync.link.handlers import Workers, run
from relay_sync.link.saying import say
from relay_sync.masking import mask_number, shorten
from relay_sync.ref import Ref
from relay_sync.wire.events import RelayEvent
from relay_sync.wire.states import (
    CALL_RECEIVE_EVENT,
    CALL_STATE_EVENT,
    CONFERENCE_EVENT,
    DIAL_FINAL,
    ERROR_EVENT,
    ERROR_EVENT_NAME,
)

logger: logging.Logger = logging.getLogger(__name__)

CallHandler = Callable[[Call], object]

DECIDED = ("answered", "ending", "ended")  # the states of a call that tell how its dial ended


class CallTable:
    """The calls of one session. The connection's lock guards it; the methods of the road in have it held."""

    def __init__(
        self,
        connection: Connection,
        lanes: Workers,
        conversations: Workers,
        chores: Workers,
        handler_for: Callable[[str | None], CallHandler | None],
    ) -> None:
        self.desk: Desk = Desk(connection, lanes, chores, self)
        self._conversations = conversations
        self._handler_for = handler_for
        self.draining = False  # whether inbound calls are passed back, because the client is about to end
        self._by_id: dict[str, Call] = {}
        self._by_tag: dict[str, Call] = {}  # dialled, and how that ended not known yet
        self._legs: dict[str, dict[str, list[dict[str, Any]]]] = {}  # state events of several legs, by tag and id
        # Tags whose legs nobody wants, with those hung up already; None where there is one leg at most.
        self._abandoned: dict[str, set[str] | None] = {}
        self._unwanted = Unwanted(self.desk)
        self._watched: dict[Leg, int] = {}  # waited on, and perhaps not dialled
        self._attendance = Attendance()

    # -- the road in; the lock is held ----------------------------------------------------------------

    def take(self, event: RelayEvent) -> None:
        """Take a ``calling.*`` event to the call it is about; one about an unknown call is dropped."""
        params = event.params
        if event.event_type == CALL_RECEIVE_EVENT:
            self._offered(event)
            return
        if event.event_type == CONFERENCE_EVENT:
            self._conference_told(params)
            return
        if event.event_type == ERROR_EVENT:
            self._error_told(params)
            return
        call = self._find(event)
        if call is None:
            return
        if event.event_type == CALL_STATE_EVENT:
            call._take_state(params)
            if call.state in DECIDED:
                self._by_tag.pop(call.tag, None)
        elif event.event_type == "calling.call.dial":
            self._dial_told(call, params)
        elif event.event_type == "calling.call.connect":
            self._connect_told(call, params)
        else:
            call._take_operation(event.event_type, params)

    def _find(self, event: RelayEvent) -> Call | None:
        """The call an event is about; None where it is nobody's, or was dealt with here."""
        params = event.params
        call_id, tag = params.get("call_id"), params.get("tag")
        if isinstance(call_id, str):
            known = self._by_id.get(call_id)
            if known is not None:
                return known
        call = self._by_tag.get(tag) if isinstance(tag, str) else None
        if call is not None and not isinstance(call_id, str):
            return call
        if call is not None and call.id is None:
            assert isinstance(call_id, str)
            if _single(call):
                self._bind(call, call_id, params.get("node_id"))
                return call
            # One of several legs: which of them is the call is told by the dial's outcome.
            self._legs.setdefault(call.tag, {}).setdefault(call_id, []).append(params)
        elif not self._strays(event) and (call := self._peer_of(event)) is not None:
            return call
        else:
            self.desk.log(logger, logging.DEBUG, "%s is about an unknown call; dropped", event.event_type)
        return None

    def _bind(self, call: Call, call_id: str, node_id: object) -> None:
        """Relay has told the id of a call that was dialled."""
        call.id, call.node_id = call_id, intern(node_id) if isinstance(node_id, str) else None
        call._to_dial = None
        call.direction = call.direction or "outbound"
        self._by_id[call_id] = call

    def _dial_told(self, call: Call, params: dict[str, Any]) -> None:
        """The outcome of a ``calling.dial``: it may come before the leg's own state event (protocol.md 10.4)."""
        winner, state = params.get("call"), params.get("dial_state")
        if state == "answered" and isinstance(winner, dict) and isinstance(winner.get("call_id"), str):
            told = self._legs.pop(call.tag, {}).get(winner["call_id"], ())
            if call.id is None:
                self._bind(call, winner["call_id"], winner.get("node_id"))
            for earlier in told:
                call._take_state(earlier)
            call._take_state({**winner, "call_state": "answered"})
            self._by_tag.pop(call.tag, None)
        elif state == "failed":
            reason = params.get("reason")
            call._learn({"end_reason": reason})
            why = f"the dial failed: {reason}" if reason else "the dial failed"

            def close() -> None:
                if call.state not in DECIDED:
                    call._close(why, Event("failed", params), lost=False)

            if call.id is None:
                close()
            else:  # its leg was told of, whose own end says more and is on its way
                self.desk.connection.call_later(GONE_GRACE_S, close)

    def _connect_told(self, call: Call, params: dict[str, Any]) -> None:
        """News of a bridge: link both calls, or part them, before anybody hears of it."""
        state, told = params.get("connect_state"), params.get("peer")
        call._bridge = Event(str(state), params)
        if state == "connected" and isinstance(told, dict) and isinstance(told.get("call_id"), str):
            peer = self._by_id.get(told["call_id"]) or self._outbound(told["call_id"], told)
            call.peer, peer.peer = peer, call
        elif state == "disconnected":
            if call.peer is not None:
                call.peer._bridge = call._bridge
            call._unbridge()
        call._take_operation("calling.call.connect", params)

    def _conference_told(self, params: dict[str, Any]) -> None:
        """News of a conference: of one who takes part in it, or of the whole."""
        call_id = params.get("call_id")
        mine = self._by_id.get(call_id) if isinstance(call_id, str) else None
        hearers = self._attendance.told(mine, params)
        for call in hearers:
            call._take_operation(CONFERENCE_EVENT, params)
        if not hearers:
            self.desk.log(logger, logging.DEBUG, "%s is about no call here; dropped", CONFERENCE_EVENT)

    def _error_told(self, params: dict[str, Any]) -> None:
        """Relay tells of an error that no answer told (protocol.md 7)."""
        call = self._by_id.get(str(params.get("call_id")))
        code, message = (shorten(str(params.get(name, "")), 200) for name in ("code", "message"))
        self.desk.log(logger, logging.WARNING, "Relay told of an error %s: %s (%r)", code, message, call)
        if call is not None:
            call._emit((ERROR_EVENT_NAME,), params, ERROR_EVENT)

    def _peer_of(self, event: RelayEvent) -> Call | None:
        """The call of a leg that a connect of ours has made, told of for the first time."""
        call_id, peer = event.params.get("call_id"), event.params.get("peer")
        if event.event_type != CALL_STATE_EVENT or not isinstance(call_id, str) or not isinstance(peer, dict):
            return None
        ours = peer.get("call_id")
        return self._outbound(call_id, event.params) if isinstance(ours, str) and ours in self._by_id else None

    def _outbound(self, call_id: str, params: dict[str, Any]) -> Call:
        """A new call that Relay made for us."""
        call = Call(self.desk, None, str(params.get("tag") or ""))
        call._dialled = True
        call._learn(params)
        self._bind(call, call_id, params.get("node_id"))
        return call

    def _strays(self, event: RelayEvent) -> bool:
        """A leg of a dial that was given up has shown up: hang it up, once."""
        tag, call_id, node_id = (event.params.get(name) for name in ("tag", "call_id", "node_id"))
        if not isinstance(tag, str) or tag not in self._abandoned:
            return False
        known = self._abandoned[tag]
        if event.params.get("dial_state") in DIAL_FINAL:
            del self._abandoned[tag]
            winner = event.params.get("call")
            call_id = winner.get("call_id") if isinstance(winner, dict) else None
            if isinstance(winner, dict) and isinstance(call_id, str) and call_id not in (known or ()):
                self._unwanted.hang_up(call_id, winner.get("node_id"))
        elif isinstance(call_id, str) and (known is None or call_id not in known):
            if known is None:
                del self._abandoned[tag]
            else:
                known.add(call_id)
            if event.params.get("call_state") != "ended":
                self._unwanted.hang_up(call_id, node_id)
        return True

    def _offered(self, event: RelayEvent) -> None:
        """An inbound call."""
        params = event.params
        call_id, node_id = params.get("call_id"), params.get("node_id")
        if not isinstance(call_id, str) or call_id in self._by_id:
            return
        call = Call(self.desk, None, str(params.get("tag") or ""))
        call.id, call.node_id = call_id, node_id if isinstance(node_id, str) else None
        call.direction, call.context = "inbound", event.context
        self._by_id[call_id] = call
        call._take_state({"call_state": "created", **params})
        handler = self._handler_for(call.context)
        if self.draining:
            self.desk.log(logger, logging.INFO, "no new call is taken: %r is passed back", call)
            self._pass_back_later(call)
        elif handler is None:
            text = "nobody handles calls for the context %r; the call is passed back"
            self.desk.log(logger, logging.ERROR, text, call.context)
            self._pass_back_later(call)
        else:
            self.desk.later(partial(self._begin, call, handler))

    # -- Shelf; the lock is held ------------------------------------------------------------------------

    def dialling(self, leg: Leg) -> None:
        """See :class:`relay_sync.calling.desk.Shelf`."""
        assert isinstance(leg, Call)
        self._by_tag[leg.tag] = leg

    def forget(self, leg: Leg) -> None:
        """See :class:`relay_sync.calling.desk.Shelf`."""
        if self._by_tag.get(leg.tag) is leg:
            del self._by_tag[leg.tag]
            self._legs.pop(leg.tag, None)
        if leg.id is not None and self._by_id.get(leg.id) is leg:
            del self._by_id[leg.id]
        self._attendance.forget(leg)

    def attends(self, leg: Leg, conference_id: str) -> None:
        """See :class:`relay_sync.calling.desk.Shelf`."""
        self._attendance.enter(leg, conference_id)

    def abandon(self, leg: Leg) -> None:
        """See :class:`relay_sync.calling.desk.Shelf`."""
        if leg._over or not leg._dialled:
            return
        if leg.id is not None:
            self._unwanted.hang_up(leg.id, leg.node_id)
            return
        told = self._legs.get(leg.tag, {})
        self._abandoned[leg.tag] = None if _single(leg) else set(told)
        self.forget(leg)
        for call_id, events in told.items():
            if events[-1].get("call_state") != "ended":
                self._unwanted.hang_up(call_id, events[-1].get("node_id"))

    def watch(self, leg: Leg) -> None:
        """See :class:`relay_sync.calling.desk.Shelf`."""
        self._watched[leg] = self._watched.get(leg, 0) + 1

    def unwatch(self, leg: Leg) -> None:
        """See :class:`relay_sync.calling.desk.Shelf`."""
        self._watched[leg] -= 1
        if not self._watched[leg]:
            del self._watched[leg]

    # -- the session's fate; the lock is held -------------------------------------------------------------

    def resumed(self) -> None:
        """The session was restored: Relay may not replay what was missed, so ask of each playback."""
        for call in self._by_id.values():
            for action in call._actions:
                if isinstance(action, PlayAction):
                    self.desk.later(partial(self.desk.chores.submit, partial(_quietly, action._probe)))

    def session_lost(self, why: str) -> None:
        """Nothing will be heard any more of any call of this session."""
        for leg in {**self._by_id, **self._by_tag}.values():
            leg._close(why, None, lost=True)
        for watched in list(self._watched):
            watched._close(why, None, lost=True)
        self._abandoned.clear()
        self._unwanted.clear()
        self._legs.clear()

    def live(self) -> list[Call]:
        """Every call that has an id and has not ended. The lock is held."""
        return list(self._by_id.values())

    # -- by name; the lock is not held -------------------------------------------------------------------

    def find(self, ref: Ref) -> Call | Action[Any] | None:
        """The live call or action of that name; None where there is none here."""
        self.desk.monitor.check_process()
        with self.desk.monitor.lock:
            call = self._by_id.get(ref.call_id)
            if call is None or ref.control_id is None:
                return call
            return next((one for one in call._actions if one._control_id == ref.control_id), None)

    # -- what workers do ----------------------------------------------------------------------------------

    def _begin(self, call: Call, handler: CallHandler) -> None:
        """Hand an inbound call to its handler, on a worker of its own."""
        job = partial(run, partial(handler, call), f"of inbound call {call.id}")
        if not self._conversations.submit(job, queue=False):
            text = "all %d handlers are busy: the call from %s is passed back (Client(max_handlers=...))"
            say(logger, logging.ERROR, text, self._conversations.most, mask_number(call.from_number or ""))
            self.desk.chores.submit(partial(_pass_back, call))

    def _pass_back_later(self, call: Call) -> None:
        self.desk.later(partial(self.desk.chores.submit, partial(_pass_back, call)))


def _single(call: Leg) -> bool:
    """Whether one device was dialled, so that the first leg is the call."""
    return call._device is not None


def _pass_back(call: Call) -> None:
    """Pass a call back, and again where it is unknown whether that was done; ends with the call, too."""

    def tell(why: str) -> None:
        say(logger, logging.INFO, "%r is not passed back yet: %s", call, why)

    until_answered(call.pass_, lambda: not call._over, tell)


def _quietly(act: Callable[[], object]) -> None:
    """Do something that nobody waits for; where it fails, the log is all there is to tell."""
    try:
        act()
    except RelayError as error:
        logger.info("gave up: %s", error.message)
