from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from relay_sync import __version__
from relay_sync.emulator import Emulator
from tests.cli.support import LIMIT, Cli, child_environment, noise, write_wav
from tests.words import dial_one


def python(*arguments: str, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=child_environment(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LIMIT,
    )


def without(modules: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a Python that has not got these modules."""
    code = (
        f"import sys\nfor name in {modules.split()!r}: sys.modules[name] = None\n"
        "from relay_sync.cli import main\nsys.exit(main())"
    )
    return python("-c", code, *arguments, cwd=cwd)


def test_python_m_relay_sync_is_the_command_line(tmp_path: Path) -> None:
    done = python("-m", "relay_sync", "--version", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"relay-sync, version {__version__}\n", "")


@pytest.mark.parametrize("arguments", [("--help",), ("demo", "-h"), ("emulator", "-h"), ("play", "-h")])
def test_help_is_asked_for_with_success(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli(*arguments) == 0
    assert cli.out.startswith("Usage: relay-sync")


@pytest.mark.parametrize("arguments", [("frobnicate",), ("--frobnicate",), ()])
def test_no_such_command_ends_with_2(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli(*arguments) == 2
    assert cli.out == ""
    assert "Usage: relay-sync" in cli.err


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [
        ("click", ("--help",)),
        ("rich", ("demo",)),
        ("click rich", ("play",)),
        ("aiohttp", ("emulator",)),
        ("numpy", ("demo",)),
        ("soundfile soxr", ("demo",)),
    ],
)
def test_a_missing_extra_is_one_line_with_the_remedy(missing: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = without(missing, *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "pip install 'relay-sync[all]'" in done.stderr
    assert missing.split()[0] in done.stderr


def test_playing_needs_nothing_of_the_emulator(environment: dict[str, str], relay: Emulator, tmp_path: Path) -> None:
    write_wav(tmp_path / "noise.wav", noise(1.0))
    code = (
        "import sys\nfor name in ('aiohttp', 'numpy', 'soundfile', 'soxr'): sys.modules[name] = None\n"
        "from relay_sync.cli import main\nsys.exit(main())"
    )
    arguments = ("play", "--to", "+15550101", "--from", "+15550100", str(tmp_path / "noise.wav"))
    done = python("-c", code, *arguments, cwd=tmp_path, environment=environment)
    assert done.returncode == 0, done.stderr


def test_asking_for_help_imports_neither_rich_nor_the_emulator(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom relay_sync.cli import main\nassert main(['demo', '--help']) == 0\n"
        "heavy = {'rich', 'numpy', 'aiohttp', 'requests', 'relay_sync.emulator'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = python("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_terminal_that_knows_only_ascii_ends_no_call(tmp_path: Path) -> None:
    write_wav(tmp_path / "noise.wav", noise(30.0))
    arguments = ("-m", "relay_sync", "demo", "--audio", "noise.wav", "--speed", "20")
    done = python(*arguments, cwd=tmp_path, environment={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert "call.hangup()  -> HangupResult(successful=True" in done.stdout


def test_the_log_level_of_the_environment_is_used_without_a_secret_in_the_log(
    relay: Emulator, environment: dict[str, str], tmp_path: Path
) -> None:
    arguments = ("-m", "relay_sync", "play", "--to", "+15550199003", "--from", "+15550100", "x.wav")
    done = python(*arguments, cwd=tmp_path, environment=environment | {"SIGNALWIRE_LOG_LEVEL": "debug"})
    assert done.returncode == 1
    assert dial_one() in done.stderr
    assert relay.token not in done.stderr + done.stdout


def test_a_log_level_that_does_not_exist_ends_with_2(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALWIRE_LOG_LEVEL", "chatty")
    assert cli("demo") == 2
    assert "SIGNALWIRE_LOG_LEVEL" in cli.err
