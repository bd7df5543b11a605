"""One connection at the table: the service and the clock are the test's, the threads are real."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from relay_sync.link.books import Limits
from relay_sync.link.connection import Connection
from relay_sync.link.failures import TransportClosed
from relay_sync.link.waiting import Deadline, Waitable
from relay_sync.wire.events import Answer, RelayEvent
from relay_sync.wire.session import Session
from tests.support import LIMIT, Running, ScriptedRelay, ScriptedTransport, until
from tests.words import make_dialect

ROOT = Path(__file__).parents[2]
INTERVAL, TIMEOUT = 10.0, 5.0
LIMITS = Limits()


class MovedClock:
    """A clock that stands still until the test moves it."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


class Nap(threading.Event):
    """The flag on which the reader waits out its pauses: each passes at once, and the clock with it."""

    def __init__(self, clock: MovedClock) -> None:
        super().__init__()
        self._clock = clock
        self.naps: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is not None and not self.is_set():
            self.naps.append(timeout)
            self._clock.move(timeout)
        return self.is_set()


class Listening:
    """A listener that keeps what it is told, and where."""

    def __init__(self) -> None:
        self.wants_frames = False
        self.events: list[RelayEvent] = []
        self.lost: list[str] = []
        self.resumptions = 0
        self.frames: list[str] = []
        self.told: queue.Queue[tuple[str, tuple[object, ...]]] = queue.Queue()
        self.threads: set[str] = set()
        self.taking: Callable[[RelayEvent], object] | None = None
        self.losing: Callable[[str], object] | None = None

    def take(self, event: RelayEvent) -> None:
        self.threads.add(threading.current_thread().name)
        if self.taking is not None:
            self.taking(event)
        self.events.append(event)

    def frame(self, text: str) -> None:
        self.frames.append(text)

    def resumed(self) -> None:
        self.resumptions += 1

    def session_lost(self, why: str) -> None:
        self.lost.append(why)
        if self.losing is not None:
            self.losing(why)

    def notify(self, name: str, *arguments: object) -> None:
        self.told.put((name, arguments))

    def expect(self, name: str) -> tuple[object, ...]:
        """Wait until told of ``name``, past all else that comes before; return what came with it."""
        while True:
            told, arguments = self.told.get(timeout=LIMIT)
            if told == name:
                return arguments


class Link:
    """A connection, its listener, and Relay played by the test."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] | None = None,
        jitter: Callable[[], float] = lambda: 0.0,
        limits: Limits = LIMITS,
        contexts: tuple[str, ...] = (),
        mask: Callable[[str], str] | None = None,
    ) -> None:
        self.relay = ScriptedRelay()
        self.session = Session(make_dialect(), ping_interval=INTERVAL, ping_timeout=TIMEOUT)
        self.session.add_contexts(contexts)
        given = {"clock": clock, "mask": mask}
        more: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        self.connection = Connection(self.session, self.relay.open_transport, limits, jitter=jitter, **more)
        self.monitor = self.connection.monitor
        self.listener = Listening()

    @property
    def line(self) -> ScriptedTransport:
        """Relay's end of the present socket."""
        return self.relay.line

    @property
    def thread(self) -> threading.Thread:
        """The reader."""
        thread = self.connection._thread
        assert thread is not None
        return thread

    def start(self) -> None:
        self.connection.start(self.listener)

    def make_ready(self, **handshake: Any) -> None:
        """Take it through its first handshake."""
        self.start()
        self.come_back(**handshake)

    def come_back(self, **handshake: Any) -> None:
        """Take its next socket through the handshake."""
        self.relay.accept(**handshake)
        self.listener.expect("ready")

    def ask(
        self,
        method: str = "calling.play",
        timeout: float | None = LIMIT,
        params: dict[str, Any] | None = None,
        **more: Any,
    ) -> Running[Answer]:
        """Give a command in a thread of its own."""
        deadline = Deadline(timeout, self.connection._clock)
        return Running(lambda: self.connection.request(method, params or {}, deadline, **more))

    def asleep(self, thing: Waitable | None = None, count: int = 1) -> None:
        """Wait until ``count`` threads have lain down to wait for ``thing``: for ready, where none is given."""
        lies_asleep(self.connection if thing is None else thing, self.monitor.lock, count)

    def hear(self, **frame: Any) -> None:
        """Have the connection hear a frame, and wait until it has been taken in."""
        self.line.say({"jsonrpc": "2.0", **frame})
        self.settle()

    def settle(self) -> None:
        """Wait until the reader has taken in everything that was said."""
        line = self.line
        until(line.incoming.empty, "that everything was read")
        while line.waiting.acquire(blocking=False):
            pass
        line.nudge()
        assert line.waiting.acquire(timeout=LIMIT)


def lies_asleep(thing: Waitable, lock: threading.Lock, count: int = 1) -> None:
    """Wait until ``count`` threads wait for ``thing``; whoever has seen that knows that they let go of the lock."""

    def inside() -> bool:
        with lock:
            return thing._room is not None and thing._room.inside == count

    until(inside, f"that {count} threads wait for {thing!r}")


class HeldTransport(ScriptedTransport):
    """A transport that stops in ``open``, before each ``send``, or after it, until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.at_open: Gate | None = None
        self.before_send: Gate | None = None
        self.sent_one: Callable[[], object] | None = None

    def hold_send(self) -> Gate:
        """Hold the next frame where it would be written."""
        self.before_send = Gate()
        return self.before_send

    def open(self, timeout: float) -> None:
        super().open(timeout)
        if self.at_open is not None:
            self.at_open.pass_()
        if self._shut.is_set():
            raise TransportClosed("shut")

    def send(self, text: str, timeout: float) -> None:
        gate, self.before_send = self.before_send, None
        if gate is not None:
            gate.pass_()
        super().send(text, timeout)
        if self.sent_one is not None:
            hook, self.sent_one = self.sent_one, None
            hook()

    def shut(self) -> None:
        super().shut()
        if self.at_open is not None:
            self.at_open.open()


class Gate:
    """A place where a thread stops until the test lets it go on."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._opened = threading.Event()

    def pass_(self) -> None:
        self._reached.set()
        assert self._opened.wait(LIMIT), "the gate was never opened"

    def reached(self) -> None:
        """Wait until a thread stands before it."""
        assert self._reached.wait(LIMIT), "nobody came to the gate"

    def open(self) -> None:
        self._opened.set()


class Child:
    """A Python program in a process of its own, and what it says."""

    def __init__(self, text: str, *, stdin: bool = False) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-c", text],
            cwd=ROOT,
            stdin=subprocess.PIPE if stdin else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """The next line that it prints; empty at its end."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        """Give it a line to read."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> tuple[int, str, str]:
        """Wait for its end: the exit code, what is left of its output, and all that it said on stderr."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        # Not communicate(), which does not know of what the line before has taken into the buffer.
        out, err = self.process.stdout.read(), self.process.stderr.read()
        return self.process.wait(LIMIT), out, err


@contextmanager
def program(text: str, *, stdin: bool = False) -> Iterator[Child]:
    """Run a program during the block; it is killed where it has not ended by then."""
    child = Child(text, stdin=stdin)
    with child.process:
        try:
            yield child
        finally:
            child.process.kill()
