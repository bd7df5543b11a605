"""``calling.connect`` to a device of type ``stream``: the phone talks with a WebSocket (protocol.md 16.2).

What the phone says goes out as in ``calling.stream``; the ``media`` frames that come back are heard by the phone, one
after the other. No source says what the events of such a connect are: here ``peer`` holds the device and no ids. When
the other side can't be reached the connect has failed with ``error``; when it goes away, or the call is disconnected,
they are ``disconnected``.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.calls import Call
from relay_sync.emulator.connect import EVENT
from relay_sync.emulator.media import Playback
from relay_sync.emulator.media.framing import PIECE
from relay_sync.emulator.media.sound import FULL_SCALE
from relay_sync.emulator.operations import Ear
from relay_sync.emulator.outlets import WebSocketOutlet
from relay_sync.emulator.streaming import about, frames_for, headers

if TYPE_CHECKING:
    from relay_sync.emulator.media import Samples


class Streamed:
    """A call that is, or is to be, connected to a stream; its ``bridge`` from the connection on."""

    def __init__(self, call: Call, device: Mapping[str, Any]) -> None:
        params = device["params"]
        self._call = call
        self._peer = {"device": dict(device)}
        self._frames = frames_for(call, params, "calling.connect")
        self._ear: Ear | None = None
        self._at = 0
        self._heard: Playback | None = None
        self._over = False
        call.connecting = True
        call.on_ended.append(self._call_ended)
        call.emit(EVENT, {"connect_state": "connecting"})
        self._outlet = WebSocketOutlet(
            call.around.outlets, params["url"], self._opened, self._lost, headers(params), self._took
        )
        self._outlet.send(self._frames.start(str(uuid.uuid4()), about(call, params)))

    def peer_of(self, call: Call) -> str | None:
        """Return None: no call is at the other end."""
        return None

    def part(self) -> None:
        """End it here; the call lives on."""
        if self._end():
            self._call.emit(EVENT, {"connect_state": "disconnected", "peer": self._peer})

    def _opened(self) -> None:
        if self._over:
            return
        call = self._call
        call.connecting = False
        call.bridge = self
        self._at = call.sample()
        self._ear = Ear(call, self._hear, call.voice.onward.read, PIECE)
        call.emit(EVENT, {"connect_state": "connected", "peer": self._peer})

    def _call_ended(self, call: Call) -> None:
        self._end()

    def _lost(self) -> None:
        if self._ear is not None:
            self.part()
        elif self._end():
            self._call.emit(EVENT, {"connect_state": "failed", "failed_reason": "error"})

    def _hear(self, block: NDArray[np.int16]) -> None:
        first = self._at
        for start in range(0, len(block), PIECE):
            piece = block[start : start + PIECE]
            self._outlet.send(self._frames.media(first + start, {"inbound": piece}))
        self._at += len(block)

    def _took(self, frame: bytes | str) -> None:
        said = self._frames.sound_in(frame)
        if said is None or self._ear is None or self._call.over:
            return
        sound: Samples = (said / FULL_SCALE).astype(np.float32)
        free = 0 if self._heard is None else self._heard.ends_at() or 0
        self._heard = self._call.line.start(max(self._call.sample(), free), sound)

    def _end(self) -> bool:
        """Let go of everything; return whether that was still to be done."""
        if self._over:
            return False
        self._over = True
        self._call.connecting = False
        self._call.bridge = None
        if self._ear is not None:
            self._ear.catch_up()
            self._ear.close()
        if self._heard is not None and not self._call.over:
            self._heard.stop(max(self._call.sample(), self._heard.starts_at))
        self._outlet.send(self._frames.stop())
        self._outlet.close()
        return True
