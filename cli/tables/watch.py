"""What `status --watch` shows of a cluster's numbers: a screen on a terminal, a line for each interval elsewhere. Pure.

`found` is everywhere the document that `--json` prints: as `cluster.live.picture` makes it, with `time` (ISO 8601,
local), `interval_seconds` and `inventory`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cli.tables.columns import Cell, Column, table
from cli.tables.status import MIB, age, share
from cluster.live.picture import CONNECTING
from provisioner.quantities import format_size
from provisioner.report.cells import cut, padded, width
from provisioner.report.lines import clean
from provisioner.report.terminal import Span, Terminal
from provisioner.words import counted
from roles.doctor import DISK_SHARE, HEAP_SHARE

BROKERS = (
    Column("BROKER", share=30),
    Column("STATE"),
    Column("RECORDS/S"),
    Column("BYTES/S"),
    Column("CPU", drop=3),
    Column("HEAP", drop=2),
    Column("DISK", drop=1, share=12),
    Column("LEADERS", drop=4),
    Column("UP", drop=5),
)
TOPICS = (Column("TOPIC", share=50), Column("RECORDS/S"), Column("BYTES/S"))
GROUPS = (Column("GROUP", share=50), Column("LAG"), Column("READ/S"), Column("STATE"))
NEWS = 3  # lines of what has happened
LINE = "{:25}  {:7}  {:>9}  {:>10}  {:>9}  {:>16}  {:>7}  {:>4}  {:>4}  {}"
HEADS = (
    "TIME",
    "BROKERS",
    "RECORDS/S",
    "BYTES/S",
    "LAG",
    "UNDER-REPLICATED",
    "OFFLINE",
    "HEAP",
    "DISK",
    "CONTROLLER",
)


def screen(found: Mapping[str, Any], terminal: Terminal, height: int, news: Sequence[str] = ()) -> list[str]:
    """At most `height` lines for a terminal. news: what has happened, the newest last."""
    wide = terminal.width or 80
    top = [_title(found, wide), *summary(found)]
    last = [[("dim", clean(text))] for text in news[-NEWS:]]
    tables = [_brokers(found), _topics(found), _groups(found)]
    blanks = sum(bool(rows) for _, rows in tables) + bool(last)
    # A table's head takes a line, too.
    taken = len(top) + len(last) + blanks + sum(bool(rows) for _, rows in tables)
    lines = [_written(line, wide, terminal) for line in top]
    for (columns, rows), number in zip(tables, room(height - taken, [len(rows) for _, rows in tables]), strict=True):
        if rows and number:
            lines += ["", *_table(columns, rows, number, terminal)]
    if last:
        lines += ["", *(_written(line, wide, terminal) for line in last)]
    return lines[:height]


def room(height: int, wanted: Sequence[int]) -> list[int]:
    """How many of `height` lines each table gets, of those that it wants: all of them in turn, one each."""
    given = [0] * len(wanted)
    while sum(given) < min(height, sum(wanted)):
        for n, most in enumerate(wanted):
            if given[n] < most and sum(given) < height:
                given[n] += 1
    return given


def summary(found: Mapping[str, Any]) -> Iterator[Sequence[Span]]:
    """How the cluster is as a whole, and what is wrong with it, a line each."""
    brokers, cluster = found["brokers"], found["cluster"]
    serving = sum(broker["serving"] for broker in brokers.values())
    line: list[Span] = [
        ("" if serving == len(brokers) else "red", f"{serving} of {counted(len(brokers), 'broker')} serve")
    ]
    if cluster:
        line += [("", ", "), _controller(cluster)]
    yield line
    if cluster:
        yield [("", counted(cluster["partitions"], "partition")), *_troubles(cluster)]
    for name, broker in brokers.items():
        if not broker["serving"]:
            yield [("red", f"{clean(name)}: {clean(broker['why'])}, for {age(broker['since_seconds'])}")]


def _controller(cluster: Mapping[str, Any]) -> Span:
    quorum, host = cluster["quorum"], cluster["controller_host"]
    if quorum:
        if quorum["leader"] is None:
            return "red", f"quorum: {clean(quorum['why'])}"
        return "", f"quorum: {clean(quorum['leader'])} leads (epoch {quorum['epoch']})"
    return ("red", "no controller") if host is None else ("", f"controller {clean(host)}")


def _troubles(cluster: Mapping[str, Any]) -> Iterator[Span]:
    for key, text, style in (("offline", "offline", "red"), ("under_replicated", "under-replicated", "yellow")):
        one = cluster[key]
        yield "", ", "
        yield style if one["count"] else "", f"{one['count']} {text}"
        if one["count"]:
            others = one["count"] - len(one["first"][:3])
            more = f" and {others} more" if others else ""
            yield "dim", f" ({clean(', '.join(one['first'][:3]))}{more})"


def _title(found: Mapping[str, Any], wide: int) -> Sequence[Span]:
    rest = found["time"].partition("T")[2]
    when = f"{rest[:8]} {rest[8:]}" if wide >= 60 else rest[:8]
    right = f"{when}, every {found['interval_seconds']:g} s, q quits"
    left = cut(clean(found["inventory"]), max(wide - width(right) - 2, 8))
    return [("bold", padded(left, max(wide - width(right), width(left) + 2))), ("dim", right)]


def _brokers(found: Mapping[str, Any]) -> tuple[Sequence[Column], list[list[Cell]]]:
    brokers = found["brokers"].values()
    rows: list[list[Cell]] = []
    records, sizes = ([one[key] for one in brokers] for key in ("records_per_second", "bytes_per_second"))
    if len(brokers) > 1:
        records, sizes = [*records, _sum(records)], [*sizes, _sum(sizes)]
    shown = list(zip(_right("RECORDS/S", map(number, records)), _right("BYTES/S", map(size, sizes)), strict=True))
    for (name, broker), numbers in zip(found["brokers"].items(), shown, strict=False):
        state = ("green", "serving") if broker["serving"] else ("red", "down")
        disks = broker["disks"]
        full = any(disk["used_bytes"] > DISK_SHARE * disk["total_bytes"] for disk in disks)
        rows.append(
            [
                ("bold", clean(name)),
                state,
                *numbers,
                "-" if broker["cpu_percent"] is None else f"{broker['cpu_percent']:.0f}%",
                _heap(broker),
                ("yellow" if full else "", " ".join(map(share, disks)) or "-"),
                "-" if broker["leads"] is None else str(broker["leads"]),
                age(broker["uptime_seconds"]),
            ]
        )
    if len(brokers) > 1:
        rows.append([("bold", "all"), "", *(("bold", cell) for cell in shown[-1]), *[""] * 5])
    return BROKERS, rows


def _heap(broker: Mapping[str, Any]) -> Span:
    used, most = broker["heap_used_bytes"], broker["heap_max_bytes"]
    if not most:
        return "", "-"
    close = used is not None and used > HEAP_SHARE * most
    return "yellow" if close else "", f"{'?' if used is None else used // MIB}/{most // MIB}M"


def _topics(found: Mapping[str, Any]) -> tuple[Sequence[Column], list[list[Cell]]]:
    """The busiest first."""
    listed = sorted(found["topics"].items(), key=lambda one: (-one[1]["records_per_second"], one[0]))
    records = _right("RECORDS/S", (number(one["records_per_second"]) for _, one in listed))
    sizes = _right("BYTES/S", (size(one["bytes_per_second"]) for _, one in listed))
    return TOPICS, [[clean(name), *cells] for (name, _), *cells in zip(listed, records, sizes, strict=True)]


def _groups(found: Mapping[str, Any]) -> tuple[Sequence[Column], list[list[Cell]]]:
    """Those that are the furthest behind first."""
    listed = sorted(found["groups"].items(), key=lambda one: (-(one[1]["lag"] or 0), one[0]))
    lags = _right("LAG", ("-" if one["lag"] is None else f"{one['lag']:,}" for _, one in listed))
    speeds = _right("READ/S", (number(one["read_per_second"]) for _, one in listed))
    states: list[Cell] = [
        ("red", clean(one["error"])) if one["error"] else clean(one["state"] or "-") for _, one in listed
    ]
    rows = [[clean(name), *cells] for (name, _), *cells in zip(listed, lags, speeds, states, strict=True)]
    return GROUPS, rows


def _table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], number: int, terminal: Terminal) -> list[str]:
    """A head, and `number` lines: the last of them says how many rows there is no room for."""
    kept = rows if number >= len(rows) else rows[: number - 1]
    # What `table` says of columns that it had no room for would take a line of each screen.
    lines = table(columns, rows, terminal)[: 1 + len(kept)]
    return (
        lines if len(kept) == len(rows) else [*lines, terminal.written([("dim", f"and {len(rows) - len(kept)} more")])]
    )


def _written(line: Sequence[Span], wide: int, terminal: Terminal) -> str:
    """A line, cut where it is too long."""
    out, left = list[Span](), wide
    for style, text in line:
        out.append((style, cut(text, left)))
        left = max(left - width(out[-1][1]), 0)
    return terminal.written(out)


def _right(head: str, cells: Iterable[str]) -> list[str]:
    """Numbers below each other, and below their head."""
    listed = list(cells)
    return [cell.rjust(max(map(len, [head, *listed]))) for cell in listed]


def _sum(numbers: Sequence[float | None]) -> float | None:
    known = [one for one in numbers if one is not None]
    return sum(known) if known else None


def number(rate: float | None) -> str:
    """0.4, 12, 1,204."""
    if rate is None:
        return "-"
    return f"{rate:.1f}" if 0 < rate < 10 else f"{rate:,.0f}"


def size(rate: float | None) -> str:
    """823 B, 1.2 MiB."""
    return "-" if rate is None else format_size(round(rate))


# -- a line for each interval


def heads() -> str:
    """The line above the lines."""
    return LINE.format(*HEADS)


def line(found: Mapping[str, Any]) -> str:
    """An interval. Numbers are whole and without separators, for programs; "-" is what is not known. HEAP and DISK:
    the fullest of all, in percent."""
    brokers, cluster = found["brokers"], found["cluster"]
    values = list(brokers.values())
    lags = [group["lag"] for group in found["groups"].values() if group["lag"] is not None]
    heaps = [
        _percent(one["heap_used_bytes"], one["heap_max_bytes"])
        for one in values
        if one["heap_used_bytes"] is not None and one["heap_max_bytes"]
    ]
    disks = [_percent(disk["used_bytes"], disk["total_bytes"]) for one in values for disk in one["disks"]]
    return LINE.format(
        found["time"],
        f"{sum(one['serving'] for one in values)}/{len(values)}",
        _whole(_sum([one["records_per_second"] for one in values])),
        _whole(_sum([one["bytes_per_second"] for one in values])),
        sum(lags),
        *(cluster[key]["count"] if cluster else "-" for key in ("under_replicated", "offline")),
        max(heaps, default="-"),
        max(disks, default="-"),
        (cluster and cluster["controller_host"]) or "-",
    )


def _whole(rate: float | None) -> str:
    return "-" if rate is None else str(round(rate))


def _percent(used: int, total: int) -> int:
    return 100 * used // total if total else 0


# -- what happens


def news(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What has changed from one document to the next and is worth a line, a sentence each."""
    for name, now in after["brokers"].items():
        was = before["brokers"][name]
        if was["serving"] and not now["serving"]:
            yield f"{name} does not serve any more: {now['why']}"
        elif now["serving"] and not was["serving"] and was["why"] != CONNECTING:
            yield f"{name} serves again after {age(was['since_seconds'])}"
    first, second = before["cluster"], after["cluster"]
    if not first or not second:
        return
    what = "leader of the quorum" if second["quorum"] else "controller"
    if first["controller_host"] != second["controller_host"]:
        yield f"{what}: {first['controller_host'] or 'none'} -> {second['controller_host'] or 'none'}"
    for key, text in (("under_replicated", "under-replicated"), ("offline", "offline")):
        if bool(first[key]["count"]) != bool(second[key]["count"]):
            count = second[key]["count"]
            verb = "is" if count == 1 else "are"
            yield f"{counted(count, 'partition')} {verb} {text}" if count else f"no partition is {text} any more"
