"""Consumer: a long-running process that answers calls, messages and tasks (api.md 4)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType, MappingProxyType
from typing import Any

from relay_sync.calling import checks
from relay_sync.calling.call import Call
from relay_sync.calling.result import ReceiveResult
from relay_sync.client import Client
from relay_sync.errors import ConfigurationError, ConnectFailed, NotConnected
from relay_sync.link.standing import REGISTERED
from relay_sync.link.waiting import Deadline, check_timeout
from relay_sync.messaging import Message

logger: logging.Logger = logging.getLogger(__name__)

DRAIN_S = 30.0
CLOSE_S = 5.0  # more than closing the connection may take
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Consumer:
    """Subclass it, say what ``contexts`` it serves, override the hooks you need, and ``run()`` it.

    Each hook for work runs on a thread of its own and may block; up to ``max_handlers`` at a time,
    and a call above that is passed back to Relay. Only what is overridden is taken: without
    ``on_incoming_call``, calls are passed back.

    Attributes:
        project, token, host, contexts: set as class attributes, in ``setup()`` or as arguments; all
            but ``contexts`` may come from the environment.
        client_options: further arguments for the :class:`Client`, such as ``max_handlers`` or ``jwt_token``.
        client: the client; None before ``run()``.
    """

    project: str | None = None
    token: str | None = None
    host: str | None = None
    contexts: Iterable[str] | None = None
    client_options: Mapping[str, Any] = MappingProxyType({})

    def __init__(
        self,
        *,
        project: str | None = None,
        token: str | None = None,
        host: str | None = None,
        contexts: Iterable[str] | None = None,
    ) -> None:
        for name, value in (("project", project), ("token", token), ("host", host), ("contexts", contexts)):
            if value is not None:
                setattr(self, name, value)
        self.client: Client | None = None
        # By when live handlers must have finished; None while nobody has asked to stop. Replaced in one
        # step: signal handlers do it, in the midst of anything, and may touch no lock.
        self._stop_by: Deadline | None = None
        self._cut = 0
        self._runner: int | None = None  # the thread that runs it
        self._ended = threading.Event()

    # -- hooks ----------------------------------------------------------------------------------------

    def setup(self) -> None:
        """Called first by ``run()``: the place to set attributes."""

    def ready(self) -> None:
        """Called when connected and registered, on a worker thread; again after each reconnect."""

    def teardown(self) -> None:
        """Called last by ``run()``, whatever ended it."""

    def on_incoming_call(self, call: Call) -> None:
        """Called with each inbound call, in state ``created``."""

    def on_incoming_message(self, message: Message) -> None:
        """Called with each inbound message."""

    def on_message_state_change(self, message: Message) -> None:
        """Called with each news of a message that was sent with one of the contexts."""

    def on_task(self, message: Any) -> None:
        """Called with what was given to ``Task.deliver``."""

    # -- running --------------------------------------------------------------------------------------

    def run(self, *, handle_signals: bool = True) -> None:
        """Connect, serve, and block until :meth:`stop`; in any thread.

        Args:
            handle_signals: in the main thread, have SIGINT, SIGTERM and SIGHUP stop it gracefully
                (drain 30 s); a second one cuts what is left. One that the process ignores stays
                ignored, and what was set before is set again afterwards. Without it, Ctrl-C
                disconnects and raises ``KeyboardInterrupt`` here.

        Raises:
            ConfigurationError: no contexts, or no credentials; names what was looked for.
            ConnectFailed, AuthenticationFailed: the connection failed, can't be had again, or Relay
                refused the contexts.
            RuntimeError: it is running already.
        """
        if self._runner is not None:
            raise RuntimeError(f"{self!r} is running already")
        self._runner = threading.get_ident()
        self._cut = 0
        self._ended.clear()
        try:
            self.setup()
            contexts = self._checked_contexts()
            self.client = client = Client(self.project, self.token, self.host, **self.client_options)
            with self._signals(handle_signals):
                self._serve(client, contexts)
        finally:
            try:
                self.teardown()
            finally:
                self._stop_by = self._runner = None
                self._ended.set()

    def stop(self, drain: float | None = DRAIN_S) -> int:
        """End :meth:`run`: take no new call, let what is being handled finish, and block until it has ended.

        May be called from any thread, and from a hook or handler or the thread of ``run()``: there it
        returns at once. Again with less ``drain``, it cuts sooner. Before ``run()`` it lets that return
        at once; after it, it does nothing.

        Args:
            drain: seconds that live handlers have to finish; None for as long as they take.

        Returns:
            How many were still at work when the time was up (their waits then end with the
            connection); 0 where it returned at once.

        Raises:
            TypeError, ValueError: ``drain`` is not a number of seconds.
        """
        limit = check_timeout(drain, "drain")
        if self._ended.is_set():
            return 0
        self._stop_by = Deadline(limit)
        client = self.client
        if self._runner in (None, threading.get_ident()):
            return 0
        if client is not None:
            life = client._life()
            life.connection.nudge()
            if life.in_handler():
                return 0
        end = Deadline(None if limit is None else limit + CLOSE_S)
        while not self._ended.wait(end.nap()):
            if end.left() == 0.0:
                logger.warning("%r has not ended yet; it ends by itself", self)
                break
        return self._cut

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'new' if self.client is None else self.client.state}>"

    def _checked_contexts(self) -> list[str]:
        if not self.contexts:
            raise ConfigurationError(
                f"contexts={self.contexts!r}: {type(self).__name__} serves none; set the attribute to a list of names"
            )
        return checks.words(self.contexts, "contexts", "context names")

    def _serve(self, client: Client, contexts: list[str]) -> None:
        client._handlers.setdefault(REGISTERED, []).append(self.ready)
        try:
            # Before connecting: the contexts are part of the handshake then, and ready() comes after them.
            for register, hook in self._hooks(client):
                register(contexts, hook)
            self._connect(client, contexts)
            client._life().connection.wait_closed(Deadline(None), self._is_stopping)
            self._cut = client._drain(self._time_is_up)
            if self._cut:
                logger.warning("%d handlers were still at work when the time for them was up", self._cut)
        finally:
            client._leave()

    def _connect(self, client: Client, contexts: list[str]) -> None:
        if self._is_stopping():
            return
        try:
            client._connect(self._is_stopping)
        except NotConnected:
            logger.debug("disconnected while connecting")
        refusal = client._life().connection.contexts_refused
        if refusal is not None:
            raise ConnectFailed(
                f"Relay refused the contexts {contexts}: {refusal.message} (code {refusal.code})", code=refusal.code
            )

    def _hooks(self, client: Client) -> Iterator[tuple[Callable[..., ReceiveResult], Callable[..., object]]]:
        """Where each overridden hook is to be registered."""
        places = {
            "on_incoming_call": client.calling.receive,
            "on_task": client.tasking.receive,
            "on_incoming_message": client.messaging.receive,
            "on_message_state_change": client.messaging.state_change,
        }
        for name, register in places.items():
            hook = getattr(self, name)
            if getattr(hook, "__func__", hook) is not getattr(Consumer, name):
                yield register, hook

    # -- stopping -------------------------------------------------------------------------------------

    def _is_stopping(self) -> bool:
        return self._stop_by is not None

    def _time_is_up(self) -> bool:
        if self._stop_by is None:  # disconnect() was called in stop()'s place
            self._stop_by = Deadline(DRAIN_S)
        return self._stop_by.left() == 0.0

    @contextmanager
    def _signals(self, wanted: bool) -> Iterator[None]:
        """Have signals stop us meanwhile, where this is the main thread."""
        if not wanted or threading.current_thread() is not threading.main_thread():
            yield
            return
        import signal  # where a consumer runs, and nowhere else

        numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
        # None is a handler that Python has not set, and could not set again.
        numbers = [number for number in numbers if signal.getsignal(number) not in (signal.SIG_IGN, None)]
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # Runs in the main thread, in the midst of its wait, which looks at this every SLICE seconds.
        self._stop_by = Deadline(DRAIN_S if self._stop_by is None else 0.0)
