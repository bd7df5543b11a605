"""``calling.send_fax`` and ``calling.receive_fax``: tones on the line, pages at a pace, documents (protocol.md 11.6).

The way of a fax, in virtual time:

1. Relay sounds ``CNG`` (to send) or ``CED`` and ``DIS`` (to receive) and listens to the phone. Where no fax machine has
   been heard for 35 s (T1 of ITU-T T.30): ``error``, ``no carrier``.
2. The machines come to terms: ``HANDSHAKE_S`` from the moment the other was heard.
3. Each page takes ``PAGE_S``; ``page`` tells of it at its end.
4. ``finished`` comes ``GOODBYE_S`` after the last page. The phone stays on the line.

A document that can't be had or is no PDF: ``error`` with the reason. Stopped, or the call ends: ``finished`` that is
no ``success``, with the pages that got through. No source lists the codes in ``result``: 0 is well, others are ours.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.calls import Call
from relay_sync.emulator.machines import DIS, PAGE, ReceivedFax, called_sound
from relay_sync.emulator.media import (
    CED,
    CNG,
    MediaError,
    Playback,
    Samples,
    Tone,
    ToneDetector,
    Utterance,
    page_count,
    sound_of_tone,
)
from relay_sync.emulator.media.audio import shown_url
from relay_sync.emulator.operations import Operation

T1 = 35.0
HANDSHAKE_S = 4.0
PAGE_S = 5.0
GOODBYE_S = 1.0

HEADER = "SignalWire"
"""The line on each page unless the command says otherwise (api.md 7.8)."""

_CNG_CYCLES = 10  # 35 s

RESULTS = {0: "OK", 1: "Stopped", 2: "The call ended"}


class Fax(Operation):
    """What sending and receiving have in common."""

    direction: ClassVar[str]

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        super().__init__(call, str(params["control_id"]))
        self._pages = 0
        self._done = 0
        self._url = ""
        self._begun = False  # the pages, or what comes just before them
        self._calling: Playback | None = None
        self._detectors: list[ToneDetector] = []
        ours, theirs = call.from_number, call.to_number
        self._identity, self._remote = (ours, theirs) if call.direction == "outbound" else (theirs, ours)

    def stop(self) -> None:
        """End it with ``finished`` and no success."""
        self._catch_up()
        if not self.over:
            self._finish(1)

    def end_with_call(self, tell: bool) -> None:
        """The call has ended, and with it the fax, with ``finished`` and no success."""
        self._close()
        if tell:
            self._tell_finished(2)

    def fail(self) -> None:
        """End it with ``error``."""
        self._give_up("Fax failed")

    # The steps, in their order.

    def _call_out(self, sound: Samples, *answers: Tone) -> None:
        """Sound what a fax machine calls or answers with, and listen for the other."""
        now = self.call.sample()
        self._calling = self.call.line.start(now, sound)
        self._detectors = [ToneDetector(tone, now) for tone in answers]
        self._listen(self._hear)
        self._later(T1, lambda: None if self._begun else self._give_up("no carrier"))

    def _hear(self, block: NDArray[np.int16]) -> None:
        heard = [bool(detector.feed(block)) or self._sure(detector) for detector in self._detectors]
        if any(heard):
            for ear in self._ears:
                ear.close()
            self._quiet()
            if self.call.fax_machine is not None:
                self.call.fax_machine.connected()
            self._connected()

    def _sure(self, detector: ToneDetector) -> bool:
        """Is it the tone, though it still sounds? A burst of ``CNG`` is one only if it is known to end."""
        return detector.tone is not CNG and detector.sounding is not None

    def _connected(self) -> None:
        """The other machine has been heard."""
        raise NotImplementedError

    def _begin_pages(self) -> None:
        self._begun = True
        self._later(HANDSHAKE_S, self._begin_page)

    def _begin_page(self) -> None:
        self._sound_page()
        self._later(PAGE_S, self._end_page)

    def _sound_page(self) -> None:
        """The carrier of a page sounds, on the side of the sender."""
        raise NotImplementedError

    def _end_page(self) -> None:
        self._done += 1
        self._tell("page", {"direction": self.direction, "number": self._done})
        if self._done < self._pages:
            self._begin_page()
        else:
            self._later(GOODBYE_S, lambda: self._finish(0))

    def _delivered(self) -> None:
        """All of it has got through."""

    def _finish(self, result: int) -> None:
        if result == 0:
            self._delivered()
        self._close()
        self._quiet()
        self._tell_finished(result)

    def _give_up(self, description: str) -> None:
        self._close()
        self._quiet()
        self._tell("error", {"description": description})

    def _quiet(self) -> None:
        """Sound nothing more on the line."""
        if self._calling is not None:
            self._calling.stop(self.call.sample())
            self._calling = None

    def _tell_finished(self, result: int) -> None:
        told = {
            "direction": self.direction,
            "identity": self._identity,
            "remote_identity": self._remote,
            "document": self._url,
            "pages": self._done,
            "success": result == 0,
            "result": result,
            "result_text": RESULTS[result],
            "format": "pdf",
        }
        self._tell("finished", told)

    def _tell(self, kind: str, told: dict[str, Any]) -> None:
        self.call.emit("calling.call.fax", {"control_id": self.control_id, "fax": {"type": kind, "params": told}})


class SendFax(Fax):
    """A fax that Relay sends. ``identity`` is the number of Relay's side unless the command says otherwise."""

    direction = "send"

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        super().__init__(call, params)
        self._url = str(params["document"])
        self._identity = str(params.get("identity", self._identity))
        self._header: str = params.get("header_info", HEADER)
        self._content = b""
        library, url = call.around.loader.library, self._url

        def fetch() -> tuple[bytes, int]:
            content = library.document(url)
            return content, page_count(content, shown_url(url) if "://" in url else url)

        self.settled: Awaitable[object] | None = call.around.loader.work(fetch, self._fetched)

    def _fetched(self, document: tuple[bytes, int] | MediaError) -> None:
        if self.over:
            return
        if isinstance(document, MediaError):
            self._give_up(str(document))
            return
        self._content, self._pages = document
        self._call_out(sound_of_tone(CNG, cycles=_CNG_CYCLES), CED, DIS)

    def _connected(self) -> None:
        self._begin_pages()

    def _sound_page(self) -> None:
        self._calling = self.call.line.start(self.call.sample(), sound_of_tone(PAGE))

    def _delivered(self) -> None:
        machine = self.call.fax_machine
        if machine is not None:
            machine.keep(ReceivedFax(self._content, self._pages, self._identity, self._header))


class ReceiveFax(Fax):
    """A fax that Relay receives; the emulator serves it at the URL in ``document``."""

    direction = "receive"

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        super().__init__(call, params)
        self._content = b""
        self._page: Utterance | None = None
        self._call_out(called_sound(), CNG)

    def _connected(self) -> None:
        machine, number = self.call.fax_machine, self._remote
        if machine is not None:  # else a test has the phone sound like one, and it has nothing to send
            self.call.around.loader.work(lambda: machine.document(number), self._offered)

    def _offered(self, document: tuple[bytes, int] | MediaError) -> None:
        if self.over:
            return
        if isinstance(document, MediaError):
            self._give_up(str(document))
            return
        self._content, self._pages = document
        self._begin_pages()

    def _sound_page(self) -> None:
        self._page = self.call.voice.tone(self.call.sample(), PAGE)

    def _quiet(self) -> None:
        super()._quiet()
        now = self.call.sample()
        if self._page is not None and self._page.ends_at > now:
            self.call.voice.hush(now)  # nobody takes the rest of this page

    def _delivered(self) -> None:
        files = self.call.around.files
        self._url = files.reserve("faxes", "pdf")
        files.put(self._url, self._content, "application/pdf")
