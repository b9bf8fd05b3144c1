"""Plots as SVG text, without a library: bars for a comparison, lines for growth. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, LEFT, RIGHT = 760, 190, 90
BAR, GAP, TOP = 22, 10, 44
COLOURS = {"ours": "#0b6e4f", "ansible": "#c1121f", "mitogen": "#e07a1f", "pyinfra": "#3a6ea5"}
GREY = "#8a8a8a"  # legible on a white page and on a dark one


def bars(title: str, rows: Sequence[tuple[str, str, float]]) -> str:
    """One bar per row (tool, label, seconds), as long as its value, from zero."""
    scale = (WIDTH - LEFT - RIGHT) / max(value for *_, value in rows)
    height = TOP + len(rows) * (BAR + GAP)
    parts = [_text(LEFT, 24, title, size=15)]
    for number, (tool, label, value) in enumerate(rows):
        y = TOP + number * (BAR + GAP)
        length = value * scale
        parts += [
            _text(LEFT - 8, y + 16, label, anchor="end"),
            f'<rect x="{LEFT}" y="{y}" width="{max(length, 1):.1f}" height="{BAR}" fill="{COLOURS[tool]}"/>',
            _text(LEFT + length + 6, y + 16, seconds(value)),
        ]
    return _page(height, parts)


def lines(title: str, series: Mapping[str, tuple[str, Sequence[tuple[int, float]]]]) -> str:
    """Seconds over hosts, both axes logarithmic: a line of slope one is time proportional to the number of hosts.

    series: tool -> (label, points (hosts, seconds)).
    """
    height, bottom = 380, 340
    hosts = sorted({count for _, points in series.values() for count, _ in points})
    values = [value for _, points in series.values() for _, value in points]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    right = WIDTH - 170
    x_span = math.log10(hosts[-1] / hosts[0]) or 1.0

    def x(count: int) -> float:
        return 70 + (right - 70) * math.log10(count / hosts[0]) / x_span

    def y(value: float) -> float:
        return bottom - (bottom - TOP) * (math.log10(value) - low) / ((high - low) or 1)

    parts = [_text(70, 24, title, size=15)]
    for power in range(low, high + 1):
        at = y(10.0**power)
        parts.append(f'<line x1="70" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" stroke="{GREY}" stroke-opacity="0.4"/>')
        parts.append(_text(62, at + 4, seconds(10.0**power), anchor="end"))
    parts += [_text(x(count), bottom + 20, str(count), anchor="middle") for count in hosts]
    parts.append(_text((70 + right) / 2, bottom + 36, "hosts", anchor="middle"))
    for tool, (label, points) in series.items():
        path = " ".join(f"{x(count):.1f},{y(value):.1f}" for count, value in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[tool]}" stroke-width="2.5"/>')
        parts += [
            f'<circle cx="{x(count):.1f}" cy="{y(value):.1f}" r="3.5" fill="{COLOURS[tool]}"/>'
            for count, value in points
        ]
        parts.append(_text(right + 10, y(points[-1][1]) + 4, label))
    return _page(height, parts)


def seconds(value: float) -> str:
    """With as many digits as are worth reading: 0.42 s, 6.1 s, 33 s."""
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 13) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'


def _page(height: int, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" fill="{GREY}">'
    )
    return "\n".join([head, *parts, "</svg>", ""])
