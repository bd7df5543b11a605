"""What every test with an official client needs: the client, the emulator, and a way to start programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile

from relay_sync.emulator import Emulator
from relay_sync.emulator.media import fax_document
from tests.interop.official import FAX, MUSIC, RATE, SECONDS_OF_MUSIC, Official, noise
from tests.interop.program import Program

PROGRAMS = Path(__file__).with_name("programs")


@pytest.fixture(params=["python", "node"])
def official(request: pytest.FixtureRequest) -> Official:
    folder = os.environ.get("RELAY_SYNC_INTEROP_CLIENTS")
    if not folder:
        pytest.skip("needs the official clients: run `tox -e interop`")
    clients = Path(folder)
    if request.param == "python":
        interpreter = clients / "python" / "bin" / "python"
        return Official("python", [str(interpreter), str(PROGRAMS / "client.py")], {}, "calling.begin", "created")
    modules = clients / "node" / "node_modules"
    command = ["node", str(PROGRAMS / "client.js")]
    # This one ignores the call_state of calling.call.receive.
    return Official("node", command, {"NODE_PATH": str(modules)}, "calling.dial", "none")


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose every moment differs: 8 kHz, so that nothing of it is resampled, and never near the limiter."""
    path = tmp_path_factory.mktemp("media") / "noise.wav"
    soundfile.write(path, noise(SECONDS_OF_MUSIC, 7), RATE, subtype="PCM_16")
    return path


@pytest.fixture(scope="session")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PDF of two pages."""
    path = tmp_path_factory.mktemp("documents") / "two.pdf"
    path.write_bytes(fax_document(2, "Two pages"))
    return path


@pytest.fixture
def relay(music: Path, document: Path) -> Iterator[Emulator]:
    with Emulator(stepped=True, media={MUSIC: music, FAX: document}) as emulator:
        yield emulator


@pytest.fixture
def start(relay: Emulator, official: Official, tmp_path: Path) -> Callable[..., Program]:
    """Start a scenario of the client's program against the emulator."""

    def start(scenario: str, *arguments: str, token: str | None = None, **environment: str) -> Program:
        credentials = relay.credentials
        login = [relay.url, credentials["project"], token or credentials["token"]]
        command = [*official.command, scenario, *login, *arguments]
        return Program(command, official.environment | environment, tmp_path / f"{scenario}.log")

    return start
