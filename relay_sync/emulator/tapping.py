"""``calling.tap``: the sound of a leg, sent on while it sounds (protocol.md 11.7, 16.6).

``listen`` is what the phone hears, ``speak`` what it says, ``both`` the two mixed. A packet or frame goes out at the
moment its last sample is over; the rest, shorter, at the end of the tap.

* ``rtp``: RTP (RFC 3550) by UDP, ``ptime`` ms to a packet (20). Nobody can tell whether it arrives.
* ``ws``: a WebSocket that the emulator opens; binary frames of 20 ms, the bare codec at ``rate`` Hz (8000).

``PCMU`` (default) and ``PCMA`` are real; ``OPUS`` is refused with ``400``, since nothing here encodes it. So is every
target but the loopback of this machine.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.calls import Call
from relay_sync.emulator.envelope import Refused
from relay_sync.emulator.media import RATE, Directions, MediaError, RtpPackets, WebSocketFrames
from relay_sync.emulator.operations import BLOCK, Operation
from relay_sync.emulator.outlets import UdpOutlet, WebSocketOutlet

DIRECTION = "speak"
CODEC = "PCMU"
PTIME = 20


class Outlet(Protocol):
    """Where packets go."""

    def send(self, packets: list[bytes]) -> None:
        """Send each, in order."""

    def close(self) -> None:
        """Send no more."""


class Tap(Operation):
    """One tap."""

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        self._tap, self._device = params["tap"], params["device"]
        options = {**self._tap["params"], **self._device["params"]}  # Ruby's codec and rate are in the first
        self._packets = _packets(self._device["type"], options)
        super().__init__(call, str(params["control_id"]))
        directions = Directions(heard=call.line, said=call.voice)
        direction = options.get("direction", DIRECTION)
        self._outlet: Outlet
        if self._device["type"] == "rtp":
            self._send_by_udp(options)
        else:
            self._send_by_web_socket(options)
        block = self._packets.samples if isinstance(self._packets, RtpPackets) else BLOCK
        self._listen(self._hear, lambda first, last: directions.mono(direction, first, last), block)

    def stop(self) -> None:
        """End it with ``finished``."""
        self._catch_up()
        self._finish()

    def end_with_call(self, tell: bool) -> None:
        """The call has ended, and with it the tap, with ``finished``."""
        self._catch_up()
        self._finish(tell)

    def _send_by_udp(self, options: dict[str, Any]) -> None:
        outlet = UdpOutlet(options["addr"], int(options["port"]))
        self._outlet = outlet
        ptime = int(options.get("ptime", PTIME))
        self._say_source(addr="127.0.0.1", port=outlet.port, codec=self._packets.codec, ptime=ptime, rate=RATE)
        self._tell("tapping")

    def _send_by_web_socket(self, options: dict[str, Any]) -> None:
        outlet = WebSocketOutlet(self.call.around.outlets, options["uri"], self._opened, self._lost)
        self._outlet = outlet
        self.settled: Awaitable[object] | None = outlet.settled
        self._say_source(codec=self._packets.codec, rate=int(options.get("rate", RATE)))
        if self.call.around.assumptions.unreachable_tap == "tapping":
            self._tell("tapping")

    def _opened(self) -> None:
        if not self.over and self.call.around.assumptions.unreachable_tap == "finished":
            self._tell("tapping")

    def _lost(self) -> None:
        if not self.over and self.call.around.assumptions.unreachable_tap == "finished":
            self._finish()

    def _hear(self, block: NDArray[np.int16]) -> None:
        self._outlet.send(self._packets.feed(block))

    def _finish(self, tell: bool = True) -> None:
        self._close()
        self._outlet.send(self._packets.flush())
        self._outlet.close()
        if tell:
            self._tell("finished")

    def _say_source(self, **params: Any) -> None:
        self.reply["source_device"] = {"type": self._device["type"], "params": params}

    def _tell(self, state: str) -> None:
        told = {"control_id": self.control_id, "state": state, "tap": self._tap, "device": self._device}
        self.call.emit("calling.call.tap", told)


def _packets(kind: str, options: dict[str, Any]) -> RtpPackets | WebSocketFrames:
    codec = options.get("codec", CODEC)
    try:
        if kind == "rtp":
            return RtpPackets(codec, int(options.get("ptime", PTIME)))
        return WebSocketFrames(codec, int(options.get("rate", RATE)))
    except MediaError as error:
        raise Refused("400", f"calling.tap: {error}") from None
