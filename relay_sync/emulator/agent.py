"""``calling.ai`` and ``calling.amazon_bedrock``: an AI that talks on a call, as its script says (protocol.md 13).

It really speaks, one thing after the other, and really listens: what the phone has said is given to the script once the
phone has been silent for a second, and the answer is spoken. On hold it does neither; after ``timeout`` seconds it
comes back by itself. See ``relay.scripts.ai``.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.calls import Call
from relay_sync.emulator.clock import Timer
from relay_sync.emulator.collecting import Collector, Wanted
from relay_sync.emulator.media import MediaError, Playback, Samples
from relay_sync.emulator.operations import Operation
from relay_sync.emulator.speaking import tts

_WANTED = Wanted.read({"speech": {"speech_timeout": 0}})


class Agent(Operation):
    """One AI; one at a time is on a call."""

    single = True

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        super().__init__(call, str(params.get("control_id", "")))
        self._script = call.around.scripts.agent
        self._held = False
        self._back: Timer | None = None
        self._texts: deque[str] = deque()  # that have no sound yet
        self._speaking: list[Playback] = []
        self._collect_from(call.sample())
        self._listen(self._hear)
        if self._script.greeting is not None:
            self.say(self._script.greeting)
        if self._script.end_after is not None:
            self._later(self._script.end_after, self._end_by_itself)

    def stop(self) -> None:
        """End it with ``finished``."""
        self._end("finished")

    def end_with_call(self, tell: bool) -> None:
        """The call has ended, and ends it with ``finished``."""
        self._end("finished", tell)

    def fail(self) -> None:
        """End it with ``error``."""
        self._end("error")

    def hear_text(self, text: str) -> None:
        """Somebody has said this, or written it."""
        reply = None if self._script.reply is None else self._script.reply(text)
        if reply:
            self.say(reply)

    def say(self, text: str) -> None:
        """Speak ``text`` after what is being spoken."""
        self._texts.append(text)
        if len(self._texts) == 1:
            self._synthesise()

    def hold(self, timeout: float | None) -> None:
        """Neither listen nor speak, for ``timeout`` seconds or until :meth:`unhold`."""
        self._catch_up()
        self._held = True
        if self._back is not None:
            self._back.cancel()
        self._back = None if timeout is None else self._later(timeout, self.unhold)

    def unhold(self) -> None:
        """Listen again; nothing if it does."""
        self._catch_up()
        if self._held:
            self._held = False
            self._collect_from(self._collector.at)
        if self._back is not None:
            self._back.cancel()

    def _collect_from(self, sample: int) -> None:
        self._collector = Collector(sample, _WANTED, self.call.voice, self.call.around.assumptions)

    def _hear(self, block: NDArray[np.int16]) -> None:
        for result in self._collector.hear(block):
            self._collect_from(self._collector.at)
            if not self._held and result.params is not None:
                self.hear_text(result.params["text"])

    def _synthesise(self) -> None:
        """Make the sound of the first text; of one at a time, for a short text would overtake a long one."""
        self.call.around.loader.load([tts(self._texts[0])], self._spoken)

    def _spoken(self, loaded: Samples | MediaError) -> None:
        if self.over:
            return
        self._texts.popleft()
        if not isinstance(loaded, MediaError):  # else the loader has logged it
            ends = [each.ends_at() or 0 for each in self._speaking[-1:]]
            self._speaking.append(self.call.line.start(max([self.call.sample(), *ends]), loaded))
        if self._texts:
            self._synthesise()

    def _end_by_itself(self) -> None:
        self._end("error" if self._script.fails else "finished")

    def _end(self, state: str, tell: bool = True) -> None:
        self._close()
        for playback in self._speaking:
            playback.stop(max(self.call.sample(), playback.starts_at))
        if tell and self.call.around.assumptions.ai_end_event:
            told = {"control_id": self.control_id} if self.control_id else {}
            self.call.emit("calling.call.ai", {**told, "state": state})
