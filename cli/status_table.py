"""The page that `invoke status` prints: aligned columns, on a terminal a table, blocks where that is too wide. Pure."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from provisioner.report.lines import clean

HEADS = ("HOST", "SERVICE", "STATE", "UP", "VERSION", "HEAP", "DISK", "LEADERS", "RESTART")
LEGEND = "HEAP: in use after the last garbage collection / most allowed. DISK: used share of each data disk."
MIB = 1 << 20


def colours_wanted() -> bool:
    """As the rest of the program decides it."""
    return not (os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM", "dumb") in ("dumb", ""))


def page(found: Mapping[str, Any], width: int | None, *, colour: bool = False) -> str:
    """The whole page. width: columns of the terminal; None where there is none, so that lines are never broken."""
    rows = [[clean(cell) for cell in row] for row in table(found)]
    widths = [max(len(row[column]) for row in [HEADS, *rows]) for column in range(len(HEADS))]
    fits = width is None or sum(widths) + 2 * (len(HEADS) - 1) <= width
    top = _rich(rows, width) if fits and colour and width else _columns(rows, widths) if fits else _blocks(rows)
    rest = [line for text in below(found) for line in _wrapped(clean(text), width)]
    return "\n".join([*top, "", *rest])


def table(found: Mapping[str, Any]) -> list[list[str]]:
    """The cells, a row per service."""
    controller = (found["cluster"] or {}).get("controller")
    rows = []
    for name, host in found["hosts"].items():
        if host["error"]:
            rows.append([name, "-", "failed" if host["reachable"] else "unreachable", *["-"] * (len(HEADS) - 3)])
        for unit, service in host["services"].items():
            heap, most = service["heap_used_bytes"], service["heap_max_bytes"]
            rows.append(
                [
                    name,
                    unit,
                    state(service, controller),
                    age(service["uptime_seconds"]),
                    service["version"] or "-",
                    f"{'?' if heap is None else heap // MIB}/{most // MIB}M" if most else "-",
                    " ".join(share(disk) for disk in service["disks"]) or "-",
                    "-" if service.get("leaders") is None else str(service["leaders"]),
                    "pending" if service["restart_pending"] else "-",
                ]
            )
    return rows


def state(service: Mapping[str, Any], controller: int | None) -> str:
    """What a service is right now, in a word or two."""
    if not service["active"]:
        return str(service["state"])
    if not service["serving"]:
        return "not serving"
    if "mode" in service:
        return str(service["mode"])
    return f"{'controller' if service['broker_id'] == controller else 'broker'} {service['broker_id']}"


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
    ensemble = found["ensemble"]
    if ensemble["leader"]:
        followers = ", ".join(ensemble["followers"])
        alone = len(ensemble["servers"]) == 1
        yield f"ensemble: {ensemble['leader']} {'serves alone' if alone else 'leads'}" + (
            f", followed by {followers}" if followers else ""
        )
    cluster = found["cluster"]
    if cluster:
        known, expected = cluster["brokers_registered"], cluster["brokers_expected"]
        where = f" ({cluster['controller_host']})" if cluster["controller_host"] else ""
        who = "none" if cluster["controller"] is None else f"{cluster['controller']}{where}"
        present = len(set(known) & set(expected))
        yield f"cluster: {present} of {len(expected)} brokers registered, controller {who}"
        yield (
            f"partitions: {cluster['partitions']} of {cluster['topics']} topics, "
            f"{cluster['under_replicated']['count']} under-replicated, "
            f"{cluster['under_min_isr']['count']} under min ISR, {cluster['offline']['count']} offline"
        )
        if cluster["under_way"]:
            yield f"moving: {cluster['under_way']} partition{'s' if cluster['under_way'] != 1 else ''} under way"
        yield "leaders: " + ", ".join(f"broker {broker} {number}" for broker, number in cluster["leaders"].items())
    yield from (f"note: {note}" for note in found["notes"])
    if found["healthy"]:
        yield "Healthy"
    else:
        yield "Not healthy:"
        yield from (f"  {problem}" for problem in found["problems"])


def _columns(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    return [
        "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in [HEADS, *rows]
    ]


def _blocks(rows: Sequence[Sequence[str]]) -> list[str]:
    """For a narrow window: a line per service, and below it what there is to say."""
    out = []
    for row in rows:
        out.append(f"{row[0]} {row[1]}: {row[2]}" if row[1] != "-" else f"{row[0]}: {row[2]}")
        out += [f"  {head.lower():8}{cell}" for head, cell in zip(HEADS[3:], row[3:], strict=True) if cell != "-"]
    return out


def _rich(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in HEADS:
        grid.add_column(head, no_wrap=True)
    for row in rows:
        good = row[2].startswith(("broker", "controller", "leader", "follower", "standalone", "observer"))
        styles = {0: "bold", 2: "green" if good else "red", 8: "yellow" if row[8] == "pending" else ""}
        grid.add_row(*(Text(cell, styles.get(column, "")) for column, cell in enumerate(row)))
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
