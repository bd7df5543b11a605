"""A notebook's kernel: its event loop runs in the main thread, cells run twice, and the button interrupts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from relay_sync.emulator import Emulator
from tests.examples.programs import environment
from tests.integration.servers import LIMIT

CONNECT = """
import asyncio
asyncio.get_running_loop()  # raises where none is running
from relay_sync import Client
client = Client()
client.connect()
"""
PLAY = """
call = client.calling.dial(from_number="+15550100", to_number="+15550102", timeout=30).call
action = call.play_silence_async(60)
print(action.pause().successful, action.wait_for_state("paused", timeout=20), client.state)
"""
BLOCKING = {
    "wait": "action.wait()",
    "wait_for_state": "action.wait_for_state('finished')",
    "wait_for": "call.wait_for_ended()",
    "future": "action.future.result()",
    "dial": "client.calling.dial(from_number='+15550100', to_number='+15550101', timeout=30)",
    "play": "call.play_silence(30)",
}
AFTERWARDS = """
print(client.state, action.resume().successful, action.wait_for_state("playing", timeout=20))
"""


class Kernel:
    """A kernel of this very interpreter."""

    def __init__(self, relay: Emulator, folder: Path) -> None:
        # With no folder to look in there is one kernel: the interpreter that runs this, in whatever venv it is.
        here = KernelSpecManager(kernel_dirs=[], ensure_native_kernel=True)
        self._manager = KernelManager(kernel_name="python3", kernel_spec_manager=here)
        self._manager.start_kernel(env=environment(relay, IPYTHONDIR=str(folder / "ipython")), cwd=str(folder))
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=LIMIT)

    def close(self) -> None:
        """End the kernel and everything of it here."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()
        self._manager.context.destroy(0)

    def begin(self, code: str) -> str:
        """Start a cell; its id."""
        ident: str = self._client.execute(code)
        return ident

    def interrupt(self) -> None:
        """Press the button."""
        self._manager.interrupt_kernel()

    def printed(self, ident: str) -> str:
        """Block until the cell has printed something, and return it."""
        while True:
            message = self._message(ident)
            if message["msg_type"] == "stream":
                text: str = message["content"]["text"]
                return text

    def result(self, ident: str) -> tuple[str, str]:
        """Block until the cell has ended; return what it printed, and the name of what it raised."""
        text, error = "", ""
        while True:
            message = self._message(ident)
            content = message["content"]
            if message["msg_type"] == "stream":
                text += content["text"]
            elif message["msg_type"] == "error":
                error = content["ename"]
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                return text, error

    def run(self, code: str) -> str:
        """Run a cell, which must not raise, and return what it printed."""
        text, error = self.result(self.begin(code))
        assert not error, text
        return text

    def _message(self, ident: str) -> dict[str, Any]:
        while True:
            try:
                message: dict[str, Any] = self._client.get_iopub_msg(timeout=LIMIT)
            except Empty:
                raise AssertionError(f"the kernel said nothing for {LIMIT} s") from None
            if message["parent_header"].get("msg_id") == ident:
                return message


@pytest.fixture
def kernel(relay: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    kernel = Kernel(relay, tmp_path)
    yield kernel
    kernel.close()


def test_cells_connect_play_and_pause_while_the_kernels_loop_runs_and_may_be_run_twice(
    relay: Emulator, kernel: Kernel
) -> None:
    kernel.run(CONNECT + PLAY)
    assert kernel.run(PLAY) == "True True ready\n"
    assert kernel.run("client.connect()\nprint(client.state)") == "ready\n"
    assert relay.connections == 1
    # The cell that makes the client, once more: the first one is left to itself and disturbs nobody.
    kernel.run(CONNECT)
    assert kernel.run(PLAY) == "True True ready\n"
    assert kernel.run("with client:\n    pass\nprint(client.state)") == "closed\n"


def test_the_interrupt_button_ends_every_blocking_call_and_leaves_the_client_usable(
    relay: Emulator, kernel: Kernel
) -> None:
    kernel.run(CONNECT + PLAY)
    for name, code in BLOCKING.items():
        blocked = kernel.begin(f"print('blocked')\n{code}")
        assert kernel.printed(blocked) == "blocked\n"
        began = monotonic()
        kernel.interrupt()
        _, error = kernel.result(blocked)
        took = monotonic() - began
        assert error == "KeyboardInterrupt", name
        assert took < 2, name  # the wait itself ends within 0.2 s (tests/link/test_ctrl_c.py); the rest is the kernel
        assert kernel.run(AFTERWARDS) == "ready True True\n", name
    assert relay.connections == 1
