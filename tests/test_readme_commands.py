"""The two commands of the README, and what CI runs, are one text."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def venv_commands() -> list[str]:
    """Return the lines of README.md that make a venv: the demo's first, then the tests'."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("python3 -m venv ")]


def test_the_readme_has_one_line_for_the_demo_and_one_for_the_tests() -> None:
    demo, tests = venv_commands()
    assert re.search(r"&& \S+/pip install \S*( \S+)* && \S+/relay-sync demo$", demo)
    assert re.search(r"&& \S+/pip install -q tox && \S+/tox$", tests)


def test_ci_runs_the_commands_of_the_readme_word_for_word() -> None:
    shown = subprocess.run(
        ["bash", str(ROOT / ".ci" / "run"), "--show"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert shown.returncode == 0, shown.stderr
    demo, tests = venv_commands()
    assert shown.stdout.splitlines() == [tests, demo]


@pytest.mark.parametrize("environment", ["py", "emulator", "faults", "soak", "lint", "types", "examples"])
def test_tox_alone_runs_every_check_that_needs_only_python(environment: str) -> None:
    env_list = re.search(r"^env_list = (.*)$", (ROOT / "tox.ini").read_text(encoding="utf-8"), re.MULTILINE)
    assert env_list
    assert environment in env_list[1].split(", ")
