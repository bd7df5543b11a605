"""What must be gone when it is over: in the client, in the emulator, and of the process."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable

from relay_sync import Client
from relay_sync.emulator.emulator import Emulator

Counts = dict[str, int]


def of_client(client: Client, may_stay: Callable[[str], bool] = lambda tag: False) -> Counts:
    """Count what the client keeps for calls and commands; ``may_stay`` tells of a dial, by its tag, whether it may."""
    life = client._life()
    table, connection = life.table, life.connection
    with connection.monitor.lock:
        calls = {**table._by_id, **table._by_tag}.values()
        return {
            "calls by id": len(table._by_id),
            "calls by tag": sum(not may_stay(tag) for tag in table._by_tag),
            "legs of dials": sum(not may_stay(tag) for tag in table._legs),
            "dials given up": sum(not may_stay(tag) for tag in table._abandoned),
            "calls waited on": len(table._watched),
            "operations": sum(len(call._actions or ()) for call in calls),
            "unanswered commands": len(connection.session._asked),
            "things to do later": len(connection._later),
            "handlers at work": life.lanes.busy + life.conversations.busy + life.chores.busy,
        }


def of_emulator(relay: Emulator, clients: int) -> Counts:
    """Count what the emulator keeps for calls, commands and connections, beyond ``clients`` that are connected."""

    def count() -> Counts:
        running, engine, journal = relay.running_parts, relay.engine, relay.journal
        switch, server = running.switch, running.server
        open_now = {connection.number for connection in server.connections}
        # One that has vanished is kept for a minute, as a machine that is gone would be, with what it should have got.
        reachable = [connection for connection in server.connections if connection.reachable]
        return {
            "calls": len(switch._calls),
            "tags of calls": len(switch._tags),
            "calls passed on": len(switch._passers),
            "faults": len(engine._armed) + len(engine._held) + len(engine._swapped),
            "connections": len(reachable) - clients,
            "unanswered questions": sum(len(connection._answers) for connection in reachable),
            "unwritten frames": sum(len(connection._outgoing) for connection in reachable),
            "background tasks": len(server._background),
            "unanswered commands of connections that are gone": len(
                {number for number, _ in journal._unanswered} - open_now
            ),
            "sessions that are connected": sum(session.wire is not None for session in running.sessions) - clients,
        }

    return relay.on_thread(count)


def of_process() -> Counter[str]:
    """Count the threads, by the first word of their names, and the open descriptors, by what they are."""
    threads = Counter(f"thread {thread.name.rstrip('0123456789-')}" for thread in threading.enumerate())
    descriptors: Counter[str] = Counter()
    for number in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        with contextlib.suppress(OSError):  # the one that the listing itself was read by
            descriptors[f"descriptor {os.readlink(f'/proc/self/fd/{number}').split(':')[0]}"] += 1
    return threads + descriptors


def left(count: Callable[[], Counts], timeout: float) -> list[str]:
    """Return what is still there after ``timeout`` seconds, as soon as nothing is."""
    end = time.monotonic() + timeout
    while (over := {name: number for name, number in count().items() if number}) and time.monotonic() < end:
        threading.Event().wait(0.05)
    return [f"{number} {name}" for name, number in over.items()]
