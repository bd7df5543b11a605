"""The clients that are measured, and the environments of the peers: each runs unmodified in a venv of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "clients"


@dataclass(frozen=True)
class Contestant:
    """One client: the program that drives it, what it is installed from, and whether it goes over TLS.

    Peers are measured over TLS, as in life, and because one of them can't do without. The floors are not: two threads
    in one TLS session, without more care than a floor takes, break it. So relay_sync is measured both ways.
    """

    name: str
    program: str
    arguments: tuple[str, ...] = ()
    requirement: str | None = None  # None: it runs in the environment of the benchmarks
    tls: bool = True
    imports: str = ""  # what a program that uses it begins with
    makes: str = ""  # and how it makes its client

    def _python(self, environments: Path) -> Path:
        return (
            Path(sys.executable)
            if self.requirement is None
            else environments.absolute() / self.program / "bin" / "python"
        )

    def command(self, environments: Path) -> list[str]:
        """How to run its program; port and CA file are still to be added, before the arguments."""
        return [str(self._python(environments)), str(PROGRAMS / f"{self.program}.py")]

    def import_times(self, environments: Path) -> tuple[float, float, float]:
        """Seconds that its import takes in a new interpreter that has imported nothing: by the clock, and processor.

        And those that the import and a first client take together, which may bring what the import did not: processor.

        Without ``site``, which in some environments imports what the measured import would have had to.
        """
        python = self._python(environments)
        ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
        installed = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
        code = (
            "import time; wall, cpu = time.perf_counter(), time.process_time()\n"
            f"{self.imports}\n"
            "wall, imported = time.perf_counter() - wall, time.process_time() - cpu\n"
            f"{self.makes}\n"
            "print(wall, imported, time.process_time() - cpu)"
        )
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(PROGRAMS.parents[1]), installed])}
        told = subprocess.run(
            [python, "-S", "-c", code], check=True, capture_output=True, text=True, env=environment, cwd=PROGRAMS
        )
        wall, processor, client = map(float, told.stdout.split()[-3:])
        return wall, processor, client


OURS = Contestant(
    "relay_sync", "ours", imports="from relay_sync import Client", makes="Client('bench', 'bench', 'relay.example')"
)
OURS_PLAIN = Contestant("relay_sync, no TLS", "ours", tls=False)
SDK = Contestant(
    "signalwire-sdk",
    "sdk",
    requirement="signalwire-sdk",
    imports="from signalwire.relay import RelayClient",
    makes="RelayClient(project='bench', token='bench', host='relay.example')",
)
V2 = Contestant(
    "signalwire 2.1.1",
    "v2",
    requirement="signalwire==2.1.1",
    imports="from signalwire.relay.client import Client",
    makes="import asyncio; asyncio.set_event_loop(asyncio.new_event_loop()); Client(project='bench', token='bench')",
)
FLOORS = (
    Contestant("floor: raw socket", "floors", ("raw",), tls=False),
    Contestant("floor: websocket-client, one thread", "floors", ("same",), tls=False),
    Contestant("floor: reader thread and Future", "floors", ("reader",), tls=False),
)


def provide(contestant: Contestant, environments: Path) -> str:
    """Install a peer unless an earlier run did so; return the version that is measured."""
    if contestant.requirement is None:
        return ""
    folder = environments / contestant.program
    python = str(folder / "bin" / "python")
    stamp = folder / "installed"
    wanted = hashlib.sha256(f"{contestant.requirement} {sys.version}".encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        pip = [python, "-m", "pip", "install", "-q", "--use-pep517", "--disable-pip-version-check"]
        # The aiohttp that signalwire 2.1.1 pins compiles on no CPython above 3.12; there it goes without its C parts.
        environment = os.environ | {"AIOHTTP_NO_EXTENSIONS": "1"} if sys.version_info > (3, 13) else os.environ
        subprocess.run([*pip, contestant.requirement], check=True, env=environment, stdin=subprocess.DEVNULL)
        stamp.write_text(wanted)
    name = contestant.requirement.partition("=")[0]
    ask = f"from importlib.metadata import version; print(version({name!r}))"
    return subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
