"""``calling.stream``: the sound of a leg, sent to a WebSocket of the application's while it sounds (protocol.md 13).

``inbound_track`` is what the phone says, ``outbound_track`` what it hears, ``both_tracks`` the two side by side; one
web page leaves ``_track`` and ``_tracks`` out. A frame goes out at the moment its last sample is over; the rest,
shorter, at the end. What the other side sends is not listened to. See ``media.framing`` for the frames.

``PCMU`` (default), ``PCMA`` and ``L16``, at 8 kHz, are real; any other codec is refused with ``400``. So is every
address but the loopback of this machine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.calls import Call
from relay_sync.emulator.checks import Field, one_of
from relay_sync.emulator.envelope import Refused
from relay_sync.emulator.media import MediaError, StreamFrames
from relay_sync.emulator.media.framing import PIECE
from relay_sync.emulator.objects import STREAM
from relay_sync.emulator.operations import Operation
from relay_sync.emulator.outlets import WebSocketOutlet

CODEC = "PCMU"

_TRACKS = {
    "inbound_track": ("inbound",), "outbound_track": ("outbound",), "both_tracks": ("inbound", "outbound"),
    "inbound": ("inbound",), "outbound": ("outbound",), "both": ("inbound", "outbound"),
}  # fmt: skip

FIELDS: tuple[Field, ...] = (*STREAM, Field("track", one_of(*_TRACKS), False))


def frames_for(call: Call, params: Mapping[str, Any], method: str) -> StreamFrames:
    """Return what makes the frames that checked params ask for; refuses with ``400`` what can't be made."""
    assumptions = call.around.assumptions
    try:
        return StreamFrames(
            params.get("codec", CODEC), _TRACKS[params.get("track", "inbound_track")],
            order=assumptions.stream_byte_order, bare=assumptions.stream_framing == "bare",
        )  # fmt: skip
    except MediaError as error:
        raise Refused("400", f"{method}: {error}") from None


def about(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the first frame holds besides the tracks and the format."""
    return {"callSid": call.id, "customParameters": params.get("custom_parameters", {})}


def headers(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that go with the opening request."""
    token = params.get("authorization_bearer_token")
    return {} if token is None else {"Authorization": f"Bearer {token}"}


class Stream(Operation):
    """One stream."""

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        self._frames = frames_for(call, params, "calling.stream")
        super().__init__(call, str(params["control_id"]))
        self._told: dict[str, Any] = {name: params[name] for name in ("url", "name") if name in params}
        self._goes_on = call.around.assumptions.unreachable_tap == "tapping"
        self._at = self._first = call.sample()
        outlet = WebSocketOutlet(call.around.outlets, params["url"], self._opened, self._lost, headers(params))
        self._outlet = outlet
        self.settled: Awaitable[object] | None = outlet.settled
        outlet.send(self._frames.start(self.control_id, about(call, params)))
        if self._goes_on:
            self._tell("streaming")
        self._listen(self._hear, block=PIECE)

    def stop(self) -> None:
        """End it with ``finished``."""
        self._catch_up()
        self._finish()

    def end_with_call(self, tell: bool) -> None:
        """The call has ended, and with it the stream, with ``finished``."""
        self._catch_up()
        self._finish(tell)

    def _opened(self) -> None:
        if not self.over and not self._goes_on:
            self._tell("streaming")

    def _lost(self) -> None:
        if not self.over and not self._goes_on:
            self._finish()

    def _hear(self, said: NDArray[np.int16]) -> None:
        upto = self._at + len(said)
        while self._at + PIECE <= upto:
            self._send(self._at + PIECE)

    def _send(self, upto: int) -> None:
        read = {"inbound": self.call.voice.read, "outbound": self.call.line.read}
        pieces = {track: read[track](self._at, upto) for track in self._frames.tracks}
        self._outlet.send(self._frames.media(self._at - self._first, pieces))
        self._at = upto

    def _finish(self, tell: bool = True) -> None:
        now = self.call.sample()
        self._close()
        if self._at < now:
            self._send(now)
        self._outlet.send(self._frames.stop())
        self._outlet.close()
        if tell:
            self._tell("finished")

    def _tell(self, state: str) -> None:
        self.call.emit("calling.call.stream", {"control_id": self.control_id, "state": state, **self._told})
