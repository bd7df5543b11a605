"""What the tests of the examples share: a child process with an environment, and where the examples are."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from relay_sync.emulator import Emulator
from tests.support import until

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
MUSIC = "https://cdn.signalwire.com/default-music/welcome.mp3"
LIMIT = 60.0  # for a child process to come up or to end, on a machine that does much else


def environment(relay: Emulator | None, **variables: str) -> dict[str, str]:
    """The variables for a program that is to find ``relay``, and nothing else of ours."""
    ours = ("SIGNALWIRE_", "RELAY_SYNC_", "PYTEST_", "FROM_NUMBER", "TO_NUMBER", "CONTEXT", "DJANGO_", "FLASK_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    kept |= {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    elsewhere = [place for place in sys.path if Path(place).resolve() != ROOT]
    if PathFinder.find_spec("relay_sync", elsewhere) is None:  # not installed: this checkout it is
        kept["PYTHONPATH"] = str(ROOT)
    if relay is not None:
        kept["SIGNALWIRE_PROJECT_ID"] = relay.credentials["project"]
        kept["SIGNALWIRE_API_TOKEN"] = relay.credentials["token"]
        kept["SIGNALWIRE_RELAY_HOST"] = relay.credentials["host"]
    return kept | variables


class Program:
    """A Python program in a child process; what it writes goes to ``folder / "output"``. Killed when the block ends."""

    def __init__(self, *arguments: str | Path, relay: Emulator | None, folder: Path, **variables: str) -> None:
        self._log = folder / "output"
        # A shell that starts us in the background has SIGINT ignored, and children would inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *map(str, arguments)],
                cwd=folder,
                env=environment(relay, **variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(LIMIT)
        if error is not None:
            print(f"the program wrote:\n{self.output}")

    @property
    def output(self) -> str:
        """All that it has written so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def says(self, pattern: str) -> re.Match[str]:
        """Block until it has written something that ``pattern`` matches."""

        def said() -> re.Match[str] | None:
            found = re.search(pattern, self.output, re.MULTILINE)
            assert found or self._process.poll() is None, f"it ended without {pattern!r}:\n{self.output}"
            return found

        until(said, f"{pattern!r} in the output", LIMIT)
        found = said()
        assert found
        return found

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def ends(self, code: int = 0) -> str:
        """Block until it has ended, with this exit code, and return what it wrote."""
        found = self._process.wait(LIMIT)
        assert found == code, f"exit code {found}:\n{self.output}"
        return self.output
