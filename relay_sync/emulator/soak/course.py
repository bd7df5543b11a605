"""One run of the soak, from the first call to the last count."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from relay_sync import Call, Client, RelayError
from relay_sync.emulator.emulator import Emulator
from relay_sync.emulator.faults import Injected
from relay_sync.emulator.schedule import random_faults
from relay_sync.emulator.soak import leaks
from relay_sync.emulator.soak.callers import NUMBERS, REQUEST_TIMEOUT_S, Book, Caller
from relay_sync.emulator.soak.ledger import DIAL, Survivor, forsaken, lies, misheard, unheard
from relay_sync.emulator.soak.watchdog import Watchdog
from relay_sync.emulator.soak.witness import Witness

DIALECTS = ("flat", "blade")
SPEED = 4.0  # virtual seconds in a real one
ROUND_S = 10.0  # each has faults of its own
FAULTS_PER_ROUND = 6  # of all kinds, and as many again of those that befall single commands and frames
OF_FRAMES = ("refuse", "fail", "ignore", "lose", "delay", "repeat", "garble", "postpone", "swap")
TICK_S = 0.25
SETTLE_S = 45.0  # a client that has failed to connect several times pauses for up to 30 s
_EXPECTED = ("Relay refused the contexts", "handlers are busy", "nobody handles calls")


@dataclass
class Report:
    """What a run came to. Each list is empty where all is well."""

    seed: int
    seconds: float
    hangs: list[str] = field(default_factory=list)
    lies: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    commands_seen: int = 0
    connections: int = 0
    reopened: int = 0
    adrift: int = 0
    latest: float = 0.0

    @property
    def failed(self) -> bool:
        """Is anything amiss?"""
        return bool(self.hangs or self.lies or self.leaks or self.defects)


class Course:
    """A run that ``seed`` stands for: ``threads`` callers for each dialect, for ``seconds`` real seconds."""

    def __init__(self, seed: int, seconds: float, threads: int = 4, faults: int = FAULTS_PER_ROUND) -> None:
        self.report: Report = Report(seed, seconds)
        self.book: Book = Book()
        self.watchdog: Watchdog = Watchdog()
        self.relay: Emulator = Emulator(speed=SPEED, ping_interval=2.0)
        self.witness: Witness = Witness(self.relay)
        self._seed, self._seconds, self._threads, self._faults = seed, seconds, threads, faults
        self._stop = threading.Event()
        self._complaints = _Complaints(self.book.defects)
        self._clients: dict[str, Client] = {}

    def run(self) -> Report:
        """Run it; returns when everything has ended, or something hangs."""
        before = leaks.of_process()
        with self._complaints:
            self.relay.start()
            try:
                self._run()
            finally:
                self._stop.set()
                self._close_clients()
                self.relay.stop()
        if not self.watchdog.look():
            self.report.leaks += leaks.left(lambda: dict(leaks.of_process() - before), 10.0)
        self._sum_up()
        return self.report

    def _run(self) -> None:
        self.witness.attend()
        for number, behaviour in NUMBERS.items():
            self.relay.phone(number, **behaviour)
        self._clients.update({dialect: self._make_client(dialect) for dialect in DIALECTS})
        for client in self._clients.values():
            client.connect()
        threads = self._start_threads()
        end = time.monotonic() + self._seconds
        rounds = 0
        while time.monotonic() < end and not self.watchdog.look():
            self._one_round(rounds, min(end, time.monotonic() + ROUND_S))
            rounds += 1
        self._stop.set()
        self._settle(threads)

    def _make_client(self, dialect: str) -> Client:
        client = Client(
            **self.relay.credentials, dialect=dialect, request_timeout=REQUEST_TIMEOUT_S, connect_timeout=2.0,
            resume_timeout=8.0, ping_interval=1.0, ping_timeout=1.0,
        )  # fmt: skip
        taken: list[int] = []

        def take(call: Call) -> None:
            taken.append(1)
            self._caller(dialect, client, f"inbound {len(taken)}").take(call)

        client.calling.receive([f"office-{dialect}"], take)
        return client

    def _caller(self, dialect: str, client: Client, which: str) -> Caller:
        return Caller(dialect, client, self.relay, self.book, self.watchdog, f"{self._seed} {dialect} {which}")

    def _start_threads(self) -> list[threading.Thread]:
        jobs: list[tuple[str, Callable[[], None]]] = [("soak-phone", self._place_calls)]
        for dialect, client in self._clients.items():
            jobs.append((f"soak-keeper-{dialect}", partial(self._keep, client)))
            for number in range(self._threads):
                caller = self._caller(dialect, client, str(number))
                jobs.append((f"soak-{dialect}-{number}", partial(caller.work, self._stop)))
        threads = [threading.Thread(target=job, name=name, daemon=True) for name, job in jobs]
        for thread in threads:
            thread.start()
        return threads

    def _place_calls(self) -> None:
        """People call in, for either client."""
        chance = random.Random(f"{self._seed} phone")
        number = 0
        while not self._stop.wait(chance.uniform(0.2, 0.6)):
            number += 1
            phone = self.relay.phone(f"+1555018{number % 1000:04}")
            phone.call(context=f"office-{chance.choice(DIALECTS)}", timeout=20.0)

    def _keep(self, client: Client) -> None:
        """Connect again where a refused login has closed the client for good."""
        while not self._stop.wait(TICK_S):
            if client.state in ("closed", "new"):
                self._reopen(client)

    def _reopen(self, client: Client) -> None:
        with self.watchdog.bound("connect()", 2.25):
            try:
                client.connect()
                self.report.reopened += 1
            except RelayError:
                pass

    def _one_round(self, number: int, end: float) -> None:
        seed = self._seed * 100_000 + number
        injected = self.relay.faults.add_all(
            (
                *random_faults(seed, self._faults, seconds=ROUND_S),
                *random_faults(seed, self._faults, seconds=ROUND_S, kinds=OF_FRAMES),
            )
        )
        while time.monotonic() < end and not self.watchdog.look():
            threading.Event().wait(TICK_S)
            self.witness.read()
        self._count(injected)
        self.relay.faults.clear()

    def _count(self, injected: list[Injected]) -> None:
        for one in injected:
            self.report.struck[one.fault.kind] += one.struck

    # -- its end --------------------------------------------------------------------------------------

    def _settle(self, threads: list[threading.Thread]) -> None:
        """No fault any more: everything must come to its end."""
        if not self._until(lambda: not any(thread.is_alive() for thread in threads), 30.0, "callers to end"):
            return
        for client in self._clients.values():
            if client.state in ("closed", "new"):
                self._reopen(client)
        if not self._until(lambda: all(c.connected for c in self._clients.values()), SETTLE_S, "clients to be ready"):
            return
        for dialect, client in self._clients.items():
            self._sweep(dialect, client)
        self.witness.read()
        self._end_what_is_adrift()
        self.report.leaks += [f"{what} in the emulator" for what in leaks.left(self._in_emulator, 5.0)]

    def _in_emulator(self) -> leaks.Counts:
        return leaks.of_emulator(self.relay, len(self._clients))

    def _until(self, ready: Callable[[], bool], limit: float, what: str) -> bool:
        end = time.monotonic() + limit
        while not ready():
            self.witness.read()
            if self.watchdog.look():
                return False
            if time.monotonic() > end:
                self.report.hangs.append(f"waited {limit} s for the {what}")
                return False
            threading.Event().wait(TICK_S)
        return True

    def _sweep(self, dialect: str, client: Client) -> None:
        """Hang up what callers have left behind; after that the client must have forgotten it all."""
        life = client._life()
        if not self._until(lambda: not life.conversations.busy, 20.0, f"handlers of {dialect}"):
            return
        caller = self._caller(dialect, client, "sweep")
        with life.connection.monitor.lock:
            up = life.table.live()
        for call in up:
            caller.sweep(call)
        counts = leaks.left(lambda: self._unaccounted(client), 5.0)
        self.report.leaks += [f"{what} in the client ({dialect})" for what in counts]

    def _unaccounted(self, client: Client) -> leaks.Counts:
        """Count what the client keeps, but for dials of which nobody knows the end: Relay may tell of them yet."""
        self.witness.read()
        evidence = self.witness.evidence
        unknown = {told.key for told in self.book.told if told.key[0] == DIAL and told.verdict == "unknown"}
        never_came = not unknown <= evidence.commands.keys()

        def may_stay(tag: str) -> bool:
            who = evidence.tags.get(tag)
            return never_came if who is None else (DIAL, who) in unknown

        return leaks.of_client(client, may_stay)

    def _end_what_is_adrift(self) -> None:
        """Calls of sessions that are lost, or that nobody was told of, are ended by the phones."""

        protocols = {client.protocol for client in self._clients.values()}

        def end_all() -> list[Survivor]:
            calls = self.relay.switch.calls
            # An inbound call whose offer was lost rings on, and nobody can know of it.
            survivors = [
                Survivor(call.id, call.from_number, call.owner is not None and call.owner.protocol in protocols)
                for call in calls
                if call.direction == "outbound" or call.answered_at is not None
            ]
            for call in calls:
                call.end("hangup")
            return survivors

        survivors = self.relay.on_thread(end_all)
        self.report.adrift = len(survivors)
        self.report.lies += forsaken(survivors, self.book.told, self.witness.evidence)

    def _close_clients(self) -> None:
        for dialect, client in self._clients.items():
            with self.watchdog.bound(f"disconnect() of {dialect}", 2.0):
                client.disconnect()
            left = leaks.left(partial(leaks.of_client, client), 5.0)
            self.report.leaks += [f"{what} in the client ({dialect}) after disconnect()" for what in left]

    def _sum_up(self) -> None:
        report, book, evidence = self.report, self.book, self.witness.evidence
        report.hangs += self.watchdog.hangs
        report.lies += lies(book.told, book.endings, evidence)
        report.lies += misheard(book.heard)
        report.lies += unheard(book.taken, evidence)
        report.lies += [f"call {call_id} was handled {n} times" for call_id, n in book.taken.items() if n > 1]
        report.defects += book.defects
        if self.witness.gaps:
            report.defects.append(f"the journal forgot {self.witness.gaps} frames before they were read")
        report.calls, report.latest = book.calls, self.watchdog.latest
        report.verdicts = Counter(told.verdict for told in book.told)
        report.endings = Counter(ending.fate for ending in book.endings)
        report.commands_seen = sum(len(seen) for seen in evidence.commands.values())
        report.connections = self.witness.connections


class _Complaints(logging.Handler):
    """What the library and the emulator log as errors: a thread of theirs failed, or a handler of ours raised."""

    def __init__(self, into: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._into = into

    def __enter__(self) -> _Complaints:
        logging.getLogger("relay_sync").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("relay_sync").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Write it down, unless a fault was meant to bring it about."""
        text = record.getMessage()
        if not any(words in text for words in _EXPECTED):
            if record.exc_info:
                text += "\n" + (logging.Formatter().formatException(record.exc_info))
            self._into.append(f"{record.name}: {text}")
