"""Output for people: colour and a progress bar on a terminal, plain text elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from relay_sync.calling.result import Result
from relay_sync.cli.describe import brief
from relay_sync.cli.playhead import Playhead

_STYLES = {"playing": "bold green", "paused": "bold yellow", "error": "bold red", "failed": "bold red"}


class Screen:
    """Lines of text on stdout, errors on stderr. No colour, no bar and no wrapping when piped."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, emoji=False, markup=False)

    def note(self, text: str) -> None:
        """Print a remark."""
        self._print(Text(text, style="dim"))

    def fact(self, kind: str, text: str | None, **known: object) -> None:
        """Print the text, if there is one."""
        if text is not None:
            self._print(Text(text))

    def returned(self, source: str, value: object) -> None:
        """Print the call and what it returned; on a terminal that is too narrow for both, on two lines."""
        bad = isinstance(value, Result) and not value.successful
        shown, arrow = brief(value), "  -> "
        if self._console.is_interactive and len(source + arrow + shown) > self._console.width:
            arrow = "\n    -> "
        self._print(Text.assemble((source, "cyan"), (arrow, "dim"), (shown, "red" if bad else "green")))

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table."""
        table = Table(box=SIMPLE, pad_edge=False)
        for place, head in enumerate(heads):
            table.add_column(head, justify="left" if place == 0 else "right", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def watching(self, playhead: Playhead) -> AbstractContextManager[object]:
        """Show a bar on a terminal; nothing elsewhere."""
        if not self._console.is_interactive:
            return nullcontext()
        bar = Progress(_State(playhead), _Bar(playhead), _Position(playhead), _Volume(playhead), console=self._console)
        bar.add_task("", total=playhead.duration)
        return bar

    def error(self, name: str, message: str, code: str | None = None) -> None:
        """Print the message on stderr."""
        click.echo(f"relay-sync: {message}" + (f" (code {code})" if code and code not in message else ""), err=True)

    def _print(self, text: Text) -> None:
        # Soft: a terminal wraps by itself, and a line in a file stays one line.
        self._console.print(text, soft_wrap=True)


# The columns look at the playhead each time the bar is drawn, ten times a second on a thread of rich's, so nobody has
# to push news to it and the commands block as honestly as they do without a bar.


class _State(ProgressColumn):
    def __init__(self, playhead: Playhead) -> None:
        super().__init__()
        self._playhead = playhead

    def render(self, task: Task) -> Text:
        state = self._playhead.state
        return Text(f"{state:<9}", style=_STYLES.get(state, "bold"))


class _Bar(BarColumn):
    def __init__(self, playhead: Playhead) -> None:
        super().__init__(bar_width=30)
        self._playhead = playhead

    def render(self, task: Task) -> ProgressBar:
        task.completed = self._playhead.position()
        return super().render(task)


class _Position(ProgressColumn):
    def __init__(self, playhead: Playhead) -> None:
        super().__init__()
        self._playhead = playhead

    def render(self, task: Task) -> Text:
        whole = "" if self._playhead.duration is None else f" / {minutes(self._playhead.duration)}"
        return Text(minutes(self._playhead.position()) + whole)


class _Volume(ProgressColumn):
    def __init__(self, playhead: Playhead) -> None:
        super().__init__()
        self._playhead = playhead

    def render(self, task: Task) -> Text:
        gain = self._playhead.volume_db
        return Text(f"{gain:+.1f} dB", style="bold magenta" if gain else "")


def minutes(seconds: float) -> str:
    """Return ``1:02.3`` for 62.3 seconds."""
    tenths = int(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"
