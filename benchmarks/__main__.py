"""``python -m benchmarks``: measure, print the table, write JSON and pictures."""

from __future__ import annotations

import argparse
import compileall
import json
import os
import re
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks import picture, report
from benchmarks.groups import GROUPS, QUICK, Run, Size
from benchmarks.peers import OURS, SDK, V2, provide
from benchmarks.programs import Stand

ROOT = Path(__file__).parents[1]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], help=f"only these of: {', '.join(GROUPS)}")
    parser.add_argument("--quick", action="store_true", help="smaller: to see that it works, not for figures")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each figure (5)")
    parser.add_argument("--no-peers", action="store_true", help="only relay_sync and the floors")
    known = Path(os.environ.get("RELAY_SYNC_BENCH_PEERS", ROOT / ".tox" / "bench-peers"))
    parser.add_argument("--environments", type=Path, default=known, help=f"where the peers' venvs are ({known})")
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--pictures", type=Path, help="write latency.svg and events.svg into that folder")
    return parser.parse_args()


def main() -> None:
    """Measure what was asked for."""
    asked = arguments()
    size = QUICK if asked.quick else Size(rounds=asked.rounds)
    contestants = [OURS] if asked.no_peers else [OURS, SDK, V2]
    # As pip does where it installs: the peers' modules are compiled already.
    compileall.compile_dir(ROOT / "relay_sync", quiet=2)
    peers = {one.name: provide(one, asked.environments) for one in contestants if one.requirement}
    about = report.about(peers, quick=asked.quick)
    begin = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begin:6.1f} s  {text}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        run = Run(Stand(asked.environments, Path(folder), stack), contestants, size, say)
        for name in asked.groups or GROUPS:
            say((GROUPS[name].__doc__ or name).strip())
            GROUPS[name](run)
    say("done")
    figures = list(run.figures.values())
    print(report.heading(about), report.table(figures), sep="\n\n")
    if asked.json:
        told = {"about": about, "figures": [figure.as_json() for figure in figures], "curves": run.curves}
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if asked.pictures:
        draw(run, asked.pictures)


def draw(run: Run, folder: Path) -> None:
    """Make the pictures that there are figures for."""
    folder.mkdir(parents=True, exist_ok=True)
    if run.curves:
        (folder / "latency.svg").write_text(picture.latencies(run.curves), encoding="utf-8")
    costs: dict[str, dict[int, float]] = {}
    for figure in run.figures.values():
        found = re.fullmatch(r"time for one, (\d+) calls", figure.name)
        for who, value in figure.medians.items() if found else ():
            assert found is not None
            costs.setdefault(who, {})[int(found[1])] = value
    if costs:
        (folder / "events.svg").write_text(picture.costs(costs), encoding="utf-8")


if __name__ == "__main__":
    main()
