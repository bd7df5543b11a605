"""``python -m relay_sync.emulator.soak``: run the soak and print its ledger."""

from __future__ import annotations

import argparse
import faulthandler
import os
import platform
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from relay_sync.emulator.soak.course import FAULTS_PER_ROUND, Course, Report

LAST_RESORT_S = 180.0
"""Seconds that everything after the run itself may take, before the process is ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with these command-line arguments (those of the process if None); return the exit code.

    0: no hang, no lie, no leak. 1: something of these, which is printed. 2: wrong arguments.
    """
    parser = argparse.ArgumentParser(
        prog="python -m relay_sync.emulator.soak",
        description="Many callers in either dialect, many calls, random faults; then a ledger of what the callers "
        "were told against what the emulator knows. The same seed makes the same faults; how threads take turns may "
        "differ.",
    )
    parser.add_argument("--seed", type=int, default=1, help="what the faults and the callers' choices come from")
    time = parser.add_mutually_exclusive_group()
    time.add_argument("--minutes", type=float, default=1.0, help="how long it runs (default 1)")
    time.add_argument("--seconds", type=float, help="the same, in seconds")
    parser.add_argument("--threads", type=int, default=4, help="callers in each dialect (default %(default)s)")
    parser.add_argument("--faults", type=int, default=FAULTS_PER_ROUND, help="in ten seconds (default %(default)s)")
    options = parser.parse_args(arguments)
    seconds = options.seconds if options.seconds is not None else 60.0 * options.minutes
    if not seconds > 0 or options.threads < 1 or options.faults < 0:
        parser.error("the time and the threads must be more than 0, and the faults not less")
    # For what the watchdog can't see to: it looks from the thread that may be the one that hangs.
    last_resort = threading.Timer(seconds + LAST_RESORT_S, _give_up)
    last_resort.daemon = True
    last_resort.start()
    began = datetime.now(timezone.utc)
    try:
        report = Course(options.seed, seconds, options.threads, options.faults).run()
    finally:
        last_resort.cancel()
    machine = f"CPython {platform.python_version()} on {sys.platform}, {os.cpu_count()} cores"
    sys.stdout.write(f"{began:%Y-%m-%d %H:%M} UTC, {machine}\n")
    sys.stdout.write("\n".join(lines(report, options.threads, options.faults)) + "\n")
    sys.stdout.flush()
    if report.hangs:
        os._exit(1)  # threads that hang may keep the interpreter from its end too
    return int(report.failed)


def _give_up() -> None:
    sys.stderr.write("HANG: the soak itself does not come to its end\n")
    sys.stderr.flush()
    faulthandler.dump_traceback(all_threads=True)
    os._exit(1)


def lines(report: Report, threads: int, faults: int) -> Iterator[str]:
    """Yield the summary, line by line."""
    told = ", ".join(f"{report.verdicts[name]} {name}" for name in ("successful", "refused", "unsent", "unknown"))
    endings = ", ".join(f"{report.endings[name]} {name}" for name in ("done", "failed", "lost"))
    struck = ", ".join(f"{kind} {count}" for kind, count in sorted(report.struck.items()) if count)
    rows = [
        ("seed", str(report.seed)),
        ("seconds", f"{report.seconds:g}"),
        ("calls", f"{report.calls['outbound']} outbound, {report.calls['inbound']} inbound"),
        ("commands given", f"{sum(report.verdicts.values())}: {told}"),
        ("commands that came", str(report.commands_seen)),
        ("ends told", f"{sum(report.endings.values())}: {endings}"),
        ("faults", f"{sum(report.struck.values())}: {struck}"),
        ("connections", f"{report.connections}, of which {report.reopened} after a login was refused"),
        ("calls of lost sessions", str(report.adrift)),
        ("latest", f"{report.latest:.2f} s after its limit"),
        ("hangs", str(len(report.hangs))),
        ("lies", str(len(report.lies))),
        ("leaks", str(len(report.leaks))),
        ("defects", str(len(report.defects))),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        yield f"{name:<{width}}  {value}"
    found = {"HANG": report.hangs, "LIE": report.lies, "LEAK": report.leaks, "DEFECT": report.defects}
    for name, all_of_them in found.items():
        for what in all_of_them:
            yield f"{name}: {what}"
    if report.failed:
        yield "Again, with the same faults (threads may take their turns in another order):"
        yield (
            f"  python -m relay_sync.emulator.soak --seed {report.seed} --seconds {report.seconds:g} "
            f"--threads {threads} --faults {faults}"
        )


if __name__ == "__main__":
    sys.exit(main())
