"""Many commands from one thread, without waiting for each: Client.pipeline()."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from relay_sync.calling import checks
from relay_sync.calling.action import Stoppable
from relay_sync.calling.call import Call
from relay_sync.calling.command import Command, Over
from relay_sync.calling.play import PlayAction
from relay_sync.calling.prompt import PromptAction
from relay_sync.calling.record import RecordAction
from relay_sync.calling.result import ExecuteResult, Result
from relay_sync.errors import NotConnected, RelayError
from relay_sync.link.books import CLOSED
from relay_sync.link.connection import Connection
from relay_sync.link.waiting import Deadline
from relay_sync.showing import shown
from relay_sync.wire.events import Answer

if TYPE_CHECKING:
    from typing_extensions import Self

logger: logging.Logger = logging.getLogger(__name__)


class Host(Protocol):
    """What a pipeline needs of the client."""

    def _connection(self) -> Connection:
        """The connection of the present session, of this process."""


class Pipeline:
    """Commands that are put together first, and given together by :meth:`execute`.

    Made by :meth:`Client.pipeline`.

    Putting a command in sends nothing and returns the pipeline, so that calls can be chained. A
    pipeline belongs to one thread at a time, and can be used again after ``execute()``.

    ::

        with client.pipeline() as pipe:
            for action in actions:
                pipe.pause(action)
            results = pipe.execute()

    Leaving ``with`` drops what was put in and not executed, and says so in the log.
    """

    def __init__(self, host: Host, max_in_flight: int) -> None:
        self._host = host
        self._most = max_in_flight
        self._commands: list[Command[Any]] = []

    def __len__(self) -> int:
        """How many commands have been put in."""
        return len(self._commands)

    def __bool__(self) -> bool:
        """True, with nothing in it too."""
        return True

    def __repr__(self) -> str:
        return f"<Pipeline of {len(self)} commands>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"{self!r} belongs to a connection and can't be pickled: make one in each process")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = len(self)
        self.reset()
        if left and kind is None:
            logger.warning("%d commands were put into a pipeline and not executed: nothing was sent", left)

    # -- putting in -----------------------------------------------------------------------------------

    def pause(self, action: PlayAction | RecordAction) -> Self:
        """Put in ``action.pause()``; its result is what that returns.

        Raises:
            TypeError: ``action`` can't pause. ValueError: it is another client's.
            NotConnected: it belongs to the process that this one was forked from.
        """
        return self._put(_checked(action, (PlayAction, RecordAction), "pause")._pause_command())

    def resume(self, action: PlayAction | RecordAction) -> Self:
        """Put in ``action.resume()``. Raises as :meth:`pause`."""
        return self._put(_checked(action, (PlayAction, RecordAction), "resume")._resume_command())

    def volume(self, action: PlayAction | PromptAction, volume: float) -> Self:
        """Put in ``action.volume(volume)``: a gain in dB from -40.0 to +40.0.

        Raises as :meth:`pause`; ValueError for another gain too.
        """
        return self._put(_checked(action, (PlayAction, PromptAction), "volume")._volume_command(volume))

    def stop(self, action: Stoppable[Any]) -> Self:
        """Put in ``action.stop()``, of any action that has it. Raises as :meth:`pause`."""
        return self._put(_checked(action, (Stoppable,), "stop")._stop_command())

    def hangup(self, call: Call, reason: str = "hangup") -> Self:
        """Put in ``call.hangup(reason)``; its result comes when the call has ended. Raises as :meth:`pause`."""
        return self._put(_checked(call, (Call,), "hangup")._hangup_command(reason))

    def command(self, method: str, params: dict[str, Any]) -> Self:
        """Put in any command by its wire name, as ``client.execute(method, params)`` sends it.

        ``params`` is copied.

        Raises:
            TypeError, ValueError: ``method`` is no text, or ``params`` no dict that can be written as JSON.
        """
        return self._put(Execute(method, params))

    def reset(self) -> None:
        """Drop what was put in."""
        self._commands = []

    def _put(self, command: Command[Any]) -> Self:
        connection = command.connection
        if connection is not None:
            connection.monitor.check_process()
            if connection is not self._host._connection() and connection.state != CLOSED:
                raise ValueError(f"{command.method}: what it is about belongs to another client; use its pipeline")
        self._commands.append(command)
        return self

    # -- giving ---------------------------------------------------------------------------------------

    def execute(self, *, wait_timeout: float | None = None) -> list[Result]:
        """Give all commands, and block until each has its result; the pipeline is empty then.

        They are sent in order, many in one write, with at most ``max_in_flight`` of them unanswered.
        None is sent twice or after its time, whatever happens; one that had not left when the
        connection broke goes out on the next. A failure of one is no failure of another. Each
        command moves the state of its action, and ends its call, as it does alone.

        Args:
            wait_timeout: seconds for all of it. Each command's answer has the client's
                ``request_timeout`` in any case, from its turn on; the ends of calls that were hung
                up are bounded only by this and by the session.

        Returns:
            The results, in the order in which the commands were put in, each what its command
            returns alone: not successful where Relay refused it, or where it could do nothing any
            more. Where the command alone would have raised, the result is not successful, and has
            the :class:`RelayError` as its ``error``: :class:`NotConnected` (surely not sent),
            :class:`ConnectionLost` (unknown whether it was done) or :class:`RelayTimeout` (whose
            ``sent`` tells whether it left). ``raise_for_status()`` raises it.

        Raises:
            WouldDeadlock: called on the connection's own thread; the commands are kept.
            TypeError, ValueError: ``wait_timeout`` is not a number of seconds; likewise.
            KeyboardInterrupt: on Ctrl-C. What was answered until then took effect and shows in calls
                and actions; what was not sent yet is not sent any more.
        """
        deadline = Deadline(wait_timeout, name="wait_timeout")
        try:
            connection = self._host._connection()
        except RelayError as failure:  # a forked child could not connect
            why = failure.message
            return [
                _failed(one, NotConnected(f"{one.method} was not sent: {why}", method=one.method))
                for one in self._taken()
            ]
        connection.monitor.check_thread(lambda: "execute()")
        commands = self._taken()
        given = [one for one in commands if one.connection is None or one.connection is connection]
        outcomes = iter(connection.request_many(given, deadline, self._most))
        return [
            _result(one, next(outcomes), deadline) if one.connection in (None, connection) else _elsewhere(one)
            for one in commands
        ]

    def _taken(self) -> list[Command[Any]]:
        """The commands, which are not here any more: whatever happens, none is given twice."""
        commands, self._commands = self._commands, []
        return commands


class Execute(Command[ExecuteResult]):
    """A command by its wire name."""

    __slots__ = ()

    def __init__(self, method: str, params: dict[str, Any]) -> None:
        checks.text(method, "method", "a command such as 'calling.play'")
        super().__init__(None, ExecuteResult, method, checks.command_params(params))


def _checked(value: Any, kinds: tuple[type[Any], ...], verb: str) -> Any:
    if not isinstance(value, kinds):
        name = "call" if kinds == (Call,) else "action"
        wanted = "a Call" if kinds == (Call,) else f"an action that has {verb}()"
        raise TypeError(f"{name}={shown(value)}: give {wanted}")
    return value


def _result(command: Command[Any], outcome: Answer | Exception, deadline: Deadline) -> Result:
    """The result of a command, as it returns alone; a failure is in it."""
    try:
        if isinstance(outcome, Exception):
            raise outcome
        result: Result = command.result(outcome, deadline)
    except Over:
        result = command.unsent()
    except RelayError as error:
        result = _failed(command, error)
    return result


def _failed(command: Command[Any], error: RelayError) -> Result:
    command.failed(error)
    result: Result = command.mistaken(error)
    return result


def _elsewhere(command: Command[Any]) -> Result:
    """The result of a command about something that did not live on this connection, but on one that has ended."""
    assert command.connection is not None
    try:
        command.connection.monitor.check_process()
        result: Result = command.unsent()
    except NotConnected as error:
        result = _failed(command, error)
    return result
