"""The faults as a test asks for them: what can go wrong on the way to Relay, on request."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from relay_sync.emulator.engine import Engine, always
from relay_sync.emulator.fault import Fault
from relay_sync.emulator.flat import renew_state
from relay_sync.emulator.server import Server
from relay_sync.emulator.session import Sessions

T = TypeVar("T")


class Breakable(Protocol):
    """The part of a running emulator that faults act on."""

    server: Server
    sessions: Sessions


class FaultControls:
    """The methods of an emulator that make things go wrong.

    A method is named as in a command (``calling.play``, ``signalwire.receive``, ``setup``) or, for the session itself,
    as on the socket (``blade.connect``, ``blade.subscription``, ``blade.ping``); ``tasks`` is a task left over HTTP,
    which can be refused, held and lost. Any thread may call them. What is
    in force stays until it is used up, taken back, or :meth:`clear_faults`; ``stop()`` clears it too.
    """

    engine: Engine

    def on_thread(self, function: Callable[[], T]) -> T:
        """Call ``function`` on the emulator's thread and return what it returns."""
        raise NotImplementedError

    def do(self, work: Callable[[Breakable], Coroutine[Any, Any, T]], timeout: float = 10.0) -> T:
        """Run ``work(running)`` on the emulator's thread; RuntimeError when it is stopped."""
        raise NotImplementedError

    def drop_connections(self, resume: bool = True) -> int:
        """Cut every connection with a TCP reset; return their number once all are gone.

        ``resume=False`` forgets the sessions too, so that who comes back is not restored.
        """

        async def drop(running: Breakable) -> int:
            if not resume:
                running.sessions.forget()
            return await running.server.drop_all()

        return self.do(drop)

    def forget_sessions(self) -> None:
        """Forget every session: who reconnects is not restored. Connections stay."""

        async def forget(running: Breakable) -> None:
            running.sessions.forget()

        self.do(forget)

    def silence(self, on: bool = True, *, new_connections: bool = False) -> None:
        """Make every connection half-open: nothing is read or written any more, TCP stays up.

        ``new_connections``: those to come fall silent too, right after the upgrade. ``on=False`` ends both; what
        clients sent meanwhile is read then.
        """

        silent = Fault(kind="silence", moment=always("at", "connect"))

        async def fall_silent(running: Breakable) -> None:
            self._disarm(silent)
            if on and new_connections:
                self.engine.arm(silent)
            for connection in running.server.connections:
                connection.silence(on)

        self.do(fall_silent)

    def refuse_connections(self, on: bool = True) -> None:
        """Answer upgrades with HTTP 503 from now on; ``False`` takes that back. Open connections stay."""

        self._standing(Fault(kind="refuse-connections"), on)

    def refuse_next(self, method: str, code: str | int, message: str = "Refused on request", count: int = 1) -> None:
        """Refuse the next ``count`` requests of ``method`` without carrying them out.

        A positive code (``"402"``) goes into the result; a negative one (``-32003``) makes a JSON-RPC error.
        """
        if count < 1:
            raise ValueError(f"count must be 1 or more, not {count!r}")
        moment = always("at", "command", method, count)
        self._arm(Fault(kind="refuse", code=str(code), message=message, moment=moment))

    def fail_next(self, method: str, count: int = 1) -> None:
        """Accept the next ``count`` commands of ``method``, and end at once with ``error`` what each starts.

        For ``calling.detect``, ``calling.send_fax``, ``calling.receive_fax`` and the like; a kind that knows no
        ``error`` (``calling.tap``) finishes instead.
        """
        if count < 1:
            raise ValueError(f"count must be 1 or more, not {count!r}")
        self._arm(Fault(kind="fail", moment=always("at", "command", method, count)))

    def before_reply(self, method: str, count: int | None = None) -> None:
        """Send the events that follow at once from ``method`` before its reply; for the next ``count``, or always."""
        self._upon_reply("postpone", method, count)

    def hold_reply(self, method: str, count: int | None = None) -> None:
        """Carry ``method`` out and send its events, but keep its reply until :meth:`release`."""
        self._upon_reply("hold", method, count)

    def lose_reply(self, method: str, count: int | None = None) -> None:
        """Carry ``method`` out and send its events, but never reply."""
        self._upon_reply("lose", method, count)

    def release(self, method: str | None = None) -> int:
        """Send the replies held for ``method`` (None: all) and hold no more of them; return their number."""
        return self.on_thread(lambda: self.engine.release(method))

    @property
    def held_replies(self) -> tuple[str, ...]:
        """The methods whose replies are being held, oldest first."""
        return self.on_thread(self.engine.held)

    def duplicate_events(self, on: bool = True) -> None:
        """Send every event twice from now on, in two frames that are equal."""

        self._standing(Fault(kind="repeat", moment=always("on", "event", "*")), on)

    def send_raw(self, text: str) -> int:
        """Send ``text`` as it is to every connection; return their number once it has been written."""

        async def send(running: Breakable) -> int:
            for connection in running.server.connections:
                connection.send_text(text)
            await running.server.written()
            return len(running.server.connections)

        return self.do(send)

    def go_away(self, wait: float = 0.2, *, restart: bool = False) -> int:
        """Tell every client that the server is about to close, then close; return the number of clients.

        The close comes when the client has answered, or after ``wait`` real seconds (v2 clients never answer).
        ``restart=True`` forgets the sessions too, and says so to clients of Flat (protocol.md 6.5; Blade can't say it).
        """

        async def go(running: Breakable) -> int:
            if restart:
                running.sessions.forget()
            return await running.server.go_away(wait, restart)

        return self.do(go, wait + 10.0)

    def renew_authorization_state(self) -> int:
        """Send every client of Flat a new authorization state to resume with; return their number once it is written.

        Each gets one after its login in any case (protocol.md 6.3).
        """

        async def renew(running: Breakable) -> int:
            told = [session for session in running.sessions if session.states and session.reachable]
            for session in told:
                renew_state(session)
            await running.server.written()
            return len(told)

        return self.do(renew)

    def clear_faults(self) -> None:
        """End every fault in force. Held replies are dropped; what :meth:`silence` has silenced stays silent."""
        self.on_thread(self.engine.clear)

    def _upon_reply(self, kind: str, method: str, count: int | None) -> None:
        if count is not None and count < 1:
            raise ValueError(f"count must be 1 or more, or None for always, not {count!r}")
        self._arm(Fault(kind=kind, moment=always("on", "reply", method, count)))

    def _standing(self, fault: Fault, on: bool) -> None:
        """Have a fault in force, once, or not at all."""

        def change() -> None:
            self._disarm(fault)
            if on:
                self.engine.arm(fault)

        self.on_thread(change)

    def _arm(self, fault: Fault) -> None:
        self.on_thread(lambda: self.engine.arm(fault))

    def _disarm(self, fault: Fault) -> None:
        for armed in [armed for armed in self.engine.armed if armed.fault == fault]:
            self.engine.disarm(armed)
