"""Client: opens and closes the connection to Relay, and owns what lives on it."""

from __future__ import annotations

import atexit
import logging
import os
import ssl
import sys
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, cast

from relay_sync.calling import checks
from relay_sync.calling.calling import Calling
from relay_sync.calling.command import Over
from relay_sync.calling.pipeline import Pipeline
from relay_sync.calling.result import ExecuteResult, ReceiveResult
from relay_sync.calling.table import CallTable
from relay_sync.config import Config, resolve
from relay_sync.contexts import change_contexts
from relay_sync.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConnectFailed,
    NotConnected,
    RelayError,
    WouldDeadlock,
)
from relay_sync.life import MESSAGE, ClientHandler, Life
from relay_sync.link.books import CLOSED, NEW, READY, Limits
from relay_sync.link.connection import Connection
from relay_sync.link.road import Transport
from relay_sync.link.waiting import Deadline
from relay_sync.masking import Masker
from relay_sync.messaging import MessageTable, Messaging
from relay_sync.tasking import Tasking
from relay_sync.version import __version__
from relay_sync.wire.choice import DIALECTS, Choice
from relay_sync.wire.dialect import REAUTHENTICATE, Dialect, Maker
from relay_sync.wire.events import Answer
from relay_sync.wire.session import Session

if TYPE_CHECKING:
    from typing_extensions import Self

    from relay_sync.link.transport import WebSocketTransport

logger: logging.Logger = logging.getLogger(__name__)

EVENTS = ("ready", "signalwire.socket.open", "signalwire.socket.close", "signalwire.socket.error", MESSAGE)

AUTO = "auto"  # each dialect in turn, until the service has agreed to one

CONNECT_GRACE_S = 0.25  # so that the connection's own, better reason for a failure comes first


class Client:
    """A connection to Relay for code that blocks; safe to share between any number of threads.

    Constructing starts no thread and opens no socket. ``connect()``, or entering ``with``, does.
    Leaving ``with`` disconnects and leaves calls up, unless ``hangup_on_exit`` is set.

    After a fork, the child's client opens a connection of its own at first use where the parent's
    was connected; contexts are the parent's until the child receives them itself.

    Args:
        project: project id; else the setting of Flask or Django (docs/configuration.md), else
            ``SIGNALWIRE_PROJECT_ID``. So with the others that have a variable.
        token: API token; else ``SIGNALWIRE_API_TOKEN``.
        host: Relay's host, a space, or a ``ws://``/``wss://``/``https://`` address; else
            ``SIGNALWIRE_RELAY_HOST``, else the space's host, else ``relay.signalwire.com``.
        space: the space, as ``example`` or ``example.signalwire.com``; else ``SIGNALWIRE_SPACE``.
        request_timeout: seconds that Relay has for the answer to one command.
        connect_timeout: seconds for one attempt to connect, up to ``ready``.
        resume_timeout: seconds a lost session may take to be resumed before all in it is given up.
        ping_interval: seconds between the pings that keep the connection alive.
        ping_timeout: seconds of silence after a ping that mean that the connection is lost.
        max_handlers: how many inbound calls are handled at a time, and how many calls' event
            handlers; a call above that is passed back to Relay.
        hangup_on_exit: whether leaving ``with``, and the end of ``run()``, hang up the calls that are up.
        ca_file: certificates to trust, a PEM file; else ``SIGNALWIRE_RELAY_CA_FILE``, else the system's.
        ssl_context: a context of your own instead.
        jwt_token: a JSON Web Token to authenticate with in place of ``token``; ``project`` may then be
            left out. Else, where no ``token`` is given here, ``SIGNALWIRE_JWT_TOKEN``.
        dialect: which of Relay's dialects to speak (protocol.md 3). ``auto`` tries the current one
            (``flat``), and that of v2 (``blade``) on a fresh socket where the service does not know the
            method, closes the connection over it, or says nothing within 3 seconds (half of what is left
            of ``connect_timeout``, where that is less); never where it refused the credentials. What
            the service agreed to is remembered for reconnects and the next ``connect()``, and asked
            about again after a ``connect()`` that failed and a session that was given up. ``flat`` and
            ``blade`` speak that one only, and so does one of your own: a class of the shape of
            :class:`relay_sync.wire.dialect.Dialect`.
        proxy: an HTTP proxy that lets ``CONNECT`` through, as ``http://user:password@host:port``; False for the
            direct way. Else ``HTTPS_PROXY`` (for ``ws://`` ``HTTP_PROXY``), else ``ALL_PROXY``, but not for loopback
            and the hosts of ``NO_PROXY``.

    Raises:
        ConfigurationError: something needed is missing or can't be; names what was looked for.
        TypeError, ValueError: a limit is not a number of seconds.
    """

    def __init__(
        self,
        project: str | None = None,
        token: str | None = None,
        host: str | None = None,
        *,
        space: str | None = None,
        request_timeout: float = 10.0,
        connect_timeout: float = 10.0,
        resume_timeout: float = 60.0,
        ping_interval: float = 10.0,
        ping_timeout: float = 10.0,
        max_handlers: int = 256,
        hangup_on_exit: bool = False,
        ca_file: str | os.PathLike[str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        jwt_token: str | None = None,
        dialect: str | Maker = AUTO,
        proxy: str | Literal[False] | None = None,
    ) -> None:
        # It loads websocket-client, which takes a fifth of the time that all of this does. Who makes no client has no
        # use for it, and at the first connection somebody would wait for it.
        from relay_sync.link.transport import WebSocketTransport

        self._transport: type[WebSocketTransport] = WebSocketTransport
        self._config: Config = resolve(
            project=project,
            token=token,
            host=host,
            space=space,
            ca_file=ca_file,
            jwt_token=jwt_token,
            proxy=proxy,
        )
        self._jwts: list[str] = [self._config.jwt_token or ""]  # those that Relay may have taken, the latest last
        self._masker: Masker = self._masker_of()
        self._choice = Choice(*(partial(self._make_dialect, maker) for maker in _makers(dialect)))
        self._limits = Limits(
            connect=checks.duration(connect_timeout, "connect_timeout"),
            request=checks.duration(request_timeout, "request_timeout"),
            resume=checks.duration(resume_timeout, "resume_timeout"),
        )
        self._ping_interval = checks.duration(ping_interval, "ping_interval")
        self._ping_timeout = checks.duration(ping_timeout, "ping_timeout")
        self._max_handlers: int = checks.count(max_handlers, "max_handlers")
        self._hangup_on_exit = checks.flag(hangup_on_exit, "hangup_on_exit")
        self._ssl_context = ssl_context
        # Read and changed by single steps of dict and list, which are atomic: no lock that a fork might catch held.
        self._handlers: dict[str, list[ClientHandler]] = {}
        self._contexts: tuple[str, ...] = ()
        self.calling: Calling = Calling(self)
        self.messaging: Messaging = Messaging(self)
        self.tasking: Tasking = Tasking(self)
        # By process id: a forked child finds nothing under its own and begins afresh. Safe without a
        # lock, which the fork might have caught held, because dict.setdefault is atomic.
        self._lives: dict[int, Life] = {}

    # -- what it is -----------------------------------------------------------------------------------

    @property
    def project(self) -> str:
        """The project id; "" where a JWT was given without one."""
        return self._config.project

    @property
    def host(self) -> str:
        """The address of Relay, as ``wss://…``."""
        return self._config.url

    @property
    def state(self) -> str:
        """``new``, ``connecting``, ``ready``, ``reconnecting`` or ``closed``."""
        life = self._lives.get(os.getpid())
        return NEW if life is None else life.connection.state

    @property
    def connected(self) -> bool:
        """Whether commands can be sent now: ``state == "ready"``."""
        return self.state == READY

    @property
    def dialect(self) -> str | None:
        """The dialect that is spoken, ``flat`` or ``blade``; None while ``auto`` has not found it out."""
        return self._life().dialect.name if self._choice.agreed else None

    @property
    def session_id(self) -> str | None:
        """Relay's id of the session; None where it gives none, as in ``flat`` it need not."""
        return self._life().dialect.session_id

    @property
    def signature(self) -> str | None:
        """The signature of the authorization."""
        return self._life().dialect.signature

    @property
    def protocol(self) -> str | None:
        """The protocol string of the session."""
        return self._life().dialect.protocol

    @property
    def contexts(self) -> list[str]:
        """The contexts that are registered at every connection."""
        return list(self._life().connection.session.contexts)

    def __repr__(self) -> str:
        if not hasattr(self, "_lives"):
            return "<Client that was refused>"  # its arguments were; a traceback may show it with its variables
        return f"<Client {self.state} {self.host}>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            "a Client holds a connection and can't be pickled: "
            "make one in each process, and pass on the ref of a call or an action"
        )

    # -- life -----------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Connect and block until Relay says ready. Tries once.

        A second call, from any thread, waits for the first; when ready it does nothing; while
        reconnecting it waits for ready. After ``disconnect()``, or after a failure, it may be called again.
        Warns (``RuntimeWarning``) under a uWSGI that lacks an option that threads need (docs/deployment.md).

        Raises:
            ConnectFailed: Relay could not be reached, or did not say ready within ``connect_timeout``.
            AuthenticationFailed: Relay refused project and token.
            NotConnected: ``disconnect()`` was called meanwhile; or gevent or eventlet patched the
                process after this client was first used, and no wait could be trusted.
        """
        self._connect()

    def _connect(self, or_else: Callable[[], bool] = bool) -> None:
        """Connect; return before ready, too, when ``or_else()`` is true."""
        if "uwsgi" in sys.modules:  # a module of that server, which has it in every program that it runs
            from relay_sync.hosting import warn_of_uwsgi

            warn_of_uwsgi()
        life = self._life()
        if life.connection.state == CLOSED:
            life = self._begin_again(life)
        atexit.unregister(life.at_exit)
        atexit.register(life.at_exit)
        began = False
        try:
            began = life.connection.start(life)
            life.connection.wait_ready(Deadline(self._limits.connect + CONNECT_GRACE_S), or_else)
        except BaseException as failure:
            if isinstance(failure, ConnectFailed) and life.connection.state == READY:
                return  # at the last moment
            # One attempt was made and is over; a client that was reconnecting goes on with that.
            if began or not life.connection.was_ready:
                life.end()
                if isinstance(failure, ConnectFailed) and not isinstance(failure, AuthenticationFailed):
                    self._choice.doubt()  # the service may have been replaced; safe, for its thread has ended
            raise

    def disconnect(self) -> None:
        """Close the connection; calls stay up. What waits on it ends.

        May be called twice, from any thread, from a handler, and from a signal handler or a
        finaliser, where it may return before it is done. Operations end as ``failed``; commands in
        flight raise ``ConnectionLost``.
        """
        life = self._lives.get(os.getpid())
        if life is not None:
            life.end()

    def run(self) -> None:
        """Connect where that has not been done, and block until ``disconnect()`` or Ctrl-C.

        Ctrl-C disconnects.

        Raises:
            ConnectFailed, AuthenticationFailed: the connection failed, or can't be had again.
        """
        try:
            self.connect()
            self._life().connection.wait_closed(Deadline(None))
        except KeyboardInterrupt:
            logger.info("interrupted; disconnecting")
        except NotConnected:
            logger.debug("disconnected while connecting")
        finally:
            self._leave()

    def drain(self, timeout: float | None = 30.0) -> int:
        """Take no new inbound call, and block until no handler is at work any more.

        Inbound calls are passed back to Relay from now on, until the next ``connect()``. Messages
        and tasks that still come are handled: nobody else would get them. Call it before
        ``disconnect()``.

        Args:
            timeout: seconds that the handlers have to finish; None for as long as they take.

        Returns:
            How many were still at work when the time was up.

        Raises:
            WouldDeadlock: called in a handler, which would wait for itself.
        """
        deadline = Deadline(timeout)
        return self._drain(lambda: deadline.left() == 0.0)

    def _drain(self, enough: Callable[[], bool]) -> int:
        """Take no new call, and wait for the handlers until ``enough()``."""
        life = self._life()
        if life.in_handler():
            raise WouldDeadlock("drain(): a handler would wait for itself; call it from a thread of your own")
        life.connection.monitor.check_thread(lambda: "drain()")
        life.table.draining = True  # one step, read by the reader alone
        left = life.conversations.drain(enough) + life.lanes.drain(enough)
        never_begun = life.conversations.cancel()
        if never_begun:
            logger.error("%d calls, messages or tasks were waiting for a handler and are dropped", never_begun)
        life.chores.drain(enough)  # calls that are being passed back
        return left

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        """Disconnect; hang up what is up before, where that was asked for."""
        try:
            if self._hangup_on_exit:
                self._hang_up_all()
        finally:
            self.disconnect()

    # -- handlers and commands ------------------------------------------------------------------------

    def on(self, event: str, handler: ClientHandler) -> Self:
        """Have ``handler`` called at each event of the client (api.md 3.4), on a worker thread, in order.

        Args:
            event: ``ready`` (called with the client, again after each reconnect),
                ``signalwire.socket.open`` and ``.close`` (nothing; once for each socket, of which finding
                out the dialect may take two), ``.error`` (the exception) or ``.message`` (every frame
                received, parsed).
            handler: a function; it may block, and what it raises is logged.
        """
        checks.one_of(event, "event", EVENTS)
        checks.handler(handler)
        self._handlers.setdefault(event, []).append(handler)
        return self

    def off(self, event: str, handler: ClientHandler | None = None) -> Self:
        """Remove ``handler`` from an event, or all of that event's where none is given.

        What has come before is still given to it.
        """
        checks.one_of(event, "event", EVENTS)
        # By equality, which for functions is identity: a bound method is another object each time one looks at it.
        if handler is None:
            self._handlers.pop(event, None)
        else:
            known = self._handlers.get(event, [])
            for _ in range(known.count(handler)):
                known.remove(handler)
        return self

    def execute(self, method: str, params: dict[str, Any], *, wait_timeout: float | None = None) -> ExecuteResult:
        """Send any command by its wire name and block until Relay has answered.

        Args:
            method: such as ``calling.play``.
            params: its parameters; must be JSON.
            wait_timeout: seconds for the answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer, with all its fields as ``result``; not successful where it refused.

        Raises:
            TypeError, ValueError: the parameters are not JSON; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done. RelayTimeout: no answer.
        """
        checks.text(method, "method", "a command such as 'calling.play'")
        params = checks.command_params(params)
        deadline = Deadline(wait_timeout, name="wait_timeout").within(self._limits.request)
        answer = self._connected_life().connection.request(method, params, deadline)
        return ExecuteResult.of(answer, method=method)

    def pipeline(self, *, max_in_flight: int = 64) -> Pipeline:
        """Return an empty pipeline: many commands from one thread, without waiting for each. Sends nothing.

        Args:
            max_in_flight: how many commands may be unanswered at a time, 1 or more.

        Raises:
            TypeError, ValueError: ``max_in_flight`` is not such a number.
        """
        return Pipeline(self, checks.count(max_in_flight, "max_in_flight"))

    def unreceive(self, contexts: Iterable[str], *, wait_timeout: float | None = None) -> ReceiveResult:
        """Leave contexts: Relay sends no more calls, messages and tasks for them, now and after a reconnect.

        What is under way is still given to the handlers. ``blade`` has no way to leave a context
        (protocol.md 3): nothing is sent then, Relay goes on sending what is for them until the next
        connection, which does not register them, and the result is not successful and says so.

        Args:
            contexts: names of contexts; those that are not registered do no harm.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer. Not successful where it refused: the contexts stay registered then.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent; nothing has changed. ConnectionLost, RelayTimeout: unknown whether
            it was done; the next connection does not register them.
        """
        names = checks.words(contexts, "contexts", "context names")
        deadline = Deadline(wait_timeout, name="wait_timeout").within(self._limits.request)
        return self._change_contexts(names, deadline, wanted=False)

    def reauthenticate(self, jwt_token: str, *, wait_timeout: float | None = None) -> ExecuteResult:
        """Show Relay another JWT before the present one expires, and block until it has answered.

        Before ``connect()`` and after the connection was closed nothing is sent: the next
        ``connect()`` uses it.

        Args:
            jwt_token: the new token, of the same project.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer, whose ``result`` has ``authorization`` where it gave that (protocol.md 5.7).
            Not successful where it refused the token: the old one stays. In any other case, an
            exception included, the new one is used from the next handshake on.

        Raises:
            ConfigurationError: the client authenticates with project and token, which do not expire.
            TypeError, ValueError: not a text; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done. RelayTimeout: no answer.
        """
        if not isinstance(jwt_token, str):  # a token may not stand in a message, not even one of the wrong type
            raise TypeError(f"jwt_token= is of type {type(jwt_token).__name__}: give a JSON Web Token as a string")
        if not jwt_token.strip():
            raise ValueError("jwt_token= is empty: give a JSON Web Token")
        if self._config.jwt_token is None:
            raise ConfigurationError("reauthenticate() is for a client that was given jwt_token=; this one has a token")
        deadline = Deadline(wait_timeout, name="wait_timeout").within(self._limits.request)
        connection = self._connected_life().connection
        connection.monitor.check_process()
        self._masker = self._masker_of(jwt_token)  # both: Relay may yet repeat the old one
        with connection.monitor.lock:
            # Each stays until a later one is accepted: of two that are shown at a time both may be refused.
            self._jwts.append(jwt_token)
            self._use_jwt(connection)
            if connection.state in (NEW, CLOSED):
                self._jwts = [jwt_token]
                return ExecuteResult(successful=True, message="used at connect()", _outcome="done")

        def answered(answer: Answer) -> None:
            if jwt_token not in self._jwts:
                return  # a later one was accepted meanwhile
            place = self._jwts.index(jwt_token)
            if answer.ok:
                del self._jwts[:place]
            elif len(self._jwts) > 1:
                del self._jwts[place]
            self._use_jwt(connection)

        shown = {"project": self._config.project} if self._config.project else {}
        params = {"authentication": {**shown, "jwt_token": jwt_token}}
        answer = connection.request(REAUTHENTICATE, params, deadline, answered=answered)
        return ExecuteResult.of(answer, method=REAUTHENTICATE)

    # -- for the services: what their Host says -------------------------------------------------------

    def _table(self, *, connect: bool = True) -> CallTable:
        """The table of calls of the present session, of this process."""
        return (self._connected_life() if connect else self._life()).table

    def _connection(self) -> Connection:
        """The connection of the present session, of this process."""
        return self._connected_life().connection

    def _messages(self) -> MessageTable:
        """The messages of the present session."""
        return self._connected_life().messages

    def _receive(self, contexts: list[str], deadline: Deadline) -> ReceiveResult:
        """Register contexts now, where connected, and at every later connection."""
        return self._change_contexts(contexts, deadline, wanted=True)

    def _change_contexts(self, names: list[str], deadline: Deadline, *, wanted: bool) -> ReceiveResult:
        connection = self._connected_life().connection
        connection.monitor.check_process()
        try:
            return change_contexts(connection, names, deadline.within(self._limits.request), wanted=wanted)
        finally:
            with connection.monitor.lock:
                self._contexts = connection.session.contexts  # for the next life

    # -- plumbing -------------------------------------------------------------------------------------

    def _life(self) -> Life:
        """The present life; the first in a forked child lets go of the parent's."""
        pid = os.getpid()
        life = self._lives.get(pid)
        return life if life is not None else self._first_life(pid)

    def _first_life(self, pid: int) -> Life:
        inherited = [one for owner, one in list(self._lives.items()) if owner != pid]
        succeeds = any(one.connection.state not in (NEW, CLOSED) for one in inherited)
        if succeeds:
            self._contexts = ()  # Relay would share out the parent's calls between the two
        life = self._lives.setdefault(pid, Life(self, succeeds=succeeds))
        for one in inherited:
            if self._lives.pop(one.connection.monitor.pid, None) is not None:  # only one thread gets it
                one.connection.abandon()
        return life

    def _connected_life(self) -> Life:
        """The present life; in a forked child whose parent was connected, connect first."""
        life = self._life()
        if life.succeeds and life.connection.state == NEW:
            self.connect()
        return life

    def _begin_again(self, ended: Life) -> Life:
        """A new life after one that ended; only one thread's is taken."""
        ended.connection.monitor.check_process()
        with ended.connection.monitor.lock:
            if self._lives.get(os.getpid()) is ended:
                self._lives[os.getpid()] = Life(self)
        return self._lives[os.getpid()]

    def _new_connection(self, mask: Callable[[str], str]) -> Connection:
        """One that is not started, for a new life."""
        session = Session(self._choice, ping_interval=self._ping_interval, ping_timeout=self._ping_timeout)
        session.add_contexts(self._contexts)
        return Connection(session, self._open_transport, self._limits, mask=mask)

    def _make_dialect(self, maker: Maker) -> Dialect:
        """A dialect with the credentials of the moment."""
        config = self._config
        agent = f"relay_sync/{__version__}"
        return maker(project=config.project, token=config.token, jwt_token=config.jwt_token, agent=agent)

    def _use_jwt(self, connection: Connection) -> None:
        """Authenticate with the latest token from the next handshake on. The lock is held."""
        self._config = self._config._replace(jwt_token=self._jwts[-1])
        connection.session.dialect.renew(self._jwts[-1])

    def _masker_of(self, *more: str) -> Masker:
        config = self._config
        secrets = config.proxy.secrets if config.proxy is not None else ()
        return Masker((config.project, config.token, config.jwt_token, *secrets, *more))

    def _open_transport(self) -> Transport:
        config = self._config
        return self._transport(config.url, ssl_context=self._ssl_context, ca_file=config.ca_file, proxy=config.proxy)

    def _hang_up_all(self) -> None:
        """End every call that is up, and wait for Relay's answers, together within ``request_timeout``."""
        life = self._life()
        deadline = Deadline(self._limits.request)
        with life.connection.monitor.lock:
            calls = life.table.live()
        for call in calls:
            try:
                call._request("calling.end", {"reason": "hangup"}, deadline)
            except RelayError as error:
                logger.warning("could not hang up %r: %s", call, error.message)
            except Over:
                logger.debug("%r has ended by itself", call)


def _makers(dialect: object) -> tuple[Maker, ...]:
    """What makes the dialects to try, in order."""
    if callable(dialect):
        return (cast("Maker", dialect),)
    known = (AUTO, *DIALECTS)
    name = checks.one_of(dialect, "dialect", known)
    return tuple(DIALECTS.values()) if name == AUTO else (DIALECTS[name],)
