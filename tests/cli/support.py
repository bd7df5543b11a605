"""What the tests of the command line share: running it in this process, and as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from relay_sync.cli import main

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 60.0

# A shell that puts a test run in the background has it ignore SIGINT, and children inherit that.
_LAUNCH = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from relay_sync.cli import main
sys.exit(main())
"""


class Cli:
    """Runs the command line in this process; keeps what the last run wrote."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.out = ""
        self.err = ""

    def __call__(self, *arguments: str) -> int:
        self._capture.readouterr()
        code = main(arguments)
        self.out, self.err = self._capture.readouterr()
        return code

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The last run's standard output, which must be JSON objects, one a line."""
        return json_lines(self.out)


def json_lines(text: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(line, dict) and line["kind"] for line in lines), text
    return lines


def calls_of(lines: list[dict[str, Any]]) -> list[str]:
    """What was called, without the arguments."""
    return [line["code"].partition("(")[0].rpartition("= ")[2] for line in lines if line["kind"] == "call"]


def child_environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """The variables for a process of its own: nothing about Relay in it but ``more``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALWIRE_")}
    return kept | {"PYTHONPATH": str(ROOT)} | (more or {})


@contextmanager
def child(
    *arguments: str, cwd: Path, environment: dict[str, str] | None = None, stdout: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """Run the command line as a process that Ctrl-C can be sent to; it is gone after the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, *arguments],
        cwd=cwd,
        env=child_environment(environment),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        with process:
            yield process
    finally:
        process.kill()


def interrupt(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Send Ctrl-C; return the exit code and what was still written on stdout and stderr."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT)
    return process.returncode, out, err


def read_wav(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        samples: NDArray[np.int16] = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
        return samples


def write_wav(path: Path, samples: NDArray[np.int16]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def noise(seconds: float) -> NDArray[np.int16]:
    """Sound that is the same nowhere twice and zero nowhere, so that every sample of it can be found again."""
    random = np.random.default_rng(7)
    count = round(seconds * 8000)
    sign: NDArray[np.int64] = random.choice(np.array([-1, 1]), count)
    return (random.integers(1000, 6000, count) * sign).astype(np.int16)
