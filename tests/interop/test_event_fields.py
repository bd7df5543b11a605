"""relay_sync.payloads knows every field of an event that the current SDK has a class for."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest

from tests.conforming import BY_TYPE


@pytest.fixture(scope="module")
def fields() -> dict[str, set[str]]:
    """Relay's name of an event -> the keys that the SDK's class for it reads, in the package as installed."""
    folder = os.environ.get("RELAY_SYNC_INTEROP_CLIENTS")
    if not folder:
        pytest.skip("needs the official clients: run `tox -e interop`")
    (source,) = Path(folder, "sdk", "lib").glob("python*/site-packages/signalwire/relay/event.py")
    found: dict[str, set[str]] = {}
    for kind in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(kind, ast.ClassDef) and kind.bases:
            name = re.search(r"calling\.\w+(?:\.\w+)?", ast.get_docstring(kind) or "")
            if name:
                found[name[0]] = set(keys_read(kind))
    return found


def keys_read(kind: ast.ClassDef) -> Iterator[str]:
    """The keys that a class looks up: the classes themselves have other names for some."""
    for node in ast.walk(kind):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="p"), attr="get"), args=[ast.Constant(value=str(key)), *_]
            ):
                yield key


def test_each_field_of_the_sdk_s_events_is_in_our_types(fields: dict[str, set[str]]) -> None:
    known = {name: names for name, names in fields.items() if name in BY_TYPE}
    assert len(known) > 15
    assert known["calling.call.queue"] >= {"id", "position"}
    missing = {name: names - set(get_type_hints(BY_TYPE[name])) for name, names in known.items()}
    assert {name: names for name, names in missing.items() if names} == {}
