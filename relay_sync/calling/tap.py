"""Tapping a call: sending its sound elsewhere while it goes on (api.md 7.9, protocol.md 11.7)."""

from __future__ import annotations

import copy
import ipaddress
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from relay_sync.calling import checks, fields
from relay_sync.calling.action import Stoppable
from relay_sync.calling.leg import Leg
from relay_sync.calling.record import DIRECTIONS
from relay_sync.calling.result import Result
from relay_sync.showing import shown
from relay_sync.wire.events import Answer
from relay_sync.wire.states import OPERATIONS

CODECS = ("OPUS", "PCMA", "PCMU")


class TapResult(Result):
    """How a tap ended: successful when it finished, by itself or by ``stop()``.

    Attributes:
        tap: what was tapped: ``{type, params}``.
        source_device: where the sound came from: ``{type, params}``; None where Relay did not say.
        destination_device: where it went: ``{type, params}``.
    """

    tap: dict[str, Any] | None = None
    source_device: dict[str, Any] | None = None
    destination_device: dict[str, Any] | None = None


class TapAction(Stoppable[TapResult]):
    """A tap that is running on a call; made by :meth:`Call.tap_async`.

    ``state`` goes ``''``, ``'tapping'``, ``'finished'``; ``'failed'`` as for every action.
    """

    __slots__ = ("_destination", "_source", "_tap")

    _operation = OPERATIONS["tap"]
    _command = "calling.tap"
    _success = frozenset({"finished"})
    _result_type = TapResult

    def __init__(self, leg: Leg, params: dict[str, Any]) -> None:
        super().__init__(leg, params)
        self._tap: dict[str, Any] | None = params["tap"]
        self._destination: dict[str, Any] | None = params["device"]
        self._source: dict[str, Any] | None = None

    @property
    def source_device(self) -> dict[str, Any] | None:
        """A copy of where the sound comes from, ``{type, params}``; None before Relay told."""
        return copy.deepcopy(self._source)

    # -- what happens to it; the lock is held in all of these -----------------------------------------

    def _accepted(self, answer: Answer) -> None:
        self._source = _device(answer.result.get("source_device"))

    def _take(self, params: dict[str, Any]) -> None:
        self._tap = fields.mapping(params.get("tap")) or self._tap
        self._destination = _device(params.get("device")) or self._destination
        super()._take(params)

    def _make(self, **values: Any) -> TapResult:
        known = {"tap": self._tap, "source_device": self._source, "destination_device": self._destination}
        return super()._make(**copy.deepcopy(known), **values)


class Tapping(Leg):
    """The verbs that tap."""

    __slots__ = ()

    def tap(
        self,
        audio_direction: str,
        target_type: str,
        target_addr: str | None = None,
        target_port: int | None = None,
        target_ptime: int | None = None,
        target_uri: str | None = None,
        rate: int | None = None,
        codec: str | None = None,
        *,
        wait_timeout: float | None = None,
    ) -> TapResult:
        """Send the call's sound to another place, and block until that has ended.

        Args:
            audio_direction: ``listen`` for what the phone hears, ``speak`` for what is said there, ``both``.
            target_type: ``rtp`` (needs ``target_addr`` and ``target_port``) or ``ws`` (needs ``target_uri``).
            target_addr: for ``rtp``: an IPv4 address.
            target_port: for ``rtp``: 1 to 65535.
            target_ptime: for ``rtp``: milliseconds of sound in a packet; by default as in the call.
            target_uri: for ``ws``: an address that begins with ``ws://`` or ``wss://``.
            rate: for ``ws``: samples in a second.
            codec: ``OPUS``, ``PCMA`` or ``PCMU``; by default as in the call.
            wait_timeout: seconds for the whole of it; without it the call's end bounds the wait. A
                tap whose wait timed out goes on.

        Returns:
            Successful when it finished; not where Relay refused it, or the call ended first.

        Raises:
            TypeError, ValueError: bad arguments, among them those of the other type; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer, or no end, in time.
        """
        params = _target(audio_direction, target_type, target_addr, target_port, target_ptime, target_uri, rate, codec)
        action, deadline = self._start(TapAction(self, params), wait_timeout)
        return action._wait(deadline)

    def tap_async(
        self,
        audio_direction: str,
        target_type: str,
        target_addr: str | None = None,
        target_port: int | None = None,
        target_ptime: int | None = None,
        target_uri: str | None = None,
        rate: int | None = None,
        codec: str | None = None,
        *,
        wait_timeout: float | None = None,
    ) -> TapAction:
        """Start :meth:`tap` and return its action once Relay has accepted or refused it. Not asyncio.

        A refused one is ``completed`` with state ``'failed'``, and its result says why.
        ``wait_timeout`` bounds Relay's answer, as ``request_timeout`` does in any case.
        """
        params = _target(audio_direction, target_type, target_addr, target_port, target_ptime, target_uri, rate, codec)
        return self._start(TapAction(self, params), wait_timeout)[0]


def _ipv4(value: object, name: str) -> str:
    address = checks.text(value, name, "an IPv4 address")
    try:
        return str(ipaddress.IPv4Address(address))
    except ValueError:
        raise ValueError(f"{name}={shown(value)}: give an IPv4 address such as '192.0.2.10'") from None


def _uri(value: object, name: str) -> str:
    return checks.address(value, name, "a WebSocket address", ("ws://", "wss://"))


# For each type of target its parameters: name on the wire, whether it can't do without, check (protocol.md 16.6).
_codec = ("codec", False, partial(checks.one_of, allowed=CODECS))
_TARGETS: dict[str, dict[str, tuple[str, bool, Callable[[object, str], object]]]] = {
    "rtp": {
        "target_addr": ("addr", True, _ipv4),
        "target_port": ("port", True, partial(checks.whole, low=1, high=65535, unit="a port")),
        "target_ptime": ("ptime", False, partial(checks.whole, low=1, high=math.inf, unit="milliseconds")),
        "codec": _codec,
    },
    "ws": {
        "target_uri": ("uri", True, _uri),
        "rate": ("rate", False, partial(checks.whole, low=1, high=math.inf, unit="Hz")),
        "codec": _codec,
    },
}


def _target(
    audio_direction: object,
    target_type: object,
    target_addr: object,
    target_port: object,
    target_ptime: object,
    target_uri: object,
    rate: object,
    codec: object,
) -> dict[str, Any]:
    """The tap and device objects of protocol.md 16.6, checked."""
    given = {
        "target_addr": target_addr,
        "target_port": target_port,
        "target_ptime": target_ptime,
        "target_uri": target_uri,
        "rate": rate,
        "codec": codec,
    }
    direction = checks.one_of(audio_direction, "audio_direction", DIRECTIONS)
    kind = checks.one_of(target_type, "target_type", _TARGETS)
    known = _TARGETS[kind]
    params = {}
    for name, value in given.items():
        if value is not None and name not in known:
            raise ValueError(f"{name}={shown(value)} is not for target_type={kind!r}, which takes {', '.join(known)}")
        if value is None and name in known and known[name][1]:
            raise ValueError(f"{name} is missing: target_type={kind!r} needs it")
        if value is not None:
            wire, _, check = known[name]
            params[wire] = check(value, name)
    return {"tap": {"type": "audio", "params": {"direction": direction}}, "device": {"type": kind, "params": params}}


def _device(value: object) -> dict[str, Any] | None:
    """A device as Relay tells it, its numbers as numbers; older services write some as strings."""
    device = copy.deepcopy(fields.mapping(value))
    params = device.get("params")
    if isinstance(params, dict):
        for name in {"port", "ptime", "rate"} & params.keys():
            read = fields.number(params[name])
            params[name] = params[name] if read is None else read
    return device or None
