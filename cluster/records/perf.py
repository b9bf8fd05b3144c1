"""The reports of kafka-producer-perf-test.sh and kafka-consumer-perf-test.sh, and the disk space that their records
need. Pure; used on both sides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Optional

# "50000 records sent, 49850.4 records/sec (47.54 MB/sec), 61.95 ms avg latency, 256.00 ms max latency", and at the end
# also ", 12 ms 50th, 200 ms 95th, 240 ms 99th, 250 ms 99.9th." (org.apache.kafka.tools.ProducerPerformance, 2.5 to 3.9)
_LINE = re.compile(
    r"(?P<records>\d+) records sent, (?P<rate>[\d.]+) records/sec \((?P<mb>[\d.]+) MB/sec\), "
    r"(?P<avg>[\d.]+) ms avg latency, (?P<max>[\d.]+) ms max latency"
    r"(?:, (?P<p50>\d+) ms 50th, (?P<p95>\d+) ms 95th, (?P<p99>\d+) ms 99th, (?P<p999>\d+) ms 99\.9th)?"
)
PERCENTILES = ("p50", "p95", "p99", "p999")
OVERHEAD = 30  # bytes of a record besides its value: lengths, deltas, its share of the batch's header
RESERVE = 1 << 30  # bytes that must stay free


def parsed(line: str) -> Optional[dict[str, Any]]:
    """A line of the tool as numbers: records, rate (per second), mb (MiB per second), avg, max (ms), and in its last
    line p50, p95, p99, p999 (ms), else None. None for any other line."""
    found = _LINE.search(line)
    if not found:
        return None
    numbers = found.groupdict()
    return {
        "records": int(numbers["records"]),
        **{name: float(numbers[name]) for name in ("rate", "mb", "avg", "max")},
        **{name: None if numbers[name] is None else int(numbers[name]) for name in PERCENTILES},
    }


# The columns of the consumer's report that are read, by its header (org.apache.kafka.tools.ConsumerPerformance and its
# Scala forerunner, 2.5 to 4.3). Its other rates count the time in which the group forms.
_COLUMNS = {
    "data.consumed.in.nMsg": "records",
    "rebalance.time.ms": "joining",
    "fetch.time.ms": "fetching",
    "fetch.MB.sec": "mb",
    "fetch.nMsg.sec": "rate",
}


def consumed(lines: Sequence[str]) -> Optional[dict[str, Any]]:
    """The consumer's report as numbers: records, rate (per second) and mb (MiB per second) while it fetched, fetching
    and joining (ms). 2.5.0 may count more time for joining than there was: then all of it counts as fetching. None
    without a report, and when no record was read."""
    rows = [[cell.strip() for cell in line.split(", ")] for line in lines]
    for head, row in zip(rows, rows[1:]):
        if len(head) == len(row) and set(_COLUMNS) <= set(head):
            cells = {_COLUMNS[name]: cell for name, cell in zip(head, row) if name in _COLUMNS}
            whole = {name: int(float(cells[name])) for name in ("records", "joining", "fetching")}
            overall = dict(zip(head, row))
            if whole["fetching"] <= 0 and float(overall.get("nMsg.sec", 0)) > 0:
                cells["rate"], cells["mb"] = overall["nMsg.sec"], overall.get("MB.sec", "0")
                whole.update(joining=0, fetching=round(1000 * whole["records"] / float(cells["rate"])))
            return {**whole, "rate": float(cells["rate"]), "mb": float(cells["mb"])} if whole["records"] else None
    return None


def together(windows: Sequence[Mapping[str, Any]], seconds: float) -> Optional[dict[str, Any]]:
    """The windows that the tool reported before it was stopped, combined; percentiles cannot be combined."""
    records = sum(one["records"] for one in windows)
    if not records or seconds <= 0:
        return None
    share = records / seconds
    return {
        "records": records,
        "rate": share,
        "mb": sum(one["mb"] / one["rate"] * one["records"] for one in windows if one["rate"]) / seconds,
        "avg": sum(one["avg"] * one["records"] for one in windows) / records,
        "max": max(one["max"] for one in windows),
        **dict.fromkeys(PERCENTILES),
    }


def needed(records: int, size: int, partitions: int, copies: int, brokers: int) -> int:
    """Bytes that the records take on the broker that gets most of them. All of its copies may come to one directory:
    Kafka chooses the one with the fewest partitions, not the emptiest."""
    most = -(-partitions * copies // brokers)
    return -(-records * (size + OVERHEAD) // partitions) * most
