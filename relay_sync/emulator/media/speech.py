"""Speech by eSpeak NG through ctypes, or a quiet tone of plausible length where it isn't installed.

eSpeak NG comes with the package ``espeakng-loader``, which only the extra ``relay-sync[speech]`` asks for: eSpeak NG
is under the GPL, so it must be the user's own choice.
"""

from __future__ import annotations

import ctypes
import importlib
import logging
import math
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import soxr

from relay_sync.emulator.media.sound import RATE, MediaError, Samples, gain_of, silence

logger: logging.Logger = logging.getLogger(__name__)

GENDERS = {"male": 1, "female": 2}
"""The genders of protocol.md 16.1 and eSpeak NG's numbers for them."""

TONE_DB = -30.0
"""Peak level of the tone that stands for speech."""

_TONE_HZ = {"male": 120, "female": 210}
_TONE_S_PER_CHARACTER = 0.065  # about 150 words in a minute
_TONE_SHORTEST_S = 0.3
_REMEMBERED = 32  # texts

# Values of eSpeak NG's speak_lib.h.
_EE_OK = 0
_OUTPUT_SYNCHRONOUS = 2  # no thread and no sound device: the callback is called within espeak_Synth
_INITIALIZE_DONT_EXIT = 0x8000
_POSITION_CHARACTER = 1
_CHARS_UTF8 = 1

_ReceiveSound = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class _Voice(ctypes.Structure):
    """``espeak_VOICE`` of speak_lib.h: what is asked of a voice."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


class _Espeak:
    """The eSpeak NG library, initialised; not thread-safe, since the library has one voice for the whole process."""

    def __init__(self, library_path: str, data_path: str) -> None:
        self._library = ctypes.CDLL(library_path)
        self._spoken: list[bytes] = []
        # Kept as an attribute: ctypes doesn't keep a callback alive for the library.
        self._receive = _ReceiveSound(self._take)
        self._rate = int(
            self._library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, data_path.encode(), _INITIALIZE_DONT_EXIT)
        )
        if self._rate <= 0:
            raise OSError(f"eSpeak NG could not be initialised with the data of {data_path}")
        self._library.espeak_SetSynthCallback(self._receive)

    def speak(self, text: str, language: str, gender: int) -> Samples:
        """Return ``text`` spoken; MediaError if there is no voice or no speech."""
        self._choose_voice(language, gender)
        self._spoken.clear()
        said = text.encode() + b"\0"
        code = self._library.espeak_Synth(
            said, ctypes.c_size_t(len(said)), 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        if code != _EE_OK:
            raise MediaError(f"eSpeak NG could not speak the text: it returned {code}")
        spoken = np.frombuffer(b"".join(self._spoken), np.int16).astype(np.float32) / np.float32(32768.0)
        samples = np.asarray(soxr.resample(spoken, self._rate, RATE, quality="HQ"), np.float32)
        samples.flags.writeable = False
        return samples

    def _choose_voice(self, language: str, gender: int) -> None:
        # By properties, not by name: an unknown name keeps the previous voice, and female voices have none of
        # their own. A refused choice keeps the previous voice too, hence the look at the code.
        for candidate in dict.fromkeys((language, language.partition("-")[0])):
            wanted = _Voice(languages=candidate.encode(), gender=gender)
            if self._library.espeak_SetVoiceByProperties(ctypes.byref(wanted)) == _EE_OK:
                return
        raise MediaError(f"eSpeak NG has no voice for the language {language!r}")

    def _take(self, samples: Any, count: int, events: object) -> int:
        if samples and count > 0:
            self._spoken.append(ctypes.string_at(samples, 2 * count))
        return 0


class _Speech:
    """The one eSpeak NG of the process, loaded when first needed; guards it with a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the two below, and every use of the library
        self._tried = False
        self._speak: Callable[[str, str, int], Samples] | None = None

    def speak(self, text: str, language: str, gender: str) -> Samples:
        with self._lock:
            if not self._tried:
                self._tried = True
                if espeak := _load():
                    # eSpeak NG never says a text twice alike. A test that compares what a phone heard with the text
                    # needs it to, hence the memory.
                    self._speak = lru_cache(_REMEMBERED)(espeak.speak)
            if self._speak is not None:
                return self._speak(text, language, GENDERS[gender])
        return _tone(text, gender)


_speech = _Speech()


def speech(text: str, language: str = "en-US", gender: str = "female") -> Samples:
    """Return ``text`` spoken by a ``male`` or ``female`` voice of the ``language``, a tag such as ``en-GB``.

    A regional variant that eSpeak NG doesn't have is spoken in the plain language; MediaError for a language that it
    doesn't have at all, for an unknown gender and for a text without a word. The same text is the same samples if
    it was among the last 32; they can't be written to. Without eSpeak NG: a quiet tone, higher
    for a female voice, as long as the text would roughly take; one warning per process tells so. Safe to call from
    any thread; one text is spoken at a time.
    """
    if not text.strip():
        raise MediaError("there is no text to speak")
    if gender not in GENDERS:
        raise MediaError(f"a voice is 'male' or 'female', not {gender!r}")
    return _speech.speak(text.replace("\0", " "), language, gender)


def _load() -> _Espeak | None:
    """Return eSpeak NG, or None, with the one log line, where it is missing or doesn't start."""
    try:
        loader: Any = importlib.import_module("espeakng_loader")
        return _Espeak(str(loader.get_library_path()), str(loader.get_data_path()))
    except (ImportError, OSError) as reason:
        logger.warning(
            "no speech here (%s): texts are played as a quiet tone; pip install 'relay-sync[speech]' for speech", reason
        )
        return None


def _tone(text: str, gender: str) -> Samples:
    tone = silence(max(_TONE_SHORTEST_S, _TONE_S_PER_CHARACTER * len(text)))
    moments = np.arange(len(tone)) / RATE
    # Swells four times a second, from silence and back, like syllables, and so ends without a click.
    swells = max(1, math.floor(4 * len(tone) / RATE))
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * swells * np.arange(len(tone)) / len(tone))
    tone[:] = gain_of(TONE_DB) * swell * np.sin(2 * np.pi * _TONE_HZ[gender] * moments)
    return tone
