"""The sound of the emulator: media items become samples, playbacks become what a phone heard.

No clock, no event loop, no thread: sample numbers in, samples out. Everything is mono at 8 kHz.

- ``MediaLibrary`` turns a media item of a play command into samples, or raises ``MediaError``;
- ``Line`` is the timeline of one phone, ``Playback`` one sound on it that can be paused, resumed, made louder
  and stopped, to the sample;
- ``Heard`` is what came of it: samples, levels, a WAV file.
"""

from __future__ import annotations

from relay_sync.emulator.media.heard import Heard
from relay_sync.emulator.media.library import MediaLibrary
from relay_sync.emulator.media.line import Line
from relay_sync.emulator.media.playback import Playback
from relay_sync.emulator.media.sound import RATE, MediaError, Samples

__all__ = ["RATE", "Heard", "Line", "MediaError", "MediaLibrary", "Playback", "Samples"]
