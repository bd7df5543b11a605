"""tests/jitter.py: what it slows down is there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.jitter import MEETINGS, PLACES


def functions(node: ast.AST, within: str = "") -> Iterator[str]:
    """The qualified names of all functions of classes and modules."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.ClassDef):
            yield from functions(inner, f"{within}{inner.name}.")
        elif isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield f"{within}{inner.name}"


def test_every_meeting_of_threads_is_a_function_there_is() -> None:
    files = [path for place in map(Path, PLACES) for path in (place.rglob("*.py") if place.is_dir() else [place])]
    known = {name for path in files for name in functions(ast.parse(path.read_text(encoding="utf-8")))}
    assert [name for name in MEETINGS if name not in known] == []
