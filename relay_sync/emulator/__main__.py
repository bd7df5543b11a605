"""``python -m relay_sync.emulator``: run the emulator in the foreground."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence

from relay_sync.emulator.console import serve
from relay_sync.emulator.fault import Fault
from relay_sync.emulator.schedule import random_faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with these command-line arguments (those of the process if None); return the exit code.

    0 after Ctrl-C, 1 when the address can't be listened on, 2 for wrong arguments.
    """
    parser = argparse.ArgumentParser(
        prog="python -m relay_sync.emulator",
        description="SignalWire Relay on this machine: connect any Relay client to it. Ctrl-C ends it.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any that is free)")
    parser.add_argument("--speed", type=_speed, default=1.0, help="virtual seconds in a real one (default 1)")
    parser.add_argument("--strict", action="store_true", help="refuse what no documented client sends")
    parser.add_argument(
        "--fault",
        action="append",
        type=_fault,
        default=[],
        metavar="TEXT",
        help="something that goes wrong, such as 'drop after calling.play'; as often as you like",
    )
    parser.add_argument("--random-faults", type=int, metavar="SEED", help="20 faults in the first minute")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    options = parser.parse_args(arguments)
    faults = options.fault + list(() if options.random_faults is None else random_faults(options.random_faults))
    try:
        return serve(
            options.host,
            options.port,
            speed=options.speed,
            strict=options.strict,
            as_json=options.json,
            faults=faults,
        )
    except (OSError, OverflowError) as error:  # OverflowError: a port beyond 65535
        sys.stderr.write(f"can't listen: {error}\n")
        return 1


def _speed(text: str) -> float:
    speed = float(text)
    if not (math.isfinite(speed) and speed > 0):
        raise argparse.ArgumentTypeError("must be more than 0")
    return speed


def _fault(text: str) -> Fault:
    try:
        return Fault.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
