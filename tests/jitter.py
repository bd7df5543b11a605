"""Bad luck on request: ``pytest --jitter SEED`` slows some functions down, so that threads meet in rare orders.

A race is a test that counts on an order that nothing enforces; it passes nearly always, because the machine nearly
always keeps that order. Here each test has functions of the client, of the emulator and of what tests share, chosen by
the seed, that are slow at their beginning or their end, as if the thread had lost the processor there: the same ones
every time, so that a failure can be had again with the same seed. Those at which threads meet are chosen more often.
The interval at which threads take turns is another one in each test too.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PLACES = (str(ROOT / "relay_sync"), str(ROOT / "tests" / "support.py"), str(ROOT / "tests" / "stage.py"))
BESIDE = ("/media/", "/checks.py", "/masking.py")  # called so often, or so much on one thread, that it only takes time

MEETINGS = (
    "LoopThread.run", "LoopThread.call", "Connection._take", "Connection._receive", "Journal.write", "Loader.work",
    "Loader._work", "MediaLibrary.sequence", "Session.emit", "Session.let_go", "Watch.tell", "Watch.until",
    "Books.act", "Reader.live", "Reader._read", "Reader._lose", "Standing.settle", "Standing._became_ready",
    "Standing.lose", "Sending._ask", "Sending._send", "Sending._answer_to", "Departures._send",
    "WebSocketTransport.send", "WebSocketTransport.receive", "ScriptedTransport.receive", "ScriptedTransport.send",
    "Monitor.wait_until",
    "Waitable._changed", "run", "Workers._work", "Workers.submit", "Lane._run", "Running._run", "Running.__init__",
    "until", "parked",
)  # fmt: skip
"""Functions at which one thread hands something to another, or takes it."""

LEFT_OUT = ("test_cost.py", "as_fast_as_when_idle")  # they measure: memory, of which this needs some too, and time
ORDINARY, MEETING = 0.04, 0.3  # how many of the functions are slow
PAUSES = (0.001, 0.005, 0.02)  # seconds
TIMES = 3  # how often one is slow in a test
AT_MOST = 0.3  # seconds that a test loses in all: less than what its limits must bear anyway
INTERVALS = (0.000001, 0.0001, 0.005)  # seconds between the turns of threads


class Jitter:
    """The plugin; ``seed`` chooses what is slow in which test."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._test = ""
        self._pauses: dict[tuple[CodeType, str], list[float]] = {}  # those that are still to come
        self._of_frames: dict[str, list[float]] = {}
        self._left = 0.0
        self._delays_frames = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if any(part in item.nodeid for part in LEFT_OUT):
            return (yield)
        self._test, self._left = item.nodeid, AT_MOST
        self._pauses.clear()
        self._of_frames.clear()
        self._delay_frames()
        before = sys.getswitchinterval()
        sys.setswitchinterval(INTERVALS[self._number("turns") % len(INTERVALS)])
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            sys.setswitchinterval(before)

    def _delay_frames(self) -> None:
        """Have the emulator's connections be slow to write too, while the rest of the emulator goes on."""
        emulator = sys.modules.get("relay_sync.emulator.connection")  # which most tests of the client do without
        if emulator is None or self._delays_frames:
            return
        self._delays_frames = True
        write = emulator.Connection._write_text

        async def write_late(connection: Any, text: str, frame: Any) -> None:
            event = (frame or {}).get("params")
            kind = str(event.get("event_type")) if isinstance(event, dict) else "reply"
            if pause := self._take(self._of_frames.setdefault(kind, self._choose(f"frame {kind}", MEETING))):
                await asyncio.sleep(pause)
            await write(connection, text, frame)

        emulator.Connection._write_text = write_late

    def _profile(self, frame: FrameType, event: str, argument: object) -> None:
        if event not in ("call", "return"):
            return
        pauses = self._pauses.get((frame.f_code, event))
        if pauses is None:
            pauses = self._pauses[frame.f_code, event] = self._of(frame.f_code, event)
        if pauses and (pause := self._take(pauses)):
            time.sleep(pause)

    def _of(self, code: CodeType, event: str) -> list[float]:
        name = code.co_filename
        function = getattr(code, "co_qualname", code.co_name)  # since Python 3.11
        meeting = function in MEETINGS
        if not name.startswith(PLACES) or (not meeting and any(part in name for part in BESIDE)):
            return []
        share = MEETING if meeting else ORDINARY
        return self._choose(f"{event} {Path(name).name} {function}", share)

    def _choose(self, what: str, share: float) -> list[float]:
        number = self._number(what)
        if number % 10_000 >= share * 10_000:
            return []
        return [PAUSES[number // 10_000 % len(PAUSES)]] * TIMES

    def _take(self, pauses: list[float]) -> float:
        """Take the next pause of these, if the test has time left for one."""
        try:
            pause = pauses.pop()
        except IndexError:
            return 0.0
        if self._left < pause:
            return 0.0
        self._left -= pause
        return pause

    def _number(self, what: str) -> int:
        return zlib.crc32(f"{self._seed} {self._test} {what}".encode())
