"""Bridging a call to another one (api.md 7.3, protocol.md 10.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from relay_sync.calling import checks
from relay_sync.calling.action import Action
from relay_sync.calling.command import Over
from relay_sync.calling.devices import prepare_devices
from relay_sync.calling.leg import Leg
from relay_sync.calling.media import Media, prepare
from relay_sync.calling.result import Result
from relay_sync.link.waiting import Deadline
from relay_sync.wire.states import OPERATIONS

if TYPE_CHECKING:
    from relay_sync.calling.call import Call

Devices = Any  # a dict, or a list of dicts and lists of dicts: prepare_devices() says it in full


class ConnectResult(Result):
    """How an attempt to connect ended: successful when the other side answered and both are bridged.

    Attributes:
        call: the other call; None where there is none, and in a pickled result only its ids.
    """

    call: Call | None = None


class DisconnectResult(Result):
    """How ``disconnect()`` ended: successful when Relay said that the bridge is over."""

    __slots__ = ()


class ConnectAction(Action[ConnectResult]):
    """An attempt to connect the call to another; made by :meth:`Call.connect_async`.

    It is over when both are bridged, or can't be; the wire knows no command for it.
    """

    __slots__ = ()

    _operation = OPERATIONS["connect"]
    _command = "calling.connect"
    _success = frozenset({"connected"})
    _result_type = ConnectResult
    _controlled = False

    def _judge(self, state: str, params: dict[str, Any]) -> ConnectResult | None:
        if state not in self._operation.final:
            return None
        bridged = state in self._success
        return self._ended(state, params, bridged, call=cast("Call | None", self._leg.peer) if bridged else None)


class Connecting(Leg):
    """The verbs of the bridge."""

    __slots__ = ()

    def connect(
        self,
        device_list: Devices,
        ringback_list: Iterable[Media] | None = None,
        *,
        tag: str | None = None,
        max_duration: float | None = None,
        max_price_per_minute: float | None = None,
        status_url: str | None = None,
        wait_timeout: float | None = None,
    ) -> ConnectResult:
        """Call other devices, bridge this call to the first that answers, and block until it is or can't be.

        Args:
            device_list: what to call: the outer list in series, an inner list in parallel; a dict is
                a step of one. Keys: ``to_number`` and, where wanted, ``call_type`` (``phone``,
                ``sip``, ``webrtc``, ``agora``), ``from_number`` (this call's by default), ``timeout``
                (seconds of ringing; this call's by default), and the further ones of
                :func:`relay_sync.calling.devices.make_device`. Or, with ``type`` and ``params`` as on
                the wire, a ``call`` (``node_id``, ``call_id``), a ``queue`` (``queue_name``,
                ``node_id``, ``queue_id``) or a ``stream`` (``url``, and what :meth:`stream` takes).
                Not changed.
            ringback_list: media, as for :meth:`play`, that the caller hears meanwhile.
            tag: a tag for the other call.
            max_duration: how long the other call may last, more than 0: in minutes, say two sources,
                and in seconds, says one (protocol.md 19). Sent as it is.
            max_price_per_minute: what a minute of it may cost, 0 or more.
            status_url: http or https address that is told how it goes.
            wait_timeout: seconds for the whole of it; without it the call's end bounds the wait.

        Returns:
            Successful when bridged, with the other call as ``result.call``.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer, or neither bridged nor failed, in time.
        """
        extras = _extras(tag, max_duration, max_price_per_minute, status_url)
        action, deadline = self._start(self._new_connect(device_list, ringback_list, extras), wait_timeout)
        return action._wait(deadline)

    def connect_async(
        self,
        device_list: Devices,
        ringback_list: Iterable[Media] | None = None,
        *,
        tag: str | None = None,
        max_duration: float | None = None,
        max_price_per_minute: float | None = None,
        status_url: str | None = None,
        wait_timeout: float | None = None,
    ) -> ConnectAction:
        """Start :meth:`connect` and return its action once Relay has answered. Not asyncio."""
        extras = _extras(tag, max_duration, max_price_per_minute, status_url)
        return self._start(self._new_connect(device_list, ringback_list, extras), wait_timeout)[0]

    def disconnect(self, *, wait_timeout: float | None = None) -> DisconnectResult:
        """End the bridge and block until it has ended; both calls may live on.

        Args:
            wait_timeout: seconds for the whole of it; without it the call's end bounds the wait.

        Returns:
            Successful when Relay said that the bridge is over. Where the call is not bridged,
            nothing is sent and it is not successful.

        Raises:
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer, or no end of the bridge, in time.
        """
        deadline = Deadline(wait_timeout, name="wait_timeout")
        self._desk.monitor.check_process()
        why = self._not_usable() or ("" if self.peer is not None else "the call is not connected to another")
        if why:
            return DisconnectResult.unsent(why)
        try:
            reply = self._request("calling.disconnect", {}, deadline)
        except Over:
            return DisconnectResult.unsent(self._not_usable())
        if not reply.ok:
            return DisconnectResult.of(reply, method="calling.disconnect", call_id=self.id)
        self._wait_until(lambda: self.peer is None, deadline, "was not disconnected")
        bridge = self._bridge
        if bridge is not None and bridge.name == "disconnected":
            return DisconnectResult(successful=True, event=bridge, _outcome="done")
        why = self._over or "the other call ended first"
        return DisconnectResult(message=why, event=self._last_event(), _outcome=self._over_outcome())

    def _new_connect(
        self, device_list: Devices, ringback_list: Iterable[Media] | None, extras: dict[str, Any]
    ) -> ConnectAction:
        call = cast("Call", self)  # every leg that users see is a Call
        params: dict[str, Any] = {
            "devices": prepare_devices(device_list, "device_list", call.from_number, call.timeout, of_a_call=True),
            **extras,
        }
        if isinstance(ringback_list, Iterable) and not isinstance(ringback_list, (str, bytes, Mapping)):
            ringback_list = list(ringback_list) or None
        if ringback_list is not None:
            params["ringback"] = prepare(ringback_list, "ringback_list")
        return ConnectAction(self, params)


def _extras(tag: object, max_duration: object, max_price_per_minute: object, status_url: object) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if tag is not None:
        extras["tag"] = checks.text(tag, "tag", "a tag for the other call")
    if max_duration is not None:
        extras["max_duration"] = checks.duration_limit(max_duration, "max_duration")
    if max_price_per_minute is not None:
        extras["max_price_per_minute"] = checks.price(max_price_per_minute, "max_price_per_minute")
    if status_url is not None:
        extras["status_url"] = checks.web_address(status_url, "status_url")
    return extras
