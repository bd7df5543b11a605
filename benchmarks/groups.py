"""What is measured: seven groups, each a function that measures every contestant in turn, again and again.

A figure is the median of its rounds. In each round every contestant has its turn, in an order that moves on by one, so
that a machine that slows down slows them all. Ratios are made within a round, and the median is taken of them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from benchmarks.peers import FLOORS, OURS, OURS_PLAIN, Contestant
from benchmarks.programs import Facts, Program, Stand

READER = FLOORS[2]
_OURS = (OURS.name, OURS_PLAIN.name)


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    rounds: int = 5
    trips: int = 1500
    busy_trips: int = 60
    commands: int = 3000
    events: int = 10_000
    calls: Sequence[int] = (1, 100, 1000, 5000, 10_000)
    many: int = 10_000
    memory_rounds: int = 5
    idle_s: float = 12.0
    handled: int = 300
    emulated_calls: int = 150
    emulated_s: float = 600.0


QUICK = Size(
    rounds=5, trips=200, busy_trips=8, commands=400, events=1500, calls=(1, 100, 1000), many=1000, memory_rounds=1,
    idle_s=1.0, handled=50, emulated_calls=20, emulated_s=60.0,
)  # fmt: skip


@dataclass
class Figure:
    """One row of the table: for each contestant the median, and all rounds.

    Attributes:
        ratios: ours over each other's, the median of the rounds' ratios.
    """

    group: str
    name: str
    unit: str
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, who: str, value: float) -> None:
        """One round of one contestant."""
        self.rounds.setdefault(who, []).append(value)

    @property
    def medians(self) -> dict[str, float]:
        """The median of each."""
        return {who: statistics.median(values) for who, values in self.rounds.items()}

    @property
    def ratios(self) -> dict[str, float]:
        """Ours to each other's, within each round; that without TLS to the floors'."""
        floors = {floor.name for floor in FLOORS}
        return {
            who: statistics.median(mine / other for mine, other in zip(ours, values, strict=False))
            for who, values in self.rounds.items()
            if who not in _OURS and all(values)
            for ours in [self.rounds.get((OURS_PLAIN if who in floors else OURS).name, [])]
            if ours
        }

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "group": self.group, "name": self.name, "unit": self.unit, "rounds": self.rounds,
            "medians": self.medians, "ratio_of_relay_sync_to": self.ratios,
        }  # fmt: skip


class Run:
    """One run: its figures, and the curves for the pictures."""

    def __init__(self, stand: Stand, contestants: Sequence[Contestant], size: Size, say: Callable[[str], None]) -> None:
        self.stand = stand
        self.contestants = list(contestants)
        self.size = size
        self.say = say
        self.figures: dict[tuple[str, str], Figure] = {}
        self.curves: dict[str, list[list[list[float]]]] = {}  # latency: share and microseconds, of each round

    def figure(self, group: str, name: str, unit: str) -> Figure:
        """The row of that name."""
        return self.figures.setdefault((group, name), Figure(group, name, unit))

    def clients(self, stack: ExitStack, contestants: Iterable[Contestant]) -> list[Program]:
        """Run these clients until the stack is left."""
        return [stack.enter_context(self.stand.client(one)) for one in contestants]

    def turns(self, programs: Sequence[Program], rounds: int) -> Iterable[Program]:
        """Each in turn, so many rounds; who is first moves on."""
        for number in range(rounds):
            for place in range(len(programs)):
                yield programs[(number + place) % len(programs)]


def round_trip(run: Run) -> None:
    """1. Round trip of ``action.pause()``, beside the floors."""
    group = "1 round trip of pause()"
    with ExitStack() as stack:
        programs = run.clients(stack, [*run.contestants, OURS_PLAIN, *FLOORS])
        for program in programs:
            program.ask("round_trip", count=run.size.trips // 5)  # warm
        for program in run.turns(programs, run.size.rounds):
            facts = program.ask("round_trip", count=run.size.trips)
            who = program.contestant.name
            run.figure(group, "p50", "µs").add(who, facts["p50"])
            run.figure(group, "p99", "µs").add(who, facts["p99"])
            run.figure(group, "processor time", "µs").add(who, facts["cpu_us"])
            run.curves.setdefault(who, []).append(facts["curve"])


def throughput(run: Run) -> None:
    """2. Commands per second."""
    group = "2 commands per second"
    with ExitStack() as stack:
        programs = run.clients(stack, [*run.contestants, OURS_PLAIN, READER])
        for program in programs:
            if program.contestant != READER:
                program.ask("scale", calls=64)
                program.ask("play", calls=64)
            program.ask("together", count=run.size.commands // 5, workers=64)
        for workers in (1, 8, 64):
            for program in run.turns(programs, run.size.rounds):
                facts = program.ask("together", count=run.size.commands, workers=workers)
                name = f"{workers} thread{'s' * (workers > 1)} (or tasks)"
                run.figure(group, name, "/s").add(program.contestant.name, facts["per_second"])
                name = f"processor time for one, {name}"
                run.figure(group, name, "µs").add(program.contestant.name, facts["cpu_us"])
        # From one thread: the pipeline; the peers' tasks are one thread, too.
        for program in run.turns(programs, run.size.rounds):
            who = program.contestant
            if who.name in _OURS:
                facts = program.ask("pipeline", count=run.size.commands, in_flight=64)
            else:
                facts = program.ask("together", count=run.size.commands, workers=64)
            name = "64 in flight, from one thread"
            run.figure(group, name, "/s").add(who.name, facts["per_second"])
            run.figure(group, f"processor time for one, {name}", "µs").add(who.name, facts["cpu_us"])
        for program in run.turns(programs, run.size.rounds):
            facts = program.ask("round_trip", count=run.size.busy_trips, busy=True)
            name = "1 thread beside a busy one"
            run.figure(group, name, "/s").add(program.contestant.name, facts["per_second"])


def events(run: Run) -> None:
    """3. Events dispatched over more and more live calls, and 4. what these calls weigh."""
    group = "3 events"
    with ExitStack() as stack:
        programs = run.clients(stack, run.contestants)
        for calls in run.size.calls:
            started = time.monotonic()
            for program in programs:
                program.begin("scale", calls=calls)
            for program in programs:
                program.end()
            for program in programs:
                program.begin("play", calls=calls)
            for program in programs:
                program.end()
            run.say(f"  {calls} calls are up after {time.monotonic() - started:.1f} s")
            for program in programs:
                program.ask("events", calls=calls, count=max(calls, run.size.events // 10))
            for program in run.turns(programs, run.size.rounds):
                facts = program.ask("events", calls=calls, count=max(calls, run.size.events))
                who = program.contestant.name
                run.figure(group, f"time for one, {calls} calls", "µs").add(who, facts["us"])
                run.figure(group, f"processor time for one, {calls} calls", "µs").add(who, facts["cpu_us"])


def memory(run: Run) -> None:
    """4. Memory per live call and per running action; threads."""
    group, many = "4 memory", run.size.many
    for _ in range(run.size.memory_rounds):
        with ExitStack() as stack:
            programs = run.clients(stack, run.contestants)
            for program in programs:
                program.ask("scale", calls=100)
                program.ask("play", calls=100)
            before = [program.ask("scale", calls=100) for program in programs]
            # Memory does not mind company, so all of them work at once.
            with_calls = _all(programs, "scale", many + 100)
            with_plays = _all(programs, "play", many + 100)
            for program, empty, calls, plays in zip(programs, before, with_calls, with_plays, strict=True):
                who = program.contestant.name
                per_call, per_play = ((full["memory"] - empty["memory"]) / many for full in (calls, plays))
                run.figure(group, f"idle call, of {many}", "bytes").add(who, per_call)
                run.figure(group, f"call with a playback, of {many}", "bytes").add(who, per_play)
                run.figure(group, f"threads at {many}", "").add(who, plays["threads"])


def _all(programs: Sequence[Program], do: str, calls: int) -> list[Facts]:
    for program in programs:
        program.begin(do, calls=calls)
    return [program.end() for program in programs]


def start(run: Run) -> None:
    """5. Time to import, to ready, to first audio; processor time of an idle client."""
    group = "5 start and rest"
    for number in range(run.size.rounds):
        for place in range(len(run.contestants)):
            one = run.contestants[(number + place) % len(run.contestants)]
            with run.stand.client(one) as program:
                facts = program.ask("start")
            wall, processor, client = one.import_times(run.stand.environments)
            run.figure(group, "import", "ms").add(one.name, wall * 1e3)
            run.figure(group, "import, processor time", "ms").add(one.name, processor * 1e3)
            run.figure(group, "import and a client, processor time", "ms").add(one.name, client * 1e3)
            run.figure(group, "connect to ready", "ms").add(one.name, facts["ready_ms"])
            run.figure(group, "dial to first audio", "ms").add(one.name, facts["first_audio_ms"])
    with ExitStack() as stack:
        programs = run.clients(stack, run.contestants)
        for _ in range(run.size.rounds):
            for program in programs:
                program.begin("idle", seconds=run.size.idle_s)
            for program in programs:
                name = f"processor time at rest ({run.size.rounds} x {run.size.idle_s:g} s)"
                run.figure(group, name, "%").add(program.contestant.name, program.end()["percent"])


def handler(run: Run) -> None:
    """6. From an event on the wire to its handler."""
    group = "6 handler latency"
    with ExitStack() as stack:
        programs = run.clients(stack, run.contestants)
        for program in run.turns(programs, run.size.rounds):
            facts = program.ask("handler", count=run.size.handled)
            for share in ("p50", "p99"):
                run.figure(group, share, "µs").add(program.contestant.name, facts[share])


def emulator(run: Run) -> None:
    """7. The emulator: calls per second, and simulated audio."""
    from benchmarks.emulated import calls_per_second, minutes_per_second

    for _ in range(run.size.rounds):
        who = "relay_sync.emulator"
        run.figure("7 emulator", "calls", "/s").add(who, calls_per_second(run.size.emulated_calls))
        minutes = minutes_per_second(run.size.emulated_s)
        run.figure("7 emulator", "simulated audio", "min/s").add(who, minutes)


GROUPS: dict[str, Callable[[Run], None]] = {
    "round_trip": round_trip,
    "throughput": throughput,
    "events": events,
    "memory": memory,
    "start": start,
    "handler": handler,
    "emulator": emulator,
}
