"""What topics.list and topics.describe print, as tables and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cli.tables.columns import aligned
from cluster.model import Setting
from cluster.moving.marks import LISTS
from cluster.settings.values import shown
from provisioner.quantities import format_size
from provisioner.report.lines import clean
from provisioner.words import counted

HEADS = ("TOPIC", "PARTITIONS", "COPIES", "IN SYNC", "RECORDS", "ON DISK", "RETENTION", "OWN SETTINGS")
PARTITION_HEADS = ("PARTITION", "LEADER", "COPIES", "IN SYNC", "RECORDS", "OFFSETS", "ON DISK")
UNKNOWN = "?"


def listing(found: Mapping[str, Any], name: Callable[[int], str]) -> str:
    """A line per topic, and the sum. name: a broker's, by its id."""
    topics = found["topics"]
    rows = [[clean(name), *_cells(summary(topic))] for name, topic in topics.items()]
    totals = [summary(topic) for topic in topics.values()]
    number = sum(one["partitions"] for one in totals)
    lines = aligned([HEADS, *rows]) if rows else []
    return "\n".join(
        [
            *lines,
            *([""] if lines else []),
            f"{counted(len(rows), 'topic')}, {counted(number, 'partition')}, "
            f"{_sum(totals, 'records', _count)} records, {_sum(totals, 'bytes', format_size)} on disk",
            *(
                f"{name(broker)} does not answer: what is on its disks is not counted"
                for broker in silent(topics.values())
            ),
        ]
    )


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


def descriptions(found: Mapping[str, Any], name: Callable[[int], str]) -> str:
    """A block per topic. name: a broker's, by its id."""
    blocks = ["\n".join(_block(topic, data, name)) for topic, data in found["topics"].items()]
    return "\n\n".join(blocks) or "no topic"


def _block(topic: str, data: Mapping[str, Any], name: Callable[[int], str]) -> Iterator[str]:
    one = summary(data)
    partitions, copies, in_sync, records, size, kept, _ = _cells(one)
    yield (
        f"{clean(topic)}: partitions {partitions}, copies {copies}, in sync {in_sync}; "
        f"{records} records, {size} on disk, retention {kept}"
    )
    for key, value in one["own_settings"].items():
        default = Setting.from_wire(data["settings"][key]).default
        yield clean(f"  {key} = {_with_words(key, value)}; the brokers' default: {_with_words(key, default)}")
    rows = [
        [
            str(part["partition"]),
            name(part["leader"]) if part["leader"] >= 0 else "none",
            " ".join(map(name, part["replicas"])),
            "all" if set(part["replicas"]) <= set(part["isr"]) else " ".join(map(name, part["isr"])) or "none",
            UNKNOWN if part["latest"] is None else _count(part["latest"] - part["earliest"]),
            UNKNOWN if part["latest"] is None else f"{part['earliest']} to {part['latest']}",
            format_size(sum(part["sizes"].values())) if part["sizes"] else UNKNOWN,
        ]
        for part in data["partitions"]
    ]
    yield from (f"  {line}" for line in aligned([PARTITION_HEADS, *rows]))


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


def _count(number: int) -> str:
    return f"{number:,}"
