"""Calling: how one makes calls and receives them (api.md 6)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Protocol

from relay_sync.calling import checks, receiving
from relay_sync.calling.action import Action
from relay_sync.calling.call import Call
from relay_sync.calling.connect import Devices
from relay_sync.calling.devices import make_device, prepare_devices
from relay_sync.calling.dial import DialResult
from relay_sync.calling.result import ReceiveResult
from relay_sync.calling.table import CallHandler, CallTable
from relay_sync.link.waiting import check_timeout
from relay_sync.ref import Ref
from relay_sync.showing import shown

logger: logging.Logger = logging.getLogger(__name__)


class Host(receiving.Host, Protocol):
    """What calls need of the client."""

    def _table(self, *, connect: bool = True) -> CallTable:
        """The table of the present session, of this process; where ``connect``, a forked child's connects first."""


class Calling:
    """Makes calls and receives them; reached as ``client.calling``."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._handlers = receiving.Handlers(host)

    def __repr__(self) -> str:
        return f"<Calling, {self._handlers}>"

    def new_call(
        self,
        *,
        call_type: str = "phone",
        from_number: str | None = None,
        to_number: str | None = None,
        timeout: float | None = None,
        devices: Devices = None,
        region: str | None = None,
        max_duration: float | None = None,
        max_price_per_minute: float | None = None,
    ) -> Call:
        """Return a call that can be dialled. Sends nothing.

        Args:
            call_type: ``phone``, ``sip``, ``webrtc`` or ``agora``.
            from_number: who calls, in E.164 form such as ``+15550100``; a SIP address for ``sip``.
            to_number: who is called, likewise.
            timeout: seconds of ringing before Relay gives up; None leaves it to Relay.
            devices: several devices in place of ``to_number``: the outer list is tried in series,
                an inner list in parallel, and the first to answer is the call (api.md 6). Each is a
                dict with ``to_number`` and, where wanted, ``call_type``, ``from_number``,
                ``timeout``, and for ``sip`` ``from_name``, ``headers``, ``codecs``, ``webrtc_media``.
            region: where Relay should place the call from.
            max_duration: how long the call may last, more than 0: in minutes, say two sources, and in
                seconds, says one (protocol.md 19). Sent as it is.
            max_price_per_minute: what a minute of the call may cost, 0 or more.

        Raises:
            TypeError, ValueError: names the parameter, its value and the remedy.
        """
        if devices is None:
            steps = [[make_device(call_type, from_number, to_number, timeout)]]
        elif to_number is not None:
            raise ValueError(f"to_number={shown(to_number)} and devices were both given: give one of them")
        else:
            steps = prepare_devices(devices, "devices", from_number, timeout)
        single = steps[0][0] if len(steps) == len(steps[0]) == 1 else None
        call = Call(self._host._table().desk, single)
        call._to_dial = {"devices": steps}
        if region is not None:
            call._to_dial["region"] = checks.text(region, "region", "the name of a region")
        if max_duration is not None:
            call._to_dial["max_duration"] = checks.duration_limit(max_duration, "max_duration")
        if max_price_per_minute is not None:
            call._to_dial["max_price_per_minute"] = checks.price(max_price_per_minute, "max_price_per_minute")
        return call

    def dial(
        self,
        *,
        call_type: str = "phone",
        from_number: str | None = None,
        to_number: str | None = None,
        timeout: float | None = None,
        devices: Devices = None,
        region: str | None = None,
        max_duration: float | None = None,
        max_price_per_minute: float | None = None,
        wait_timeout: float | None = None,
    ) -> DialResult:
        """Make a call, and block until it is answered or can't be any more.

        A dial that times out, is interrupted or is lost hangs up what it began, whenever it shows up.

        Args:
            call_type, from_number, to_number, timeout, devices, region, max_duration,
                max_price_per_minute: as in :meth:`new_call`.
            wait_timeout: seconds for the whole of it. Without it: ``timeout`` (else 120; of several
                steps the sum) plus the client's ``request_timeout``.

        Returns:
            Successful when answered, with the call as ``result.call``.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was dialled.
            RelayTimeout: neither answered nor ended in time.
        """
        check_timeout(wait_timeout, "wait_timeout")
        call = self.new_call(
            call_type=call_type,
            from_number=from_number,
            to_number=to_number,
            timeout=timeout,
            devices=devices,
            region=region,
            max_duration=max_duration,
            max_price_per_minute=max_price_per_minute,
        )
        try:
            return call.dial(wait_timeout=wait_timeout)
        except BaseException:
            call._abandon_dial()
            raise

    def receive(
        self, contexts: Iterable[str], handler: CallHandler, *, wait_timeout: float | None = None
    ) -> ReceiveResult:
        """Have ``handler`` called with each inbound call for these contexts.

        Each call is handled on a thread of its own, up to ``Client(max_handlers=...)`` at a time; a
        call above that is passed back to Relay. Before ``connect()`` nothing is sent yet; the
        contexts are registered at every (re)connection.

        Args:
            contexts: names of contexts, as configured for the numbers; a later handler for a
                context takes the place of the earlier.
            handler: a function of one argument, the :class:`Call`; it may block.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer; not successful where it refused the contexts.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected, ConnectionLost, RelayTimeout: as every command.
        """
        return self._handlers.register(contexts, handler, wait_timeout)

    def find(self, ref: str) -> Call | Action[Any] | None:
        """Return the live call or action that a ref names. Sends nothing.

        For what keeps a name rather than the object: ``action.ref`` goes into a web session when the
        music starts, and the view that pauses it finds the action again.

        Args:
            ref: a ``call.ref`` or ``action.ref``.

        Returns:
            The very object; None where it is over, or not of this process and session: only the
            process that owns the connection can find it.

        Raises:
            TypeError, ValueError: it is no ref.
        """
        named = Ref.parse(ref)
        return self._host._table(connect=False).find(named)

    def _handler_for(self, context: str | None) -> CallHandler | None:
        """The handler of a context's calls."""
        return self._handlers.get(context)
