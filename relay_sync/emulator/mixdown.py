"""What several phones say, mixed into one sound and made into a file: the recording of a conference."""

from __future__ import annotations

from typing import Any

from relay_sync.emulator.calls import Call, Surroundings
from relay_sync.emulator.media import RATE, Bridge, Line, encode_recording, shift_between
from relay_sync.emulator.recording import FOLDER, Recorded

FORMAT = "wav"


class Mixdown:
    """A recording that begins now. Everything happens on the emulator's thread."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._began = around.clock.now()
        self._line = Line()
        self._bridges: dict[Call, Bridge] = {}

    def add(self, call: Call) -> None:
        """Record what this phone says from now on; nothing if it is recorded already."""
        assert call.answered_at is not None
        if call not in self._bridges:
            shift = shift_between(self._began, call.answered_at)
            self._bridges[call] = self._line.bridge(self._now(), call.voice.onward, shift)

    def drop(self, call: Call) -> None:
        """Record no more of it."""
        bridge = self._bridges.pop(call, None)
        if bridge is not None:
            bridge.stop(self._now())

    def finish(self, name: str) -> dict[str, Any]:
        """Serve the file, as a recording with ``name`` as its control id; return what an event tells of it."""
        for call in list(self._bridges):
            self.drop(call)
        samples = self._line.heard(self._now()).copy()
        file = encode_recording(samples, FORMAT)
        url = self._around.files.reserve(FOLDER, FORMAT)
        self._around.files.put(url, file.content, file.content_type)
        self._around.recordings.append(
            Recorded(
                url=url, call_id="", control_id=name, format=FORMAT, direction="both", stereo=False,
                duration=file.duration_s, content=file.content, samples=samples,
            )
        )  # fmt: skip
        return {"url": url, "duration": file.duration_s, "size": file.size}

    def _now(self) -> int:
        return round((self._around.clock.now() - self._began) * RATE)
