"""Tapped audio on its way out: RTP packets (RFC 3550, 3551), or the binary frames of a WebSocket (protocol.md 11.7).

Nothing is sent here. Samples go in as they come into being, packets come out as soon as they are full; sending each at
its moment is the caller's.
"""

from __future__ import annotations

import secrets
import struct

import numpy as np
import soxr
from numpy.typing import NDArray

from relay_sync.emulator.media import g711
from relay_sync.emulator.media.sound import FULL_SCALE, RATE, MediaError, Samples

PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8}
"""The static payload types of RFC 3551."""

PTIMES = (1, 180)
"""Milliseconds of audio that a packet may hold: at 180 ms it still fits into a network's 1500 bytes, with headers."""

RATES = (8000, 48000)
"""Hz that the audio of a WebSocket may have."""

_VERSION = 0x80  # RTP version 2, no padding, no extension, no contributing sources
_MARKER = 0x80
_HEADER = struct.Struct("!BBHII")


class RtpPackets:
    """Makes the RTP packets of one stream.

    ``codec`` is ``PCMU`` or ``PCMA``; ``ptime`` the milliseconds in a packet. ``ssrc``, and the first ``sequence``
    number and ``timestamp``, are random if None, as RFC 3550 wants them. The marker bit is set on the first packet.
    MediaError for a codec or a time that can't be made.
    """

    def __init__(
        self,
        codec: str = "PCMU",
        ptime: int = 20,
        *,
        ssrc: int | None = None,
        sequence: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        if not PTIMES[0] <= ptime <= PTIMES[1]:
            raise MediaError(f"an RTP packet holds {PTIMES[0]} to {PTIMES[1]} ms of audio, not {ptime!r}")
        self.codec: str = g711.checked_codec(codec)
        self.ptime = ptime
        self.ssrc: int = secrets.randbits(32) if ssrc is None else ssrc
        self._sequence = secrets.randbits(16) if sequence is None else sequence
        self._timestamp = secrets.randbits(32) if timestamp is None else timestamp
        self._marker = _MARKER
        self._cut = _Cut(ptime * RATE // 1000)

    @property
    def samples(self) -> int:
        """Samples in a packet."""
        return self._cut.size

    def feed(self, samples: NDArray[np.int16]) -> list[bytes]:
        """Take the next 16-bit samples and return the packets they complete, in order."""
        return [self._packet(payload) for payload in self._cut.feed(g711.encode(samples, self.codec))]

    def flush(self) -> list[bytes]:
        """Return what is left as one last, shorter packet; none if nothing is."""
        return [self._packet(payload) for payload in self._cut.flush()]

    def _packet(self, payload: bytes) -> bytes:
        header = _HEADER.pack(
            _VERSION, self._marker | PAYLOAD_TYPES[self.codec], self._sequence & 0xFFFF,
            self._timestamp & 0xFFFFFFFF, self.ssrc,
        )  # fmt: skip
        self._marker = 0
        self._sequence += 1
        self._timestamp += len(payload)  # G.711 has a byte for each sample
        return header + payload


class WebSocketFrames:
    """Makes the binary frames of a tap to a WebSocket: bare ``PCMU`` or ``PCMA``, 20 ms in each frame.

    No source describes them; this is what services of this kind do. ``rate`` is in Hz, a multiple of 50; above 8000
    the audio is resampled, which holds the first samples back for a few milliseconds. MediaError for a codec or a rate
    that can't be made.
    """

    def __init__(self, codec: str = "PCMU", rate: int = RATE) -> None:
        if not RATES[0] <= rate <= RATES[1] or rate % 50:
            raise MediaError(f"a tap has a rate of {RATES[0]} to {RATES[1]} Hz in steps of 50, not {rate!r}")
        self.codec: str = g711.checked_codec(codec)
        self.rate = rate
        self._resampler = None if rate == RATE else soxr.ResampleStream(RATE, rate, 1, dtype="float32", quality="HQ")
        self._cut = _Cut(rate // 50)

    def feed(self, samples: NDArray[np.int16]) -> list[bytes]:
        """Take the next 16-bit samples, at 8 kHz, and return the frames they complete, in order."""
        return self._cut.feed(g711.encode(self._resampled(samples), self.codec))

    def flush(self) -> list[bytes]:
        """Return what is left as one last frame or two, the last one shorter; none if nothing is."""
        rest = self._resampled(np.zeros(0, np.int16), last=True)
        return self._cut.feed(g711.encode(rest, self.codec)) + self._cut.flush()

    def _resampled(self, samples: NDArray[np.int16], last: bool = False) -> NDArray[np.int16]:
        if self._resampler is None:
            return samples
        sound: Samples = self._resampler.resample_chunk((samples / FULL_SCALE).astype(np.float32), last=last)
        # A resampled peak may lie above the samples it lies between.
        return np.clip(np.rint(sound * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


class _Cut:
    """Cuts bytes that come in pieces into pieces of one size."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._kept = b""

    def feed(self, content: bytes) -> list[bytes]:
        """Return the pieces that ``content`` completes."""
        content = self._kept + content
        whole = len(content) - len(content) % self.size
        self._kept = content[whole:]
        return [content[start : start + self.size] for start in range(0, whole, self.size)]

    def flush(self) -> list[bytes]:
        """Return the last piece, which is shorter, if there is one."""
        rest, self._kept = self._kept, b""
        return [rest] if rest else []
