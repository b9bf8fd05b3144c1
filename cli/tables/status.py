"""The page that `invoke status` prints: a table of the services, and below it what is to be said of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cli.tables.columns import PIPE, Cell, Column, table
from provisioner.calling import spoken
from provisioner.report.lines import clean
from provisioner.report.terminal import Span, Terminal
from roles import status

LEGENDS = {
    "HEAP": "HEAP: in use after the last garbage collection / most allowed.",
    "DISK": "DISK: used share of each data disk.",
}
MIB = 1 << 20


def page(found: Mapping[str, Any], terminal: Terminal = PIPE) -> str:
    """The whole page. terminal: where it goes; in a pipe, nothing is left out and no line is broken."""
    top = table(columns(), rows(found), terminal)
    rest = [text for line in below(found, top[0]) for text in terminal.lines(*line)]
    return "\n".join([*top, "", *rest])


def columns() -> list[Column]:
    """The columns, those that roles add included."""
    return [
        Column("HOST", share=33),
        Column("SERVICE"),
        Column("STATE"),
        Column("UP", drop=5),
        Column("VERSION", drop=6),
        Column("HEAP", drop=3),
        Column("DISK", drop=2, share=20),
        *(Column(head, drop=4) for head in status.columns()),
        Column("RESTART", drop=1),
    ]


def rows(found: Mapping[str, Any]) -> list[list[Cell]]:
    """A row per service, and one for each host that did not answer."""
    listed: list[list[Cell]] = []
    for name, host in found["hosts"].items():
        if host["error"]:
            why = "failed" if host["reachable"] else "unreachable"
            listed.append([("bold", clean(name)), "-", ("red", why), *["-"] * (len(columns()) - 3)])
        listed += [_row(name, unit, service, found) for unit, service in host["services"].items()]
    return listed


def _row(name: str, unit: str, service: Mapping[str, Any], found: Mapping[str, Any]) -> list[Cell]:
    heap, most = service["heap_used_bytes"], service["heap_max_bytes"]
    cells = [
        age(service["uptime_seconds"]),
        service["version"] or "-",
        f"{'?' if heap is None else heap // MIB}/{most // MIB}M" if most else "-",
        " ".join(share(disk) for disk in service["disks"]) or "-",
        *("-" if service.get(key) is None else str(service[key]) for key in status.columns().values()),
    ]
    return [
        ("bold", clean(name)),
        clean(unit),
        ("green" if service["serving"] else "red", clean(status.state(unit, service, found))),
        *map(clean, cells),
        ("yellow", "pending") if service["restart_pending"] else "-",
    ]


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


def below(found: Mapping[str, Any], heads: str) -> Iterator[Sequence[Span]]:
    """The lines under the table: ensemble, cluster, and what is wrong. heads: the table's, as far as they are shown."""
    legend = " ".join(text for head, text in LEGENDS.items() if head in heads)
    if legend and any(host["services"] for host in found["hosts"].values()):
        yield [("dim", legend)]
    yield from ([("", clean(line))] for line in status.below(found))
    yield from ([("yellow", "note: "), ("", clean(spoken(note)))] for note in found["notes"])
    if found["healthy"]:
        yield [("bold green", "Healthy")]
    else:
        yield [("bold red", "Not healthy:")]
        yield from ([("red", f"  {clean(spoken(problem))}")] for problem in found["problems"])
        for n, line in enumerate(found["advice"]):
            yield [("", f"{'  ->' if n == 0 else '    '} {clean(spoken(line))}")]
