"""What each fault does to a connection or to the whole service, and how it is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from relay_sync.emulator.fault import Fault
from relay_sync.emulator.garbage import GARBAGE
from relay_sync.emulator.session import Sessions

if TYPE_CHECKING:
    from relay_sync.emulator.connection import Connection
    from relay_sync.emulator.server import Server
    from relay_sync.emulator.switch import Switch

Undo = Callable[[], None]

_VANISHED = 60.0  # real seconds after which the socket of a machine that is gone is closed after all
_AWAY_WAIT = 0.2  # real seconds for the answer to the request to disconnect


class World(Protocol):
    """The parts of a running emulator that faults act on."""

    server: Server
    sessions: Sessions
    switch: Switch


def perform(world: World, fault: Fault, connection: Connection | None) -> Undo | None:
    """Let a fault happen, to this connection or to all (None); return what takes it back, if that can be.

    It has happened when this returns, but for what takes time: closing frames, the request to disconnect, listening.
    """
    deed = _SERVICE.get(fault.kind)
    if deed is not None:
        return deed(world, fault, connection)
    hit = world.server.connections if connection is None else [connection]
    undo = [take_back for one in hit if (take_back := _CONNECTION[fault.kind](world, fault, one)) is not None]
    return partial(_all, undo) if undo else None


def _all(undo: list[Undo]) -> None:
    for take_back in undo:
        take_back()


def _start(world: World, coroutine: Coroutine[Any, Any, object]) -> None:
    world.server.in_background(coroutine)


# -- to one connection --------------------------------------------------------------------------------------


def _drop(world: World, fault: Fault, connection: Connection) -> None:
    connection.abort()


def _close(world: World, fault: Fault, connection: Connection) -> None:
    connection.stop_writing()
    _start(world, connection.close(int(fault.code or 1001)))


def _end(world: World, fault: Fault, connection: Connection) -> None:
    connection.end()


def _vanish(world: World, fault: Fault, connection: Connection) -> None:
    # The nearest that loopback comes to a cable that is pulled: the kernel still acknowledges what the client sends.
    connection.vanish()
    if connection.session is not None:
        world.sessions.lost(connection.session, connection)
    asyncio.get_running_loop().call_later(_VANISHED, connection.abort)


def _silence(world: World, fault: Fault, connection: Connection) -> Undo:
    connection.silence(True)
    return lambda: connection.silence(False)


def _drip(world: World, fault: Fault, connection: Connection) -> Undo:
    connection.drip = (fault.number or 1, 0.01 if fault.seconds is None else fault.seconds)

    def stop() -> None:
        connection.drip = None

    return stop


def _go_away(world: World, fault: Fault, connection: Connection) -> None:
    restart = fault.what == "restart"
    if restart and connection.session is not None:
        connection.session.resumable = False
    _start(world, world.server.send_away(connection, _AWAY_WAIT, restart))


def _send(world: World, fault: Fault, connection: Connection) -> None:
    garbage = GARBAGE[fault.what]
    if garbage.make is not None:
        connection.send_bytes(fault.what, garbage.make())
    elif garbage.event is not None:
        connection.send_garbled_event(garbage.event())


# -- to the service -----------------------------------------------------------------------------------------


def _forget(world: World, fault: Fault, connection: Connection | None) -> None:
    world.sessions.forget()


def _replay(world: World, fault: Fault, connection: Connection | None) -> Undo:
    sessions = world.sessions
    sessions.replays.append(fault.kind == "replay")
    return lambda: sessions.replays.remove(fault.kind == "replay")


def _restart(world: World, fault: Fault, connection: Connection | None) -> Undo | None:
    world.sessions.forget()
    world.switch.hang_up_all()
    undo = _refuse_tcp(world, fault, connection)
    world.server.cut_all()
    if fault.seconds is None:
        undo()
        return None
    return undo


def _refuse_tcp(world: World, fault: Fault, connection: Connection | None) -> Undo:
    world.server.stop_listening()
    return world.server.listen_again


def _nothing(*_: object) -> None:
    """Do nothing: that it is in force is all there is to it."""


def _in_force(world: World, fault: Fault, connection: Connection | None) -> Undo:
    return _nothing


def _jump(world: World, fault: Fault, connection: Connection | None) -> None:
    world.server.clock.jump(fault.seconds or 0.0)


_CONNECTION: dict[str, Callable[[World, Fault, Connection], Undo | None]] = {
    "drop": _drop,
    "close": _close,
    "end": _end,
    "vanish": _vanish,
    "silence": _silence,
    "drip": _drip,
    "go-away": _go_away,
    "send": _send,
}

_SERVICE: dict[str, Callable[[World, Fault, Connection | None], Undo | None]] = {
    "forget": _forget,
    "replay": _replay,
    "no-replay": _replay,
    "restart": _restart,
    "refuse-tcp": _refuse_tcp,
    "refuse-connections": _in_force,
    "refuse-credentials": _in_force,
    "jump": _jump,
}
