"""The journal: every frame both ways, for assertions and for looking. Secrets are masked when it is written."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from relay_sync.emulator.clock import Clock
from relay_sync.emulator.envelope import compact
from relay_sync.emulator.watch import Watch

_SECRETS = frozenset(
    {
        "token", "jwt_token", "authorization_state", "dpop_token", "password",
        "authorization_bearer_token", "post_prompt_auth_password",
    }
)  # fmt: skip
_MASK = "***"

Kind = Literal["command", "answer", "event", "other"]


@dataclass(frozen=True, slots=True)
class Described:
    """What a dialect says about a frame. ``inner`` is the command or event type inside the envelope."""

    kind: Kind = "other"
    method: str | None = None
    inner: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    code: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; ``received`` and ``sent`` are the emulator's view. ``at``: virtual seconds; ``real``: Unix seconds."""

    number: int
    at: float
    real: float
    connection: int
    direction: Literal["received", "sent"]
    text: str
    body: dict[str, Any] | None
    method: str | None
    inner: str | None


@dataclass(frozen=True, slots=True)
class Command:
    """One command that a client sent, and its answer. ``code`` is None while it is unanswered.

    ``code`` is a string in either case: ``"200"``, ``"404"``, or that of a JSON-RPC error such as ``"-32601"``.
    """

    method: str
    params: dict[str, Any]
    at: float
    connection: int
    id: object
    code: str | None = None
    message: str = ""
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event that a client is to acknowledge, each time it was sent; ``acknowledged`` is how often that was done."""

    event_type: str
    id: str
    at: float
    connection: int
    acknowledged: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """One event that was sent to a client; ``params`` are the inner ones."""

    event_type: str
    params: dict[str, Any]
    at: float
    connection: int


class Journal:
    """What went over the wire. Every method may be called from any thread. Don't change what it returns.

    ``commands`` and ``events`` are the same in both dialects: they leave out the handshake (``blade.connect``,
    ``setup``, ``blade.subscription``, ``signalwire.connect``), pings and authorization states, which are in ``frames``.
    It keeps the last ``limit`` frames, commands, events and deliveries.
    """

    def __init__(self, clock: Clock, watch: Watch, secrets: Iterable[str] = (), limit: int = 100_000) -> None:
        self._clock = clock
        self._watch = watch
        self._secrets = tuple(secret for secret in secrets if secret)
        self._lock = threading.Lock()  # guards the three deques and the dict
        self._frames: deque[Frame] = deque(maxlen=limit)
        self._commands: deque[list[Command]] = deque(maxlen=limit)  # a box each: the answer replaces the content
        self._events: deque[Event] = deque(maxlen=limit)
        self._both: deque[tuple[int, Event | list[Command]]] = deque(maxlen=limit)  # with the number of the frame
        self._unanswered: dict[tuple[int, object], list[Command]] = {}
        self._deliveries: deque[list[Delivery]] = deque(maxlen=limit)  # a box each: acknowledgements are counted in it
        self._by_id: dict[tuple[int, str], list[list[Delivery]]] = {}
        self._acknowledging: set[int] = set()  # connections that are to acknowledge events
        self._ended: set[int] = set()
        self._count = 0

    def __repr__(self) -> str:
        return f"<Journal {len(self._frames)} frames, {len(self._commands)} commands, {len(self._events)} events>"

    def write(
        self,
        connection: int,
        direction: Literal["received", "sent"],
        text: str,
        body: dict[str, Any] | None,
        described: Described,
    ) -> None:
        """Enter one frame. Called by the emulator before it acts on a frame and before it writes one."""
        text, masked = self._masked(text, body)
        if masked is not body:
            described, body = replace(described, params=self._mask(described.params)), masked
        with self._lock:
            self._count += 1
            now = self._clock.now()
            method, inner = described.method, described.inner
            self._frames.append(Frame(self._count, now, time.time(), connection, direction, text, body, method, inner))
            if body is not None:
                # What a client calls an event is none, and its answers are to the server's requests, not to its own.
                (self._enter_sent if direction == "sent" else self._enter_received)(now, connection, body, described)
        self._watch.tell()

    def expect_acknowledgements(self, connection: int) -> None:
        """The events of this connection are to be acknowledged from now on."""
        with self._lock:
            self._acknowledging.add(connection)

    def connection_ended(self, connection: int) -> None:
        """A connection is gone: what it did not acknowledge it never will, and what was not answered never is."""
        with self._lock:
            self._ended.add(connection)
            for key in [key for key in self._unanswered if key[0] == connection]:
                del self._unanswered[key]
        self._watch.tell()

    @property
    def frames(self) -> list[Frame]:
        """Every frame so far, oldest first."""
        with self._lock:
            return list(self._frames)

    def commands(self, method: str | None = None) -> list[Command]:
        """Return the commands received so far, oldest first; with ``method`` only those."""
        with self._lock:
            boxes = list(self._commands)
        return [box[0] for box in boxes if method in (None, box[0].method)]

    def events(self, event_type: str | None = None) -> list[Event]:
        """Return the events sent so far, oldest first; with ``event_type`` (``calling.call.play``) only those."""
        with self._lock:
            return [event for event in self._events if event_type in (None, event.event_type)]

    @property
    def deliveries(self) -> list[Delivery]:
        """The events sent to clients that said ``event_acks``, each time they were sent, oldest first."""
        with self._lock:
            return [box[0] for box in self._deliveries]

    def assert_events_acknowledged(self, timeout: float = 10.0) -> None:
        """Check that each event sent to a client that said ``event_acks`` was acknowledged exactly once.

        Waits for what is missing for ``timeout`` real seconds. Events whose connection has ended may lack theirs.
        Raises :exc:`AssertionError` with a list of those that were not acknowledged, or too often.
        """
        with contextlib.suppress(TimeoutError):
            self._watch.until(lambda: all(wrong.acknowledged for wrong in self._amiss()), timeout, "acknowledgements")
        if amiss := self._amiss():
            listed = "\n".join(
                f"  {wrong.at:9.3f}  #{wrong.connection}  {wrong.event_type} {wrong.id}: {wrong.acknowledged} times"
                for wrong in amiss
            )
            raise AssertionError(f"expected each event to be acknowledged once, but these were:\n{listed}")

    def _amiss(self) -> list[Delivery]:
        """Return what was not acknowledged exactly once."""
        with self._lock:
            boxes = [box[0] for box in self._deliveries]
            ended = set(self._ended)
        return [one for one in boxes if one.acknowledged > 1 or (not one.acknowledged and one.connection not in ended)]

    @property
    def total(self) -> int:
        """How many frames there have been."""
        return self._count

    def since(self, frame: int) -> tuple[list[Command | Event], int]:
        """Return the commands and events after frame number ``frame``, oldest first, and the newest frame's number."""
        with self._lock:
            late = itertools.takewhile(lambda entry: entry[0] > frame, reversed(self._both))
            entries = [entry if isinstance(entry, Event) else entry[0] for _, entry in late]
            return entries[::-1], self._count

    def wait_for_command(
        self, method: str, count: int = 1, timeout: float = 10.0, *, answered: bool = False
    ) -> Command:
        """Block until ``count`` commands of this method have been received; return the ``count``-th.

        ``answered=True`` waits until that one's answer has been written too. Raises :exc:`TimeoutError`, with what
        did come, after ``timeout`` real seconds.
        """

        def there() -> bool:
            found = self.commands(method)
            return len(found) >= count and (not answered or found[count - 1].code is not None)

        what = f"{'the answer to ' if answered else ''}{method}" + (f" number {count}" if count > 1 else "")
        self._watch.until(there, timeout, lambda: f"{what}\n{self._listing()}")
        return self.commands(method)[count - 1]

    def wait_for_event(self, event_type: str, count: int = 1, timeout: float = 10.0, **params: object) -> Event:
        """Block until ``count`` such events have been sent whose params hold ``params``; return the ``count``-th."""

        def matching() -> list[Event]:
            found = self.events(event_type)
            return [event for event in found if all(event.params.get(key) == params[key] for key in params)]

        self._watch.until(
            lambda: len(matching()) >= count, timeout, lambda: f"event {event_type} {params or ''}\n{self._listing()}"
        )
        return matching()[count - 1]

    def assert_commands(self, *methods: str) -> None:
        """Check that these commands came in this order with no other command between them.

        Commands before the first and after the last may be anything. Raises :exc:`AssertionError` with a list of what
        came.
        """
        came = [command.method for command in self.commands()]
        wanted = list(methods)
        if not any(came[start : start + len(wanted)] == wanted for start in range(len(came) - len(wanted) + 1)):
            wish = "\n".join(f"  {method}" for method in wanted)
            raise AssertionError(f"expected these commands in a row:\n{wish}\nbut {self._listing()}")

    def _listing(self) -> str:
        lines = [
            f"  {command.at:9.3f}  #{command.connection}  {command.method}  -> {command.code or 'unanswered'}"
            for command in self.commands()
        ]
        return "these came:\n" + "\n".join(lines) if lines else "no command came"

    def _enter_received(self, now: float, connection: int, body: dict[str, Any], described: Described) -> None:
        if described.kind == "command" and described.inner:
            box = [Command(described.inner, described.params, now, connection, body.get("id"))]
            self._commands.append(box)
            self._both.append((self._count, box))
            self._unanswered[connection, _key(body.get("id"))] = box
        elif described.kind == "answer" and "result" in body:
            self._acknowledge(connection, str(body.get("id")))

    def _enter_sent(self, now: float, connection: int, body: dict[str, Any], described: Described) -> None:
        if described.kind == "event" and described.inner:
            event = Event(described.inner, described.params, now, connection)
            self._events.append(event)
            self._both.append((self._count, event))
        elif described.kind == "answer":
            self._answer(connection, body.get("id"), described)
        if (
            connection in self._acknowledging and described.inner
        ):  # an authorization state too, which is kept off events
            self._deliver(Delivery(described.inner, str(body.get("id")), now, connection))

    def _answer(self, connection: int, request_id: object, described: Described) -> None:
        box = self._unanswered.pop((connection, _key(request_id)), None)
        if box is not None:
            old = box[0]
            box[0] = Command(
                old.method, old.params, old.at, old.connection, old.id,
                described.code, described.message, described.params,
            )  # fmt: skip

    def _deliver(self, delivery: Delivery) -> None:
        if len(self._deliveries) == self._deliveries.maxlen:
            oldest = self._deliveries[0][0]
            self._by_id.pop((oldest.connection, oldest.id), None)
        box = [delivery]
        self._deliveries.append(box)
        self._by_id.setdefault((delivery.connection, delivery.id), []).append(box)

    def _acknowledge(self, connection: int, event_id: str) -> None:
        """Count an acknowledgement; of an event sent twice, for the first time that has none yet."""
        boxes = self._by_id.get((connection, event_id), [])
        if boxes:
            box = next((box for box in boxes if not box[0].acknowledged), boxes[-1])
            box[0] = replace(box[0], acknowledged=box[0].acknowledged + 1)

    def _masked(self, text: str, body: dict[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
        secret = any(value in text for value in self._secrets)
        if not secret and not any(f'"{name}"' in text for name in _SECRETS):
            return text, body
        if body is not None:
            masked: dict[str, Any] = self._mask(body)
            return compact(masked), masked
        for value in self._secrets:
            text = text.replace(value, _MASK)
        return text, None

    def _mask(self, value: Any) -> Any:
        """Return ``value`` with secret members, and known secrets wherever they stand, masked."""
        if isinstance(value, dict):
            return {name: _MASK if name in _SECRETS else self._mask(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self._mask(member) for member in value]
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, _MASK)
        return value


def _key(request_id: object) -> object:
    """Return an id in a form that a dict takes: a client may send anything."""
    return request_id if isinstance(request_id, (str, int, float, type(None))) else repr(request_id)
