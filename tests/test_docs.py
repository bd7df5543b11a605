"""The tables of docs/emulator.md say what the code does."""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path

from relay_sync.emulator import KINDS, MAGIC_NUMBERS, Assumptions
from relay_sync.emulator.commands import COMMANDS

PAGE = (Path(__file__).parent.parent / "docs" / "emulator.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[tuple[str, ...]]:
    """The cells of the first table after a heading."""
    lines = PAGE.split(heading, 1)[1].splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("| "))
    table = list(itertools.takewhile(lambda line: line.startswith("|"), lines[first:]))
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in table[2:]]


def test_the_table_of_numbers_is_that_of_the_emulator() -> None:
    told = {number.strip("`"): words for number, words in rows("### Numbers that behave so")}
    assert told == {number: words for number, (_, words) in MAGIC_NUMBERS.items()}


def test_the_table_of_assumptions_has_each_with_its_default() -> None:
    told = {name.strip("`"): default.strip("`") for name, default, _ in rows("## Assumptions")}
    assert told == {field.name: repr(field.default) for field in dataclasses.fields(Assumptions)}


def test_the_table_of_methods_has_each_once() -> None:
    told = [name for names, _ in rows("## What each command does") for name in re.findall(r"`([^`]+)`", names)]
    assert sorted(told) == sorted(COMMANDS)


def test_the_table_of_faults_has_each_kind_with_its_arguments() -> None:
    told = {name.strip("`"): (arguments, words) for name, arguments, words in rows("## Faults")}
    assert told == {
        name: (", ".join(f"`{taken}`" for taken in kind.takes) or "–", kind.words) for name, kind in KINDS.items()
    }


def test_every_test_that_the_page_on_reliability_names_is_there() -> None:
    root = Path(__file__).parent.parent
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (root / "docs" / "reliability.md").read_text(encoding="utf-8"))
    assert len(named) > 40
    for path, name in named:
        assert f"def {name}(" in (root / path).read_text(encoding="utf-8"), f"there is no {name} in {path}"


def test_every_file_that_a_page_links_to_is_there() -> None:
    root = Path(__file__).parent.parent
    for page in [root / "README.md", root / "CHANGELOG.md", *root.glob("docs/*.md"), *root.glob("examples/*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}, which is not there"
