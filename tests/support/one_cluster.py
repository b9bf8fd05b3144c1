"""Whether three hosts are still the one cluster that they were, from what each of them says; pure.

`tests/lab/whole_cluster.py` asks a host: {"broker": {id, brokers, cluster, partitions, kept, settings} or None,
"zookeeper": mode or None}. kept {partition: [first offset, end]} of those that the broker leads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Views = Mapping[str, Mapping[str, Any]]  # {host: what it says}


def broken(before: Views, now: Views, *, missing: int = 0) -> list[str]:
    """Why these hosts are not the cluster any more that they were before, a line each; [] when they are.

    missing: how many of the brokers may be down, as after a roll that has stopped at its first one.
    """
    lines = []
    answering = {host: one["broker"] for host, one in now.items() if one["broker"]}
    silent = sorted(set(now) - set(answering))
    if len(silent) > missing:
        lines.append(f"no broker answers on {', '.join(silent)}")
    for host, broker in answering.items():
        lines += [f"{host}: {line}" for line in _seen_otherwise(before[host]["broker"], broker, bool(silent))]
    kept = {name: offsets for one in answering.values() for name, offsets in one["kept"].items()}
    for one in before.values():
        for name, (start, end) in one["broker"]["kept"].items():
            if name not in kept:
                lines.append(f"{name} is led by no broker that answers")
            elif kept[name][1] < end or kept[name][0] > start:
                lines.append(f"{name} had the records {start} to {end}, and has {kept[name][0]} to {kept[name][1]}")
    modes = sorted(str(one["zookeeper"]) for one in now.values())
    if modes != sorted(str(one["zookeeper"]) for one in before.values()):
        lines.append(f"ZooKeeper: {', '.join(modes)}")
    return lines


def _seen_otherwise(before: Mapping[str, Any], broker: Mapping[str, Any], waiting: bool) -> list[str]:
    lines = []
    for what in ("id", "cluster"):
        if broker[what] != before[what]:
            lines.append(f"{what} {before[what]} -> {broker[what]}")
    if not waiting and sorted(broker["brokers"]) != sorted(before["brokers"]):
        lines.append(f"it knows the brokers {', '.join(sorted(broker['brokers']))}")
    for name, was in before["partitions"].items():
        found = broker["partitions"].get(name)
        if found is None:
            lines.append(f"{name} is out of sight")
        elif found["leader"] < 0:
            lines.append(f"{name} has no leader")
        elif sorted(found["replicas"]) != sorted(was["replicas"]):
            lines.append(f"{name} is on the brokers {found['replicas']}, it was on {was['replicas']}")
        elif not waiting and sorted(found["isr"]) != sorted(found["replicas"]):
            lines.append(f"{name} is in sync on {found['isr']} of {found['replicas']} only")
    return lines


def lowered(before: Views, now: Views) -> list[str]:
    """Settings of redundancy that are lower than before, a line each."""
    lines = []
    for host, one in now.items():
        for name, was in (before[host]["broker"] or {}).get("settings", {}).items():
            found = (one["broker"] or {}).get("settings", {}).get(name, was)
            if int(found or 1) < int(was or 1):
                lines.append(f"{host}: {name} {was} -> {found}")
    return lines
