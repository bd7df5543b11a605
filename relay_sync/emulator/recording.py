"""``calling.record`` and its sub-commands: real files of what a leg heard or said (protocol.md 11.4, 16.3).

The file is at the ``url`` of the reply from the event ``finished`` on, and 404 before. It is made in the background,
which takes no virtual time. A recording ends when it is stopped, when a key of ``terminators`` has been pressed, after
``end_silence_timeout`` seconds without sound in what it records, or with the call; where there was no sound within
``initial_timeout`` seconds, with ``no_input`` and no file. These times stand still while it is paused.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.media import (
    RATE,
    Activity,
    DigitDetector,
    Directions,
    MediaError,
    RecordedFile,
    Recording,
    VoiceActivity,
    encode_recording,
)
from relay_sync.emulator.operations import Operation
from relay_sync.emulator.playback import already
from relay_sync.emulator.record_options import RecordOptions

if TYPE_CHECKING:
    from relay_sync.emulator.calls import Call

FOLDER = "recordings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A recording that was made: ``relay.recordings`` has them.

    ``url`` is where it is served. ``content`` is the file, ``size`` its bytes, ``duration`` its seconds; ``samples`` is
    its sound as it was before it was encoded: 16-bit at 8 kHz, one row of two for each sample in stereo (left what the
    phone said, right what it heard).
    """

    url: str
    call_id: str
    control_id: str
    format: str
    direction: str
    stereo: bool
    duration: float
    content: bytes = field(repr=False)
    samples: NDArray[np.int16] = field(repr=False, compare=False)

    @property
    def size(self) -> int:
        """Length of the file in bytes."""
        return len(self.content)

    def save(self, path: str | Path) -> Path:
        """Write the file to ``path`` and return that."""
        written = Path(path)
        written.write_bytes(self.content)
        return written


class Record(Operation):
    """One recording."""

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        super().__init__(call, str(params["control_id"]))
        now, options = call.sample(), RecordOptions.read(params["record"]["audio"])
        self._options = options
        self._url = call.around.files.reserve(FOLDER, options.format)
        self.reply: dict[str, Any] = {"url": self._url}
        self._recording = Recording(
            now, call.line, call.voice, direction=options.direction, stereo=options.stereo, beep=options.beep
        )
        self._ends_trimmed = call.around.assumptions.record_end == "trimmed"
        self._unfiled: NDArray[np.int16] | None = None  # what is being made into a file
        self._due: int | None = None
        self._keys = DigitDetector(now)
        self._listen(self._hear_keys)
        self._silence = _Silence(now, self._recording.starts_at, options)
        if options.initial_timeout or options.end_silence_timeout:
            sound = Directions(heard=call.line, said=call.voice)
            self._listen(self._hear, partial(sound.mono, options.direction))
        self._tell("recording")
        self._watch()

    def pause(self, behavior: str) -> None:
        """Record nothing (``skip``) or silence until :meth:`resume`. Of a paused one: as an assumption says."""
        if self._recording.paused:
            already(self.call.around.assumptions.pause_of_paused, "The recording is paused already")
            return
        self._catch_up()
        if not self.over:
            self._recording.pause(self.call.sample(), behavior)
            self._silence.paused = True
            self._tell("paused")

    def resume(self) -> None:
        """Record again. Of one that is not paused: as an assumption says."""
        if not self._recording.paused:
            already(self.call.around.assumptions.resume_of_playing, "The recording is not paused")
            return
        self._catch_up()
        if not self.over:
            self._recording.resume(self.call.sample())
            self._silence.paused = False
            self._tell("recording")
            self._watch()

    def stop(self) -> None:
        """End it here, with ``finished``."""
        self._catch_up()
        if not self.over:
            self._finish()

    def end_with_call(self, tell: bool) -> None:
        """The call has ended; ``finished`` too, and it has its file before anything else happens."""
        self._catch_up()
        if not self.over:
            self._close()
            self._unfiled = self._stopped()
        if self._unfiled is not None:
            self._file(encode_recording(self._unfiled, self._options.format), tell)

    def fail(self) -> None:
        """End it with ``error``: there is no file."""
        self._end_without("error")

    def _hear_keys(self, block: NDArray[np.int16]) -> None:
        for key in self._keys.feed(block):
            if key.digit in self._options.terminators and not self.over:
                self._finish(key.start)

    def _hear(self, block: NDArray[np.int16]) -> None:
        for activity in self._silence.hear(block):
            if activity.kind == "no_input":
                self._end_without("no_input")
            elif activity.kind == "end_silence":
                self._finish(self._silence.began(activity))
            if self.over:
                return
        self._watch()

    def _watch(self) -> None:
        """Listen at the very sample at which a time is up, which may lie between two blocks."""
        due = self._silence.due()
        if due is not None and due != self._due:
            self._later(self.call.moment(due) - self.call.around.clock.now(), lambda: None)
        self._due = due

    def _end_without(self, state: str) -> None:
        self._recording.stop(self.call.sample())
        self._close()
        self._tell(state)

    def _finish(self, ends_at: int | None = None) -> None:
        """End it here; ``ends_at`` is where the key or the silence began that ended it."""
        self._close()
        samples = self._unfiled = self._stopped(ends_at if self._ends_trimmed else None)
        self.call.operations[self.control_id] = self  # until it has its file: the call's end does not overtake that
        self.settled: Awaitable[object] | None = self.call.around.loader.work(
            partial(encode_recording, samples, self._options.format), self._made
        )

    def _stopped(self, ends_at: int | None = None) -> NDArray[np.int16]:
        self._recording.stop(self.call.sample(), ends_at)
        return self._recording.samples()

    def _made(self, file: RecordedFile | MediaError) -> None:
        if self._unfiled is None:  # the call ended meanwhile, and could not wait
            return
        if isinstance(file, MediaError):
            self._unfiled = None
            self.call.operations.pop(self.control_id, None)
            self._tell("error")
        else:
            self._file(file, tell=True)

    def _file(self, file: RecordedFile, tell: bool) -> None:
        """Publish the file, and say so."""
        assert self._unfiled is not None
        samples, self._unfiled = self._unfiled, None
        self.call.operations.pop(self.control_id, None)
        around, options = self.call.around, self._options
        around.files.put(self._url, file.content, file.content_type)
        around.recordings.append(
            Recorded(
                url=self._url, call_id=self.call.id, control_id=self.control_id, format=options.format,
                direction=options.direction, stereo=options.stereo, duration=file.duration_s, content=file.content,
                samples=samples,
            )
        )  # fmt: skip
        if tell:
            self._tell_of_file(file)

    def _tell_of_file(self, file: RecordedFile) -> None:
        told = {"url": self._url, "duration": file.duration_s, "size": file.size}
        if self.call.around.assumptions.record_result_nested:
            self._emit({"state": "finished", "record": {**told, "format": self._options.format}})
        else:
            self._emit({"state": "finished", **told, "record": self._echo()})

    def _tell(self, state: str) -> None:
        self._emit({"state": state, "record": self._echo()})

    def _echo(self) -> dict[str, Any]:
        options = self._options
        return {"audio": {"format": options.format, "direction": options.direction, "stereo": options.stereo}}

    def _emit(self, params: dict[str, Any]) -> None:
        self.call.emit("calling.call.record", {"control_id": self.control_id, **params})


class _Silence:
    """Watches a recording's sound for the two silences that end it, on an axis of samples without its pauses.

    ``at`` is the sample with which the blocks begin, ``first`` the first that counts.
    """

    def __init__(self, at: int, first: int, options: RecordOptions) -> None:
        self.paused = False
        self._at = at
        self._first = first
        self._skipped = 0  # samples of pauses
        self._silent_since: int | None = None  # on the axis of the call
        self._allowed = round(options.end_silence_timeout * RATE)
        self._due: int | None = first + round(options.initial_timeout * RATE) if options.initial_timeout else None
        self._activity = VoiceActivity(
            first,
            initial_timeout=options.initial_timeout,
            end_silence_timeout=options.end_silence_timeout,
            threshold_db=options.threshold_db,
        )

    def due(self) -> int | None:
        """Return the sample at which some time will be up unless there is sound; None if none runs."""
        return None if self.paused or self._due is None else self._due + self._skipped

    def began(self, activity: Activity) -> int:
        """Return with which sample the silence began that has just lasted as long as is allowed."""
        if self._silent_since is not None:
            return self._silent_since
        return activity.at + self._skipped - self._allowed

    def hear(self, block: NDArray[np.int16]) -> list[Activity]:
        """Take the next samples; their ``at`` are those of the axis without pauses."""
        before = max(0, min(len(block), self._first - self._at))  # of the beep
        self._at += len(block)
        if self.paused:
            self._skipped += len(block) - before
            return []
        happened = self._activity.feed(block[before:])
        for activity in happened:
            if activity.kind == "speech":
                self._due = self._silent_since = None
            elif activity.kind == "silence":
                self._due = activity.at + self._allowed if self._allowed else None
                self._silent_since = activity.at + self._skipped
        return happened
