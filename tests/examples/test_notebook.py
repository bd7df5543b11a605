"""examples/notebook.ipynb, cell by cell in a kernel of this very interpreter."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from relay_sync.emulator import Emulator
from tests.examples.programs import EXAMPLES, LIMIT, environment
from tests.words import dial_one

NOTEBOOK = EXAMPLES / "notebook.ipynb"


@pytest.fixture
def notebook() -> Any:
    return nbformat.read(NOTEBOOK, as_version=nbformat.NO_CONVERT)


def run(notebook: Any, relay: Emulator, folder: Path, listening: dict[str, float]) -> None:
    """Run all cells; after those named in ``listening``, let so many seconds of the call pass."""

    def after(cell: Any, cell_index: int, execute_reply: Any) -> None:
        relay.clock.advance(listening.get(cell["id"], 0.0))

    # With no folder to look in there is one kernel: the interpreter that runs this, in whatever venv it is.
    here = KernelSpecManager(kernel_dirs=[], ensure_native_kernel=True)
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=here)
    client = NotebookClient(notebook, km=kernel, timeout=int(LIMIT), startup_timeout=int(LIMIT), on_cell_executed=after)
    # It closes its own sockets only where it is told to, because the kernel manager is ours.
    client.execute(env=environment(relay, IPYTHONDIR=str(folder / "ipython")), cwd=str(folder), cleanup_kc=True)


def results(notebook: Any) -> dict[str, str]:
    """What each cell showed, by the id of the cell."""
    return {
        cell["id"]: output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output["output_type"] == "execute_result"
    }


def test_its_cells_control_the_music_and_the_phone_hears_it(
    notebook: Any, relay: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    run(notebook, relay, tmp_path, {"play": 2, "pause": 60, "resume": 2, "volume": 3})

    verbs = [f"calling.play.{verb}" for verb in ("pause", "resume", "volume", "stop")]
    relay.journal.assert_commands(dial_one(), "calling.play", *verbs, "calling.end")
    heard = relay.phones["+15550199001"].heard
    assert heard.duration == 67
    assert heard.between(0, 2).rms_db() == pytest.approx(-20, abs=0.01)
    assert heard.between(2, 62).rms_db() == -math.inf
    assert heard.between(62, 64).rms_db() == pytest.approx(-20, abs=0.01)
    assert heard.between(64.01, 67).rms_db() == pytest.approx(-14, abs=0.01)

    shown = results(notebook)
    assert shown["connect"].startswith("<Client ready ws://127.0.0.1:")
    assert shown["dial"].startswith("<Call answered outbound")
    assert shown["play"] == "True"
    assert shown["pause"].startswith("PlayPauseResult(successful=True")
    assert shown["stop"].startswith("PlayResult(successful=True")
    assert shown["hangup"].startswith("<Call ended outbound")


def test_it_is_a_valid_notebook_with_an_id_for_each_cell(notebook: Any) -> None:
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
    assert len({cell["id"] for cell in notebook.cells}) == len(notebook.cells)


def test_it_is_kept_without_outputs(notebook: Any) -> None:
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
