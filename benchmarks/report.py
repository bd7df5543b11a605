"""The table, the JSON, and the machine they were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.groups import Figure


def machine() -> dict[str, Any]:
    """What the figures depend on beside the code."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load_before": os.getloadavg()[0],
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def revision() -> str:
    """The commit that is measured, with ``+`` where files differ from it."""
    folder = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")


def heading(about: dict[str, Any]) -> str:
    """The machine and the moment in one paragraph."""
    found = about["machine"]
    load = f"load {found['load_before']:.1f} before the run" + (" (a busy machine)" if found["load_before"] > 1 else "")
    peers = ", ".join(f"{name} is {version}" for name, version in about["peers"].items())
    return (
        f"{about['date']}, commit {about['commit']}, {found['python']} on {found['system']}, {found['processor']}, "
        f"{found['usable_cores']} of {found['cores']} cores, {found['memory_gib']} GiB, {load}; {peers}"
    )


def about(peers: dict[str, str], *, quick: bool) -> dict[str, Any]:
    """What a run's JSON begins with."""
    now = datetime.now(timezone.utc)
    return {
        "date": f"{now:%Y-%m-%d}",
        "commit": revision(),
        "machine": machine(),
        "quick": quick,
        "peers": peers,
        "command": "python -m benchmarks " + " ".join(sys.argv[1:]),
    }


def table(figures: list[Figure]) -> str:
    """Markdown: a table for each group, ours first, and how ours compares."""
    lines: list[str] = []
    for group in dict.fromkeys(figure.group for figure in figures):
        rows = [figure for figure in figures if figure.group == group]
        who = list(dict.fromkeys(name for figure in rows for name in figure.rounds))
        lines += ["", f"**{group}**", "", "| | " + " | ".join(who) + " |", "| --- |" + " --- |" * len(who)]
        for figure in rows:
            cells = [_cell(figure, name) for name in who]
            unit = f" ({figure.unit})" if figure.unit else ""
            lines.append(f"| {figure.name}{unit} | " + " | ".join(cells) + " |")
    lines += ["", "In brackets: relay_sync's figure divided by that one, the median of the rounds' ratios."]
    return "\n".join(lines[1:])


def _cell(figure: Figure, who: str) -> str:
    value = figure.medians.get(who)
    if value is None:
        return ""
    ratio = figure.ratios.get(who)
    return number(value) + (f" ({ratio:.2f})" if ratio is not None else "")


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
