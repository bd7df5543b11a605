"""Handlers of a call's events: what ``call.on`` takes, and what type checkers make of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from relay_sync.calling.checks import handler as check_handler
from relay_sync.calling.checks import one_of
from relay_sync.calling.leg import Handler, Leg
from relay_sync.wire.states import EVENT_NAMES

if TYPE_CHECKING:
    from typing_extensions import Self

    from relay_sync import payloads


class Hearing(Leg):
    """The verbs that add handlers and take them away."""

    __slots__ = ()

    @overload
    def on(self, event: payloads.StateName, callback: Callable[[payloads.StatePayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.PlayName, callback: Callable[[payloads.PlayPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.CollectName, callback: Callable[[payloads.CollectPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.RecordName, callback: Callable[[payloads.RecordPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.DetectorName, callback: Callable[[payloads.DetectorPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.DetectName, callback: Callable[[payloads.DetectPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.FaxName, callback: Callable[[payloads.FaxPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.TapName, callback: Callable[[payloads.TapPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.SendDigitsName, callback: Callable[[payloads.SendDigitsPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.ReferName, callback: Callable[[payloads.ReferPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.ConnectName, callback: Callable[[payloads.ConnectPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.StreamName, callback: Callable[[payloads.StreamPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.PayName, callback: Callable[[payloads.PayPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.TranscribeName, callback: Callable[[payloads.TranscribePayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.AIName, callback: Callable[[payloads.AIPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.QueueName, callback: Callable[[payloads.QueuePayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.HoldName, callback: Callable[[payloads.HoldPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.DenoiseName, callback: Callable[[payloads.DenoisePayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.EchoName, callback: Callable[[payloads.EchoPayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.ConferenceName, callback: Callable[[payloads.ConferencePayload], object]) -> Self: ...
    @overload
    def on(self, event: payloads.ErrorName, callback: Callable[[payloads.ErrorPayload], object]) -> Self: ...
    @overload
    def on(self, event: str, callback: Handler) -> Self: ...
    def on(self, event: str, callback: Callable[[Any], object]) -> Self:
        """Have ``callback`` called with one dict, the event's fields and ``event_type``, at each such event.

        Handlers are plain functions that may block and may use the call. Those of one call run one
        at a time, in the order of the events, on a worker thread; what they raise is logged. They
        see what Relay sends, and are dropped after the ``ended`` ones ran.

        Args:
            event: a name of api.md 11, such as ``answered`` or ``play.finished``, or Relay's own
                name, such as ``calling.call.play``; any that begins with ``calling.`` will do, for
                what comes next.
            callback: a function of one argument; several may be added to one event. What the dict holds
                is in :mod:`relay_sync.payloads`, for hints.

        Raises:
            ValueError, TypeError: no such event, or ``callback`` can't be called.
        """
        _check_event(event)
        check_handler(callback, "callback")
        self._change_handlers(event, lambda present: (*present, callback))
        return self

    def off(self, event: str, callback: Callable[[Any], object] | None = None) -> Self:
        """Remove ``callback`` from an event, or all of that event's handlers where none is given.

        What has come before is still given to it.
        """
        _check_event(event)
        # By equality, which for functions is identity: a bound method is another object each time one looks at it.
        self._change_handlers(
            event, lambda present: tuple(one for one in present if callback is not None and one != callback)
        )
        return self

    def _change_handlers(self, event: str, change: Callable[[tuple[Handler, ...]], tuple[Handler, ...]]) -> None:
        monitor = self._desk.monitor
        monitor.check_process()
        with monitor.lock:
            if self._over:
                return
            handlers = self._handlers or {}
            changed = change(handlers.get(event, ()))
            others = {name: known for name, known in handlers.items() if name != event}
            self._handlers = {**others, event: changed} if changed else others


def _check_event(event: object) -> None:
    if not (isinstance(event, str) and event.startswith("calling.")):
        one_of(event, "event", EVENT_NAMES)
