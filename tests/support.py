"""What tests share: a transport made of two queues, a service played by the test, and threads that are watched."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from relay_sync.link.failures import OpenFailed, TransportClosed, TransportLost, TransportTimeout
from tests.words import make_words

T = TypeVar("T")

LIMIT = 10.0  # the moment at which a test that waits for something fails; never waited out by one that passes


class Running(Generic[T]):
    """A function that runs in a thread; ``result()`` joins it and returns or raises what it did."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._function = function
        name = "test-" + getattr(function, "__name__", "thread")
        # A daemon: one that is stuck fails its test, and must not keep the process from ending as well.
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._value.append(self._function())
        except BaseException as error:  # noqa: BLE001  (raised again by result())
            self._error = error

    def result(self, limit: float = LIMIT) -> T:
        self.thread.join(limit)
        assert not self.thread.is_alive(), f"{self.thread.name} still runs after {limit} s"
        if self._error is not None:
            raise self._error
        return self._value[0]


@contextmanager
def in_thread(function: Callable[[], T]) -> Iterator[Running[T]]:
    """Run ``function`` in a thread during the block; it must have ended within the limit after it."""
    running = Running(function)
    yield running
    running.thread.join(LIMIT)
    assert not running.thread.is_alive(), f"{running.thread.name} still runs"


def no_space(*_: object) -> None:
    """What a log handler of a user's may do."""
    raise OSError("no space left on device")


def until(condition: Callable[[], object], what: str = "the condition", limit: float = LIMIT) -> None:
    """Block until ``condition()`` is true. For what tells nobody; prefer to wait on the thing itself."""
    pause = threading.Event()
    for _ in range(int(limit / 0.002)):
        if condition():
            return
        pause.wait(0.002)
    raise AssertionError(f"{what} did not come true within {limit} s")


class ScriptedTransport:
    """A transport made of two queues: one of what the client sends, one of what it will hear."""

    def __init__(self) -> None:
        self.sent: queue.Queue[str] = queue.Queue()
        self.incoming: queue.Queue[str | Exception | None] = queue.Queue()
        self.opening: Exception | None = None  # raised by open()
        self.blocked = False  # the peer takes no data
        self.sending: Exception | None = None  # raised by send()
        self.waiting = threading.Semaphore(0)  # released each time the reader lies down
        self.closes = 0
        self.writes = 0  # calls of send_many()
        self.room: int | None = None  # how many frames the next send_many() takes, where not all
        self.answers_close = True  # as a peer does that is alive
        self.abandoned = False
        self.is_aside: Callable[[str], bool] = lambda text: False  # frames that the test need not see
        self._shut = threading.Event()

    def drain(self) -> None:
        """Take off the wire whatever was sent."""
        while not self.sent.empty():
            self.take()

    def open(self, timeout: float) -> None:
        self.open_timeout = timeout
        if self.opening is not None:
            raise self.opening

    def receive(self, timeout: float | None) -> str | None:
        self.waiting.release()
        try:
            item = self.incoming.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(item, Exception):
            raise item
        return item

    def send(self, text: str, timeout: float) -> None:
        if self._shut.is_set():
            raise TransportClosed("shut")
        if self.blocked:
            raise TransportTimeout("blocked")
        if self.sending is not None:
            raise self.sending
        if not self.is_aside(text):
            self.sent.put(text)

    def send_many(self, texts: Sequence[str], timeout: float) -> int:
        self.writes += 1
        for place, text in enumerate(texts):
            if place == self.room:
                self.room = None
                return place
            try:
                self.send(text, timeout)
            except TransportLost as lost:
                lost.begun = place + 1
                raise
            except (TransportClosed, TransportTimeout):
                if place:
                    return place
                raise
        return len(texts)

    def send_close(self) -> None:
        self.closes += 1
        if self.answers_close:
            self.incoming.put(TransportLost("closed by Relay: 1000"))

    def shut(self) -> None:
        self._shut.set()
        self.incoming.put(TransportClosed("shut"))

    def close(self) -> None:
        self._shut.set()

    def abandon(self) -> None:
        self.abandoned = True

    # -- for the test -----------------------------------------------------------------------------

    def say(self, frame: dict[str, Any] | str) -> None:
        """Have the client hear a frame."""
        self.incoming.put(frame if isinstance(frame, str) else json.dumps(frame))

    def nudge(self) -> None:
        """Have the reader look at its clock, as when the time of a receive is up."""
        self.incoming.put(None)

    def break_(self, why: str = "reset by peer") -> None:
        """Have the connection break."""
        self._shut.set()
        self.incoming.put(TransportLost(why))

    def take(self, limit: float = LIMIT) -> dict[str, Any]:
        """The next frame that the client sent."""
        frame: dict[str, Any] = json.loads(self.sent.get(timeout=limit))
        return frame


class ScriptedRelay:
    """Relay, played by the test: hands out transports, and speaks just enough of the dialect to be talked to."""

    PROTOCOL = "signalwire_sig1_x9"

    def __init__(self) -> None:
        self._transports: queue.Queue[ScriptedTransport] = queue.Queue()
        self._prepared: queue.Queue[ScriptedTransport] = queue.Queue()
        self.line = ScriptedTransport()
        self.words = make_words()

    def open_transport(self) -> ScriptedTransport:
        """The factory that a connection is given."""
        try:
            transport = self._prepared.get_nowait()
        except queue.Empty:
            transport = ScriptedTransport()
        transport.is_aside = self.words.is_aside
        self._transports.put(transport)
        return transport

    def prepare(self, *transports: ScriptedTransport) -> None:
        """Have the next connections use these."""
        for transport in transports:
            self._prepared.put(transport)

    def refuse_next(self, count: int = 1, tls: bool = False) -> None:
        """Have the next ``count`` connections fail to open."""
        for _ in range(count):
            transport = ScriptedTransport()
            transport.opening = OpenFailed("nothing listens there", tls=tls)
            self.prepare(transport)

    def next_line(self, limit: float = LIMIT) -> ScriptedTransport:
        """Wait for the client's next connection; it is ``line`` from then on."""
        self.line = self._transports.get(timeout=limit)
        return self.line

    def accept(
        self, *, restored: bool = False, protocol: str | None = None, session_id: str = "sess-1", contexts: bool = False
    ) -> None:
        """Take the next connection through its handshake."""
        self.next_line()
        self.shake_hands(restored=restored, protocol=protocol, session_id=session_id, contexts=contexts)

    def shake_hands(
        self, *, restored: bool = False, protocol: str | None = None, session_id: str = "sess-1", contexts: bool = False
    ) -> None:
        """Answer the handshake (with the contexts, where the client has some)."""
        self.words.shake_hands(self, restored, protocol, session_id, contexts)

    def reply(self, frame: dict[str, Any], result: object) -> None:
        """Reply to a request."""
        self.line.say({"jsonrpc": "2.0", "id": frame["id"], "result": result})

    def answer(self, frame: dict[str, Any], result: object) -> None:
        """Answer a command."""
        self.reply(frame, self.words.result(result))

    def take_any(self) -> dict[str, Any]:
        """The next command, in every dialect as ``{"id", "params": {"method", "params"}}``.

        A dial of one device is ``calling.begin`` and has a ``device``, however it was sent.
        """
        return self.words.command(self.line.take())

    def take_command(self, method: str) -> dict[str, Any]:
        """The next command, as :meth:`take_any`, which must be ``method``."""
        frame = self.take_any()
        assert frame["params"]["method"] == method, frame
        return frame

    def accept_command(self, method: str, **fields: Any) -> dict[str, Any]:
        """Take the next command, answer it with 200, and return its inner params."""
        frame = self.take_command(method)
        self.answer(frame, {"code": "200", "message": "OK", **fields})
        params: dict[str, Any] = frame["params"]["params"]
        return params

    def refuse_command(self, method: str, code: object = "404", message: str = "Call does not exist") -> dict[str, Any]:
        """Take the next command, refuse it, and return its inner params."""
        frame = self.take_command(method)
        self.answer(frame, {"code": code, "message": message})
        params: dict[str, Any] = frame["params"]["params"]
        return params

    def tell(self, event_type: str, **params: Any) -> None:
        """Send an event."""
        self.tell_through("queuing.relay.events", event_type=event_type, timestamp=1767225600.25, params=params)

    def tell_through(self, queue: str, **event: Any) -> None:
        """Send an event, given in full, that Blade sends through this queue."""
        self.line.say(self.words.event(self.PROTOCOL, queue, event))

    def tell_state(self, state: str, call_id: str = "call-1", **more: Any) -> None:
        """Send a call state event, and the dial's outcome where the dialect has that told as well."""
        params = {"call_id": call_id, "node_id": "node-1", "call_state": state, **more}
        self.tell("calling.call.state", **params)
        outcome = self.words.outcome(params)
        if outcome is not None:
            self.tell("calling.call.dial", **outcome)

    def tell_play(self, state: str, control_id: str, call_id: str = "call-1") -> None:
        """Send a play event."""
        self.tell("calling.call.play", call_id=call_id, node_id="node-1", control_id=control_id, state=state)
