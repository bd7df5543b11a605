from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from relay_sync.emulator import MAGIC_NUMBERS
from tests.cli.support import Cli, child, interrupt, json_lines, noise, write_wav


def lines_until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    """Read the child's standard output up to the line that holds ``wanted``."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or wanted not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], f"it ended before {wanted!r}: {lines}"
    return lines


def test_it_prints_variables_to_paste_and_the_numbers_and_ends_with_0(tmp_path: Path) -> None:
    with child("emulator", cwd=tmp_path) as process:
        text = "".join(lines_until(process, list(MAGIC_NUMBERS)[-1]))
        code, _, err = interrupt(process)
    assert code == 0
    assert err == ""
    assert re.search(r"^ *export SIGNALWIRE_PROJECT_ID=\S+$", text, re.MULTILINE)
    assert re.search(r"^ *export SIGNALWIRE_API_TOKEN=\S+$", text, re.MULTILINE)
    assert re.search(r"^ *export SIGNALWIRE_RELAY_HOST=ws://127\.0\.0\.1:\d+$", text, re.MULTILINE)
    for number, (_, words) in MAGIC_NUMBERS.items():
        assert f"{number}  {words}" in text


def test_play_finds_it_by_what_it_printed_and_it_shows_the_call(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sound = str(write_wav(tmp_path / "noise.wav", noise(1.0)))
    with child("emulator", "--speed", "10", cwd=tmp_path) as process:
        for line in lines_until(process, "SIGNALWIRE_RELAY_HOST"):
            if found := re.match(r"\s*export (\w+)=(\S+)", line):
                monkeypatch.setenv(found[1], found[2])
        assert cli("play", "--to", "+15550101", "--from", "+15550100", sound) == 0, cli.err
        shown = "".join(lines_until(process, "ended"))
        code, _, _ = interrupt(process)
    assert code == 0
    assert "calling.play" in shown
    assert "+15550100 to +15550101" in shown


def test_json_is_one_object_per_line(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with child("emulator", "--json", cwd=tmp_path) as process:
        (first,) = lines_until(process, "ws://")
        ready = json.loads(first)
        monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", ready["project"])
        monkeypatch.setenv("SIGNALWIRE_API_TOKEN", ready["token"])
        monkeypatch.setenv("SIGNALWIRE_RELAY_HOST", ready["host"])
        assert cli("play", "--to", "+15550199003", "--from", "+15550100", "x.wav") == 1
        shown = "".join(lines_until(process, "busy"))
        code, rest, err = interrupt(process)
    assert (code, err) == (0, "")
    json_lines(first + shown + rest)


def test_faults_are_made_and_shown_and_the_client_meets_them(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = ("--fault", "refuse 402 calling.dial", "--random-faults", "5")
    with child("emulator", "--json", *wanted, cwd=tmp_path) as process:
        (first,) = lines_until(process, "ws://")
        ready = json.loads(first)
        assert ready["faults"][0] == "refuse 402 at command calling.dial"
        assert len(ready["faults"]) == 21
        for name, key in (("PROJECT_ID", "project"), ("API_TOKEN", "token"), ("RELAY_HOST", "host")):
            monkeypatch.setenv(f"SIGNALWIRE_{name}", ready[key])
        assert cli("play", "--to", "+15550101", "--from", "+15550100", "x.wav") == 1
        assert "402" in cli.err
        interrupt(process)


def test_a_port_that_is_taken_ends_with_1(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert cli("emulator", "--port", str(taken.getsockname()[1])) == 1
    assert cli.err.startswith("relay-sync: can't listen")
    assert os.linesep * 2 not in cli.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "70000"),
        ("--port", "http"),
        ("--speed", "-1"),
        ("--speed", "nan"),
        ("--fault", "explode"),
        ("extra",),
    ],
)
def test_wrong_usage_ends_with_2(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli("emulator", *arguments) == 2
    assert "Usage: relay-sync emulator" in cli.err
