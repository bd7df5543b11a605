"""``relay-sync demo``: the main job, against the emulator in this very process.

A phone is called; it answers and hears an audio file that is paused, resumed, made louder and stopped; then what it
heard is measured and saved. Everything printed as Python is what is really called.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from relay_sync.calling.play import PlayAction
from relay_sync.calling.result import Result
from relay_sync.cli.exits import Failure
from relay_sync.cli.output import Output, perform
from relay_sync.cli.playhead import Playhead
from relay_sync.cli.stretches import Stretch, measure
from relay_sync.client import Client
from relay_sync.emulator import Emulator, Phone
from relay_sync.emulator.media import RATE, MediaError, Samples

R = TypeVar("R", bound=Result)

WELCOME = "https://cdn.signalwire.com/default-music/welcome.mp3"

_FROM, _TO = "+15550100", "+15550101"
_RINGS_S = 0.5
_SHORTEST_S = 1.0
_USED = 0.8  # how much of a short file the steps may use up: the commands themselves take time too


@dataclass(frozen=True)
class Steps:
    """Seconds between one command and the next."""

    play: float = 2.0
    pause: float = 1.0
    resume: float = 1.0
    louder: float = 1.5
    rest: float = 0.5

    @classmethod
    def within(cls, duration: float) -> Steps:
        """The steps for a file of ``duration`` seconds: shorter ones where it would end before they are done."""
        whole = cls()
        factor = min(1.0, _USED * duration / (whole.play + whole.resume + whole.louder))
        return cls(whole.play * factor, whole.pause, whole.resume * factor, whole.louder * factor, whole.rest)


class Demo:
    """One demonstration: ``audio`` is a path or an address, ``speed`` how much faster than real it all goes."""

    def __init__(self, output: Output, audio: str = WELCOME, *, volume: float = 6.0, speed: float = 1.0) -> None:
        self._output = output
        self._audio = audio
        self._volume = volume
        self._speed = speed

    def run(self, out: Path) -> None:
        """Do it all and save what the phone heard as ``out``.

        Raises:
            Failure: the audio can't be played, the emulator can't listen, or the file can't be written.
            RelayError: a call of the library's failed, or its result was not successful.
        """
        relay = Emulator(speed=self._speed)
        samples = self._load(relay)
        try:
            relay.start()
        except OSError as error:
            raise Failure(f"the emulator can't listen: {error}") from error
        with relay:
            phone = relay.phone(_TO, answer_after=_RINGS_S)
            self._tell_ready(relay)
            self._talk(relay, Playhead(len(samples) / RATE, relay.clock.now))
            self._tell_heard(measure(relay, phone, samples), phone, out)

    def _load(self, relay: Emulator) -> Samples:
        """The file's sound, looked at before anybody is called."""
        try:
            samples = relay.media.samples({"type": "audio", "params": {"url": self._audio}})
        except MediaError as error:
            raise Failure(str(error)) from error
        seconds = len(samples) / RATE
        if seconds < _SHORTEST_S:
            raise Failure(f"{self._audio} lasts {seconds:.2f} s: give a file of at least {_SHORTEST_S:g} s")
        return samples

    def _tell_ready(self, relay: Emulator) -> None:
        self._output.note(f"# An emulated Relay listens on {relay.url}; its project and token are throw-away ones.")
        self._output.fact("listening", None, **relay.credentials)

    def _talk(self, relay: Emulator, playhead: Playhead) -> None:
        """The main job, as a user would write it."""
        playhead.state = "dialling"
        given = relay.credentials
        source = f"client = Client({', '.join(f'{name}={value!r}' for name, value in given.items())})"
        client = perform(self._output, source, lambda: Client(given["project"], given["token"], given["host"]))
        perform(self._output, "client.connect()", client.connect)
        with client, self._output.watching(playhead):
            dial = f"result = client.calling.dial(from_number={_FROM!r}, to_number={_TO!r})"
            result = self._do(dial, lambda: client.calling.dial(from_number=_FROM, to_number=_TO))
            call = result.call.on("stateChange", playhead.take).on("play.stateChange", playhead.take)
            self._output.note("call = result.call")
            play = f"action = call.play_audio_async({self._audio!r})"
            action = perform(self._output, play, lambda: call.play_audio_async(self._audio))
            waiting = "action.wait_for_state('playing', timeout=10)"
            perform(self._output, waiting, lambda: action.wait_for_state("playing", timeout=10))
            self._control(action, playhead)
            self._do("call.hangup()", call.hangup)

    def _control(self, action: PlayAction, playhead: Playhead) -> None:
        steps, volume = Steps.within(playhead.duration or 0.0), self._volume
        self._let_pass(steps.play, "the phone hears the music")
        self._do("action.pause()", action.pause)
        self._let_pass(steps.pause, "silence; the playback keeps its place")
        self._do("action.resume()", action.resume)
        self._let_pass(steps.resume, "the music goes on at the very next sample")
        self._do(f"action.volume({volume!r})", lambda: action.volume(volume))
        playhead.volume_db = volume
        self._let_pass(steps.louder, f"the same music with {volume:+g} dB")
        self._do("action.stop()", action.stop)
        self._do("action.wait(timeout=10)", lambda: action.wait(timeout=10))
        self._let_pass(steps.rest, "nothing follows the stop")

    def _do(self, source: str, work: Callable[[], R]) -> R:
        """Do and tell; a result that isn't successful ends the demonstration."""
        return perform(self._output, source, work).raise_for_status()

    def _let_pass(self, seconds: float, why: str) -> None:
        self._output.note(f"time.sleep({seconds:.3g})  # {why}")
        time.sleep(seconds / self._speed)

    def _tell_heard(self, stretches: list[Stretch], phone: Phone, out: Path) -> None:
        """Save and show what the phone heard: this is measured, not claimed."""
        heard = phone.heard
        try:
            path = heard.save(out).resolve()
        except OSError as error:
            raise Failure(f"{out} can't be written: {error.strerror or error}") from error
        for stretch in stretches:
            self._output.fact("stretch", None, **_facts(stretch))
        kind = f"{heard.duration:.1f} s, mono, {heard.rate} Hz, 16 bits"
        text = f"\nWhat the phone heard is in {path} ({kind}).\nMeasured on its samples:"
        self._output.fact("heard", text, path=str(path), duration=heard.duration, rate=heard.rate)
        self._output.table(("what", "from", "to", "level", "against the file"), [_row(one) for one in stretches])


def _facts(stretch: Stretch) -> dict[str, str | float | None]:
    level = stretch.level_db if math.isfinite(stretch.level_db) else None  # JSON has no infinity
    return {
        "what": stretch.what,
        "start": stretch.start,
        "end": stretch.end,
        "level_db": level,
        "gain_db": stretch.gain_db,
    }


def _row(stretch: Stretch) -> tuple[str, ...]:
    level = f"{stretch.level_db:.1f} dBFS" if math.isfinite(stretch.level_db) else "silent"
    # Adding 0.0 makes a zero of a minus zero.
    gain = "" if stretch.gain_db is None else f"{round(stretch.gain_db, 1) + 0.0:+.1f} dB"
    return stretch.what, f"{stretch.start:.2f} s", f"{stretch.end:.2f} s", level, gain
