"""A server or another program in a group of processes of its own, and what the emulator's journal says of them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import requests
from typing_extensions import Self

from relay_sync.emulator import Emulator
from tests.examples.programs import environment
from tests.support import Running, until
from tests.words import dial_one

PROGRAMS = Path(__file__).with_name("programs")
LIMIT = 40.0  # for a server to come up, to answer or to end, on a machine that does much else
SCRIPTS = Path(sys.executable).parent


class Server:
    """A program and all its children, until the block ends; what they write goes to one file."""

    def __init__(self, *command: str | Path, relay: Emulator, folder: Path, **variables: str) -> None:
        self._log = folder / "output"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                cwd=folder,
                env=environment(relay, PYTHONPATH=path(variables.pop("PYTHONPATH", "")), **variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(ProcessLookupError):  # it has ended, with all its children
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(LIMIT)
        if error is not None:
            print(f"the program wrote:\n{self.output}")

    @property
    def output(self) -> str:
        """All that has been written so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def says(self, pattern: str, times: int = 1, limit: float = LIMIT) -> list[str]:
        """Block until so many matches of ``pattern`` have been written; return its group in each."""

        def said() -> bool:
            enough = len(re.findall(pattern, self.output, re.MULTILINE)) >= times
            assert enough or self.process.poll() is None, f"it ended without {pattern!r}:\n{self.output}"
            return enough

        until(said, f"{pattern!r} in the output", limit)
        return re.findall(pattern, self.output, re.MULTILINE)

    def ends(self, code: int = 0) -> str:
        """Block until it has ended, with this exit code; return what it wrote."""
        found = self.process.wait(LIMIT)
        assert found == code, f"exit code {found}:\n{self.output}"
        return self.output

    def terminate(self) -> str:
        """Ask it to end as a service manager does, and block until it has."""
        self.process.terminate()
        self.process.wait(LIMIT)
        return self.output


def path(more: str = "") -> str:
    """Where the programs are found, and this checkout."""
    return os.pathsep.join(filter(None, [more, str(PROGRAMS), str(PROGRAMS.parents[2])]))


def post(url: str) -> dict[str, Any]:
    """Send a request, which must succeed, and return the answer. No proxy in between."""
    with requests.Session() as session:
        session.trust_env = False
        response = session.post(url, timeout=LIMIT)
    assert response.ok, response.text
    answer: dict[str, Any] = response.json()
    return answer


def at_once(relay: Emulator, ask: Callable[[], dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Ask ``count`` times at once and return the answers: no phone answers before all of them ring.

    The emulator's time stands still, so the requests are in the server together, whatever the timing.
    """
    before = len(relay.journal.commands(dial_one()))
    asking = [Running(ask) for _ in range(count)]
    relay.expect(dial_one(), count=before + count, timeout=LIMIT)
    relay.clock.advance(1)
    return [one.result(LIMIT) for one in asking]


def connections_of(relay: Emulator, ident: str) -> set[int]:
    """The connections on which any frame, in either direction, spoke of this call or action."""
    return {frame.connection for frame in relay.journal.frames if ident in frame.text}


def check_each_process_has_a_connection_of_its_own(relay: Emulator, answers: list[dict[str, Any]]) -> None:
    """Each answer's call and play were spoken of on one connection, and no two processes share one."""
    where: dict[int, set[int]] = {}
    for answer in answers:
        assert answer["paused"], answer
        connections = connections_of(relay, answer["call"])
        assert len(connections) == 1, answer
        assert connections_of(relay, answer["control"]) == connections
        where.setdefault(answer["pid"], set()).update(connections)
    assert all(len(connections) == 1 for connections in where.values()), where
    assert len(set.union(*where.values())) == len(where), where


def check_the_parents_play_is_untouched(relay: Emulator, server: Server, answers: list[dict[str, Any]]) -> None:
    """Nobody but the parent spoke of its call; its play still runs, and the children were told why they can't."""
    (told,) = server.says(r"the parent plays: (.*)$")
    parent = json.loads(told)
    (connection,) = connections_of(relay, parent["call"])
    assert connections_of(relay, parent["control"]) == {connection}
    for answer in answers:
        assert answer["inherited"].startswith(f"NotConnected: this belongs to process {parent['pid']}"), answer
        assert connection not in connections_of(relay, answer["call"])
    methods = [command.method for command in relay.journal.commands() if command.connection == connection]
    assert methods == [dial_one(), "calling.play"]
    assert [event.params["state"] for event in relay.journal.events("calling.call.play")
            if event.connection == connection] == ["playing"]  # fmt: skip
