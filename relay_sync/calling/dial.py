"""The life of a call: dial, answer, hang up, pass back (api.md 7.2, protocol.md 10)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from relay_sync.calling import checks
from relay_sync.calling.command import Command, Over
from relay_sync.calling.devices import device_codecs
from relay_sync.calling.gone import GONE
from relay_sync.calling.kept import whole
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import CallIds, Event, Result
from relay_sync.errors import NotConnected, RelayError, RelayTimeout
from relay_sync.link.waiting import Deadline
from relay_sync.wire.events import Answer

if TYPE_CHECKING:
    from relay_sync.calling.call import Call

R = TypeVar("R", bound=Result)

RING_S = 120.0  # how long a dial without a ring timeout may take
REASONS = ("hangup", "cancel", "busy", "noAnswer", "decline", "error")  # api.md 7.2


class DialResult(Result):
    """How a dial ended: successful when the call was answered.

    Attributes:
        call: the call; in a pickled result only its ids.
    """

    call: Call

    def _ids(self) -> dict[str, str | None]:
        call_id = self.call.call_id if isinstance(self.call, CallIds) else self.call.id
        return {"call_id": call_id}


class AnswerResult(Result):
    """How ``answer()`` ended: successful when the call was answered."""

    __slots__ = ()


class HangupResult(Result):
    """How ``hangup()`` ended: successful when Relay said that the call has ended.

    Attributes:
        reason: Relay's end reason, or the one that was sent where Relay gave none.
    """

    reason: str = ""


class PassResult(Result):
    """Relay's answer to ``pass_()``."""

    __slots__ = ()


def ring_timeout(device: dict[str, Any] | None) -> float | None:
    """Seconds of ringing that a device object asks for; None where it asks for none."""
    timeout = (device or {}).get("params", {}).get("timeout")
    valid = isinstance(timeout, (int, float)) and not isinstance(timeout, bool) and math.isfinite(timeout)
    return float(timeout) if valid else None


class HangUp(Command[HangupResult]):
    """The end of a call, which is over when Relay says that the call has ended."""

    __slots__ = ("_call", "_reason")

    def __init__(self, call: Dialling, reason: str) -> None:
        super().__init__(call._desk.connection, HangupResult, "calling.end", {"reason": reason})
        self._call = call
        self._reason = reason

    def give(self, wait_timeout: float | None) -> HangupResult:
        """See :meth:`Command.give`; on a call that is over, it needs no connection."""
        if self._call._not_usable():
            Deadline(wait_timeout, name="wait_timeout")
            self._call._desk.monitor.check_process()
            return self.unsent()
        return super().give(wait_timeout)

    def sending(self) -> None:
        """See :meth:`Command.sending`."""
        call = self._call
        call._check_usable()
        self.params.update(node_id=call.node_id, call_id=call.id)

    def answered(self, answer: Answer) -> None:
        """See :meth:`Command.answered`."""
        self._call._heard_answer(None, GONE, answer)

    def result(self, answer: Answer, deadline: Deadline) -> HangupResult:
        """See :meth:`Command.result`; blocks until the call has ended."""
        call, reason = self._call, self._reason
        if not answer.ok:
            about: dict[str, str | None] = {"method": self.method, "call_id": call.id}
            return HangupResult(
                code=answer.code, message=answer.message, reason=reason, _outcome="refused", _about=about
            )
        call._wait_until(lambda: call.state == "ended", deadline, "did not end")
        return call._ended_in(
            "ended", partial(HangupResult, reason=call.end_reason or reason), "Relay did not say that the call ended"
        )

    def unsent(self) -> HangupResult:
        """See :meth:`Command.unsent`."""
        call = self._call
        return HangupResult(message=f"{call._not_usable()}; nothing was sent", reason=call.end_reason or self._reason)

    def failed(self, error: RelayError) -> None:
        """See :meth:`Command.failed`."""
        error.call_id = self._call.id


class Dialling(Leg):
    """The verbs of a call's life."""

    __slots__ = ()

    def dial(self, *, wait_timeout: float | None = None) -> DialResult:
        """Dial the call and block until it is answered, or can't be any more.

        For a call made by ``calling.new_call``. The call stays its owner's: after a time-out it
        goes on ringing, and ``hangup()`` ends it.

        Args:
            wait_timeout: seconds for the whole of it. Without it: the call's ring timeout (else
                120) plus the client's ``request_timeout``.

        Returns:
            Successful when answered; not when it was refused, busy, declined, not answered or ended.

        Raises:
            NotConnected: not sent. ConnectionLost: unknown whether it was dialled.
            RelayTimeout: neither answered nor ended in time.
        """
        ring = self._longest_ring()
        limit = (ring or RING_S) + self._desk.request_timeout if wait_timeout is None else wait_timeout
        deadline = Deadline(limit, name="wait_timeout")
        self._desk.monitor.check_process()
        if self._over or self._dialled or self.id is not None:
            return self._dialled_before()
        try:
            answer = self._send_dial(deadline)
        except Over:
            return self._dialled_before()
        if not answer.ok:
            about: dict[str, str | None] = {"method": "calling.dial"}
            return DialResult(
                call=self._as_call(), code=answer.code, message=answer.message, _outcome="refused", _about=about
            )
        self._wait_until(lambda: self.state in ("answered", "ending", "ended"), deadline, "was not answered")
        return self._ended_in("answered", partial(DialResult, call=self._as_call()), "the call was not answered")

    def answer(
        self,
        *,
        max_duration: float | None = None,
        codecs: Iterable[str] | None = None,
        wait_timeout: float | None = None,
    ) -> AnswerResult:
        """Answer an inbound call and block until it is answered, or has ended.

        Args:
            max_duration: how long the call may last, more than 0. No source says in what unit; of
                ``connect`` two say minutes, one seconds.
            codecs: codecs to answer with, of PCMU PCMA OPUS G729 G722 VP8 H264.
            wait_timeout: seconds for the whole of it; without it the call's end bounds the wait.

        Returns:
            Successful when answered, at once where it is already; not where it was refused or ended.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer from Relay, or the call not answered, in time.
        """
        params: dict[str, Any] = (
            {} if max_duration is None else {"max_duration": checks.duration_limit(max_duration, "max_duration")}
        )
        if codecs is not None:
            params["codecs"] = device_codecs(codecs, "codecs")
        deadline = Deadline(wait_timeout, name="wait_timeout")
        self._desk.monitor.check_process()
        if self.state == "answered" and not self._over:
            return AnswerResult(successful=True, event=self._last_event(), _outcome="done")
        why = self._not_usable()
        if why:
            return AnswerResult.unsent(why)
        try:
            reply = self._request("calling.answer", params, deadline)
        except Over:
            return AnswerResult.unsent(self._not_usable())
        if not reply.ok:
            return AnswerResult.of(reply, method="calling.answer", call_id=self.id)
        self._wait_until(lambda: self.state in ("answered", "ending", "ended"), deadline, "was not answered")
        return self._ended_in("answered", AnswerResult, "the call ended before it was answered")

    def hangup(self, reason: str = "hangup", *, wait_timeout: float | None = None) -> HangupResult:
        """End the call, answered or not, and block until it has ended.

        Args:
            reason: ``hangup``, ``cancel``, ``busy``, ``noAnswer``, ``decline`` or ``error``.
            wait_timeout: seconds for the whole of it; without it the session's end bounds the wait.

        Returns:
            Successful when Relay said that the call has ended. Where it had ended before, nothing is
            sent and the result is not successful.

        Raises:
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer from Relay, or the call not ended, in time.
        """
        return self._hangup_command(reason).give(wait_timeout)

    def _hangup_command(self, reason: str = "hangup") -> Command[HangupResult]:
        return HangUp(self, checks.one_of(reason, "reason", REASONS))

    def pass_(self, *, wait_timeout: float | None = None) -> PassResult:
        """Give an inbound call that was not answered back: Relay offers it to another consumer.

        After Relay agreed, the call is no longer this client's: whatever waits on it ends.

        Args:
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Raises:
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        return self._carry_out(PassResult, "calling.pass", {}, wait_timeout, answered=self._passed)

    # -- plumbing -----------------------------------------------------------------------------------

    def _abandon_dial(self) -> None:
        """Nobody waits for this dial any more: hang up its legs whenever they show up."""
        self._desk.connection.act(lambda: self._desk.shelf.abandon(self))

    def _as_call(self) -> Call:
        return cast("Call", self)  # every leg that users see is a Call

    def _ring_timeout(self) -> float | None:
        return ring_timeout(self._device_told())

    def _longest_ring(self) -> float | None:
        """Seconds that all steps of the dial together may ring; None where one has no limit."""
        steps = (self._to_dial or {}).get("devices", [])
        rings = [[ring_timeout(device) for device in step] for step in steps]
        if any(ring is None for step in rings for ring in step):
            return None
        return sum(max(ring or 0.0 for ring in step) for step in rings)

    def _send_dial(self, deadline: Deadline) -> Answer:
        """Send the dial, once; where it surely was not sent, the call may be dialled again."""
        mine = False

        def enlist() -> None:
            nonlocal mine
            if self._over or (self._dialled and not mine):
                raise Over  # another thread was quicker, or the session is gone
            mine = self._dialled = True
            self._desk.shelf.dialling(self)

        params = {"tag": self.tag, **(self._to_dial or {})}
        try:
            return self._request("calling.dial", params, deadline, sending=enlist, answered=self._dial_answered)
        except (NotConnected, RelayTimeout) as error:
            if mine and not getattr(error, "sent", False):
                with self._desk.monitor.lock:
                    self._dialled = False
                    self._desk.shelf.forget(self)
            raise

    def _dial_answered(self, answer: Answer) -> None:
        """Relay answered the dial. The lock is held, by the reader."""
        if not answer.ok:
            self._close(f"the dial was refused: {answer.message}", None, lost=False)

    def _passed(self, answer: Answer) -> None:
        if answer.ok:
            self._close("the call was passed back", None, lost=False)

    def _dialled_before(self) -> DialResult:
        inbound = "the call is an inbound one: answer() it"
        dialled = "the call was dialled already: make a new one"
        why = self._over or (inbound if self.direction == "inbound" else dialled)
        return DialResult(call=self._as_call(), message=f"{why}; nothing was sent")

    def _ended_in(self, state: str, kind: Callable[..., R], otherwise: str) -> R:
        """The result of a verb whose success is that the call was, for once, in ``state``."""
        if state in self._occurred:
            # More may have been told before the waiting thread woke.
            answer = self._answer_told if state == "answered" else None
            event = Event(state, whole(answer)) if answer else self._last_event()
            return kind(successful=True, event=event, _outcome="done")
        event = self._closing if self._over else self._last_event()
        why = f"{otherwise} ({self.end_reason})" if self.end_reason else otherwise
        return kind(message=self._over or why, event=event, _outcome=self._over_outcome())
