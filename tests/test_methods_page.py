"""docs/methods.md lists every method of ours, and none that there is not."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import relay_sync
from relay_sync import Call, Client
from relay_sync.calling.action import Action
from relay_sync.wire.states import ERROR_EVENT, ERROR_EVENT_NAME, OPERATIONS

PAGE = Path(__file__).parents[1] / "docs" / "methods.md"
COLUMNS = ("wire", "v2", "node", "current", "ours")


def section_of(title: str) -> str:
    return PAGE.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(section: str) -> list[dict[str, list[str]]]:
    """The rows of a section's table: the names in each column."""
    found = []
    for line in section_of(section).splitlines():
        cells = line.strip("|").split("|")
        if line.startswith(("| `", "| —")):
            assert len(cells) == len(COLUMNS), line
            found.append({column: re.findall(r"`([^`]+)`", cell) for column, cell in zip(COLUMNS, cells, strict=True)})
    return found


def names(section: str, column: str) -> list[str]:
    return [name for row in rows(section) for name in row[column]]


def methods_of(kind: type) -> Iterator[str]:
    for name in dir(kind):
        if not name.startswith("_") and inspect.isfunction(inspect.getattr_static(kind, name)):
            yield name


ACTIONS = [
    found
    for name in relay_sync.__all__
    if inspect.isclass(found := getattr(relay_sync, name)) and issubclass(found, Action)
]


def test_the_page_lists_every_method_of_a_call_once() -> None:
    assert sorted(names("Call", "ours")) == sorted(methods_of(Call))


def test_the_page_lists_every_control_of_an_action_once() -> None:
    common = set(methods_of(Action))
    own = [f"{kind.__name__}.{name}" for kind in ACTIONS for name in methods_of(kind) if name not in common]
    assert len(ACTIONS) > 10
    listed = names("Actions", "ours")
    assert sorted(listed) == sorted([*own, *(f"PlayAction.{name}" for name in common)])


@pytest.mark.parametrize("name", [*names("Actions", "ours"), *names("Client and services", "ours")])
def test_every_other_name_is_here(name: str) -> None:
    kind, _, member = name.partition(".")
    assert callable(getattr(getattr(relay_sync, kind), member))


def test_no_line_is_empty_of_names() -> None:
    for section in ("Call", "Actions", "Client and services"):
        for row in rows(section):
            assert any(row[column] for column in COLUMNS[1:])


def test_every_command_that_we_know_of_is_on_the_page() -> None:
    listed = {*names("Call", "wire"), *names("Actions", "wire")}
    for operation in OPERATIONS.values():
        assert set(operation.commands) <= listed
        family = operation.commands[0].removesuffix(".enter")
        assert {f"{family}.{verb}" for verb in operation.sub_commands} <= listed


def test_every_event_that_v2_has_not_is_on_the_page_by_all_its_names() -> None:
    lines = [line for line in section_of("Events").splitlines() if line.startswith("| `")]
    listed = {cells[0]: cells[1:] for line in lines if (cells := re.findall(r"`([^`]+)`", line))}
    v2 = ["play", "prompt", "collect", "record", "detect", "fax", "tap", "digits", "refer", "connect", "dial"]
    later = {row.event_type: list(row.names) for kind, row in OPERATIONS.items() if kind not in v2}
    assert listed == {**later, ERROR_EVENT: [ERROR_EVENT_NAME]}


def test_whoever_has_a_method_has_it_in_one_row() -> None:
    for column in COLUMNS[1:]:
        listed = names("Call", column)
        assert len(set(listed)) == len(listed)
    for section in ("Actions", "Client and services"):
        ours = names(section, "ours")
        assert len(set(ours)) == len(ours)


def test_every_method_of_the_client_is_on_the_page() -> None:
    for_the_services = {"connection", "messages", "receive", "table"}
    ours = {f"Client.{name}" for name in set(methods_of(Client)) - for_the_services}
    assert ours <= set(names("Client and services", "ours"))
