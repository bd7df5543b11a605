"""``calling.connect``: a call is bridged to the first device that answers, and each phone hears the other (10.7).

What no source says, and what is done here: the ringback is repeated until the attempt is over; without one the caller
hears nothing meanwhile. A call that ends while it is being connected takes the ringing legs with it (``cancel``), and
no connect event is sent for it any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from relay_sync.emulator.attempt import Attempt, MakeLeg, RingLeg
from relay_sync.emulator.calls import Call
from relay_sync.emulator.clock import Timer
from relay_sync.emulator.media import Bridge, MediaError, Playback, Samples, shift_between

EVENT = "calling.call.connect"

Steps = list[list[dict[str, Any]]]


class Connect(Attempt):
    """One attempt to bridge ``original`` to another phone.

    The events of ``original``: ``connecting``; the legs' own states, each with ``original`` as ``peer``; ``connected``
    with the winner as ``peer``, or ``failed`` with the reason for which the last leg ended.
    """

    def __init__(
        self, original: Call, steps: Steps, ringback: Sequence[Mapping[str, Any]], make: MakeLeg, ring: RingLeg
    ) -> None:
        super().__init__(steps, make, ring, winner_first=original.around.assumptions.connected_event_first)
        self._original = original
        self._ringback = Ringback(original, ringback)

    def begin(self) -> None:
        """Tell of it, let the caller hear the ringback, and try the first step."""
        self._original.connecting = True
        self._original.on_ended.append(lambda _: self.give_up())
        self._original.emit(EVENT, {"connect_state": "connecting"})
        self._ringback.start()
        self.start()

    def _won(self, leg: Call) -> None:
        self._finish()
        Bridged(self._original, leg).begin()

    def _failed(self, reason: str) -> None:
        self._finish()
        self._original.emit(EVENT, {"connect_state": "failed", "failed_reason": reason})

    def _finish(self) -> None:
        self._original.connecting = False
        self._ringback.stop()


class Bridged:
    """Two answered calls whose phones hear each other: ``original``, and the leg that a connect made for it.

    The end is told to ``original``, and to the leg as the assumption says; to a call that has ended, never.
    """

    def __init__(self, original: Call, peer: Call) -> None:
        self.original = original
        self.peer = peer
        self._hearing: list[tuple[Call, Bridge]] = []

    def begin(self) -> None:
        """Join the lines, and tell ``original``."""
        for here, there in ((self.original, self.peer), (self.peer, self.original)):
            assert here.answered_at is not None
            assert there.answered_at is not None
            shift = shift_between(here.answered_at, there.answered_at)
            self._hearing.append((here, here.line.bridge(here.sample(), there.voice.onward, shift)))
            here.bridge = self
            here.on_ended.append(self._ended)
        about = _ids(self.peer) | ({"tag": self.peer.tag} if self.peer.tag else {})
        self.original.emit(EVENT, {"connect_state": "connected", "peer": about | {"device": self.peer.device}})

    def peer_of(self, call: Call) -> str | None:
        """Return the id of the call that this one is bridged to."""
        return self.other(call).id

    def other(self, call: Call) -> Call:
        """Return the call that this one is bridged to."""
        return self.peer if call is self.original else self.original

    def part(self) -> None:
        """End the bridge here; both calls live on."""
        for call, bridge in self._hearing:
            call.bridge = None
            if not call.over:  # else its line is gone
                bridge.stop(call.sample())
        told = [self.original]
        if self.original.around.assumptions.disconnected_for_peer:
            told.append(self.peer)
        for call in told:
            if not call.over:
                call.emit(EVENT, {"connect_state": "disconnected", "peer": _ids(self.other(call))})

    def _ended(self, call: Call) -> None:
        if call.bridge is not self:
            return
        other = self.other(call)
        self.part()
        if call.around.assumptions.hangup_of_bridged == "both_end":
            other.end("hangup")


class Ringback:
    """What a caller hears while it is being connected: its media again and again."""

    def __init__(self, call: Call, items: Sequence[Mapping[str, Any]]) -> None:
        self._call = call
        self._items = items
        self._over = False
        self._playback: Playback | None = None
        self._again: Timer | None = None

    def start(self) -> None:
        """Begin as soon as the media have been loaded. Media that can't be had are silent, which the log tells."""
        if self._items:
            self._call.around.loader.load(self._items, self._loaded)

    def stop(self) -> None:
        """End it here."""
        self._over = True
        if self._again is not None:
            self._again.cancel()
        if self._playback is not None:
            self._playback.stop(self._call.sample())

    def _loaded(self, loaded: Samples | MediaError) -> None:
        if not isinstance(loaded, MediaError) and len(loaded):
            self._play(loaded)

    def _play(self, sound: Samples) -> None:
        if self._over or self._call.over:
            return
        self._playback = self._call.line.start(self._call.sample(), sound)
        end = self._call.moment(self._playback.starts_at + len(sound))
        self._again = self._call.around.clock.call_at(end, lambda: self._play(sound))


def _ids(call: Call) -> dict[str, str]:
    return {"call_id": call.id, "node_id": call.around.node_id}
