"""The two ways in which a command says what happens: to people, and as one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeVar

import click

from relay_sync.cli.describe import facts
from relay_sync.cli.playhead import Playhead
from relay_sync.errors import RelayError

T = TypeVar("T")


class Output(Protocol):
    """Where a command says what happens."""

    def note(self, text: str) -> None:
        """A remark for people; programs don't get it."""

    def fact(self, kind: str, text: str | None, **known: Any) -> None:
        """Something that happened: ``text`` for people (None: nothing), the rest for programs."""

    def returned(self, source: str, value: object) -> None:
        """A call, written in Python, and what it returned."""

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table for people; programs get the same as facts."""

    def watching(self, playhead: Playhead) -> AbstractContextManager[object]:
        """Show how a playback goes, as long as the block runs."""

    def error(self, name: str, message: str, code: str | None = None) -> None:
        """Why the command fails: an error's name, its message, and Relay's code where there is one."""


def perform(output: Output, source: str, work: Callable[[], T]) -> T:
    """Do ``work``, which is ``source`` in Python; say what it returned, and return that."""
    try:
        value = work()
    except RelayError as error:
        output.note(f"{source}  raised {type(error).__name__}")
        raise
    output.returned(source, value)
    return value


def make_output(as_json: bool) -> Output:
    """Return the one or the other."""
    if as_json:
        return JsonLines()
    from relay_sync.cli.screen import Screen

    return Screen()


class JsonLines:
    """One JSON object per line on stdout, and no other text there. ``kind`` says what a line is about."""

    def note(self, text: str) -> None:
        """Nothing: what matters comes as a fact."""

    def fact(self, kind: str, text: str | None, **known: Any) -> None:
        """Write one line."""
        click.echo(json.dumps({"kind": kind, **known}, allow_nan=False))

    def returned(self, source: str, value: object) -> None:
        """Write one line with ``code``, the call as it is written in Python, and ``result``."""
        self.fact("call", None, code=source, result=facts(value))

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Nothing: what matters comes as a fact."""

    def watching(self, playhead: Playhead) -> AbstractContextManager[object]:
        """Show nothing."""
        return nullcontext()

    def error(self, name: str, message: str, code: str | None = None) -> None:
        """Write one line."""
        self.fact("error", None, error=name, message=message, code=code)
