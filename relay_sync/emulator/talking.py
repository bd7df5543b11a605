"""What a phone says into its call: speech, digits, any sound. It begins now, on the emulator's clock.

A phone says one thing at a time: what it is told while it speaks comes after that. Speech and files are made in the
background, which takes no virtual time.
"""

from __future__ import annotations

from os import PathLike, fspath

import numpy as np
from numpy.typing import ArrayLike

from relay_sync.emulator.calls import Call
from relay_sync.emulator.exchange import Exchange
from relay_sync.emulator.handset import Handset
from relay_sync.emulator.media import Heard, MediaError, Samples, sound_of_digits
from relay_sync.emulator.speaking import press, say, tts

_LIMIT = 30.0  # real seconds for speech or a file to be made


class Talking:
    """The mouth of a phone. Every method but :attr:`said` needs an answered call, else RuntimeError.

    Each returns how long it takes from now until it has been said: virtual seconds, so that
    ``relay.clock.advance(phone.say("Hello"))`` is the moment after it.
    """

    def __init__(self, handset: Handset, exchange: Exchange) -> None:
        self._handset = handset
        self._exchange = exchange

    @property
    def said(self) -> Heard:
        """What it has said so far in its current or last call: as :attr:`heard`, sample 0 being the answer."""

        def hear() -> Heard:
            call = self._handset.call
            return Heard(np.zeros(0, np.int16)) if call is None else call.said()

        return self._exchange.on_thread(hear)

    def say(self, text: str, *, language: str = "en-US", gender: str = "female") -> float:
        """Speak ``text``. ``gender`` is ``female`` or ``male``; ValueError for what can't be spoken."""
        return self._load(tts(text, language, gender), text)

    def play(self, sound: str | PathLike[str] | Heard | ArrayLike) -> float:
        """Send a sound: an audio file (path or URL), samples at 8 kHz (16-bit, or floats of full scale 1.0), a Heard.

        ValueError for what is no sound, or can't be had.
        """
        if isinstance(sound, (str, PathLike)):
            return self._load({"type": "audio", "params": {"url": fspath(sound)}}, "")
        samples = _samples(sound)
        return self._exchange.on_thread(lambda: say(self._answered_call(), samples, ""))

    def press(self, digits: str) -> float:
        """Press keys: ``0-9 * # A-D``, with the pauses ``w`` (0.5 s) and ``W`` (1 s). ValueError for anything else."""
        if not isinstance(digits, str) or not digits:
            raise ValueError(f"digits must be a string that is not empty, not {digits!r}")
        sound_of_digits(digits)  # complains here of what is no digit, whether there is a call or not
        return self._exchange.on_thread(lambda: press(self._answered_call(), digits))

    def hush(self) -> None:
        """Say nothing more: what is being said is cut off here, what waits is never said."""

        def hush() -> None:
            call = self._answered_call()
            call.voice.hush(call.sample())

        self._exchange.on_thread(hush)

    def _load(self, item: dict[str, object], text: str) -> float:
        async def load(running: object) -> float:
            call = self._answered_call()
            said: list[float | MediaError] = []

            def then(loaded: Samples | MediaError) -> None:
                said.append(loaded if isinstance(loaded, MediaError) else say(call, loaded, text))

            await call.around.loader.load([item], then)
            outcome = said[0]
            if isinstance(outcome, MediaError):
                raise ValueError(str(outcome)) from outcome
            return outcome

        return self._exchange.do(load, _LIMIT)

    def _answered_call(self) -> Call:
        call = self._handset.call
        if call is None or call.state != "answered":
            state = "idle" if call is None else call.state
            raise RuntimeError(f"phone {self._handset.number} can't talk: it is {state}")
        return call


def _samples(sound: Heard | ArrayLike) -> Samples:
    """Return samples as the media package wants them: float32 of full scale 1.0."""
    given = sound.samples if isinstance(sound, Heard) else np.asarray(sound)
    if given.ndim != 1:
        raise ValueError(f"a sound is mono samples in one row, not an array of shape {given.shape}")
    if given.dtype == np.int16:
        return given.astype(np.float32) / np.float32(32768)
    if not np.issubdtype(given.dtype, np.floating):
        raise ValueError(f"samples are 16-bit integers or floats of full scale 1.0, not {given.dtype}")
    return given.astype(np.float32)
