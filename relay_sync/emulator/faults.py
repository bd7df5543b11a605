"""The faults of an emulator, as a program asks for them: ``relay.faults``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Protocol, TypeVar

from relay_sync.emulator.engine import Armed, Engine
from relay_sync.emulator.fault import Fault, Moment, What, When
from relay_sync.emulator.watch import Watch

T = TypeVar("T")


class Exchange(Protocol):
    """What the faults need of their emulator."""

    watch: Watch

    def on_thread(self, function: Callable[[], T]) -> T:
        """Call ``function`` on the emulator's thread and return what it returns."""


class Injected:
    """A fault that was asked for. Leaving its ``with`` block takes it back; any thread may use it."""

    def __init__(self, exchange: Exchange, engine: Engine, armed: Armed) -> None:
        self._exchange = exchange
        self._engine = engine
        self._armed = armed

    def __repr__(self) -> str:
        return f"<Injected {self.fault} struck={self.struck}>"

    def __enter__(self) -> Injected:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    @property
    def fault(self) -> Fault:
        """What was asked for."""
        return self._armed.fault

    @property
    def struck(self) -> int:
        """How many times it has happened so far."""
        return self._armed.struck

    def wait(self, count: int = 1, timeout: float = 10.0) -> None:
        """Block until it has happened ``count`` times; :exc:`TimeoutError` after ``timeout`` real seconds."""
        self._exchange.watch.until(lambda: self.struck >= count, timeout, f"{self.fault}, {count} times")

    def remove(self) -> None:
        """Take it back: it happens no more, and what lasts (silence, refused connections ...) ends. Twice is fine."""
        self._exchange.on_thread(lambda: self._engine.disarm(self._armed))


class Faults:
    """What goes wrong, when, and for how long.

    ``add`` takes any fault, as a :class:`Fault` or as the text of one; the others are short for the most common. Each
    is in force when the method returns, and until it is used up, its ``with`` block is left, or everything is cleared::

        with relay.faults.drop_after("calling.play") as drop:
            ...
            drop.wait()

    A name is that of a command (``calling.play``, ``login``, ``ping``) or of an event, which may have its state
    (``calling.call.play:finished``). ``nth`` counts from now on.
    """

    def __init__(self, exchange: Exchange, engine: Engine) -> None:
        self._exchange = exchange
        self._engine = engine

    def __repr__(self) -> str:
        return f"<Faults {[str(fault) for fault in self.active]}>"

    def add(self, fault: Fault | str) -> Injected:
        """Have a fault happen at its moment. A text is read as :meth:`Fault.parse` does; ValueError for what is none.

        What happens at once, has happened when this returns. While the emulator is stopped it waits for the start.
        """
        wanted = Fault.parse(fault) if isinstance(fault, str) else fault
        return Injected(self._exchange, self._engine, self._exchange.on_thread(lambda: self._engine.arm(wanted)))

    def add_all(self, faults: Iterable[Fault | str]) -> list[Injected]:
        """Add each of them."""
        return [self.add(fault) for fault in faults]

    def drop_at(self, method: str, nth: int = 1) -> Injected:
        """Cut the connection with a TCP reset when this command comes; it is not carried out."""
        return self.add(Fault(kind="drop", moment=Moment("at", "command", method, nth, nth)))

    def drop_before(self, name: str, nth: int = 1) -> Injected:
        """... when this command was carried out, before its reply; or before this event."""
        return self.add(Fault(kind="drop", moment=_moment("before", name, nth)))

    def drop_after(self, name: str, nth: int = 1) -> Injected:
        """... when the reply to this command, or this event, has been written, and before anything else is."""
        return self.add(Fault(kind="drop", moment=_moment("after", name, nth)))

    def close_after(self, name: str, code: int = 1001, nth: int = 1) -> Injected:
        """Close the connection with this code after the reply to a command, or after an event."""
        return self.add(Fault(kind="close", code=str(code), moment=_moment("after", name, nth)))

    def silence_after(self, name: str, nth: int = 1) -> Injected:
        """Make the connection half-open after the reply to a command, or after an event."""
        return self.add(Fault(kind="silence", moment=_moment("after", name, nth)))

    def send_after(self, name: str, garbage: str, nth: int = 1) -> Injected:
        """Send garbage (a name of :data:`GARBAGE`) after the reply to a command, or after an event."""
        return self.add(Fault(kind="send", what=garbage, moment=_moment("after", name, nth)))

    def lose(self, name: str, nth: int = 1) -> Injected:
        """Never send the reply to this command, or this event."""
        return self.add(Fault(kind="lose", moment=_moment("on", name, nth)))

    def delay(self, name: str, seconds: float, nth: int = 1) -> Injected:
        """Send the reply to this command, or this event, so many real seconds later; what follows it does not wait."""
        return self.add(Fault(kind="delay", seconds=seconds, moment=_moment("on", name, nth)))

    def repeat(self, name: str, times: int = 2, nth: int = 1) -> Injected:
        """Send the reply to this command, or this event, so many times, in frames that are equal."""
        return self.add(Fault(kind="repeat", number=times, moment=_moment("on", name, nth)))

    def swap(self, event: str, nth: int = 1) -> Injected:
        """Send this event after the one that follows it on the connection (or after a second, if none does)."""
        return self.add(Fault(kind="swap", moment=Moment("on", "event", event, nth, nth)))

    @property
    def active(self) -> tuple[Fault, ...]:
        """Those that wait for their moment or are in force, oldest first."""
        return self._exchange.on_thread(lambda: tuple(armed.fault for armed in self._engine.armed))

    def clear(self) -> None:
        """End every fault. Held replies are dropped."""
        self._exchange.on_thread(self._engine.clear)


def _moment(when: When, name: str, nth: int) -> Moment:
    event = name.startswith(("calling.call.", "messaging.state", "messaging.receive", "queuing.relay."))
    what: What = "event" if event else "reply"
    return Moment(when, what, name, nth, nth)
