"""``calling.transcribe``, ``calling.live_transcribe`` and ``calling.live_translate`` (protocol.md 13).

A transcription is a file of what the phone said from its beginning to its end, served at the ``url`` of its last event.
Its words are those that the phone was told to say. Of the live kinds no event is known: one can be started and, while
it runs, stopped; ``summarize`` and ``inject`` are taken and have no effect.
"""

from __future__ import annotations

import uuid
from typing import Any

from relay_sync.emulator.calls import Call
from relay_sync.emulator.collecting import words_between
from relay_sync.emulator.envelope import Refused
from relay_sync.emulator.media import RATE, encode_recording
from relay_sync.emulator.operations import Operation

FOLDER = "transcripts"

VERBS = ("start", "stop", "summarize", "inject")


class Transcribe(Operation):
    """One transcription; one at a time runs on a call."""

    single = True

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        super().__init__(call, str(params["control_id"]))
        self._id = str(uuid.uuid4())
        self._first = call.sample()
        self._began = call.around.clock.timestamp()
        self._tell("transcribing")

    def stop(self) -> None:
        """End it with ``finished``."""
        self._finish()

    def end_with_call(self, tell: bool) -> None:
        """The call has ended, and ends it with ``finished``."""
        self._finish(tell)

    def _finish(self, tell: bool = True) -> None:
        last = self.call.sample()
        self._close()
        files, spoken = self.call.around.files, self.call.around.assumptions.transcript == "wav"
        if spoken:
            content = encode_recording(self.call.voice.read(self._first, last), "wav").content
        else:
            content = (words_between(self.call.voice, self._first, last) + "\n").encode()
        url = files.reserve(FOLDER, "wav" if spoken else "txt")
        files.put(url, content, "audio/wav" if spoken else "text/plain")
        if tell:
            self._tell(
                "finished", url=url, duration=(last - self._first) / RATE, size=len(content),
                start_time=self._began, end_time=self.call.around.clock.timestamp(),
            )  # fmt: skip

    def _tell(self, state: str, **more: Any) -> None:
        told = {"control_id": self.control_id, "state": state, "recording_id": self._id, **more}
        self.call.emit("calling.call.transcribe", told)


class Live(Operation):
    """Something that goes on live, and of which nothing is told."""

    def __init__(self, call: Call) -> None:
        super().__init__(call, "")

    def stop(self) -> None:
        """End it."""
        self._close()

    def end_with_call(self, tell: bool) -> None:
        """The call has ended."""
        self._close()


class LiveTranscribe(Live):
    """A live transcription; one at a time runs on a call."""


class LiveTranslate(Live):
    """A live translation; one at a time runs on a call."""


def action(value: Any, strict: bool) -> str | None:
    """Accept an object with one key, the verb, or one whose key ``action`` has it (protocol.md 19)."""
    known = " ".join(VERBS)
    if isinstance(value, dict) and (value.get("action") in VERBS or (len(value) == 1 and next(iter(value)) in VERBS)):
        return None
    return f"must be an object with one of the keys {known}, or with one of them as its action, not {value!r}"


def act(call: Call, kind: type[Live], action: dict[str, Any]) -> None:
    """Carry out a checked action; refuses with ``409`` what needs one that runs, or none."""
    verb = action["action"] if "action" in action else next(iter(action))
    running = [each for each in call.operations.values() if isinstance(each, kind)]
    if verb == "start":
        kind(call)
    elif not running:
        raise Refused("409", "None of these is running")
    elif verb == "stop":
        running[0].stop()
