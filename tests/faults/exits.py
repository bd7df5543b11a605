"""The end of the interpreter in every state of a client: exit code 0, and not a word.

``python -m tests.faults.exits 200 [STATE ...]`` runs every state, or those, so many times and prints a table; the tests
run a few of each.
The programs are children of one process that has the emulator, with and without TLS, and a port that never speaks.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import trustme

from relay_sync.emulator import Emulator
from tests.proxying import TcpFront, TlsFront, running

ROOT = Path(__file__).parents[2]
IN_TIME_S = 30.0  # a child that takes longer hangs; none that is right takes a tenth of it

START = """
import os, sys, threading
from relay_sync import Client, Consumer, Task

class Where:
    plain, tls, mute, control, ca_file = sys.argv[1:]

CREDENTIALS = {"project": "proj-1", "token": "PTsecret"}
SPOKEN = {"dialect": os.environ.get("RELAY_SYNC_TEST_DIALECT", "auto")}

def client(scheme="ws", port=None, **more):
    port = port or (Where.plain if scheme == "ws" else Where.tls)
    more |= {} if scheme == "ws" else {"ca_file": Where.ca_file}
    return Client(host=f"{scheme}://127.0.0.1:{port}", **CREDENTIALS, **SPOKEN, **more)

def ready(scheme="ws", **more):
    made = client(scheme, **more)
    made.connect()
    return made

def daemon(act):
    def run():
        try:
            act()
        except BaseException:
            pass
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread

def until(condition):
    pause = threading.Event()
    while not condition():
        pause.wait(0.002)

def connection(made):
    return made._life().connection

def silence(made):
    import socket
    port = connection(made)._transport._stream._sock.getsockname()[1]
    with socket.create_connection(("127.0.0.1", int(Where.control))) as control:
        control.sendall(f"{port}\\n".encode())
        assert control.recv(1) == b"."

def dial(made):
    return made.calling.dial(from_number="+15550100", to_number="+15550101").call

def lose(made):
    connection(made)._transport.shut()
"""

STATES = {
    "new": "made = client()",
    "connecting, upgrade": """
made = client(port=Where.mute, connect_timeout=60)
daemon(made.connect)
until(lambda: made.state == "connecting" and connection(made)._transport is not None)
""",
    "connecting, TLS": """
made = client("wss", port=Where.mute, connect_timeout=60)
daemon(made.connect)
until(lambda: made.state == "connecting" and connection(made)._transport is not None)
""",
    "failed to connect": """
made = client(port=Where.mute, connect_timeout=0.05)
try:
    made.connect()
except Exception:
    pass
""",
    "ready": "made = ready()",
    "ready, TLS": "made = ready('wss')",
    "ready, silent peer": "made = ready(); silence(made)",
    "ready, TLS, silent peer": "made = ready('wss'); silence(made)",
    "a call, a playback and threads in waits": """
made = ready()
call = dial(made)
action = call.play_silence_async(600)
action.future
call.on("ended", lambda event: print("a handler ran"))
daemon(action.wait)
daemon(call.wait_for_ended)
daemon(made.run)
daemon(lambda: [event for event in call.events()])
until(lambda: action._room is not None and call._room is not None)
""",
    "a command under way, silent peer": """
made = ready("wss")
silence(made)
daemon(lambda: made.execute("x", {}))
until(lambda: connection(made).session._asked)
""",
    "reconnecting, pause": """
made = ready()
connection(made)._reader._standing.attempts, connection(made)._reader._jitter = 10, lambda: 1.0
lose(made)
until(lambda: connection(made)._transport is None)
daemon(lambda: made.execute("x", {}))
""",
    "reconnecting, peer that never speaks": """
made = ready("wss")
connection(made)._reader._jitter = lambda: 0.0
connection(made)._reader._open_transport = client("wss", port=Where.mute)._open_transport
first = connection(made)._transport
lose(made)
until(lambda: connection(made)._transport not in (None, first))
""",
    "closed": "made = ready(); made.disconnect()",
    "closing, in another thread": """
made = ready("wss")
silence(made)
daemon(made.disconnect)
until(lambda: connection(made)._stop.is_set())
""",
    "a handler that sleeps": """
made = ready()
call, entered = dial(made), threading.Event()
call.on("play.playing", lambda event: (entered.set(), threading.Event().wait()))
call.play_silence_async(600)
entered.wait()
""",
    "a consumer in a thread": """
class Serving(Consumer):
    project, token, host, contexts = *CREDENTIALS.values(), f"ws://127.0.0.1:{Where.plain}", ["elsewhere"]
    client_options = SPOKEN
    up = threading.Event()
    def ready(self):
        self.up.set()
serving = Serving()
daemon(serving.run)
Serving.up.wait()
""",
    "a task under way": """
task = Task(host=f"http://127.0.0.1:{Where.mute}", **CREDENTIALS)
daemon(lambda: task.deliver("office", {}))
until(lambda: any(t.name.startswith("relay-posting") for t in threading.enumerate()))
""",
    "two clients and sys.exit in the middle": """
one, two = ready(), ready("wss")
daemon(one.run)
sys.stdout.write("the end\\n")
sys.exit(0)
""",
    "sys.exit inside with": """
with ready() as made:
    dial(made).play_silence_async(600)
    sys.stdout.write("the end\\n")
    sys.exit(0)
""",
}

END = '\nprint("the end", flush=True)\n'


@dataclass(frozen=True)
class Ports:
    """Where the children find what they need."""

    plain: int
    tls: int
    mute: int
    control: int
    ca_file: str

    def arguments(self) -> list[str]:
        return [str(value) for value in (self.plain, self.tls, self.mute, self.control, self.ca_file)]


@contextmanager
def surroundings() -> Iterator[Ports]:
    """An emulator behind fronts that can fall silent, and a port that accepts and never speaks."""
    with ExitStack() as stack:
        relay = stack.enter_context(Emulator(project="proj-1", token="PTsecret"))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        authority = trustme.CA()
        ca_file = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(ca_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        plain = stack.enter_context(running(TcpFront(relay.port)))
        tls = stack.enter_context(running(TlsFront(relay.port, context)))
        mute = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
        control = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=_obey, args=(control, plain, tls), name="test-control", daemon=True)
        thread.start()
        try:
            yield Ports(plain.port, tls.port, mute.getsockname()[1], control.getsockname()[1], str(ca_file))
        finally:
            control.shutdown(socket.SHUT_RDWR)
            control.close()
            thread.join(10)


def _obey(control: socket.socket, *fronts: TcpFront | TlsFront) -> None:
    """Silence the connections that children name by their ports."""
    while True:
        try:
            peer, _ = control.accept()
        except OSError:
            return
        with peer:
            port = int(peer.makefile().readline())
            for front in fronts:
                front.silence(port)
            peer.sendall(b".")


@dataclass(frozen=True)
class Outcome:
    """How a child ended."""

    code: int | None
    out: str
    err: str
    seconds: float

    @property
    def right(self) -> bool:
        return (self.code, self.out, self.err) == (0, "the end\n", "")


def run_one(state: str, ports: Ports) -> Outcome:
    """Run a program to its end in one state."""
    began = time.monotonic()
    command = [sys.executable, "-c", START + STATES[state] + END, *ports.arguments()]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = child.communicate(timeout=IN_TIME_S)
        return Outcome(child.returncode, out, err, time.monotonic() - began)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        return Outcome(None, out, f"it was still alive after {IN_TIME_S:g} s\n{err}", time.monotonic() - began)


def main(times: int, states: Sequence[str]) -> int:
    """Run each state so many times; print a table, and what went wrong. The number of those that did."""
    wrong: list[tuple[str, Outcome]] = []
    print(f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, CPython {sys.version.split()[0]} on {sys.platform}")
    print("| State | Runs | Wrong | Longest, s |\n| --- | --- | --- | --- |", flush=True)
    with surroundings() as ports, ThreadPoolExecutor(os.cpu_count()) as pool:
        for state in states:
            outcomes = list(pool.map(lambda _, state=state: run_one(state, ports), range(times)))  # type: ignore[misc]
            bad = [(state, outcome) for outcome in outcomes if not outcome.right]
            wrong += bad
            longest = max(outcome.seconds for outcome in outcomes)
            print(f"| {state} | {len(outcomes)} | {len(bad)} | {longest:.2f} |", flush=True)
            for _, outcome in bad[:3]:
                print(f"exit code {outcome.code}\n{outcome.out}{outcome.err}", file=sys.stderr, flush=True)
    print(f"{len(states) * times} runs, {len(wrong)} wrong")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, sys.argv[2:] or list(STATES)) else 0)
