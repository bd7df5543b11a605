"""The emulator as a program."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from relay_sync.emulator import DEMO_TOKEN, MAGIC_NUMBERS, Emulator
from relay_sync.emulator.__main__ import main
from relay_sync.emulator.console import serve
from tests.emulator.raw import RawClient
from tests.support import in_thread

ROOT = Path(__file__).parents[2]


def use(relay: Emulator) -> None:
    with RawClient(relay).ready() as client:
        client.command("calling.end", client.answered())
        client.drain()


def served(as_json: bool) -> list[str]:
    """Serve until a client has made a call; return what was printed."""
    out, until, relays = io.StringIO(), threading.Event(), []
    listening = threading.Event()

    def started(relay: Emulator) -> None:
        relays.append(relay)
        listening.set()

    with in_thread(lambda: serve(as_json=as_json, out=out, until=until, started=started)) as serving:
        assert listening.wait(10)
        use(relays[0])
        until.set()
    assert serving.result() == 0
    return out.getvalue().splitlines()


def test_it_prints_address_credentials_numbers_and_what_happens() -> None:
    lines = served(as_json=False)
    text = "\n".join(lines)
    assert "Relay emulator at ws://127.0.0.1:" in lines[0]
    assert f"export SIGNALWIRE_API_TOKEN={DEMO_TOKEN}" in text
    for number, (_, words) in MAGIC_NUMBERS.items():
        assert f"{number}  {words}" in text
    assert "calling.begin" in text
    assert "created  +15550100 to +15550101" in text
    assert "ended  hangup" in text
    assert lines[-1] == "stopped"


def test_json_is_one_object_a_line() -> None:
    first, *rest = [json.loads(line) for line in served(as_json=True)]
    assert first["kind"] == "listening"
    assert first["host"] == f"ws://127.0.0.1:{first['port']}"
    assert first["token"] == DEMO_TOKEN
    assert [entry["method"] for entry in rest if entry["kind"] == "command"] == ["calling.begin", "calling.end"]
    events = [entry for entry in rest if entry["kind"] == "event"]
    assert [event["params"]["call_state"] for event in events][-1] == "ended"


@pytest.mark.parametrize("extra", [[], ["--json", "--speed", "10"]])
def test_ctrl_c_ends_it_with_exit_code_0(extra: list[str]) -> None:
    # A shell that puts a test run in the background has it ignore SIGINT, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "relay_sync.emulator", *extra]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        assert process.stderr
        try:
            assert "ws://" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


def test_a_port_that_is_taken_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1])]) == 1
    assert "is in use" in capsys.readouterr().err
    assert main(["--port", "70000"]) == 1


@pytest.mark.parametrize("arguments", [["--speed", "0"], ["--speed", "fast"], ["--port", "x"], ["--colour"]])
def test_wrong_arguments_are_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err
