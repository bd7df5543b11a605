"""examples/test_with_emulator.py, which is a test itself: its emulator is its own, and speaks both dialects."""

from __future__ import annotations

from pathlib import Path

from tests.examples.programs import EXAMPLES, Program


def test_it_passes(tmp_path: Path) -> None:
    arguments = ("-m", "pytest", "-p", "no:cacheprovider", EXAMPLES / "test_with_emulator.py")
    with Program(*arguments, relay=None, folder=tmp_path) as program:
        assert "2 passed" in program.ends()
