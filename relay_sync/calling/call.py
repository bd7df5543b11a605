"""Call: what users hold of a phone call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from relay_sync.calling.ai import AI
from relay_sync.calling.checks import one_of
from relay_sync.calling.collecting import Collecting
from relay_sync.calling.conference import Conferring
from relay_sync.calling.connect import Connecting
from relay_sync.calling.detect import Detecting
from relay_sync.calling.dial import Dialling
from relay_sync.calling.digits import Digits
from relay_sync.calling.door import Door
from relay_sync.calling.fax import Faxing
from relay_sync.calling.hearing import Hearing
from relay_sync.calling.media_stream import Streaming
from relay_sync.calling.pay import Paying
from relay_sync.calling.play import Playing
from relay_sync.calling.prompt import Prompting
from relay_sync.calling.queueing import Queueing
from relay_sync.calling.record import Recording
from relay_sync.calling.refer import Referring
from relay_sync.calling.sound import Sounding
from relay_sync.calling.steering import Steering
from relay_sync.calling.stream import EventStream
from relay_sync.calling.tap import Tapping
from relay_sync.calling.transcribe import Transcribing
from relay_sync.link.waiting import Deadline
from relay_sync.ref import Ref
from relay_sync.wire.states import CALL_STATES


class Call(
    Dialling,
    Playing,
    Connecting,
    Prompting,
    Recording,
    Detecting,
    Faxing,
    Tapping,
    Digits,
    Referring,
    Collecting,
    Streaming,
    Paying,
    Transcribing,
    AI,
    Conferring,
    Queueing,
    Sounding,
    Steering,
    Door,
    Hearing,
):
    """A phone call: made by ``client.calling``, or handed to the handler of inbound calls.

    Its attributes show the latest that Relay told. Safe to use from any thread; every verb blocks
    until what its name says has happened, and the ``*_async`` ones until Relay has accepted it.
    """

    __slots__ = ()

    # -- what it is ---------------------------------------------------------------------------------

    @property
    def device(self) -> dict[str, Any]:
        """A copy of ``{type, params}`` as sent to Relay or received from it (protocol.md 16.2)."""
        return self._device_told()

    @property
    def call_type(self) -> str | None:
        """``phone``, ``sip`` or ``webrtc``."""
        return self._device_told().get("type")

    @property
    def from_number(self) -> str | None:
        """Who calls: a phone number, or a SIP address."""
        return self._number("from_number", "from")

    @property
    def to_number(self) -> str | None:
        """Who is called: a phone number, or a SIP address."""
        return self._number("to_number", "to")

    @property
    def timeout(self) -> float | None:
        """Seconds of ringing before Relay gives up; None where that is left to Relay."""
        return self._ring_timeout()

    @property
    def ref(self) -> str | None:
        """Its name, for a session, a database or a queue: short, safe in JSON, and without a secret.

        ``client.calling.find(ref)`` gives the live call again. None while Relay has not told the call's id.
        """
        return None if self.id is None else Ref(self.node_id or "", self.id).text

    def _number(self, *names: str) -> str | None:
        params = self._device_told().get("params", {})
        for name in names:
            if isinstance(params.get(name), str):
                return str(params[name])
        return None

    # -- how it goes --------------------------------------------------------------------------------

    @property
    def active(self) -> bool:
        """Whether it is not ``ended``, and can still be heard of."""
        return not self._over and not self.ended

    @property
    def ended(self) -> bool:
        """Whether its state is ``ending`` or ``ended``."""
        return self.state in ("ending", "ended")

    @property
    def answered(self) -> bool:
        """Whether its state is exactly ``answered``."""
        return self.state == "answered"

    @property
    def failed(self) -> bool:
        """Whether it ended with an error, or the session that held it was lost."""
        return (self.ended or not self.active) and (self.end_reason == "error" or self._lost)

    @property
    def busy(self) -> bool:
        """Whether it ended because the other side was busy."""
        # A dial of several devices may fail without a state of its own.
        return (self.ended or not self.active) and self.end_reason == "busy"

    def __repr__(self) -> str:
        return f"<Call {self.state or 'not dialled'} {self.direction or 'outbound'} id=…{(self.id or '')[-6:]}>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"{self!r} belongs to this process and can't be pickled: pass on its ref, for calling.find()")

    # -- waiting ------------------------------------------------------------------------------------

    def wait_for(self, *events: str | Iterable[str], timeout: float | None = None) -> bool:
        """Block until the call has been in one of these states.

        Args:
            events: call states, as separate arguments or as one list; ``ended`` where none is given.
            timeout: seconds; None waits as long as one of them can still come, 0 only looks.

        Returns:
            True when it is or was in one of them; False when none of them can come any more: the
            call has gone past them or ended without them, or its session was lost.

        Raises:
            RelayTimeout: neither within ``timeout``. That changes nothing: wait again.
            ValueError, TypeError: no such state.
        """
        wanted: list[str] = []
        for item in events:
            several: Iterable[object] = item if isinstance(item, Iterable) and not isinstance(item, str) else [item]
            wanted += [one_of(state, "events", CALL_STATES) for state in several]
        wanted = wanted or ["ended"]

        def came() -> bool:
            return any(state in self._occurred for state in wanted)

        def past() -> bool:
            here = CALL_STATES.index(self.state) if self.state in CALL_STATES else -1
            return all(CALL_STATES.index(state) < here for state in wanted)

        self._wait_until(lambda: came() or past(), Deadline(timeout), f"was not {' or '.join(wanted)}")
        return came()

    def wait_for_ringing(self, *, timeout: float | None = None) -> bool:
        """Block until it rings; see :meth:`wait_for`."""
        return self.wait_for("ringing", timeout=timeout)

    def wait_for_answered(self, *, timeout: float | None = None) -> bool:
        """Block until it is answered; see :meth:`wait_for`."""
        return self.wait_for("answered", timeout=timeout)

    def wait_for_ending(self, *, timeout: float | None = None) -> bool:
        """Block until it is ending; see :meth:`wait_for`."""
        return self.wait_for("ending", timeout=timeout)

    def wait_for_ended(self, *, timeout: float | None = None) -> bool:
        """Block until it has ended; see :meth:`wait_for`."""
        return self.wait_for("ended", timeout=timeout)

    def events(self, timeout: float | None = None) -> EventStream:
        """Iterate over everything that Relay tells of this call from now on, until its end.

        The ``name`` of each :class:`Event` is the most particular one that :meth:`on` knows it by,
        such as ``answered`` or ``play.finished``.

        Args:
            timeout: seconds that each step may wait for the next event; None waits as long as the call lives.

        Returns:
            An iterator, which ends with the call or the session.

        Raises:
            RelayTimeout: in a step, when nothing came in time; the next one may go on.
            TypeError, ValueError: ``timeout`` is not a number of seconds.
        """
        monitor = self._desk.monitor
        monitor.check_process()
        stream = EventStream(monitor, timeout, self._drop_stream, repr(self))
        with monitor.lock:
            self._end_if_closed()
            if self._over:
                stream._end()
            else:
                self._streams = [*(self._streams or ()), stream]
        return stream

    def _drop_stream(self, stream: EventStream) -> None:
        self._streams = [one for one in self._streams or () if one is not stream]
