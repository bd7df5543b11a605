"""docs/methods.md says of the official clients what their packages have, no more and no less."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.test_methods_page import names

PROGRAMS = Path(__file__).with_name("programs")
# Members that are no verbs: properties, and what was never meant for users.
NO_VERBS = {"Call": {"setOptions"}}


@pytest.fixture(scope="module")
def clients() -> Path:
    folder = os.environ.get("RELAY_SYNC_INTEROP_CLIENTS")
    if not folder:
        pytest.skip("needs the official clients: run `tox -e interop`")
    return Path(folder)


def listed(column: str) -> set[str]:
    """``Kind.name`` of all that a column of the page names."""
    calls = {f"Call.{name}" for name in names("Call", column)}
    return calls | set(names("Actions", column)) | set(names("Client and services", column))


@pytest.fixture(scope="module")
def v2(clients: Path) -> dict[str, Any]:
    """Class -> its members, as the installed package has them."""
    python = clients / "python" / "bin" / "python"
    program = [python, PROGRAMS / "public_names.py"]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return {path.rpartition(".")[2]: members for path, members in json.loads(done.stdout)["classes"].items()}


def test_what_the_page_says_of_v2_python_is_there(v2: dict[str, Any]) -> None:
    for name in listed("v2"):
        kind, _, member = name.partition(".")
        assert member in v2[kind], name


def test_no_verb_of_v2_python_is_left_out(v2: dict[str, Any]) -> None:
    verbs = {name for name, signature in v2["Call"].items() if name and signature and not name.startswith("_")}
    assert verbs - set(names("Call", "v2")) == set()


def declared(clients: Path, kind: str) -> set[str]:
    """The public methods in a class's declaration in the Node package."""
    found: set[str] = set()
    for file in (clients / "node" / "node_modules" / "@signalwire" / "node" / "dist").rglob("*.d.ts"):
        if "webrtc" in file.parts:  # the browser's, which has a class Call as well
            continue
        text = file.read_text(encoding="utf-8")
        match = re.search(rf"class {kind}\b(?: extends (\w+))?[^{{]*{{(.*?)\n}}", text, re.DOTALL)
        if match:
            if match[1]:
                found |= declared(clients, match[1])
            found |= set(re.findall(r"^    ([a-zA-Z]\w*)(?:\(|: Function)", match[2], re.MULTILINE))
    return found - {"constructor"} - NO_VERBS.get(kind, set())


def test_what_the_page_says_of_v2_node_is_there(clients: Path) -> None:
    parents = {"Calling": "Relay", "Messaging": "Relay", "Tasking": "Relay", "RelayClient": "BaseSession"}
    for name in listed("node"):
        kind, _, member = name.partition(".")
        assert member in declared(clients, kind) | declared(clients, parents.get(kind, kind)), name


def test_no_verb_of_v2_node_is_left_out(clients: Path) -> None:
    assert declared(clients, "Call") - set(names("Call", "node")) == set()


@pytest.fixture(scope="module")
def current(clients: Path) -> dict[str, set[str]]:
    """Class of the current SDK's relay -> its public methods and those it inherits, read from its source."""
    bases: dict[str, list[str]] = {}
    methods: dict[str, set[str]] = {}
    for file in (clients / "sdk" / "lib").glob("python*/site-packages/signalwire/relay/*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                bases[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
                functions = [one for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))]
                methods[node.name] = {one.name for one in functions if not one.name.startswith("_")}

    def of(kind: str) -> set[str]:
        return methods.get(kind, set()).union(*(of(base) for base in bases.get(kind, ())))

    return {kind: of(kind) for kind in methods}


def test_what_the_page_says_of_the_current_sdk_is_there(current: dict[str, set[str]]) -> None:
    for name in listed("current"):
        kind, _, member = name.partition(".")
        assert member in current[kind], name


def test_no_verb_of_the_current_sdk_is_left_out(current: dict[str, set[str]]) -> None:
    assert current["Call"] - set(names("Call", "current")) == set()
    controls = {"stop", "pause", "resume", "volume", "start_input_timers"}
    have = {f"{kind}.{verb}" for kind in current if kind.endswith("Action") for verb in current[kind] & controls}
    # Those from which the others inherit are no actions that users are given; and two that no source has a command for.
    kept = {name for name in have if name.split(".")[0] not in ("StoppableAction", "PausableAction", "VolumeAction")}
    assert kept - set(names("Actions", "current")) == {"CollectAction.pause", "CollectAction.resume"}
