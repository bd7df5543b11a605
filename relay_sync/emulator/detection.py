"""``calling.detect``: what answers, a fax machine's tone, or digits, found in what the phone says (protocol.md 11.5).

A detection goes on until its ``timeout`` is over or it is stopped, and then says ``finished``. What is heard is heard
in blocks of 20 ms, and told at the end of the block that made it sure.

* ``machine``: see ``media.greeting`` for the answer. The beep of an answering machine is a ``MACHINE`` too. After
  ``MACHINE`` comes ``NOT_READY``, and ``READY`` (with ``beep``) once the beep is over; or, where none comes, after
  ``machine_ready_timeout`` seconds of silence. ``detect_message_end=False`` leaves both out;
  ``detect_interruptions=True`` tells of ``NOT_READY`` again when the machine speaks on, and of the next ``READY``.
* ``fax``: ``CED`` half a second after it began, ``CNG`` after its first burst; once.
* ``digit``: each digit after its end, one to an event, of those asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.calls import Call
from relay_sync.emulator.media import BEEP, CED, CNG, DigitDetector, ToneDetector, VoiceActivity
from relay_sync.emulator.media.greeting import Greeting
from relay_sync.emulator.operations import Operation

TIMEOUT = 30.0  # protocol.md 16.5
DIGITS = "0123456789#*"

Told = dict[str, Any]


class Seeker(Protocol):
    """Looks for one type of thing in a sound."""

    def hear(self, block: NDArray[np.int16]) -> Iterator[Told]:
        """Take the next samples; yield the params of the events that follow from them."""


class Detection(Operation):
    """One detection."""

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        super().__init__(call, str(params["control_id"]))
        detect = params["detect"]
        self._type: str = detect["type"]
        self._seeker = _SEEKERS[self._type](detect.get("params") or {}, call.sample())
        self._listen(self._hear)
        self._later(float(params.get("timeout", TIMEOUT)), lambda: self._end("finished"))

    def stop(self) -> None:
        """End it with ``finished``."""
        self._catch_up()
        self._end("finished")

    def end_with_call(self, tell: bool) -> None:
        """The call has ended, and ends it with ``finished``."""
        if tell:
            self._catch_up()
            self._end("finished")
        else:
            self._close()

    def fail(self) -> None:
        """End it with ``error``."""
        self._end("error")

    def _hear(self, block: NDArray[np.int16]) -> None:
        for told in self._seeker.hear(block):
            self._tell(told)

    def _end(self, event: str) -> None:
        self._close()
        self._tell({"event": event})

    def _tell(self, told: Told) -> None:
        detect = {"type": self._type, "params": told}
        self.call.emit("calling.call.detect", {"control_id": self.control_id, "detect": detect})


class MachineSeeker:
    """Tells a machine from a person, and when a machine has said its greeting."""

    def __init__(self, options: Mapping[str, Any], first: int) -> None:
        silence = float(options.get("end_silence_timeout", 1.0))
        self._greeting = Greeting(
            first,
            initial_timeout=float(options.get("initial_timeout", 4.5)),
            end_silence_timeout=silence,
            machine_voice_threshold=float(options.get("machine_voice_threshold", 1.25)),
            machine_words_threshold=int(options.get("machine_words_threshold", 6)),
        )
        self._beeps = ToneDetector(BEEP, first)
        ready_after = float(options.get("machine_ready_timeout", silence))
        self._voice = VoiceActivity(first, end_silence_timeout=ready_after)
        self._tells_end = options.get("detect_message_end", True) is True
        self._tells_interruptions = options.get("detect_interruptions", False) is True
        self._answer: str | None = None
        self._ready: bool | None = None  # None: nothing has been told yet

    def hear(self, block: NDArray[np.int16]) -> Iterator[Told]:
        """Take the next samples; yield what follows from them."""
        verdict = self._greeting.feed(block)
        beeped = bool(self._beeps.feed(block))
        happened = [activity.kind for activity in self._voice.feed(block)]
        if self._answer is None and (verdict is not None or beeped):
            self._answer = "MACHINE" if beeped or verdict is None else verdict.answer
            yield {"event": self._answer}
            if self._answer == "MACHINE":
                yield from self._turn(ready=False)
        if self._answer == "MACHINE":
            if "speech" in happened:
                yield from self._turn(ready=False)
            if beeped or "end_silence" in happened:
                yield from self._turn(ready=True, beep=beeped)

    def _turn(self, ready: bool, beep: bool = False) -> Iterator[Told]:
        over = self._ready is True and not self._tells_interruptions
        if not self._tells_end or over or ready is self._ready:
            return
        self._ready = ready
        if ready:
            yield {"event": "READY"} | ({"beep": True} if beep else {})
        else:
            yield {"event": "NOT_READY"}


class FaxSeeker:
    """Finds the tone of a fax machine, once."""

    def __init__(self, options: Mapping[str, Any], first: int) -> None:
        self._tone = {"CED": CED, "CNG": CNG}[options.get("tone", "CED")]
        self._detector = ToneDetector(self._tone, first)
        self._found = False

    def hear(self, block: NDArray[np.int16]) -> Iterator[Told]:
        """Take the next samples; yield what follows from them."""
        ended = self._detector.feed(block)
        # The long tone is sure while it sounds; a burst is one only when it is known to be no longer than that.
        if not self._found and (ended or (self._tone is CED and self._detector.sounding)):
            self._found = True
            yield {"event": self._tone.name}


class DigitSeeker:
    """Finds digits."""

    def __init__(self, options: Mapping[str, Any], first: int) -> None:
        self._wanted = str(options.get("digits", DIGITS)).upper()
        self._detector = DigitDetector(first)

    def hear(self, block: NDArray[np.int16]) -> Iterator[Told]:
        """Take the next samples; yield what follows from them."""
        for found in self._detector.feed(block):
            if found.digit in self._wanted:
                yield {"event": found.digit}


_SEEKERS: dict[str, type[MachineSeeker] | type[FaxSeeker] | type[DigitSeeker]] = {
    "machine": MachineSeeker,
    "fax": FaxSeeker,
    "digit": DigitSeeker,
}
