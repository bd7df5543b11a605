"""Two pictures as SVG: latencies as shares of all round trips, and the cost of an event against the number of calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

Line = Sequence[tuple[float, float]]
COLOURS = ("#c0392b", "#2471a3", "#7d3c98", "#909497", "#626567", "#1b2631", "#b9770e")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 70, 220, 40, 50


def chart(
    title: str, across: str, up: str, lines: dict[str, Line], *, ticks: Sequence[tuple[float, str]], log_x: bool
) -> str:
    """Draw lines over a logarithmic upright axis.

    Args:
        ticks: places on the axis across, with what is written there.
        log_x: whether that axis is logarithmic too.
    """
    heights = [height for line in lines.values() for _, height in line if height > 0]
    low, high = 10 ** math.floor(math.log10(min(heights))), 10 ** math.ceil(math.log10(max(heights)))
    to_x = _scale([place for place, _ in ticks], (LEFT, WIDTH - RIGHT), log=log_x)
    to_y = _scale([low, high], (HEIGHT - BOTTOM, TOP), log=True)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 22, title, size=15),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, across, anchor="middle"),
        f'<g transform="rotate(-90 18 {HEIGHT / 2})">' + _text(18, HEIGHT / 2, up, anchor="middle") + "</g>",
    ]
    height = float(low)
    while height <= high:
        parts.append(_rule(LEFT, to_y(height), WIDTH - RIGHT, to_y(height)))
        parts.append(_text(LEFT - 8, to_y(height) + 4, f"{height:g}", anchor="end"))
        height *= 10
    for place, name in ticks:
        parts.append(_rule(to_x(place), TOP, to_x(place), HEIGHT - BOTTOM))
        parts.append(_text(to_x(place), HEIGHT - BOTTOM + 18, name, anchor="middle"))
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(f"{to_x(place):.1f},{to_y(height):.1f}" for place, height in line if height > 0)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = TOP + 14 + 20 * number
        parts.append(f'<rect x="{WIDTH - RIGHT + 14}" y="{y - 9}" width="16" height="4" fill="{colour}"/>')
        parts.append(_text(WIDTH - RIGHT + 36, y - 3, name, size=10))
    return "\n".join([*parts, "</svg>", ""])


def latencies(curves: dict[str, list[list[list[float]]]]) -> str:
    """The distribution of the round trips of ``pause()``: the median over the rounds of each percentile."""
    lines: dict[str, Line] = {}
    for who, rounds in curves.items():
        middle = [sorted(round_[place][1] for round_ in rounds)[len(rounds) // 2] for place in range(len(rounds[0]))]
        lines[who] = [(_nines(point[0]), height) for point, height in zip(rounds[0], middle, strict=True)]
    shares = (0.01, 0.5, 0.9, 0.99, 0.999)
    ticks = [(_nines(share), f"{share * 100:g} %") for share in shares]
    return chart(
        "Round trip of pause(): so many take no longer", "share of the round trips", "µs", lines,
        ticks=ticks, log_x=False,
    )  # fmt: skip


def costs(figures: dict[str, dict[int, float]]) -> str:
    """What one event costs, against the number of calls that are up."""
    lines: dict[str, Line] = {
        who: sorted((float(n), us) for n, us in points.items()) for who, points in figures.items()
    }
    numbers = sorted({number for points in figures.values() for number in points})
    ticks = [(float(number), f"{number:,}") for number in numbers]
    return chart("Cost of one event", "live calls, each with a playback", "µs", lines, ticks=ticks, log_x=True)


def _nines(share: float) -> float:
    return -math.log10(1 - share)


def _scale(values: Sequence[float], ends: tuple[float, float], *, log: bool) -> Callable[[float], float]:
    bend: Callable[[float], float] = math.log10 if log else float
    low, high = bend(min(values)), bend(max(values))
    width = (high - low) or 1.0
    return lambda value: ends[0] + (bend(value) - low) / width * (ends[1] - ends[0])


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#d5d8dc"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'
