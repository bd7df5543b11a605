"""Celery workers: each child of the prefork pool has a connection of its own, the threads pool one for all."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from relay_sync.emulator import Emulator
from tests.integration.servers import (
    LIMIT,
    PROGRAMS,
    Server,
    check_each_process_has_a_connection_of_its_own,
    check_the_parents_play_is_untouched,
)
from tests.words import dial_one


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """Where tasks and results are kept."""
    for name in ("messages", "results", "control", "sender"):
        (tmp_path / name).mkdir()
    return tmp_path


def worker(relay: Emulator, box: Path, pool: str, **variables: str) -> Server:
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO")
    command = (sys.executable, "-m", "celery", "-A", "tasks", "worker", "--pool", pool, "--concurrency", "2", *quiet)
    return Server(*command, relay=relay, folder=box, TASKS_FOLDER=str(box), **variables)


def results_of_two(relay: Emulator, box: Path) -> list[dict[str, Any]]:
    """What two tasks at once came to: no phone answers before both of them ring."""
    before = len(relay.journal.commands(dial_one()))
    command = (sys.executable, PROGRAMS / "send_tasks.py", "2")
    with Server(*command, relay=relay, folder=box / "sender", TASKS_FOLDER=str(box)) as sender:
        relay.expect(dial_one(), count=before + 2, timeout=LIMIT)
        relay.clock.advance(1)
        results: list[dict[str, Any]] = json.loads(sender.ends())
    return results


def test_prefork_each_child_has_its_connection_and_the_parents_play_goes_on(relay: Emulator, box: Path) -> None:
    with worker(relay, box, "prefork", PARENT_PLAYS="1") as server:
        server.says(r"celery@\S+ ready")
        results = results_of_two(relay, box)
        assert len({result["pid"] for result in results}) == 2
        results += results_of_two(relay, box)
        assert relay.connections == 3
        check_each_process_has_a_connection_of_its_own(relay, results)
        check_the_parents_play_is_untouched(relay, server, results)
        relay.clock.advance(30)
        assert server.says(r"the parent's play: (.*)$") == [f"{server.process.pid} True"]
        assert "Traceback" not in server.terminate()


@pytest.mark.parametrize(("pool", "processes"), [("prefork", 2), ("threads", 1)])
def test_no_connection_is_opened_before_a_task_needs_it(relay: Emulator, box: Path, pool: str, processes: int) -> None:
    with worker(relay, box, pool) as server:
        server.says(r"celery@\S+ ready")
        assert relay.journal.total == 0
        results = results_of_two(relay, box)
        assert (relay.connections, len({result["pid"] for result in results})) == (processes, processes)
        assert len({(result["pid"], result["thread"]) for result in results}) == 2
        check_each_process_has_a_connection_of_its_own(relay, results)
        assert "Traceback" not in server.terminate()
