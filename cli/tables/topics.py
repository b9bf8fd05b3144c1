"""What topics.list and topics.describe print, as tables and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cli.tables.columns import PIPE, Cell, Column, table
from cluster.model import Setting
from cluster.moving.marks import LISTS
from cluster.settings.values import shown
from provisioner.quantities import format_size
from provisioner.report.lines import clean
from provisioner.report.terminal import Span, Terminal
from provisioner.words import counted

COLUMNS = (
    Column("TOPIC", share=40),
    Column("PARTITIONS", drop=2),
    Column("REPLICAS", drop=5),
    Column("ISR", drop=1),
    Column("RECORDS", drop=3),
    Column("ON DISK", drop=4),
    Column("RETENTION", drop=6),
    Column("OWN SETTINGS", drop=7, share=33),
)
PARTITION_COLUMNS = (
    Column("PARTITION"),
    Column("LEADER", share=20),
    Column("REPLICAS", drop=1, share=30),
    Column("ISR", share=30),
    Column("RECORDS", drop=2),
    Column("START OFFSET", drop=4),
    Column("END OFFSET", drop=3),
    Column("ON DISK", drop=5),
)
UNKNOWN = "?"


def listing(found: Mapping[str, Any], name: Callable[[int], str], terminal: Terminal = PIPE) -> str:
    """A line per topic, and the sum. name: a broker's, by its id."""
    topics = found["topics"]
    totals = {clean(topic): summary(data) for topic, data in topics.items()}
    rows = [[topic, *_coloured(one)] for topic, one in totals.items()]
    lines = [*table(COLUMNS, rows, terminal), ""] if rows else []
    return "\n".join([*lines, *(text for line in _below(found, totals, name) for text in terminal.lines(line))])


def _below(
    found: Mapping[str, Any], totals: Mapping[str, Mapping[str, Any]], name: Callable[[int], str]
) -> Iterator[Span]:
    """The lines under the table."""
    number, every = sum(one["partitions"] for one in totals.values()), list(totals.values())
    yield (
        "",
        f"{counted(len(totals), 'topic')}, {counted(number, 'partition')}, "
        f"{_records(_sum(every, 'records', _count))}, {_sum(every, 'bytes', format_size)} on disk",
    )
    for broker in silent(found["topics"].values()):
        yield "yellow", f"{name(broker)} does not answer: what is on its disks is not counted"


def silent(topics: Iterable[Mapping[str, Any]]) -> list[int]:
    """The brokers that have copies and did not tell of any."""
    partitions = [one for topic in topics for one in topic["partitions"]]
    told = {int(broker) for one in partitions for broker in one["sizes"]}
    return sorted({broker for one in partitions for broker in one["replicas"]} - told)


def summary(topic: Mapping[str, Any]) -> dict[str, Any]:
    """A topic in numbers: partitions, copies (each number of them that there is), in_sync, replicas (copies as they are
    and as they should be, of all partitions), offline, moving (partitions), records and bytes (None: not known;
    of all copies), retention_ms, retention_bytes, own_settings (those that differ from the brokers' default)."""
    partitions = topic["partitions"]
    records = [one["latest"] - one["earliest"] for one in partitions if one["latest"] is not None]
    settings = {key: Setting.from_wire(one) for key, one in topic["settings"].items()}
    return {
        "partitions": len(partitions),
        "copies": sorted({len(one["replicas"]) for one in partitions}),
        "in_sync": sum(len(set(one["isr"]) & set(one["replicas"])) for one in partitions),
        "replicas": sum(len(one["replicas"]) for one in partitions),
        "offline": sum(one["leader"] < 0 for one in partitions),
        "moving": sum(one["moving"] for one in partitions),
        "records": sum(records) if len(records) == len(partitions) else None,
        "bytes": _bytes(partitions),
        "retention_ms": _number(settings, "retention.ms"),
        "retention_bytes": _number(settings, "retention.bytes"),
        "cleanup_policy": _value(settings, "cleanup.policy"),
        "own_settings": differing(settings),
    }


def differing(settings: Mapping[str, Setting]) -> dict[str, str]:
    """The settings of a topic's own that differ from the brokers' default, but for the bookkeeping of moves."""
    return {
        key: one.value or ""
        for key, one in settings.items()
        if one.own and one.value != one.default and key not in LISTS
    }


def _bytes(partitions: Iterable[Mapping[str, Any]]) -> int | None:
    """Of all copies; None when no broker told any. A copy on a broker that is down is not counted."""
    sizes = [size for one in partitions for size in one["sizes"].values()]
    return sum(sizes) if sizes else None


def _value(settings: Mapping[str, Setting], key: str) -> str | None:
    return settings[key].value if key in settings else None


def _number(settings: Mapping[str, Setting], key: str) -> int | None:
    value = _value(settings, key)
    return int(value) if value is not None else None


def _cells(one: Mapping[str, Any]) -> list[str]:
    in_sync = "all" if one["in_sync"] == one["replicas"] else f"{one['in_sync']} of {one['replicas']}"
    trouble = [f"{one['offline']} offline"] if one["offline"] else []
    trouble += [f"{one['moving']} moving"] if one["moving"] else []
    own = [f"{key}={shown(key, value)}" for key, value in one["own_settings"].items() if key not in ("retention.ms",)]
    return [
        str(one["partitions"]),
        "/".join(map(str, one["copies"])) or "-",
        ", ".join([in_sync, *trouble]),
        UNKNOWN if one["records"] is None else _count(one["records"]),
        UNKNOWN if one["bytes"] is None else format_size(one["bytes"]),
        retention(one),
        clean(", ".join(own)) or "-",
    ]


def _coloured(one: Mapping[str, Any]) -> list[Cell]:
    """The same, with what is wrong in colour."""
    partitions, replicas, isr, *others = _cells(one)
    style = "red" if one["offline"] else "yellow" if one["in_sync"] != one["replicas"] else ""
    return [partitions, replicas, (style, isr), *others]


def retention(one: Mapping[str, Any]) -> str:
    """How long records are kept: "7 d", "2 d or 1 GiB" (of a partition), "forever", "compacted"."""
    policy = (one["cleanup_policy"] or "delete").split(",")
    milliseconds, size = one["retention_ms"], one["retention_bytes"]
    kept = shown("retention.ms", None if milliseconds is None else str(milliseconds))
    if size is not None and size >= 0:
        kept = f"{kept} or {format_size(size)}" if milliseconds != -1 else format_size(size)
    if "compact" not in policy:
        return kept
    return f"compacted, {kept}" if "delete" in policy else "compacted"


def _sum(totals: Sequence[Mapping[str, Any]], key: str, words: Callable[[int], str]) -> str:
    known = [one[key] for one in totals if one[key] is not None]
    return words(sum(known)) + ("" if len(known) == len(totals) else f" and {UNKNOWN}")


# -- describe


def descriptions(found: Mapping[str, Any], name: Callable[[int], str], terminal: Terminal = PIPE) -> str:
    """A block per topic. name: a broker's, by its id."""
    blocks = ["\n".join(_block(topic, data, name, terminal)) for topic, data in found["topics"].items()]
    return "\n\n".join(blocks) or "no topic"


def _block(topic: str, data: Mapping[str, Any], name: Callable[[int], str], terminal: Terminal) -> Iterator[str]:
    one = summary(data)
    partitions, replicas, isr, records, size, kept, _ = _cells(one)
    yield from terminal.lines(
        ("bold", clean(topic)),
        ("", f": partitions {partitions}, replicas {replicas}, ISR {isr}; "),
        ("", f"{_records(records)}, {size} on disk, retention {kept}"),
    )
    for key, value in one["own_settings"].items():
        default = Setting.from_wire(data["settings"][key]).default
        said = f"  {key} = {_with_words(key, value)}; the brokers' default: {_with_words(key, default)}"
        yield from terminal.lines(("", clean(said)))
    rows = [_partition(part, name) for part in data["partitions"]]
    yield from table(PARTITION_COLUMNS, rows, terminal, indent=2)


def _partition(part: Mapping[str, Any], name: Callable[[int], str]) -> list[Cell]:
    """A partition's cells."""
    known, whole = part["latest"] is not None, set(part["replicas"]) <= set(part["isr"])
    return [
        str(part["partition"]),
        name(part["leader"]) if part["leader"] >= 0 else ("red", "none"),
        " ".join(map(name, part["replicas"])),
        "all" if whole else ("yellow", " ".join(map(name, part["isr"])) or "none"),
        _count(part["latest"] - part["earliest"]) if known else UNKNOWN,
        str(part["earliest"]) if known else UNKNOWN,
        str(part["latest"]) if known else UNKNOWN,
        format_size(sum(part["sizes"].values())) if part["sizes"] else UNKNOWN,
    ]


def _with_words(key: str, value: str | None) -> str:
    words = shown(key, value)
    return words if value is None or words == value else f"{value} ({words})"


# -- JSON


def document(found: Mapping[str, Any], partitions: bool = False) -> dict[str, Any]:
    """The same for machines; docs/operations.md describes the keys."""
    topics = {}
    for name, topic in found["topics"].items():
        topics[name] = {"internal": topic["internal"], **summary(topic)}
        if partitions:
            listed = [{key: value for key, value in one.items() if key != "topic"} for one in topic["partitions"]]
            topics[name] |= {"settings": _settings(topic["settings"]), "partition_list": listed}
    return {"brokers": sorted(map(int, found["brokers"])), "controller": found["controller"], "topics": topics}


def _settings(told: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    keys = ("value", "own", "default", "default_source")
    found = {name: Setting.from_wire(one) for name, one in told.items()}
    return {name: {key: getattr(one, key) for key in keys} for name, one in found.items()}


def _records(number: str) -> str:
    return f"{number} record" if number == "1" else f"{number} records"


def _count(number: int) -> str:
    return f"{number:,}"
