"""Phones that are machines: what they sound by themselves once they have answered, or called.

An answering machine speaks its greeting, pauses for half a second and beeps. A fax machine that takes faxes answers
with ``CED`` and goes on with ``DIS``; one that has a fax to send calls out with ``CNG``. All of it is sound in the
voice of the call, to be found there by whoever listens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from relay_sync.emulator.calls import Call
from relay_sync.emulator.media import (
    BEEP,
    CED,
    CNG,
    RATE,
    MediaError,
    Samples,
    Tone,
    fax_document,
    page_count,
    sound_of_tone,
)
from relay_sync.emulator.numbers import Behaviour
from relay_sync.emulator.speaking import say, tts

BEFORE_BEEP_S = 0.5
"""Seconds of silence between a greeting and its beep."""

BEFORE_CED_S = 0.2
"""Seconds from the answer to the tone of a fax machine."""

DIS = Tone("DIS", 1650.0, 15.0, on_s=1.0, off_s=2.5, shortest_s=0.5, longest_s=1.5)
"""After ``CED`` a fax machine says again and again what it can do. It is data of 300 bit/s around this frequency (ITU-T
V.21); here a tone stands for it."""

PAGE = Tone("page", 1800.0, 15.0, on_s=4.8, off_s=0.0, shortest_s=0.5, longest_s=6.0)
"""The carrier of a page (ITU-T V.29: 1700 Hz, V.17: 1800 Hz); here a tone stands for its data."""

_DIS_CYCLES = 10
_CNG_CYCLES = 17  # a minute


def answer_by_machine(call: Call, greeting: str) -> None:
    """Have an answering machine speak its greeting and beep."""

    def spoken(loaded: Samples | MediaError) -> None:
        if not isinstance(loaded, MediaError):  # else the loader has logged it
            say(call, loaded, greeting)
        if not call.over:
            call.voice.say(call.sample(), np.zeros(round(BEFORE_BEEP_S * RATE), np.float32))
            call.voice.tone(call.sample(), BEEP)

    call.around.loader.load([tts(greeting)], spoken)


@dataclass(frozen=True, slots=True)
class ReceivedFax:
    """A fax that a phone has received.

    ``content`` is the PDF, ``pages`` their number, ``identity`` what the sender calls itself, ``header`` the line on
    top of each page, ``""`` for none.
    """

    content: bytes
    pages: int
    identity: str
    header: str


class FaxMachine:
    """The fax machine of a phone, on one call.

    ``mode`` is ``receive`` or ``send``. ``document`` (URL or path of a PDF) is what it sends; without one it makes one
    of ``pages`` pages.
    """

    def __init__(
        self,
        call: Call,
        mode: Literal["receive", "send"],
        keep: Callable[[ReceivedFax], None],
        pages: int,
        document: str | None,
    ) -> None:
        self._call = call
        self._pages = pages
        self._document = document
        self.mode = mode
        self.keep = keep
        at = call.sample() + round(BEFORE_CED_S * RATE)
        if mode == "receive":
            self._answers_until = call.voice.tone(at, CED).ends_at
            call.voice.tone(self._answers_until, DIS, cycles=_DIS_CYCLES)
        else:
            self._answers_until = at
            call.voice.tone(at, CNG, cycles=_CNG_CYCLES)

    def connected(self) -> None:
        """The other side has been heard: no more calling, once ``CED`` is over."""
        self._call.voice.hush(max(self._call.sample(), self._answers_until))

    def document(self, number: str) -> tuple[bytes, int]:
        """Return what it sends, as ``number``, and how many pages that is. Blocks; MediaError if it can't be had."""
        if self._document is None:
            return fax_document(self._pages, f"Fax from {number}"), self._pages
        content = self._call.around.loader.library.document(self._document)
        return content, page_count(content, self._document)


def switch_on(call: Call, will: Behaviour, keep: Callable[[ReceivedFax], None]) -> None:
    """The phone has answered, or was answered: if it is a machine, it begins."""
    if will.machine is not None:
        answer_by_machine(call, will.machine)
    if will.fax is not None:
        call.fax_machine = FaxMachine(call, will.fax, keep, will.fax_pages, will.fax_document)


def called_sound() -> Samples:
    """Return the sound of a fax machine that takes a fax: ``CED``, then ``DIS`` for 35 s."""
    return np.concatenate([sound_of_tone(CED), sound_of_tone(DIS, cycles=_DIS_CYCLES)])
