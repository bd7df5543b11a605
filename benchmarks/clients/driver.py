"""What every client program has in common: it is told what to do by lines of JSON, and answers in kind.

``python ours.py PORT CA_FILE`` (``-`` for no TLS). A line is ``{"do": NAME, ...}``; the answer is what the function of
that name returned, or ``{"error": ...}``. Needs nothing but the standard library: it runs in the peers' environments.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

Facts = dict[str, Any]


class Place:
    """Where the far end is."""

    def __init__(self, port: int, ca_file: str) -> None:
        self.port = port
        self.ca_file = None if ca_file == "-" else ca_file
        self.url = f"{'ws' if self.ca_file is None else 'wss'}://127.0.0.1:{port}"


def place() -> Place:
    """The place given on the command line."""
    return Place(int(sys.argv[1]), sys.argv[2])


def say(facts: Facts) -> None:
    """Answer."""
    print(json.dumps(facts), flush=True)


def run(functions: dict[str, Callable[..., Facts]]) -> None:
    """Do what is asked until the input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            facts = functions[asked.pop("do")](**asked)
        except Exception:  # noqa: BLE001  (told to whoever asked)
            facts = {"error": traceback.format_exc()}
        say(facts)


async def run_async(functions: dict[str, Callable[..., Awaitable[Facts]]]) -> None:
    """Do what is asked until the input ends; the loop lives on between two lines, for keep-alives."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        asked = json.loads(line)
        try:
            facts = await functions[asked.pop("do")](**asked)
        except Exception:  # noqa: BLE001
            facts = {"error": traceback.format_exc()}
        say(facts)


class Clock:
    """Time and processor time of a stretch."""

    def __enter__(self) -> Clock:
        gc.collect()
        self._cpu, self._begin = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *raised: object) -> None:
        self.seconds = time.perf_counter() - self._begin
        self.cpu = time.process_time() - self._cpu

    def per(self, count: int) -> Facts:
        """Microseconds for each of ``count``, and how many a second."""
        return {
            "us": self.seconds / count * 1e6,
            "cpu_us": self.cpu / count * 1e6,
            "per_second": count / self.seconds,
        }


def spread(seconds: Iterable[float]) -> Facts:
    """What is told of many single durations: percentiles in microseconds."""
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e6

    shares = [place / 100 for place in range(1, 100)] + [0.995, 0.999]
    return {"p50": at(0.5), "p99": at(0.99), "curve": [[share, round(at(share), 1)] for share in shares]}


def memory() -> int:
    """Bytes of memory that the process has in use."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def threads() -> int:
    """How many threads the process has."""
    return len(os.listdir("/proc/self/task"))


class Busy:
    """A thread that runs pure Python all the time."""

    def __init__(self, busy: bool) -> None:
        self._go_on = busy
        self._thread = threading.Thread(target=self._spin, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *raised: object) -> None:
        self._go_on = False
        self._thread.join()

    def _spin(self) -> None:
        number = 0
        while self._go_on:
            number = (number * 31 + 7) % 1000003


def shares(count: int, workers: int) -> list[int]:
    """How many of ``count`` each worker does."""
    return [count // workers + (place < count % workers) for place in range(workers)]


async def idle(seconds: float) -> Facts:
    """Do nothing; the share of one processor that takes."""
    begin = time.process_time()
    await asyncio.sleep(seconds)
    return {"percent": (time.process_time() - begin) / seconds * 100}
