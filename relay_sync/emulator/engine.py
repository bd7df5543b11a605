"""The faults in force: what arms, counts, strikes and takes them back. All of it runs on the emulator's thread.

The emulator asks at five points, the same in every dialect:

* a connection is open: :meth:`Engine.at_connect`
* a command has come: :meth:`Engine.at_command`, :meth:`Engine.refusal_of`, :meth:`Engine.ignores`, :meth:`Engine.fails`
* a reply is to be sent: :meth:`Engine.fate_of_reply` (before its command is carried out) and :meth:`Engine.send_reply`
* an event is to be sent: :meth:`Engine.send_event`
* somebody wants to connect or to log in: :attr:`refuses_connections`, :attr:`refuses_credentials`

What a fault does to a connection before or after a frame is queued with the frame, so that nothing comes between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast

from relay_sync.emulator.deeds import World, perform
from relay_sync.emulator.envelope import Frame, Refused, RpcError
from relay_sync.emulator.fault import Fault, Moment, What, When
from relay_sync.emulator.garbling import garbled
from relay_sync.emulator.watch import Watch

if TYPE_CHECKING:
    from relay_sync.emulator.connection import Connection

logger: logging.Logger = logging.getLogger(__name__)

_SWAP_LIMIT = 1.0  # real seconds that an event waits for the next one, to change places with it
_UPON_REPLY = ("lose", "delay", "repeat", "garble", "hold", "postpone")
_UPON_EVENT = ("lose", "delay", "repeat", "garble", "swap")


class Sender(Protocol):
    """What the engine needs of a connection to send on it."""

    @property
    def number(self) -> int:
        """Its number in the journal."""

    def send(self, frame: Frame) -> None:
        """Send a frame after those sent before."""

    def do(self, act: Callable[[], None]) -> None:
        """Do something once all frames sent so far have been written."""


class Armed:
    """A fault that waits for its moment, or is in force."""

    __slots__ = ("cancel", "fault", "seen", "struck", "undo")

    def __init__(self, fault: Fault) -> None:
        self.fault: Fault = fault
        self.seen: int = 0  # moments that fitted so far
        self.struck: int = 0
        self.cancel: Callable[[], None] | None = None  # of the timer, while it waits for one
        self.undo: list[Callable[[], None]] = []  # what takes back what is in force

    @property
    def due(self) -> bool:
        """Would it strike at the next moment that fits?"""
        moment = self.fault.moment
        return self.seen + 1 >= moment.first and not self.used_up

    @property
    def used_up(self) -> bool:
        """Can it never strike again?"""
        moment = self.fault.moment
        return moment.last is not None and self.seen >= moment.last


class Engine:
    """Every fault of one emulator, in the order of their arming."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._armed: list[Armed] = []
        self._held: list[tuple[str, Callable[[], None]]] = []
        self._swapped: dict[int, tuple[Sender, str, Frame]] = {}
        self._world: World | None = None

    # -- life -------------------------------------------------------------------------------------------

    @property
    def armed(self) -> tuple[Armed, ...]:
        """Those that wait or are in force, oldest first."""
        return tuple(one for one in self._armed if one.undo or not one.used_up)

    def attach(self, world: World) -> None:
        """The emulator runs: what was to strike at once does so now."""
        self._world = world
        for armed in list(self._armed):
            self._set_going(armed)

    def detach(self) -> None:
        """The emulator stops: every fault ends."""
        self.clear()
        self._world = None

    def arm(self, fault: Fault) -> Armed:
        """Have a fault strike at its moment; one that strikes at once has done so, if the emulator runs."""
        armed = Armed(fault)
        self._armed.append(armed)
        self._set_going(armed)
        return armed

    def disarm(self, armed: Armed) -> None:
        """Take a fault back: it strikes no more, and what it has brought about ends where that can be."""
        if armed in self._armed:
            self._armed.remove(armed)
        if armed.cancel is not None:
            armed.cancel()
        undo, armed.undo = armed.undo, []
        for take_back in undo:
            take_back()

    def clear(self) -> None:
        """End every fault. Held replies are dropped: call :meth:`release` first to send them."""
        for armed in list(self._armed):
            self.disarm(armed)
        self._held.clear()
        self._swapped.clear()

    def _set_going(self, armed: Armed) -> None:
        if self._world is None or armed.seen:
            return
        moment = armed.fault.moment
        if moment.when == "now":
            armed.seen = 1
            self._strike(armed, None)
        elif moment.when == "in":
            armed.seen = 1
            timer = asyncio.get_running_loop().call_later(moment.seconds, self._strike, armed, None)
            armed.cancel = timer.cancel

    def _strike(self, armed: Armed, sender: Sender | None) -> None:
        """Let it happen, to this connection or, for None, to all."""
        if self._world is None or armed not in self._armed:
            return  # taken back meanwhile
        logger.info("fault: %s", armed.fault)
        undo = perform(self._world, armed.fault, cast("Connection | None", sender))  # Connection is the one Sender
        if undo is not None:
            armed.undo.append(undo)
            if armed.fault.seconds is not None and armed.fault.kind != "drip":
                asyncio.get_running_loop().call_later(armed.fault.seconds, self._over, armed, undo)
        self._note(armed)

    def _over(self, armed: Armed, undo: Callable[[], None]) -> None:
        """Its time is up."""
        if undo in armed.undo:
            armed.undo.remove(undo)
            undo()
            self._watch.tell()

    def _note(self, armed: Armed) -> None:
        armed.struck += 1
        self._watch.tell()

    # -- what is asked ------------------------------------------------------------------------------------

    def _in_force(self, kind: str) -> bool:
        return any(armed.undo for armed in self._armed if armed.fault.kind == kind)

    @property
    def refuses_connections(self) -> bool:
        """Are upgrades answered with 503?"""
        return self._in_force("refuse-connections")

    @property
    def refuses_credentials(self) -> bool:
        """Is nobody let in?"""
        return self._in_force("refuse-credentials")

    def at_connect(self, connection: Connection) -> None:
        """A connection is open; nothing has been read of it."""
        for armed in self._deeds("at", "connect", ""):
            self._strike(armed, connection)

    def at_command(self, sender: Sender, method: str) -> None:
        """A command has come, and nothing been done about it."""
        for armed in self._deeds("at", "command", method):
            self._strike(armed, sender)

    def refusal_of(self, method: str) -> Refused | RpcError | None:
        """Use up one refusal of this command, if there is one."""
        armed = self._verdict(("refuse",), "command", method)
        if armed is None:
            return None
        code, message = armed.fault.code or "", armed.fault.message or "Refused on request"
        self._note(armed)
        return RpcError(int(code), message) if code.startswith("-") else Refused(code, message)

    def ignores(self, method: str) -> bool:
        """Use up one fault that makes nothing of this command, if there is one."""
        return self._used(("ignore",), method)

    def fails(self, method: str) -> bool:
        """Use up one failure of what this command has started, if there is one."""
        return self._used(("fail",), method)

    def _used(self, kinds: tuple[str, ...], method: str) -> bool:
        armed = self._verdict(kinds, "command", method)
        if armed is not None:
            self._note(armed)
        return armed is not None

    def fate_of_reply(self, method: str) -> Fault | None:
        """Use up one fault of replies to this command, if there is one; to be handed to :meth:`send_reply`."""
        armed = self._verdict(_UPON_REPLY, "reply", method)
        if armed is None:
            return None
        self._note(armed)
        return armed.fault

    # -- what is sent -------------------------------------------------------------------------------------

    def send_reply(self, sender: Sender, method: str, frame: Frame, fate: Fault | None) -> None:
        """Send a reply, or do with it what its fate is."""
        send = partial(self._send, sender, "reply", method, [frame])
        if fate is None or fate.kind == "postpone":
            send()
        elif fate.kind == "garble":
            self._send(sender, "reply", method, [garbled(fate.what, frame)])
        elif fate.kind == "repeat":
            self._send(sender, "reply", method, [frame] * (fate.number or 2))
        elif fate.kind == "delay":
            asyncio.get_running_loop().call_later(fate.seconds or 0.0, send)
        elif fate.kind == "hold":
            self.hold(method, send)

    def send_event(self, sender: Sender, name: str, frame: Frame) -> None:
        """Send an event, or do with it what the faults say; ``name`` is ``type:state``."""
        if not self._armed and not self._swapped:
            sender.send(frame)
            return
        armed = self._verdict(_UPON_EVENT, "event", name)
        if armed is None:
            self._send_with_swapped(sender, name, [frame])
            return
        fault = armed.fault
        if fault.kind == "repeat":
            self._send_with_swapped(sender, name, [frame] * (fault.number or 2))
        elif fault.kind == "garble":
            self._send_with_swapped(sender, name, [garbled(fault.what, frame)])
        elif fault.kind == "delay":
            later = partial(self._send, sender, "event", name, [frame])
            asyncio.get_running_loop().call_later(fault.seconds or 0.0, later)
        elif fault.kind == "swap":
            self._swap(sender, name, frame)
        self._note(armed)

    def _swap(self, sender: Sender, name: str, frame: Frame) -> None:
        if sender.number in self._swapped:
            self._send_with_swapped(sender, name, [frame])
            return
        self._swapped[sender.number] = (sender, name, frame)
        asyncio.get_running_loop().call_later(_SWAP_LIMIT, self._send_swapped, sender.number, frame)

    def _send_with_swapped(self, sender: Sender, name: str, frames: list[Frame]) -> None:
        self._send(sender, "event", name, frames)
        if sender.number in self._swapped:
            self._send_swapped(sender.number, self._swapped[sender.number][2])

    def _send_swapped(self, number: int, frame: Frame) -> None:
        if number in self._swapped and self._swapped[number][2] is frame:
            sender, name, _ = self._swapped.pop(number)
            self._send(sender, "event", name, [frame])

    def _send(self, sender: Sender, what: What, name: str, frames: list[Frame]) -> None:
        """Send frames, with what the faults do right before and right after them."""
        for armed in self._deeds("before", what, name):
            self._queue(sender, armed)
        for frame in frames:
            sender.send(frame)
        for armed in self._deeds("after", what, name):
            self._queue(sender, armed)

    def _queue(self, sender: Sender, armed: Armed) -> None:
        sender.do(partial(self._strike, armed, sender))

    # -- held replies -------------------------------------------------------------------------------------

    def hold(self, method: str, send: Callable[[], None]) -> None:
        """Keep a reply; ``send`` sends it (and does nothing when its connection is gone)."""
        self._held.append((method, send))

    def held(self) -> tuple[str, ...]:
        """Return the methods whose replies are being held, oldest first."""
        return tuple(method for method, _ in self._held)

    def release(self, method: str | None) -> int:
        """Send the held replies of ``method`` (None: all), oldest first, and hold no more; return their number."""
        chosen = [send for name, send in self._held if method in (None, name)]
        self._held = [(name, send) for name, send in self._held if method not in (None, name)]
        for armed in self.armed:
            if armed.fault.kind == "hold" and method in (None, armed.fault.moment.name):
                self.disarm(armed)
        for send in chosen:
            send()
        return len(chosen)

    # -- counting -----------------------------------------------------------------------------------------

    def _verdict(self, kinds: tuple[str, ...], what: What, name: str) -> Armed | None:
        """Choose among the faults that decide about one thing: the oldest that is due.

        The others that are due wait for the next one; those that are not yet count this one.
        """
        chosen = None
        for armed in self._fitting(kinds, what, name):
            if not armed.due:
                armed.seen += 1
            elif chosen is None:
                armed.seen += 1
                chosen = armed
        self._forget_used_up()
        return chosen

    def _deeds(self, when: When, what: What, name: str) -> list[Armed]:
        """Return what strikes now, each of it, and count."""
        if not self._armed:
            return []
        due = []
        for armed in [one for one in self._armed if one.fault.moment.when == when and _decides(one) is False]:
            if armed.fault.moment.is_on(what, name):
                if armed.due:
                    due.append(armed)
                armed.seen += 1
        return due

    def _fitting(self, kinds: tuple[str, ...], what: What, name: str) -> Iterator[Armed]:
        return (one for one in self._armed if one.fault.kind in kinds and one.fault.moment.is_on(what, name))

    def _forget_used_up(self) -> None:
        self._armed = [one for one in self._armed if not (_decides(one) and one.used_up)]


def _decides(armed: Armed) -> bool:
    """Is it about a command or a frame itself, rather than about what happens round it?"""
    return armed.fault.kind in (*_UPON_REPLY, *_UPON_EVENT, "refuse", "ignore", "fail")


def always(when: When, what: What, name: str = "", count: int | None = None) -> Moment:
    """Return the moment of the next ``count`` of these, or of all (None)."""
    return Moment(when, what, name, 1, count)
