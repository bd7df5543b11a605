"""The sound of the emulator: what phones hear and say, what is recorded, detected and tapped of it.

No clock, no event loop, no thread: sample numbers in, samples out. Everything is mono at 8 kHz.

- ``MediaLibrary`` turns a media item of a play command into samples, or raises ``MediaError``; it has documents, too;
- ``Line`` is the timeline of one phone, ``Playback`` one sound on it that can be paused, resumed, made louder
  and stopped, to the sample; a ``Bridge`` brings in another leg as it speaks;
- ``Voice`` is what a phone says: speech, digits, tones, each an ``Utterance``;
- ``Heard`` is what came of it: samples, levels, a WAV file;
- ``DigitDetector``, ``ToneDetector`` and ``VoiceActivity`` listen, block by block;
- ``Recording`` says which samples a recording has, and ``encode_recording`` makes a file of them;
- ``RtpPackets``, ``WebSocketFrames`` and ``StreamFrames`` carry audio away; ``Directions`` has what to feed them;
- ``fax_document`` and ``page_count`` are for the pages of a fax.
"""

from __future__ import annotations

from relay_sync.emulator.media.activity import Activity, VoiceActivity
from relay_sync.emulator.media.bridge import Bridge, Source, shift_between
from relay_sync.emulator.media.directions import DIRECTIONS, Directions
from relay_sync.emulator.media.dtmf import Digit, DigitDetector, places_of_digits, sound_of_digits
from relay_sync.emulator.media.framing import STREAM_CODECS, StreamFrames
from relay_sync.emulator.media.g711 import CODECS
from relay_sync.emulator.media.heard import Heard
from relay_sync.emulator.media.library import MediaLibrary
from relay_sync.emulator.media.line import Line
from relay_sync.emulator.media.pdf import fax_document, page_count
from relay_sync.emulator.media.playback import Playback
from relay_sync.emulator.media.recorder import FORMATS, RecordedFile, Recording, encode_recording
from relay_sync.emulator.media.rtp import RtpPackets, WebSocketFrames
from relay_sync.emulator.media.sound import RATE, MediaError, Samples
from relay_sync.emulator.media.tones import BEEP, CED, CNG, RECORD_BEEP, Tone, ToneDetector, ToneSpan, sound_of_tone
from relay_sync.emulator.media.voice import Utterance, Voice

__all__ = [
    "BEEP",
    "CED",
    "CNG",
    "CODECS",
    "DIRECTIONS",
    "FORMATS",
    "RATE",
    "RECORD_BEEP",
    "STREAM_CODECS",
    "Activity",
    "Bridge",
    "Digit",
    "DigitDetector",
    "Directions",
    "Heard",
    "Line",
    "MediaError",
    "MediaLibrary",
    "Playback",
    "RecordedFile",
    "Recording",
    "RtpPackets",
    "Samples",
    "Source",
    "StreamFrames",
    "Tone",
    "ToneDetector",
    "ToneSpan",
    "Utterance",
    "Voice",
    "VoiceActivity",
    "WebSocketFrames",
    "encode_recording",
    "fax_document",
    "page_count",
    "places_of_digits",
    "shift_between",
    "sound_of_digits",
    "sound_of_tone",
]
