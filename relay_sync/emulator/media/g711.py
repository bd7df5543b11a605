"""G.711: the two codecs of the telephone network, by exact tables.

Samples go through tables of 65,536 entries, made once from the definition of ITU-T G.711, so that each comes out as
the standard says and a block costs no more than a look-up. The standard works on 14-bit (mu-law) and 13-bit (A-law)
numbers: the lowest two, or three, of our 16 bits are cut off first.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.media.sound import MediaError

CODECS = ("PCMU", "PCMA")
"""The codecs that can be made: mu-law and A-law, by the names of RFC 3551."""

_BIAS = 33  # mu-law: added to the magnitude, so that segments begin at powers of two
_CLIP = 8158  # mu-law: the largest magnitude of 14 bits that fits after the bias


def checked_codec(codec: str) -> str:
    """Return ``codec``; MediaError, which names it, if it is none that can be made (``OPUS`` isn't)."""
    if codec not in CODECS:
        raise MediaError(f"audio can't be encoded as {codec}; there are: {' '.join(CODECS)}")
    return codec


def encode(samples: NDArray[np.int16], codec: str) -> bytes:
    """Return 16-bit samples as ``PCMU`` or ``PCMA``, a byte for each; MediaError for another codec."""
    return _encoding(checked_codec(codec))[samples.view(np.uint16)].tobytes()


def decode(content: bytes, codec: str) -> NDArray[np.int16]:
    """Return the 16-bit samples that ``PCMU`` or ``PCMA`` bytes stand for; MediaError for another codec."""
    return _decoding(checked_codec(codec))[np.frombuffer(content, np.uint8)]


@cache
def _encoding(codec: str) -> NDArray[np.uint8]:
    """Return the code of each 16-bit sample, in the order of its bits as an unsigned number."""
    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int64)
    return _mu_law(samples >> 2) if codec == "PCMU" else _a_law(samples >> 3)


@cache
def _decoding(codec: str) -> NDArray[np.int16]:
    """Return the 16-bit sample of each code."""
    codes = np.arange(256)
    return _from_mu_law(codes) if codec == "PCMU" else _from_a_law(codes)


def _mu_law(samples: NDArray[np.int64]) -> NDArray[np.uint8]:
    biased = np.minimum(np.abs(samples), _CLIP) + _BIAS
    segment = _bits(biased) - 6
    code = segment << 4 | (biased >> (segment + 1)) & 0x0F
    return (code ^ np.where(samples < 0, 0x7F, 0xFF)).astype(np.uint8)


def _a_law(samples: NDArray[np.int64]) -> NDArray[np.uint8]:
    # A negative number is one's complement: -1 has the magnitude 0.
    magnitude = np.where(samples < 0, ~samples, samples)
    segment = np.maximum(_bits(magnitude) - 5, 0)
    code = segment << 4 | (magnitude >> np.maximum(segment, 1)) & 0x0F
    return (code ^ np.where(samples < 0, 0x55, 0xD5)).astype(np.uint8)


def _from_mu_law(codes: NDArray[np.int64]) -> NDArray[np.int16]:
    inverted = ~codes & 0xFF
    segment = inverted >> 4 & 0x07
    magnitude = ((((inverted & 0x0F) << 1) + _BIAS) << segment) - _BIAS
    return (np.where(inverted & 0x80, -magnitude, magnitude) * 4).astype(np.int16)


def _from_a_law(codes: NDArray[np.int64]) -> NDArray[np.int16]:
    inverted = codes ^ 0x55
    segment = inverted >> 4 & 0x07
    step = ((inverted & 0x0F) << 1) + 1
    # The middle of the step; from segment 1 on there is a leading bit that the code doesn't hold.
    magnitude = np.where(segment > 0, (step + 32) << np.maximum(segment - 1, 0), step)
    return (np.where(inverted & 0x80, magnitude, -magnitude) * 8).astype(np.int16)


def _bits(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many bits each number from 0 on has."""
    return np.frexp(numbers.astype(np.float64))[1].astype(np.int64)
