"""The commands and their options. What they do is in modules of their own, imported when a command is called."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from relay_sync.calling import checks
from relay_sync.cli.exits import INTERRUPTED, Failure, reported
from relay_sync.cli.output import make_output
from relay_sync.version import __version__

T = TypeVar("T")

_LOG_LEVEL = "SIGNALWIRE_LOG_LEVEL"
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _checked(check: Callable[[T], T]) -> Callable[[click.Context, click.Parameter, T | None], T | None]:
    """A callback that judges a value as the library does, with the same words."""

    def judge(context: click.Context, parameter: click.Parameter, value: T | None) -> T | None:
        try:
            return None if value is None else check(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return judge


def _speed(value: float) -> float:
    return checks.number(value, "speed", 0.01, 1000.0, "virtual seconds in a real one")


def _seconds(value: float) -> float:
    return checks.duration(value, "timeout")


def _phone_number(value: str) -> str:
    return checks.text(value, "number", "a phone number such as '+15550100'")


def _url(value: str) -> str:
    return checks.text(value, "url", "the http or https address of an audio file")


_json = click.option("--json", "as_json", is_flag=True, help="Write one JSON object per line instead of text.")
_speed_option = click.option(
    "--speed", type=float, default=1.0, callback=_checked(_speed), help="Virtual seconds in a real one."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="relay-sync")
def program() -> None:
    """Phone calls over SignalWire Relay, for code that blocks.

    \b
    Exit codes: 0 success, 1 failed (busy, refused, not reachable ...),
    2 wrong usage or configuration, 130 Ctrl-C.
    """
    level = os.environ.get(_LOG_LEVEL, "").upper()
    if level and level not in _LEVELS:
        raise click.UsageError(f"{_LOG_LEVEL}={level!r} is no level: give one of {', '.join(_LEVELS)}")
    if level:
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


@program.command()
@click.option("--audio", metavar="FILE", help="A wav, mp3, ogg or flac file.  [default: some music of our own]")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default="heard.wav",
    help="Where the WAV goes.",
)
@click.option(
    "--volume", type=float, default=6.0, callback=_checked(checks.volume), help="Gain after the pause, -40 to 40 dB."
)
@_speed_option
@_json
def demo(audio: str | None, out: Path, volume: float, speed: float, as_json: bool) -> None:
    """Watch a call: dial, play, pause, resume, volume, stop, hang up.

    It needs no account and no network: a phone of the emulator is called, and what it heard is measured and saved.
    """
    if not out.parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(out.parent)!r}", param_hint="--out")
    output = make_output(as_json)
    with reported(output):
        from relay_sync.cli.demo import WELCOME, Demo

        Demo(output, WELCOME if audio is None else audio, volume=volume, speed=speed).run(out)


@program.command()
@click.option("--host", default="127.0.0.1", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port to listen on; 0 takes a free one.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="TEXT",
    help="Something that goes wrong, such as 'drop after calling.play'; may be given often.",
)
@click.option("--random-faults", type=int, metavar="SEED", help="20 faults in the first minute, the same for a seed.")
@_speed_option
@_json
def emulator(
    host: str, port: int, faults: tuple[str, ...], random_faults: int | None, speed: float, as_json: bool
) -> int:
    """Run the emulator and show its calls, until Ctrl-C.

    It prints the environment variables by which clients find it, and the numbers that behave in a special way.
    """
    with reported(make_output(as_json)):
        from relay_sync.emulator import Fault
        from relay_sync.emulator import random_faults as drawn
        from relay_sync.emulator.console import serve

        try:
            wanted = [Fault.parse(text) for text in faults]
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--fault") from error
        wanted += () if random_faults is None else drawn(random_faults)
        try:
            return serve(host, port, speed=speed, as_json=as_json, faults=wanted)
        except BrokenPipeError:  # the reader of a pipe has gone: click ends the program quietly
            raise
        except OSError as error:
            raise Failure(f"can't listen: {error}") from error


@program.command()
@click.argument("url", callback=_checked(_url))
@click.option("--to", "to_number", required=True, callback=_checked(_phone_number), help="The number to call.")
@click.option("--from", "from_number", required=True, callback=_checked(_phone_number), help="The number that calls.")
@click.option("--volume", type=float, default=0.0, callback=_checked(checks.volume), help="Gain, -40 to 40 dB.")
@click.option("--timeout", type=float, callback=_checked(_seconds), help="How many seconds it may ring.")
@_json
def play(url: str, to_number: str, from_number: str, volume: float, timeout: float | None, as_json: bool) -> None:
    """Call a number, play the audio file at URL to its end, and hang up.

    \b
    Credentials come from the environment only: SIGNALWIRE_PROJECT_ID,
    SIGNALWIRE_API_TOKEN, and where needed SIGNALWIRE_SPACE or
    SIGNALWIRE_RELAY_HOST. `relay-sync emulator` prints its own.
    """
    output = make_output(as_json)
    with reported(output):
        from relay_sync.cli.play import Order

        Order(to_number, from_number, url, volume, timeout).play(output)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a character must not end a call.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = program.main(arguments, prog_name="relay-sync", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:  # what click makes of a Ctrl-C outside of `reported`
        return INTERRUPTED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return code if isinstance(code, int) else 0
