"""What holds for each example, whatever it shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.examples.programs import EXAMPLES, ROOT

FILES = sorted(path for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb"))
TESTS = Path(__file__).parent


def source(path: Path) -> str:
    """The code of an example: of a notebook, that of its cells one after the other."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return text
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code")


each_example = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


@each_example
def test_an_example_is_a_complete_program_of_under_40_lines(path: Path) -> None:
    code = source(path)
    assert len(code.splitlines()) < 40
    compile(code, path.name, "exec")


@each_example
def test_an_example_begins_by_saying_what_it_is(path: Path) -> None:
    if path.suffix == ".py":
        assert source(path).startswith('"""')
    else:
        assert json.loads(path.read_text(encoding="utf-8"))["cells"][0]["cell_type"] == "markdown"


@each_example
def test_an_example_has_a_test_of_its_own(path: Path) -> None:
    assert (TESTS / f"test_{path.stem.removeprefix('test_')}.py").is_file()


@each_example
def test_the_readme_of_the_examples_says_how_to_run_it(path: Path) -> None:
    assert path.name in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_nothing_else_lies_among_the_examples() -> None:
    others = {path.name for path in EXAMPLES.iterdir()} - {path.name for path in FILES}
    assert others - {"__pycache__"} == {"README.md"}


def test_the_examples_contain_no_credentials() -> None:
    assert not [path.relative_to(ROOT) for path in FILES if "PT-" in source(path)]
