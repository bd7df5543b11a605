"""The frames of a media stream: sound in pieces of 20 ms, each in a text of JSON or bare.

No source describes them. The texts are those that services of this kind have agreed on: ``start``, ``media`` with its
sound in base64, ``stop``; numbers in them are strings. The bare frames are those of a tap.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.media import g711
from relay_sync.emulator.media.sound import RATE, MediaError

STREAM_CODECS = ("PCMU", "PCMA", "L16")
"""The codecs that can be made; ``L16`` is 16-bit samples as they are."""

PIECE = RATE // 50
"""Samples in a frame: 20 ms."""

_ENCODINGS = {"PCMU": "audio/x-mulaw", "PCMA": "audio/x-alaw", "L16": "audio/x-L16"}


class StreamFrames:
    """Makes the frames of one stream. MediaError for a codec that can't be made.

    ``tracks`` are ``inbound`` (what the phone says) and ``outbound`` (what it hears), one of them or both. ``order`` is
    that of the two bytes of an ``L16`` sample. With ``bare`` there are no texts, and of two tracks each has its frame.
    """

    def __init__(
        self, codec: str, tracks: Sequence[str], *, order: Literal["little", "big"] = "little", bare: bool = False
    ) -> None:
        if codec not in STREAM_CODECS:
            raise MediaError(f"audio can't be encoded as {codec}; there are: {' '.join(STREAM_CODECS)}")
        self.codec = codec
        self.tracks: tuple[str, ...] = tuple(tracks)
        self._order = order
        self._bare = bare
        self._number = 0
        self._chunks = dict.fromkeys(self.tracks, 0)

    def start(self, stream_id: str, about: Mapping[str, Any]) -> list[bytes | str]:
        """Return the first frame; ``about`` is what it holds besides the tracks and the format."""
        self._stream_id = stream_id
        media_format = {"encoding": _ENCODINGS[self.codec], "sampleRate": RATE, "channels": 1}
        return self._texts("start", {**about, "tracks": list(self.tracks), "mediaFormat": media_format})

    def media(self, at: int, pieces: Mapping[str, NDArray[np.int16]]) -> list[bytes | str]:
        """Return the frames of one moment: a piece of sound for each track, ``at`` samples after the start."""
        frames: list[bytes | str] = []
        for track in self.tracks:
            sound = self._encoded(pieces[track])
            self._chunks[track] += 1
            if self._bare:
                frames.append(sound)
                continue
            frames += self._texts("media", {
                "track": track,
                "chunk": str(self._chunks[track]),
                "timestamp": str(at * 1000 // RATE),
                "payload": base64.b64encode(sound).decode(),
            })  # fmt: skip
        return frames

    def stop(self) -> list[bytes | str]:
        """Return the last frame."""
        return self._texts("stop", {})

    def sound_in(self, frame: bytes | str) -> NDArray[np.int16] | None:
        """Return the sound in a frame from the other side; None if there is none in it."""
        if self._bare:
            return self._decoded(frame) if isinstance(frame, bytes) else None
        try:
            text = json.loads(frame)
            content = text["media"]["payload"] if text["event"] == "media" else None
            return None if content is None else self._decoded(base64.b64decode(content, validate=True))
        except (ValueError, TypeError, KeyError):
            return None

    def _texts(self, event: str, content: Mapping[str, Any]) -> list[bytes | str]:
        if self._bare:
            return []
        self._number += 1
        frame = {"event": event, "sequenceNumber": str(self._number), "streamSid": self._stream_id, event: content}
        return [json.dumps(frame, separators=(",", ":"))]

    def _decoded(self, content: bytes) -> NDArray[np.int16]:
        if self.codec != "L16":
            return g711.decode(content, self.codec)
        order = "<i2" if self._order == "little" else ">i2"
        return np.frombuffer(content[: len(content) // 2 * 2], order).astype(np.int16)

    def _encoded(self, samples: NDArray[np.int16]) -> bytes:
        if self.codec != "L16":
            return g711.encode(np.ascontiguousarray(samples), self.codec)
        return samples.astype("<i2" if self._order == "little" else ">i2").tobytes()
