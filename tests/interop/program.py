"""A program of another language or environment, run as a process and followed line by line."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

# The moment at which a test fails, not one that any test waits for: a client's start takes most of a second.
LIMIT = 30.0


class Program:
    """A running program that says JSON lines ``{"step": ..., facts}`` and waits for a line after some of them.

    Lines that aren't JSON objects are the log of the client under test; they are shown when something goes wrong.
    """

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> None:
        self._log = log.open("w", encoding="utf-8")
        self._process = subprocess.Popen(
            [str(part) for part in command],
            env=dict(os.environ) | dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            # A group of its own, to be killed as one: `node` from a wheel is a script that starts the real node.
            start_new_session=True,
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="test-program-reader", daemon=True)
        self._reader.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            assert stream
            stream.close()

    def says(self, step: str) -> dict[str, Any]:
        """Wait for what the program says next, check that it is ``step``, and return its facts."""
        said, facts = self.says_something(step)
        assert said == step, f"expected {step!r}, got {said!r} {facts}\n{self._logged()}"
        return facts

    def says_something(self, hoped_for: str = "anything") -> tuple[str, dict[str, Any]]:
        """Wait for what the program says next, and return the step and its facts."""
        while True:
            try:
                line = self._lines.get(timeout=LIMIT)
            except queue.Empty:
                raise AssertionError(
                    f"the program did not come to {hoped_for!r} within {LIMIT:g} s\n{self._logged()}"
                ) from None
            assert line is not None, f"the program ended before {hoped_for!r}\n{self._logged()}"
            if not line.startswith("{"):
                self._log.write(line)
                continue
            facts: dict[str, Any] = json.loads(line)
            return facts.pop("step"), facts

    def go_on(self) -> None:
        """Let the program leave the step that it waits at."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def ends_well(self) -> None:
        """Wait until the program is over, having said so, with exit code 0."""
        self.says("over")
        try:
            code = self._process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the program did not exit within {LIMIT:g} s\n{self._logged()}") from None
        assert code == 0, self._logged()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _logged(self) -> str:
        self._log.flush()
        return f"its log:\n{Path(self._log.name).read_text(encoding='utf-8')}"
