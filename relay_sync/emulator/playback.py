"""``calling.play`` and its sub-commands, carried out on the samples of the call's line (protocol.md 11.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from relay_sync.emulator.calls import Call
from relay_sync.emulator.clock import Timer
from relay_sync.emulator.envelope import Refused
from relay_sync.emulator.media import MediaError, Playback, Samples
from relay_sync.emulator.media.playback import Rendered

PlayState = Literal["loading", "playing", "paused", "finished", "error"]


class Play:
    """One playback of a call.

    It begins when its media have been loaded, which takes no virtual time. A sub-command that comes before that is
    accepted at once and carried out when the media are there; a stop ends it at once. One that belongs to another
    operation is not in ``call.plays``: that operation is told by ``ended`` of its final state, and sees to it.

    ``direction`` says who hears it: the phone (``listen``), those who hear the phone (``speak``), or ``both``. It is
    played ``loops`` times, 0 being for ever.
    """

    def __init__(
        self,
        call: Call,
        control_id: str,
        items: Sequence[Mapping[str, Any]],
        volume_db: float,
        ended: Callable[[PlayState], None] | None = None,
        *,
        direction: str = "listen",
        loops: int = 1,
    ) -> None:
        self._call = call
        self._control_id = control_id
        self._volume_db = volume_db
        self._paused = False  # as accepted, which is ahead of the line while the media are being loaded
        self._lines = [line for line, one in ((call.line, "listen"), (call.voice.onward.line, "speak"))
                       if direction in (one, "both")]  # fmt: skip
        self._loops = loops
        self._playbacks: list[Playback] = []  # one on each line, all alike; none before it has been loaded
        self._when_loaded: list[Callable[[], None]] = []
        self._end: Timer | None = None
        self._ended = ended
        self.state: PlayState = "loading"
        if ended is None:
            call.plays[control_id] = self
        self.loaded: asyncio.Task[None] = call.around.loader.load(items, self._begin)

    def check_over(self) -> bool:
        """Return whether it has finished or failed; one whose last sample has been played by now finishes here."""
        if self._playbacks and self.state == "playing":
            end = self._playbacks[0].ends_at()
            if end is not None and end <= self._call.sample():
                self._say("finished")  # its timer is due this very moment, but a command came first
        return self.state in ("finished", "error")

    def pause(self) -> None:
        """Be silent and keep the position. A pause while paused is answered as the assumption says."""
        if self._paused:
            already(self._call.around.assumptions.pause_of_paused, "The playback is paused already")
            return
        self._paused = True
        self._do(lambda playback: playback.pause(self._now(playback.line)), "paused")

    def resume(self) -> None:
        """Go on at the very next sample. A resume while not paused is answered as the assumption says."""
        if not self._paused:
            already(self._call.around.assumptions.resume_of_playing, "The playback is not paused")
            return
        self._paused = False
        self._do(lambda playback: playback.resume(self._now(playback.line)), "playing")

    def volume(self, volume_db: float) -> None:
        """Set the gain from this moment on; no event tells of it."""
        if self._paused:
            already(self._call.around.assumptions.volume_while_paused, "The playback is paused")
        self._do(lambda playback: playback.volume(volume_db, self._now(playback.line)))

    def stop(self) -> None:
        """End it here, with ``finished``."""
        for playback in self._playbacks:
            playback.stop(self._now(playback.line))
        self._say("finished")

    def fail(self) -> None:
        """End it here, with ``error``."""
        if not self.check_over():
            for playback in self._playbacks:
                playback.stop(self._now(playback.line))
            self._say("error")

    def end_with_call(self, tell: bool) -> None:
        """The call has ended; ``tell``: with a final event."""
        if not self.check_over():
            self._say("finished", tell)

    def _now(self, line: Rendered) -> int:
        """Return the first sample of a line that can be changed still.

        A phone of another call hears by its own numbers, and may be a sample ahead of us by rounding.
        """
        return max(self._call.sample(), line.rendered)

    def _do(self, operation: Callable[[Playback], None], state: PlayState | None = None) -> None:
        """Carry it out on each line, now or when the media are there; ``state`` is what it leads to."""

        def act() -> None:
            for playback in self._playbacks:
                operation(playback)
            if state is not None:
                self._say(state)

        if self._playbacks:
            act()
        else:
            self._when_loaded.append(act)

    def _begin(self, loaded: Samples | MediaError) -> None:
        if self.state != "loading":  # stopped, or the call ended, while its media were on the way
            return
        if isinstance(loaded, MediaError):
            self._say("error")
            return
        self._playbacks = [line.start(self._now(line), loaded, self._volume_db, self._loops) for line in self._lines]
        self._say("playing")
        for act in self._when_loaded:
            act()

    def _say(self, state: PlayState, tell: bool = True) -> None:
        self.state = state
        self._set_end()
        over = state in ("finished", "error")
        if over and self._ended is None:
            self._call.plays.pop(self._control_id, None)
        if tell:
            self._call.emit("calling.call.play", {"control_id": self._control_id, "state": state})
        if over and self._ended is not None:
            self._ended(state)

    def _set_end(self) -> None:
        """Have the clock tell when the last sample has been played, if nothing more happens."""
        if self._end is not None:
            self._end.cancel()
        end = self._playbacks[0].ends_at() if self._playbacks and self.state == "playing" else None
        if end is not None:
            self._end = self._call.around.clock.call_at(self._call.moment(end), lambda: self._say("finished"))


def already(code: str, message: str) -> None:
    """Refuse with ``code``, unless that says that it is well."""
    if code != "200":
        raise Refused(code, message)
