"""What a line should sound like, by a reference that knows no stretches and no blocks: it walks sample by sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

RAMP = 40


@dataclass
class Naive:
    """One playback, simulated one sample at a time; ``loops`` is how often the source sounds, 0 for ever."""

    source: list[float]
    starts: int
    gain: float
    goal: float = 0.0
    origin: float = 0.0
    steps_left: int = 0
    position: int = 0
    paused: bool = False
    stopped: bool = False
    loops: int = 1

    @property
    def endless(self) -> bool:
        return self.loops == 0 and bool(self.source)

    @property
    def length(self) -> int:
        return len(self.source) * self.loops

    @property
    def over(self) -> bool:
        return self.stopped or (not self.endless and self.position >= self.length)

    def operate(self, kind: str, db: float) -> None:
        if self.over:
            return
        if kind == "volume":
            self.origin, self.goal, self.steps_left = self.gain, 10 ** (db / 20), RAMP
        self.paused = {"pause": True, "resume": False}.get(kind, self.paused)
        self.stopped = kind == "stop"

    def next_sample(self, now: int) -> float:
        if self.steps_left:
            self.steps_left -= 1
            way = (RAMP - self.steps_left) / RAMP
            self.gain = self.goal if not self.steps_left else self.origin + (self.goal - self.origin) * way
        if now < self.starts or self.over or self.paused:
            return 0.0
        self.position += 1
        return self.source[(self.position - 1) % len(self.source)] * self.gain


def naive_limit(mix: float) -> int:
    threshold, ceiling = 10 ** (-3 / 20), 32767 / 32768
    if abs(mix) > threshold:
        curve = (ceiling - threshold) * math.tanh((abs(mix) - threshold) / (ceiling - threshold))
        mix = math.copysign(threshold + curve, mix)
    return round(mix * 32768)
