"""The generic door: commands and operations that this library has no verb for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from relay_sync.calling import checks
from relay_sync.calling.action import Action
from relay_sync.calling.gone import GONE_FOR_SURE
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import ExecuteResult, Result
from relay_sync.showing import shown
from relay_sync.wire.states import Operation


class GenericResult(Result):
    """How an operation ended that was started by its wire name; ``event`` has whatever Relay told."""

    __slots__ = ()


class GenericAction(Action[GenericResult]):
    """An operation that was started by its wire name; made by :meth:`Call.start`.

    ``state`` is what Relay tells; which states are final, and which of them are a success, the caller
    of ``start`` said. ``'failed'`` as for every action.
    """

    __slots__ = ("_command", "_operation", "_success")

    _result_type = GenericResult
    _gone = GONE_FOR_SURE

    def __init__(self, leg: Leg, params: dict[str, Any], operation: Operation, success: frozenset[str]) -> None:
        self._operation = operation
        (self._command,) = operation.commands
        self._success = success
        super().__init__(leg, params)

    def control(self, verb: str, /, *, wait_timeout: float | None = None, **params: Any) -> ExecuteResult:
        """Send a sub-command of the operation, such as ``stop``; return once Relay has answered.

        Args:
            verb: what stands after the dot: ``calling.play`` and ``"pause"`` make ``calling.play.pause``.
            wait_timeout: seconds for Relay's answer; the client's ``request_timeout`` bounds it in any case.
            params: its parameters beside the ids, by keyword; must be JSON.

        Returns:
            Relay's answer, with all its fields as ``result``. Where the operation is over already,
            nothing is sent and it is not successful.

        Raises:
            TypeError, ValueError: bad arguments, among them a verb that ``start`` was not told of;
                nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        if self._operation.sub_commands:
            checks.one_of(verb, "verb", self._operation.sub_commands)
        checks.text(verb, "verb", "a sub-command such as 'stop'")
        return self._control(verb, ExecuteResult, wait_timeout, params=checks.data(params, "params"))

    # -- what happens to it; the lock is held ---------------------------------------------------------

    def _knows(self, state: str) -> bool:
        return len(self._operation.states) == len(self._operation.final) or super()._knows(state)


class PerCallAction(GenericAction):
    """One that its events tell by no control id: there is one at a time on a call."""

    __slots__ = ()

    _controlled = False


class Door(Leg):
    """The verbs for what there is no verb for."""

    __slots__ = ()

    def execute(
        self, method: str, params: Mapping[str, Any] | None = None, *, wait_timeout: float | None = None
    ) -> ExecuteResult:
        """Send any command about this call by its wire name, and block until Relay has answered.

        Args:
            method: such as ``calling.hold``.
            params: its parameters; must be JSON. ``node_id`` and ``call_id`` are filled in.
            wait_timeout: seconds for the answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer, with all its fields as ``result``; not successful where it refused. Where
            the call is over, nothing is sent and it is not successful.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done. RelayTimeout: no answer.
        """
        name = checks.command(method, "method")
        given = {} if params is None else checks.data(params, "params")
        return self._carry_out(ExecuteResult, name, given, wait_timeout, gone=GONE_FOR_SURE)

    def start(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        event_type: str | None = None,
        final: Iterable[str] = ("finished", "error"),
        success: Iterable[str] = ("finished",),
        states: Iterable[str] = (),
        state_key: str = "state",
        sub_commands: Iterable[str] = (),
        controlled: bool = True,
        wait_timeout: float | None = None,
    ) -> GenericAction:
        """Start any operation by its wire name; return its action once Relay has accepted or refused it.

        Args:
            method: the command that starts it, such as ``calling.play``.
            params: its parameters; must be JSON. ``node_id``, ``call_id`` and ``control_id`` are filled in.
            event_type: the event that tells of it; by default ``calling.call.play`` for ``calling.play``.
            final: the states that end it, at least one.
            success: those of them that are what one wanted; none where success can't be told.
            states: the others that are known, for ``wait_for_state`` and so that none of them is logged
                as unknown; where none is given, whatever Relay tells is taken as known.
            state_key: the field of the event that tells the state; keys with dots between them where it
                is within another object, such as ``detect.params.event``.
            sub_commands: what ``control`` may send; anything where none is given.
            controlled: whether a ``control_id`` goes with the command and comes back with the events;
                False for an operation whose events have none, of which one at a time runs on a call.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            The action. A refused one is ``completed`` with state ``'failed'``, and its result says why.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer in time.
        """
        name = checks.command(method, "method")
        given = {} if params is None else checks.data(params, "params")
        for key in ("node_id", "call_id", "control_id"):
            if key in given:
                raise ValueError(f"params[{key!r}]={shown(given[key])}: it is filled in: leave it out")
        ends = checks.words(final, "final", "states that end it")
        good = frozenset(checks.words(success, "success", "final states", 0))
        if not good <= set(ends):
            raise ValueError(f"success={sorted(good)} has states that are not in final={ends}: give success= of those")
        others = [state for state in checks.words(states, "states", "states", 0) if state not in ends]
        operation = Operation(
            kind=name,
            commands=(name,),
            event_type=_event_of(name) if event_type is None else checks.command(event_type, "event_type"),
            states=(*others, *ends),
            final=frozenset(ends),
            sub_commands=tuple(checks.words(sub_commands, "sub_commands", "sub-commands", 0)),
            state_at=tuple(checks.text(state_key, "state_key", "the name of a field").split(".")),
        )
        kind = GenericAction if checks.flag(controlled, "controlled") else PerCallAction
        return self._start(kind(self, given, operation, good), wait_timeout)[0]


def _event_of(method: str) -> str:
    return f"calling.call.{method.removeprefix('calling.')}"
