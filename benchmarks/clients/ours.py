"""relay_sync, as its users use it."""

from __future__ import annotations

import inspect
import queue
import threading
import time
from collections.abc import Callable

from driver import Busy, Clock, Facts, Place, memory, place, run, shares, spread, threads

from relay_sync import Call, Client, PlayAction


class Ours:
    """One client, and what is measured of it."""

    def __init__(self, where: Place) -> None:
        options = {"dialect": "blade"} if "dialect" in inspect.signature(Client).parameters else {}
        self.client = Client(project="bench", token="bench", host=where.url, ca_file=where.ca_file, **options)
        begin = time.perf_counter()
        self.client.connect()
        self.ready_s = time.perf_counter() - begin
        self.first_audio_s = 0.0
        self.actions: list[PlayAction] = []
        self.calls: list[Call] = []

    def start(self) -> Facts:
        """One call with one playback: from dial to first audio."""
        if not self.calls:
            begin = time.perf_counter()
            self.calls.append(self.client.calling.dial(from_number="+15550100", to_number="+15550101").call)
            self.actions.append(self.calls[0].play_audio_async("https://example.com/a.mp3"))
            self.actions[0].wait_for_state("playing", 30)
            self.first_audio_s = time.perf_counter() - begin
        return {
            "ready_ms": self.ready_s * 1e3,
            "first_audio_ms": self.first_audio_s * 1e3,
        }

    def scale(self, calls: int) -> Facts:
        """Have that many calls up."""
        while len(self.calls) < calls:
            self.calls.append(self.client.calling.dial(from_number="+15550100", to_number="+15550101").call)
        return {"memory": memory(), "threads": threads()}

    def play(self, calls: int) -> Facts:
        """Have a playback on each of that many calls."""
        for call in self.calls[len(self.actions) : calls]:
            self.actions.append(call.play_audio_async("https://example.com/a.mp3"))
        return {"memory": memory(), "threads": threads()}

    def round_trip(self, count: int, busy: bool = False) -> Facts:
        """Pause again and again, one after the other."""
        pause, seconds, clock = self.actions[0].pause, [], time.perf_counter
        with Busy(busy), Clock() as whole:
            for _ in range(count):
                begin = clock()
                pause()
                seconds.append(clock() - begin)
        return {**spread(seconds), **whole.per(count)}

    def together(self, count: int, workers: int) -> Facts:
        """Pause from many threads."""
        begin = threading.Barrier(workers + 1)

        def work(action: PlayAction, turns: int) -> None:
            begin.wait()
            for _ in range(turns):
                action.pause()

        given = shares(count, workers)
        working = [
            threading.Thread(target=work, args=(self.actions[number % len(self.actions)], turns))
            for number, turns in enumerate(given)
        ]
        for thread in working:
            thread.start()
        begin.wait()
        with Clock() as whole:
            for thread in working:
                thread.join()
        return whole.per(count)

    def pipeline(self, count: int, in_flight: int) -> Facts:
        """Pause from one thread without waiting for each."""
        with Clock() as whole, self.client.pipeline(max_in_flight=in_flight) as pipe:
            for number in range(count):
                pipe.pause(self.actions[number % len(self.actions)])
            results = pipe.execute()
        assert all(results)
        return whole.per(count)

    def events(self, calls: int, count: int) -> Facts:
        """Take in so many events of so many calls."""
        self.client.execute("bench.prepare", {"calls": calls})
        with Clock() as whole:
            answer = self.client.execute("bench.events", {"calls": calls, "count": count})
        assert answer.successful
        return whole.per(count)

    def handler(self, count: int) -> Facts:
        """How long after an event is on the wire its handler runs."""
        told: queue.SimpleQueue[float] = queue.SimpleQueue()
        call = self.actions[0].call
        names = ("calling.call.play",)

        def handle(params: dict[str, object]) -> None:
            told.put(time.monotonic() - float(str(params["sent_at"])))

        for name in names:
            call.on(name, handle)
        seconds = []
        for _ in range(count):
            self.client.execute("bench.event", {})
            seconds.append(told.get(timeout=30))
        for name in names:
            call.off(name, handle)
        return spread(seconds)

    def idle(self, seconds: float) -> Facts:
        """Do nothing; the share of one processor that takes."""
        begin = time.process_time()
        time.sleep(seconds)
        return {"percent": (time.process_time() - begin) / seconds * 100}


if __name__ == "__main__":
    ours = Ours(place())
    functions: dict[str, Callable[..., Facts]] = {
        name: getattr(ours, name) for name in dir(ours) if not name.startswith("_") and callable(getattr(ours, name))
    }
    functions["start"]()
    run(functions)
