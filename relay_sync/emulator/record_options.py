"""What a record command may ask for, and what it asks for when it doesn't say (protocol.md 16.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay_sync.emulator.checks import Check, Field, having, number, one_of, seconds
from relay_sync.emulator.digits import keys
from relay_sync.emulator.media import DIRECTIONS, FORMATS
from relay_sync.emulator.objects import flag

_SENSITIVITY = 44.0
_LOUDEST_THRESHOLD_DB = 4.0
"""A level of this minus ``input_sensitivity``, in dBFS, is sound: -40 by default. No source gives a unit."""

_AUDIO = (
    Field("beep", flag, False),
    Field("format", one_of(*FORMATS), False),
    Field("stereo", flag, False),
    Field("direction", one_of(*DIRECTIONS), False),
    Field("initial_timeout", number(0), False),
    Field("end_silence_timeout", number(0), False),
    Field("terminators", keys, False),
    Field("input_sensitivity", number(0, 100), False),
)

record: Check = having("record", (Field("audio", having("audio", _AUDIO)),))
"""A record object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """A record object with its defaults; times in seconds, 0 for no limit."""

    beep: bool
    format: str
    stereo: bool
    direction: str
    initial_timeout: float
    end_silence_timeout: float
    terminators: str
    threshold_db: float

    @classmethod
    def read(cls, audio: Mapping[str, Any]) -> RecordOptions:
        """Return what a checked audio object asks for."""
        return cls(
            beep=audio.get("beep", False) is True,
            format=audio.get("format", "mp3"),
            stereo=audio.get("stereo", False) is True,
            direction=audio.get("direction", "speak"),
            initial_timeout=seconds(audio.get("initial_timeout", 5.0)),
            end_silence_timeout=seconds(audio.get("end_silence_timeout", 1.0)),
            terminators=audio.get("terminators", "#*"),
            threshold_db=_LOUDEST_THRESHOLD_DB - float(audio.get("input_sensitivity", _SENSITIVITY)),
        )
