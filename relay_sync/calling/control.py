"""The commands to a running action: pause, resume, volume, stop and the like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from relay_sync.calling.command import C, Command, Over
from relay_sync.calling.gone import GONE, GONE_GRACE_S
from relay_sync.errors import RelayError
from relay_sync.link.waiting import Deadline
from relay_sync.wire.events import Answer

if TYPE_CHECKING:
    from relay_sync.calling.action import Action


class Control(Command[C]):
    """A sub-command of a running action.

    A successful answer moves the state, so that it is true when the verb returns; but only if no
    event moved it since the command was sent: the event knows better.
    """

    __slots__ = ("_accepted", "_action", "_heard", "_moves")

    def __init__(
        self,
        action: Action[Any],
        verb: str,
        kind: type[C],
        *,
        moves: str | None = None,
        accepted: Callable[[], None] | None = None,
        params: Mapping[str, object] | None = None,
    ) -> None:
        """Make it; give it with :meth:`give`.

        Args:
            moves: the state that a successful answer puts the action in.
            accepted: called with the lock held once Relay has accepted it.
            params: what it has beside the ids.
        """
        sent: dict[str, Any] = action._ids()
        sent.update(params or {})
        method = f"{action._family or action._command}.{verb}"
        super().__init__(action._leg._desk.connection, kind, method, sent)
        self._action = action
        self._moves = moves
        self._accepted = accepted
        self._heard = -1

    def give(self, wait_timeout: float | None) -> C:
        """See :meth:`Command.give`; a command on an action that is over needs no connection."""
        if self._action._result is not None:
            Deadline(wait_timeout, name="wait_timeout")
            self._action._leg._desk.monitor.check_process()
            return self.unsent()
        return super().give(wait_timeout)

    def sending(self) -> None:
        """See :meth:`Command.sending`."""
        if self._action._result is not None:
            raise Over
        self._heard = self._action._heard

    def answered(self, answer: Answer) -> None:
        """See :meth:`Command.answered`."""
        action = self._action
        if answer.code in GONE:
            self._gone(answer)
        if answer.ok and action._result is None:
            if self._accepted is not None:
                self._accepted()
            if self._moves is not None and action._heard == self._heard:
                action._move(self._moves)

    def _gone(self, answer: Answer) -> None:
        action = self._action
        if action._result is None:
            why = f"Relay no longer knows the operation ({answer.message}); its end was not heard"
            action._leg._desk.connection.call_later(GONE_GRACE_S, lambda: action._end_with(why, None, "lost"))
        if answer.code == "410":
            action._leg._gone()

    def result(self, answer: Answer, deadline: Deadline) -> C:
        """See :meth:`Command.result`."""
        action = self._action
        return self.kind.of(answer, method=self.method, call_id=action._leg.id, control_id=action._control_id)

    def unsent(self) -> C:
        """See :meth:`Command.unsent`."""
        return self.kind.unsent(self._action._why_over())

    def failed(self, error: RelayError) -> None:
        """See :meth:`Command.failed`."""
        self._action._named(error)
