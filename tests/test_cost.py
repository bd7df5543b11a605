"""What a command and an event cost, counted and not timed: a machine's mood changes no figure here.

Bytecode instructions of this library and of what it calls in Python, in the caller's thread and the reader's, against
the responder of the benchmarks; and bytes of memory. A bound is some 15 % above what was counted when it was written,
so that a third more fails and a line more does not: what has become cheaper must have its bound lowered. Where a change
is worth its cost, raise the bound and say why.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from relay_sync import Call, Client, PlayAction

pytestmark = [
    pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="instructions differ between versions of Python"),
    pytest.mark.skipif(sys.platform != "linux", reason="so do the paths taken while waiting between systems"),
]

RESPONDER = Path(__file__).parents[1] / "benchmarks" / "responder.py"
URL = "https://example.com/a.mp3"

BOUNDS = {
    "pause, in the caller's thread": 1420,
    "pause, in the reader's thread": 1050,
    "pause in a pipeline, in the caller's thread": 1080,
    "event": 1400,
    "bytes of an idle call": 780,
    "bytes of a playback": 710,
    "bytes of a pause, at its peak": 7000,
}
SPREAD = 1.05  # between an event of one call and one of a thousand


class Counter:
    """Counts the instructions that the threads run that were begun after it, and this one while asked to."""

    def __init__(self) -> None:
        self.main = 0
        self.others = 0
        self._me = threading.get_ident()

    def _called(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return self._main if threading.get_ident() == self._me else self._other

    def _main(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        self.main += event == "opcode"
        return self._main

    def _other(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        self.others += event == "opcode"
        return self._other

    @contextmanager
    def threads(self) -> Iterator[None]:
        """Count threads that are begun in the block, as long as they live."""
        before = threading.gettrace()
        threading.settrace(self._called)
        try:
            yield
        finally:
            threading.settrace(before)  # type: ignore[arg-type]  # None, where there was none

    def of(self, act: Callable[[], object], count: int) -> tuple[float, float]:
        """Instructions of each of ``count`` in this thread, and in the others."""
        self.main = self.others = 0
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            act()
        finally:
            sys.settrace(before)
        return self.main / count, self.others / count


@contextmanager
def responder() -> Iterator[str]:
    """The far end; yields its address."""
    command = [sys.executable, str(RESPONDER), "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"ws://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def new_client(url: str) -> Client:
    # No ping may come into a count. The dialect with the longer envelope; the other acknowledges events besides.
    return Client(project="cost", token="cost", host=url, ping_interval=3600.0, dialect="blade")


def new_call(client: Client) -> Call:
    return client.calling.dial(from_number="+15550100", to_number="+15550101").call


@contextmanager
def playing(counter: Counter) -> Iterator[tuple[Client, PlayAction]]:
    """A client whose threads are counted, and a playback that has begun."""
    with responder() as url, counter.threads():
        client = new_client(url)
        with client:
            action = new_call(client).play_audio_async(URL)
            action.wait_for_state("playing", 10)
            action.pause()
            yield client, action


def check(what: str, counted: float) -> None:
    bound = BOUNDS[what]
    assert counted < bound, f"{what}: {counted:.0f}, more than {bound}"
    assert counted > bound / 1.3, f"{what}: {counted:.0f}: lower the bound of {bound}, or count all of it"


def test_a_command_takes_so_many_instructions() -> None:
    counter = Counter()
    with playing(counter) as (_, action):
        caller, reader = counter.of(lambda: [action.pause() for _ in range(50)], 50)
    check("pause, in the caller's thread", caller)
    check("pause, in the reader's thread", reader)


def test_a_command_in_a_pipeline_takes_fewer() -> None:
    counter = Counter()
    with playing(counter) as (client, action):

        def pipeline() -> None:
            pipe = client.pipeline()
            for _ in range(128):
                pipe.pause(action)
            assert all(pipe.execute())

        caller, _ = counter.of(pipeline, 128)
    check("pause in a pipeline, in the caller's thread", caller)


def test_an_event_takes_so_many_instructions_however_many_calls_there_are() -> None:
    counter = Counter()
    with playing(counter) as (client, _):

        def events(calls: int) -> float:
            assert client.execute("bench.prepare", {"calls": calls}).successful

            def flood() -> None:
                assert client.execute("bench.events", {"calls": calls, "count": 1000}).successful

            return counter.of(flood, 1000)[1]

        one = events(1)
        check("event", one)
        for _ in range(199):
            new_call(client).play_audio_async(URL)
        assert events(200) < one * SPREAD


@pytest.fixture
def untraced() -> Iterator[None]:
    """No tool looks on, here or in threads that are begun meanwhile: coverage's books would be weighed too."""
    here, threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    yield
    threading.settrace(threads)  # type: ignore[arg-type]
    sys.settrace(here)


@pytest.mark.usefixtures("untraced")
def test_what_is_alive_weighs_so_much_and_what_is_over_nothing() -> None:
    with responder() as url, new_client(url) as client:
        calls = [new_call(client) for _ in range(20)]
        for call in calls:
            call.play_audio_async(URL)
        table = client._life().table
        tracemalloc.start()
        try:
            empty = held()
            many = [new_call(client) for _ in range(200)]
            with_calls = held()
            actions = [call.play_audio_async(URL) for call in many]
            with_plays = held()
            check("bytes of an idle call", (with_calls - empty) / 200)
            check("bytes of a playback", (with_plays - with_calls) / 200)
            with client._life().connection.monitor.lock:
                for call in many:
                    call._take_state({"call_id": call.id, "call_state": "ended"})
            assert all(action.completed for action in actions)
            del call, many, actions
            assert held() - empty < 20_000, "something is kept of what is over"
            assert len(table._by_id) == len(calls)
        finally:
            tracemalloc.stop()


@pytest.mark.usefixtures("untraced")
def test_a_command_needs_no_more_memory_than_this_and_keeps_none() -> None:
    with responder() as url, new_client(url) as client:
        action = new_call(client).play_audio_async(URL)
        for _ in range(100):
            action.pause()
        tracemalloc.start()
        try:
            before = held()
            tracemalloc.reset_peak()
            for _ in range(100):
                action.pause()
            peak = tracemalloc.get_traced_memory()[1]
            check("bytes of a pause, at its peak", peak - before)
            assert held() - before < 100 * 30
        finally:
            tracemalloc.stop()


def held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
