"""docs/porting.md as data: what tests/test_porting.py and tests/interop hold against the code and against v2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "porting.md"
NONE = "—"


@dataclass(frozen=True)
class Row:
    """One row of the tables of names: ``v2`` and ``here`` as written, ``here`` None where there is no such name."""

    v2: str
    here: str | None
    note: str

    def __str__(self) -> str:
        return self.v2


def text() -> str:
    return PAGE.read_text(encoding="utf-8")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def table_after(marker: str) -> list[list[str]]:
    """The rows of the first table after a comment, its head left out."""
    lines = text().split(f"<!-- {marker}")[1].splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(cells(line))
    return rows


def quoted(cell: str) -> str:
    return cell.strip("`")


def edits() -> list[tuple[str, str]]:
    """The replacements: a pattern, and what takes its place."""
    return [(quoted(pattern), quoted(by)) for pattern, by, _ in table_after("edits")]


def rows() -> list[Row]:
    """Every row of every table of names, the imports apart."""
    section = text().split("## Every public name")[1].split("\n## ")[0].split("### Client")[1]
    found = []
    for line in section.splitlines():
        if line.startswith("| `"):
            v2, here, note = cells(line)
            name = quoted(v2)
            found.append(Row(name, {"same": name, NONE: None}.get(here, quoted(here)), note))
    return found


def imports() -> dict[str, str]:
    """Class of v2 -> class here, both with their modules."""
    section = text().split("### Imports")[1].split("###")[0]
    return {quoted(v2): quoted(here) for v2, here, _ in (cells(x) for x in section.splitlines() if x.startswith("| `"))}


def listed(marker: str) -> list[str]:
    """The names in the paragraph after a comment."""
    paragraph = text().split(f"<!-- {marker} -->\n")[1].split("\n\n")[0]
    return re.findall(r"`([^`]+)`", paragraph)


def inside() -> list[str]:
    """What of v2 was never meant for users: modules and classes, and members that begin with a dot."""
    return [name for first, _ in table_after("inside") for name in re.findall(r"`([^`]+)`", first)]
