"""The programs of a run: the responder and one for each client, asked by lines of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import trustme

from benchmarks.peers import Contestant

Facts = dict[str, Any]


class Program:
    """A running client."""

    def __init__(self, contestant: Contestant, command: list[str]) -> None:
        self.contestant = contestant
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
        )

    def ask(self, do: str, **arguments: object) -> Facts:
        """Have it do something, and return what it says."""
        self.begin(do, **arguments)
        return self.end()

    def begin(self, do: str, **arguments: object) -> None:
        """Have it do something; the answer is still to be fetched with :meth:`end`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()

    def end(self) -> Facts:
        """What it says of the thing it was asked last."""
        assert self._process.stdout is not None
        while True:
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError(f"{self.contestant.name} ended by itself; run its program by hand to see why")
            if line.startswith("{"):
                facts: Facts = json.loads(line)
                if "error" in facts:
                    raise RuntimeError(f"{self.contestant.name}: {facts['error']}")
                return facts

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class Stand:
    """Where clients are measured: a responder with TLS and one without."""

    def __init__(self, environments: Path, folder: Path, stack: ExitStack) -> None:
        self.environments = environments
        certificate, ca_file = str(folder / "server.pem"), str(folder / "ca.pem")
        authority = trustme.CA()
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        authority.cert_pem.write_to_path(ca_file)
        self._places = {
            True: (str(stack.enter_context(_responder(certificate))), ca_file),
            False: (str(stack.enter_context(_responder("-"))), "-"),
        }

    @contextmanager
    def client(self, contestant: Contestant) -> Iterator[Program]:
        """Run a client during the block; it is connected, and has one call with one playback."""
        command = contestant.command(self.environments)
        program = Program(contestant, [*command, *self._places[contestant.tls], *contestant.arguments])
        try:
            program.ask("start")
            yield program
        finally:
            program.close()


@contextmanager
def _responder(certificate: str) -> Iterator[int]:
    """Run the responder during the block; yields its port."""
    command = [sys.executable, str(Path(__file__).parent / "responder.py"), certificate]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as responder:
        try:
            assert responder.stdout is not None
            yield int(responder.stdout.readline())
        finally:
            responder.kill()
