"""Who may import what: the client and the emulator share no code (design 6), and a program pays for every import."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "relay_sync"

SOAK = "relay_sync.emulator.soak"  # holds one side against the other, and so is the one that imports both
BOTH = ("relay_sync.cli", "relay_sync.__main__")  # programs for people, which are neither side


def modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def imported(path: Path) -> Iterator[str]:
    """The names of ours that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "relay_sync")


def is_in(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("module", [name for name in modules() if is_in(name, "relay_sync.emulator")])
def test_the_emulator_imports_nothing_of_the_client_but_for_the_soak(module: str) -> None:
    foreign = [name for name in imported(modules()[module]) if not is_in(name, "relay_sync.emulator")]
    assert not foreign or is_in(module, SOAK)
    if not is_in(module, SOAK):
        assert not [name for name in imported(modules()[module]) if is_in(name, SOAK)]


@pytest.mark.parametrize("module", [name for name in modules() if not is_in(name, "relay_sync.emulator", *BOTH)])
def test_the_client_imports_nothing_of_the_emulator(module: str) -> None:
    assert not [name for name in imported(modules()[module]) if is_in(name, "relay_sync.emulator")]


def test_the_ledger_of_the_soak_knows_neither_side() -> None:
    assert list(imported(modules()[f"{SOAK}.ledger"])) == []


# What the library cannot do without, and what these import is not ours to choose.
GROUND = "import json, logging, ssl, typing, urllib.parse"
# What we add to it of others' modules. Before a name is added here: what does it cost, and who needs it?
ADDED = {"copy", "heapq", "math", "queue"}


def modules_after(code: str) -> set[str]:
    """The modules that a new interpreter has when it has run the code; without ``site``, which may import anything."""
    places = [str(PACKAGE.parent), *(path for path in sys.path if path.endswith(("site-packages", "dist-packages")))]
    told = subprocess.run(
        [sys.executable, "-S", "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(places)},
    )  # fmt: skip
    return set(told.stdout.split())


def test_importing_the_library_imports_little_else() -> None:
    """Each of these would be paid for by every program: ``asyncio``, ``dataclasses``, ``requests``, ``concurrent``."""
    added = modules_after("import relay_sync") - modules_after(GROUND)
    assert {name for name in added if not is_in(name, "relay_sync") and not name.startswith("_")} <= ADDED


def test_a_client_brings_websocket_client_before_anybody_waits_for_a_connection() -> None:
    assert "websocket" not in modules_after("import relay_sync")
    assert "websocket" in modules_after("import relay_sync; relay_sync.Client('p', 't', 'relay.example')")
