"""The switch: numbers, contexts, calls, and who gets which call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from relay_sync.emulator.attempt import DEFAULT_RING, Attempt
from relay_sync.emulator.calls import Call, Surroundings
from relay_sync.emulator.connect import EVENT, Bridged, Connect
from relay_sync.emulator.dial import Dial
from relay_sync.emulator.envelope import Refused
from relay_sync.emulator.handset import Handset
from relay_sync.emulator.numbers import behaviour_of
from relay_sync.emulator.places import check_free
from relay_sync.emulator.session import Session, Sessions

_ENDED = 10_000  # ids of ended calls that are remembered, to tell "gone" (410) from "never was" (404)


class Switch:
    """Connects phones and sessions. Everything happens on the emulator's thread.

    ``routes`` maps inbound numbers to contexts; it is shared with the emulator, which may add to it.
    """

    def __init__(
        self, around: Surroundings, sessions: Sessions, phones: dict[str, Handset], routes: Mapping[str, str]
    ) -> None:
        self.around = around
        self._sessions = sessions
        self._phones = phones
        self._routes = routes
        self._calls: dict[str, Call] = {}
        self._ended: dict[str, None] = {}
        self._tags: Counter[str] = Counter()  # of the calls that have not ended
        self._passers: dict[str, frozenset[Session]] = {}  # call -> who has passed it on

    @property
    def calls(self) -> list[Call]:
        """The calls that have not ended, oldest first."""
        return list(self._calls.values())

    def find(self, call_id: str) -> Call | None:
        """Return a call that has not ended."""
        return self._calls.get(call_id)

    def gone(self, call_id: str) -> bool:
        """Has there been a call with this id that has ended?"""
        return call_id in self._ended

    def phone(self, number: str) -> Handset:
        """Return the phone with this number; one that nobody has described behaves by its number."""
        if number not in self._phones:
            self._phones[number] = Handset(number, behaviour_of(number))
        return self._phones[number]

    def begin(self, owner: Session, tag: str, device: dict[str, Any], longest: float | None = None) -> Call:
        """Call one device for ``owner``; return the leg, whose phone has been rung.

        ``longest``, here and below, is the ``max_duration`` of the command.
        """
        leg = self._leg(owner, tag, device, longest=longest)
        self._ring(leg)
        return leg

    def dial(self, owner: Session, tag: str, steps: list[list[dict[str, Any]]], longest: float | None = None) -> None:
        """Call devices in series and parallel for ``owner``."""

        def make(device: dict[str, Any]) -> Call:
            return self._leg(owner, tag, device, dial, created_by="dial", longest=longest)

        dial = Dial(self.around, owner, tag, steps, make, self._ring)
        dial.start()

    def connect(
        self,
        call: Call,
        steps: list[list[dict[str, Any]]],
        ringback: Sequence[Mapping[str, Any]],
        tag: str,
        longest: float | None = None,
    ) -> None:
        """Call devices in series and parallel, and bridge ``call`` to the first that answers."""

        def make(device: dict[str, Any]) -> Call:
            return self._leg(call.owner, tag, device, connect, made_for=call, longest=longest)

        connect = Connect(call, steps, ringback, make, self._ring)
        connect.begin()

    def join(self, call: Call, call_id: str) -> None:
        """Bridge ``call`` to another one that is answered, and free."""
        call.emit(EVENT, {"connect_state": "connecting"})
        other = self.find(call_id)
        try:
            if other is None or other is call or other.answered_at is None:
                raise Refused("409", "There is no such call, or it is not answered")
            check_free(other)
        except Refused:
            call.emit(EVENT, {"connect_state": "failed", "failed_reason": "error"})
        else:
            Bridged(call, other).begin()

    def transfer(self, call: Call, context: str | None) -> None:
        """Offer an answered call to a consumer of ``context``; for None, nobody has it any more.

        Whatever runs on it ends first. Refuses with ``409`` a context that nobody receives.
        """
        taker = None if context is None else self._sessions.consumer_of(context)
        if context is not None and taker is None:
            raise Refused("409", f"Nobody receives the context {context}")
        call.release()
        call.owner = taker
        if taker is not None:
            call.context, call.transferred = context, True
            self._tell_offer(call, self.around.assumptions.transferred_state)

    def tag_in_use(self, tag: str) -> bool:
        """Does a call that has not ended bear the tag?"""
        return self._tags[tag] > 0

    def place(self, phone: Handset, to_number: str, context: str | None, limit: float) -> Call:
        """A phone calls ``to_number``: offer the call in ``context`` (None: that of the number) to one consumer."""
        device = {"type": "phone", "params": {"from_number": phone.number, "to_number": to_number}}
        call = Call(self.around, "inbound", device)
        call.context = self._routes.get(to_number) if context is None else context
        self._enter(call)
        phone.add(call)
        call.later(limit, lambda: self._give_up(call))
        if call.context is None:
            call.end("error")  # a number that leads nowhere
        else:
            self._offer(call)
        return call

    def pass_on(self, call: Call) -> None:
        """The consumer that was offered the call does not want it: another gets it, or the phone hears no answer."""
        assert call.owner is not None  # only its owner can pass it
        self._passers[call.id] = self._passers.get(call.id, frozenset()) | {call.owner}
        call.owner = None
        self._offer(call)

    def hang_up_all(self) -> None:
        """The emulator stops: every call ends, and nobody is told."""
        for call in self.calls:
            call.owner = None
            call.on_ended.clear()  # no dial is to try its next step
            call.end("error")
        self._calls.clear()
        self._tags.clear()

    def _offer(self, call: Call) -> None:
        assert call.context is not None
        call.owner = self._sessions.consumer_of(call.context, self._passers.get(call.id, frozenset()))
        if call.owner is None:
            call.end("noAnswer")
            return
        self._tell_offer(call, self.around.assumptions.receive_state)

    def _tell_offer(self, call: Call, state: str) -> None:
        offer = {"call_state": state, "direction": "inbound", "context": call.context, "tag": "", "device": call.device}
        call.emit("calling.call.receive", offer)

    def _give_up(self, call: Call) -> None:
        if call.answered_at is None:
            call.end("noAnswer")

    def _leg(
        self,
        owner: Session | None,
        tag: str,
        device: dict[str, Any],
        attempt: Attempt | None = None,
        created_by: str | None = None,
        made_for: Call | None = None,
        longest: float | None = None,
    ) -> Call:
        leg = Call(self.around, "outbound", device, tag)
        leg.owner, leg.created_by, leg.made_for = owner, created_by, made_for
        leg.limit(longest)
        if attempt is not None:
            leg.before_answer = attempt.before_answer
        self._enter(leg)
        self.phone(leg.to_number).add(leg)
        leg.begin()
        return leg

    def _ring(self, leg: Call) -> None:
        limit = leg.device["params"].get("timeout")
        self.phone(leg.to_number).ring(leg, DEFAULT_RING if limit is None else float(limit))

    def _enter(self, call: Call) -> None:
        self._calls[call.id] = call
        self._tags[call.tag] += bool(call.tag)
        call.on_ended.append(self._forget)
        self.around.watch.tell()

    def _forget(self, call: Call) -> None:
        self._calls.pop(call.id, None)
        self._passers.pop(call.id, None)
        self._tags[call.tag] -= bool(call.tag)
        if not self._tags[call.tag]:
            del self._tags[call.tag]
        self._ended[call.id] = None
        while len(self._ended) > _ENDED:
            del self._ended[next(iter(self._ended))]
