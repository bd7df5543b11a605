"""The emulator: Relay's far end on loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypedDict, TypeVar

from relay_sync.emulator.assumptions import Assumptions
from relay_sync.emulator.blade import Blade
from relay_sync.emulator.calls import CallSnapshot, Surroundings, tell
from relay_sync.emulator.clock import Clock
from relay_sync.emulator.commands import COMMANDS
from relay_sync.emulator.controls import FaultControls
from relay_sync.emulator.desk import Desk
from relay_sync.emulator.dispatch import Dispatch
from relay_sync.emulator.engine import Engine
from relay_sync.emulator.fault import Fault
from relay_sync.emulator.faults import Faults
from relay_sync.emulator.files import Files
from relay_sync.emulator.flat import Flat
from relay_sync.emulator.handset import Handset
from relay_sync.emulator.journal import Command, Journal
from relay_sync.emulator.loading import Loader
from relay_sync.emulator.login import Logins
from relay_sync.emulator.media import MediaLibrary
from relay_sync.emulator.messages import Messages
from relay_sync.emulator.numbers import Behaviour, behaviour_of
from relay_sync.emulator.outlets import Outlets
from relay_sync.emulator.phones import Phone
from relay_sync.emulator.recording import Recorded
from relay_sync.emulator.rest import Rest
from relay_sync.emulator.scripts import Scripts
from relay_sync.emulator.server import Server
from relay_sync.emulator.service import Dialect, Service
from relay_sync.emulator.session import Sessions
from relay_sync.emulator.switch import Switch
from relay_sync.emulator.tasks import Tasks
from relay_sync.emulator.thread import LoopThread
from relay_sync.emulator.tls import Tls, server_context
from relay_sync.emulator.watch import Watch

T = TypeVar("T")

DEMO_PROJECT = "emulator-project"
DEMO_TOKEN = "PT-emulator-token"
DIALECTS: dict[str, Dialect] = {"blade": Blade(), "flat": Flat()}
"""What can be spoken; a connection's first method tells which it is."""

_LIMIT = 10.0  # real seconds for anything asked of the emulator's thread
_REMEMBERED = 1000  # recordings
_STOPPED = "the emulator is not running: call start(), or use it in a with block"


class Credentials(TypedDict):
    """What ``Client(**relay.credentials)`` is given."""

    project: str
    token: str
    host: str


class Running:
    """All that exists only while an emulator runs. Made on its thread."""

    def __init__(self, emulator: Emulator) -> None:
        self.loader: Loader = Loader(emulator.media)
        node_id = str(uuid.uuid4())
        files = Files(lambda: emulator.http_url)
        self.outlets: Outlets = Outlets()
        around = Surroundings(
            emulator.clock, self.loader, emulator.watch, emulator.assumptions, node_id, files, self.outlets,
            emulator.recorded, emulator.scripts,
        )  # fmt: skip
        self.sessions: Sessions = Sessions(emulator.assumptions)
        self.switch: Switch = Switch(around, self.sessions, emulator.handsets, emulator.routes)
        dispatch = Dispatch(self.sessions, emulator.assumptions)
        self.messages: Messages = Messages(around, dispatch, self.switch.phone, emulator.routes)
        self.tasks: Tasks = Tasks(emulator.clock, dispatch)
        self.desk: Desk = Desk(self.switch, self.messages, dispatch, emulator.assumptions, emulator.strict, COMMANDS)
        logins = Logins(
            emulator.project,
            emulator.token,
            emulator.jwt_tokens,
            emulator.jwt_lifetime,
            emulator.assumptions,
            emulator.engine,
        )
        spoken = [DIALECTS[one] if isinstance(one, str) else one for one in emulator.dialects]
        unspoken = frozenset(dialect.opening for dialect in DIALECTS.values() if dialect not in spoken)
        service = Service(
            logins, emulator.assumptions, emulator.clock, emulator.journal, emulator.engine, self.sessions, self.desk,
            emulator.strict, node_id, files, unspoken,
        )  # fmt: skip
        self.server: Server = Server(service, spoken, Rest(service, self.tasks), emulator.ping_interval, emulator.tls)

    async def settle(self) -> None:
        """Return once nothing is being loaded and every frame sent has been written."""
        await self.loader.idle()
        await self.outlets.written()
        await self.server.written()


class Emulator(FaultControls):
    """Relay's far end, for tests, demos and development::

        with Emulator() as relay:
            phone = relay.phone("+15550101", answer_after=0.5)
            client = Client(**relay.credentials)

    ``host`` and ``port``: where to listen; port 0 takes a free one, and keeps it over a restart. ``project`` and
    ``token``: the credentials that are accepted. Time: real, ``speed=`` times as fast, ``stepped=True`` (moved by
    ``relay.clock.advance(seconds)``), or a ``clock`` of your own. ``strict`` refuses what no documented client sends.
    ``media`` maps URLs to files that are played in their place. ``ping_interval``: real seconds between the server's
    pings; None for none. ``dialects`` are those it speaks: ``blade``, ``flat``, or both; a connection's first method
    chooses; an object of the shape of :class:`relay_sync.emulator.service.Dialect` is one more. ``jwt_token``: the
    JWT that is accepted besides project and token, or several; a login with one lasts ``jwt_lifetime`` real seconds
    (None: for ever).
    ``tls`` makes it serve ``wss`` and ``https``: an :class:`ssl.SSLContext`, a PEM file with
    certificate and key, or a pair of files; a client trusts it by ``Client(ca_file=...)``. ``faults`` are those to
    begin with (see :class:`Faults`).

    ``scripts`` says what payments and AIs do (:class:`Scripts`).

    It may be started again after :meth:`stop`, and many can run in one process. Phones, routes, recordings, journal and
    clock stay; sessions and calls end with :meth:`stop`. Every method may be called from any thread.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        project: str = DEMO_PROJECT,
        token: str = DEMO_TOKEN,
        clock: Clock | None = None,
        speed: float | None = None,
        stepped: bool = False,
        strict: bool = True,
        media: Mapping[str, str | Path] | None = None,
        assumptions: Assumptions | None = None,
        ping_interval: float | None = 10.0,
        dialects: Sequence[str | Dialect] = ("blade", "flat"),
        jwt_token: str | Sequence[str] | None = None,
        jwt_lifetime: float | None = None,
        tls: Tls | None = None,
        faults: Iterable[Fault | str] = (),
    ) -> None:
        if sum((clock is not None, speed is not None, stepped)) > 1:
            raise ValueError("time is one of clock, speed and stepped")
        if clock is not None and not isinstance(clock, Clock):
            raise TypeError(f"clock={clock!r}: give a Clock, or speed=, or stepped=True")
        if ping_interval is not None and not ping_interval > 0:
            raise ValueError(f"ping_interval must be more than 0 seconds, or None, not {ping_interval!r}")
        if isinstance(dialects, str) or not dialects or not all(_is_dialect(one) for one in dialects):
            raise ValueError(f"dialects must be some of {', '.join(DIALECTS)}, or of your own, not {dialects!r}")
        if jwt_lifetime is not None and not jwt_lifetime > 0:
            raise ValueError(f"jwt_lifetime must be more than 0 seconds, or None, not {jwt_lifetime!r}")
        self.host = host
        self.project = project
        self.token = token
        self.strict = strict
        self.ping_interval = ping_interval
        self.dialects: tuple[str | Dialect, ...] = tuple(dialects)
        self.jwt_tokens: tuple[str, ...] = (jwt_token,) if isinstance(jwt_token, str) else tuple(jwt_token or ())
        self.jwt_lifetime = jwt_lifetime
        self.tls: ssl.SSLContext | None = None if tls is None else server_context(tls)
        self.assumptions: Assumptions = Assumptions() if assumptions is None else assumptions
        self.clock: Clock = clock if clock is not None else Clock(1.0 if speed is None else speed, stepped=stepped)
        self.watch: Watch = Watch()
        self.journal: Journal = Journal(self.clock, self.watch, (token, *self.jwt_tokens))
        self.media: MediaLibrary = MediaLibrary(dict(media or {}))
        self.engine: Engine = Engine(self.watch)
        self.faults: Faults = Faults(self, self.engine)
        self.handsets: dict[str, Handset] = {}
        self.scripts: Scripts = Scripts()
        self.recorded: deque[Recorded] = deque(maxlen=_REMEMBERED)
        self.routes: dict[str, str] = {}
        self._port = port
        self._next_connection = 1
        self._life = threading.Lock()  # held while starting or stopping
        self._thread: LoopThread | None = None
        self._running: Running | None = None
        self.faults.add_all(faults)

    def __repr__(self) -> str:
        return f"<Emulator {self.url if self._running else 'stopped'} {self.clock!r}>"

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port it listens on (0 before the first start, if any free one will do)."""
        return self._port

    @property
    def url(self) -> str:
        """What a client connects to: ``ws://127.0.0.1:PORT``, or ``wss://`` with TLS."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ws' if self.tls is None else 'wss'}://{host}:{self._port}"

    @property
    def http_url(self) -> str:
        """The same port for HTTP: ``http://…`` or ``https://…``. Recordings and received faxes are served there."""
        return "http" + self.url.removeprefix("ws")

    @property
    def credentials(self) -> Credentials:
        """What a client needs: ``project``, ``token`` and ``host`` (the URL)."""
        return {"project": self.project, "token": self.token, "host": self.url}

    @property
    def running(self) -> bool:
        """Has it been started and not stopped?"""
        return self._running is not None

    def start(self) -> None:
        """Listen; returns when clients can connect. Does nothing when it runs already.

        Raises :exc:`OSError` that names the port when it is taken.
        """
        with self._life:
            if self._thread is not None:
                return
            thread = LoopThread()
            try:
                thread.run(self._start(), _LIMIT)
            except BaseException:
                thread.stop()
                raise
            self._thread = thread

    def stop(self) -> None:
        """End every connection, call and thread. Does nothing when it isn't running."""
        with self._life:
            thread, running = self._thread, self._running
            if thread is None or running is None:
                return
            try:
                thread.run(self._stop(running), _LIMIT)
            finally:
                # First out of sight, then ended: nobody is to ask a thread that no longer answers.
                self._thread = None
                thread.stop()
                running.loader.join()

    def phone(
        self,
        number: str,
        *,
        answer_after: float = 0.0,
        busy: bool = False,
        decline: bool = False,
        no_answer: bool = False,
        unreachable: bool = False,
        hang_up_after: float | None = None,
        says: str | None = None,
        presses: str | None = None,
        says_when_asked: str | None = None,
        presses_when_asked: str | None = None,
        machine: str | None = None,
        fax: Literal["receive", "send"] | None = None,
        fax_pages: int = 1,
        fax_document: str | Path | None = None,
        message_state: Literal["delivered", "undelivered", "failed", "sent"] = "delivered",
        message_after: float = 0.0,
    ) -> Phone:
        """Return the phone with this number, behaving as said (see :class:`Behaviour`); made if there is none.

        All times are virtual seconds. Named with a number only, a phone that exists stays as it is, and a number of
        :data:`MAGIC_NUMBERS` gets its behaviour. ValueError for a number that isn't a string or is empty, or a
        behaviour that contradicts itself.
        """
        if not isinstance(number, str) or not number:
            raise ValueError(f"a number must be a string that is not empty, not {number!r}")
        behaviour = Behaviour(
            answer_after=answer_after, busy=busy, decline=decline, no_answer=no_answer, unreachable=unreachable,
            hang_up_after=hang_up_after, says=says, presses=presses, says_when_asked=says_when_asked,
            presses_when_asked=presses_when_asked, machine=machine, fax=fax, fax_pages=fax_pages,
            fax_document=None if fax_document is None else str(fax_document), message_state=message_state,
            message_after=message_after,
        )  # fmt: skip

        def describe() -> Handset:
            handset = self.handsets.setdefault(number, Handset(number, behaviour_of(number)))
            if behaviour != Behaviour():
                handset.behaviour = behaviour
            return handset

        return Phone(self.on_thread(describe), self, self.watch)

    @property
    def phones(self) -> dict[str, Phone]:
        """Every phone so far, by number: those described and those only called."""
        handsets = self.on_thread(lambda: dict(self.handsets))
        return {number: Phone(handset, self, self.watch) for number, handset in handsets.items()}

    def route(self, number: str, context: str) -> None:
        """Calls of phones to ``number`` go to ``context`` from now on."""
        self.on_thread(lambda: self.routes.__setitem__(number, context))

    @property
    def calls(self) -> list[CallSnapshot]:
        """The calls that have not ended, as they are now, oldest first."""
        return self.on_thread(lambda: [call.snapshot() for call in self.switch.calls] if self._running else [])

    @property
    def recordings(self) -> list[Recorded]:
        """The recordings that are finished, oldest first (the last 1000). Each is served at its ``url`` too."""
        return self.on_thread(lambda: list(self.recorded))

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return self.on_thread(lambda: len(self._running.server.connections) if self._running else 0)

    @property
    def contexts(self) -> dict[str, int]:
        """Context -> number of reachable clients that receive it."""

        def count() -> dict[str, int]:
            counts: dict[str, int] = {}
            for session in self._running.sessions if self._running else ():
                for context in session.contexts if session.reachable else ():
                    counts[context] = counts.get(context, 0) + 1
            return counts

        return self.on_thread(count)

    def wait_for(self, predicate: Callable[[Emulator], object], timeout: float = 10.0) -> None:
        """Block until ``predicate(relay)`` is true; looked at after each frame and each change of a call.

        Raises :exc:`TimeoutError` after ``timeout`` real seconds.
        """
        self.watch.until(lambda: bool(predicate(self)), timeout, f"{predicate!r}")

    def expect(self, method: str, timeout: float = 10.0, *, count: int = 1) -> Command:
        """Block until the ``count``-th command of this method has been received, and return it."""
        return self.journal.wait_for_command(method, count, timeout)

    def deliver_task(self, context: str, message: dict[str, Any]) -> bool:
        """Leave a task for one of the clients that receive ``context``, as ``POST /api/relay/rest/tasks`` does.

        Returns whether there was one. ``message`` is anything JSON can hold as an object; TypeError or ValueError
        otherwise. RuntimeError when the emulator is stopped.
        """
        if not isinstance(context, str) or not context:
            raise ValueError(f"a context is a string that is not empty, not {context!r}")
        if not isinstance(message, dict):
            raise TypeError(f"the message of a task is a dict, not {message!r}")
        copied = json.loads(json.dumps(message, allow_nan=False))
        return self.on_thread(lambda: self.running_parts.tasks.deliver(context, copied))

    def report_error(self, code: str = "500", message: str = "Internal failure", *, call_id: str | None = None) -> None:
        """Send ``calling.error`` (protocol.md 13): to the client whose call it is, or without a call to every client.

        ValueError for a call that there isn't; RuntimeError when the emulator is stopped.
        """

        def report() -> None:
            told = {"code": code, "message": message}
            if call_id is None:
                for session in self.running_parts.sessions:
                    tell(session, self.clock, "calling.error", {**told, "node_id": self.switch.around.node_id})
                return
            call = self.switch.find(call_id)
            if call is None:
                raise ValueError(f"there is no call {call_id!r}")
            call.emit("calling.error", told)

        self.on_thread(report)

    def ping(self) -> int:
        """Send every client that is logged in a ping now; return their number. The journal shows the answers."""
        return self.on_thread(lambda: self.running_parts.server.ping_all())

    # What follows is for the parts of the emulator.

    def do(self, work: Callable[[Running], Coroutine[Any, Any, T]], timeout: float = _LIMIT) -> T:
        """Run ``work(running)`` on the emulator's thread and return its result; RuntimeError when it is stopped."""
        thread, running = self._thread, self._running
        if thread is None or running is None:
            raise RuntimeError(_STOPPED)
        return thread.run(work(running), timeout)

    @property
    def running_parts(self) -> Running:
        """What exists only while it runs; RuntimeError when it is stopped."""
        if self._running is None:
            raise RuntimeError(_STOPPED)
        return self._running

    @property
    def switch(self) -> Switch:
        """The switch; RuntimeError when the emulator is stopped."""
        return self.running_parts.switch

    @property
    def messages(self) -> Messages:
        """The text messages; RuntimeError when the emulator is stopped."""
        return self.running_parts.messages

    def on_thread(self, function: Callable[[], T]) -> T:
        """Call ``function`` on the emulator's thread; on the caller's own while it is stopped and nobody else can."""
        thread = self._thread
        return function() if thread is None else thread.call(function, _LIMIT)

    async def _start(self) -> None:
        running = Running(self)
        self.clock.attach(asyncio.get_running_loop(), running.settle)
        try:
            self._port = await running.server.start(self.host, self._port, self._next_connection)
        except BaseException:
            self.clock.detach()
            raise
        self._running = running
        self.engine.attach(running)

    async def _stop(self, running: Running) -> None:
        self._running = None
        self.clock.detach()
        self.engine.detach()
        try:
            await running.server.stop()
        finally:
            self._next_connection = running.server.next_number
            running.loader.cancel()
            running.switch.hang_up_all()
            await running.outlets.close()


def _is_dialect(given: object) -> bool:
    return given in DIALECTS if isinstance(given, str) else hasattr(given, "opening")
