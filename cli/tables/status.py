"""The page that `invoke status` prints: aligned columns, on a terminal a table, blocks where that is too wide. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.tables.columns import aligned
from provisioner.report.lines import clean
from roles import status

NAMES = ("HOST", "SERVICE", "STATE")  # what every row has; in a narrow window, the rest is below it
LEGEND = "HEAP: in use after the last garbage collection / most allowed. DISK: used share of each data disk."
MIB = 1 << 20


@dataclass(frozen=True)
class Row:
    """One service, or a host that did not answer. good: it serves."""

    cells: Sequence[str]
    good: bool = False
    pending: bool = False


def page(found: Mapping[str, Any], width: int | None, *, colour: bool = False) -> str:
    """The whole page. width: columns of the terminal; None where there is none, so that lines are never broken."""
    rows = table(found)
    top = aligned([heads(), *(row.cells for row in rows)])
    if width is not None and max(map(len, top)) > width:
        top = _blocks(rows)
    elif width is not None and colour:
        top = _rich(rows, width)
    rest = [line for text in below(found) for line in _wrapped(clean(text), width)]
    return "\n".join([*top, "", *rest])


def heads() -> list[str]:
    """The heads of the columns, those that roles add included."""
    return [*NAMES, "UP", "VERSION", "HEAP", "DISK", *status.columns(), "RESTART"]


def table(found: Mapping[str, Any]) -> list[Row]:
    """A row per service."""
    added = status.columns().values()
    rows = []
    for name, host in found["hosts"].items():
        if host["error"]:
            why = "failed" if host["reachable"] else "unreachable"
            rows.append(Row([clean(name), "-", why, *["-"] * (len(heads()) - len(NAMES))]))
        for unit, service in host["services"].items():
            heap, most = service["heap_used_bytes"], service["heap_max_bytes"]
            cells = [
                name,
                unit,
                status.state(unit, service, found),
                age(service["uptime_seconds"]),
                service["version"] or "-",
                f"{'?' if heap is None else heap // MIB}/{most // MIB}M" if most else "-",
                " ".join(share(disk) for disk in service["disks"]) or "-",
                *("-" if service.get(key) is None else str(service[key]) for key in added),
                "pending" if service["restart_pending"] else "-",
            ]
            rows.append(Row([clean(cell) for cell in cells], service["serving"], bool(service["restart_pending"])))
    return rows


def age(seconds: float | None) -> str:
    """45s, 12m, 3h, 9d."""
    if seconds is None:
        return "-"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def share(disk: Mapping[str, Any]) -> str:
    """35%"""
    return f"{100 * disk['used_bytes'] // disk['total_bytes']}%" if disk["total_bytes"] else "-"


def below(found: Mapping[str, Any]) -> Iterator[str]:
    """The lines under the table: ensemble, cluster, and what is wrong."""
    if any(host["services"] for host in found["hosts"].values()):
        yield LEGEND
    yield from status.below(found)
    yield from (f"note: {note}" for note in found["notes"])
    if found["healthy"]:
        yield "Healthy"
    else:
        yield "Not healthy:"
        yield from (f"  {problem}" for problem in found["problems"])
        yield from (f"{'  ->' if n == 0 else '    '} {line}" for n, line in enumerate(found["advice"]))


def _blocks(rows: Sequence[Row]) -> list[str]:
    """For a narrow window: a line per service, and below it what there is to say."""
    out = []
    for host, service, state, *rest in (row.cells for row in rows):
        out.append(f"{host} {service}: {state}" if service != "-" else f"{host}: {state}")
        numbers = zip(heads()[len(NAMES) :], rest, strict=True)
        out += [f"  {head.lower():8}{cell}" for head, cell in numbers if cell != "-"]
    return out


def _rich(rows: Sequence[Row], width: int) -> list[str]:
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads():
        grid.add_column(head, no_wrap=True)
    for row in rows:
        styles = {
            "HOST": "bold",
            "STATE": "green" if row.good else "red",
            "RESTART": "yellow" if row.pending else "",
        }
        grid.add_row(*(Text(cell, styles.get(head, "")) for head, cell in zip(heads(), row.cells, strict=True)))
    out = StringIO()
    # Two more columns: the padding behind the last cell may be cut off, a cell may not.
    console = Console(file=out, width=width + 2, force_terminal=True, highlight=False, markup=False, emoji=False)
    console.print(grid)
    return [line.rstrip() for line in out.getvalue().rstrip("\n").split("\n")]


def _wrapped(text: str, width: int | None) -> list[str]:
    if width is None or len(text) <= width:
        return [text]
    indent = text[: len(text) - len(text.lstrip())] + "  "
    return (
        textwrap.wrap(
            text,
            max(width, 20),
            subsequent_indent=indent,
            drop_whitespace=True,
            break_on_hyphens=False,
            initial_indent=text[: len(text) - len(text.lstrip())],
        )
        if text.strip()
        else [text]
    )
