"""What is measured of a client that is asyncio, whichever it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from driver import Busy, Clock, Facts, idle, memory, shares, spread, threads


class Peer:
    """One client. The five methods at the end are each client's own."""

    def __init__(self, ready_s: float) -> None:
        self._ready_s = ready_s
        self._first_audio_s = 0.0
        self.calls: list[Any] = []
        self.actions: list[Any] = []

    async def start(self) -> Facts:
        """One call with one playback: from dial to first audio."""
        if not self.calls:
            begin = time.perf_counter()
            call = await self.dial()
            self.calls.append(call)
            playing = self.first_event(call)
            self.actions.append(await self.play_on(call))
            await asyncio.wait_for(playing, 30)
            self._first_audio_s = time.perf_counter() - begin
        return {
            "ready_ms": self._ready_s * 1e3,
            "first_audio_ms": self._first_audio_s * 1e3,
        }

    async def scale(self, calls: int) -> Facts:
        """Have that many calls up."""
        while len(self.calls) < calls:
            self.calls.append(await self.dial())
        return {"memory": memory(), "threads": threads()}

    async def play(self, calls: int) -> Facts:
        """Have a playback on each of that many calls."""
        for call in self.calls[len(self.actions) : calls]:
            self.actions.append(await self.play_on(call))
        return {"memory": memory(), "threads": threads()}

    async def round_trip(self, count: int, busy: bool = False) -> Facts:
        """Pause again and again, one after the other."""
        pause, seconds, clock = self.actions[0].pause, [], time.perf_counter
        with Busy(busy), Clock() as whole:
            for _ in range(count):
                begin = clock()
                await pause()
                seconds.append(clock() - begin)
        return {**spread(seconds), **whole.per(count)}

    async def together(self, count: int, workers: int) -> Facts:
        """Pause from many tasks."""

        async def work(action: Any, turns: int) -> None:
            for _ in range(turns):
                await action.pause()

        given = shares(count, workers)
        with Clock() as whole:
            await asyncio.gather(
                *(work(self.actions[number % len(self.actions)], turns) for number, turns in enumerate(given))
            )
        return whole.per(count)

    async def events(self, calls: int, count: int) -> Facts:
        """Take in so many events of so many calls."""
        await self.execute("bench.prepare", {"calls": calls})
        with Clock() as whole:
            await self.execute("bench.events", {"calls": calls, "count": count})
        return whole.per(count)

    async def handler(self, count: int) -> Facts:
        """How long after an event is on the wire its handler runs."""
        told: asyncio.Queue[float] = asyncio.Queue()
        self.listen(self.calls[0], lambda params: told.put_nowait(time.monotonic() - params["sent_at"]))
        seconds = []
        for _ in range(count):
            await self.execute("bench.event", {})
            seconds.append(await asyncio.wait_for(told.get(), 30))
        return spread(seconds)

    async def idle(self, seconds: float) -> Facts:
        """Do nothing; the share of one processor that takes."""
        return await idle(seconds)

    def functions(self) -> dict[str, Callable[..., Awaitable[Facts]]]:
        """What the program can be asked for."""
        names = ("start", "scale", "play", "round_trip", "together", "events", "handler", "idle")
        return {name: getattr(self, name) for name in names}

    def first_event(self, call: Any) -> asyncio.Future[None]:
        """Done at the first play event."""
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.listen(call, lambda params: first.done() or first.set_result(None))
        return first

    async def dial(self) -> Any:
        """A call that was answered."""
        raise NotImplementedError

    async def play_on(self, call: Any) -> Any:
        """A playback that was accepted."""
        raise NotImplementedError

    async def execute(self, method: str, params: dict[str, object]) -> None:
        """Any command."""
        raise NotImplementedError

    def listen(self, call: Any, callback: Callable[[dict[str, Any]], object]) -> None:
        """Have the params of each play event of this call told; takes the place of who was told before."""
        raise NotImplementedError
