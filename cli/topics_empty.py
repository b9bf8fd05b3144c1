"""topics.empty: the oldest records of topics are removed; shown and asked before."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cli import moments
from cli.asking import confirm
from cli.cluster import opened
from cli.common import Run
from cli.tables.topics import summary
from cli.topics import looked, patterns
from cluster import remote
from cluster.topics.apply import listed
from provisioner.errors import UsageError
from provisioner.words import counted


def empty(run: Run, topic: str, before: str, yes: bool) -> None:
    """Remove the records of topics that are older than a time, or all of them, after saying how many."""
    if not patterns(topic):
        raise UsageError("which topics? --topic is missing")
    limit = older_than(before, time.time())
    older = f"older than {moments.said(limit)}" if limit is not None else "all that there are"
    with opened(run, stream=sys.stdout) as cluster:
        found = looked(cluster, topic, internal=False)
        refuse(found["topics"])
        names = list(found["topics"])
        milliseconds = None if limit is None else round(limit * 1000)
        places = cluster.call(remote.records_before(names, milliseconds))["places"]
        cluster.show.host(cluster.driver.name, "")
        removed = counts(places)
        total = sum(gone for gone, _ in removed.values())
        if not total:
            cluster.show.phase(f"No changes: {listed(names)} {'has' if len(names) == 1 else 'have'} no such records")
            return
        cluster.show.phase(f"To be removed: records {older}" if before else "To be removed: all records")
        for name, (gone, there) in removed.items():
            if gone:
                cluster.show.change(name, f"{gone:,} of {counted(there, 'record')}", "-")
        if run.check:
            return
        confirm(cluster.show, f"Remove {counted(total, 'record')}?", yes, "nothing was removed")
        cluster.call(remote.remove_records([[*place[:2], place[3]] for place in places if place[3] > place[2]]))
        cluster.show.host(cluster.driver.name, "")
        cluster.show.phase(
            f"Removed {counted(total, 'record')} of {listed([name for name in names if removed[name][0]])}"
        )


def older_than(before: str, now: float) -> float | None:
    """--before as seconds since 1970; None when it is not given. Raises UsageError. Pure."""
    if not before:
        return None
    limit = moments.moment("--before", before, now)
    if limit > now:
        raise UsageError(f"--before {before} is still to come: {moments.said(limit)}")
    return limit


def refuse(topics: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise UsageError for topics of which no records are removed: Kafka's own, and those that only compact."""
    own = [name for name, one in topics.items() if one["internal"]]
    if own:
        raise UsageError(f"{listed(own)}: Kafka's own topics are not emptied")
    # DeleteRecords answers PolicyViolation for them (KIP-107).
    compacted = [
        name for name, one in topics.items() if "delete" not in (summary(one)["cleanup_policy"] or "delete").split(",")
    ]
    if compacted:
        raise UsageError(
            f"{listed(compacted)}: Kafka removes no records by their age where cleanup.policy is compact",
            advice="`invoke topics.alter --set cleanup.policy=compact,delete` lets it; or write a tombstone per key",
        )


def counts(places: Iterable[Sequence[Any]]) -> dict[str, tuple[int, int]]:
    """{topic: (records that go, records that there are)}, by offsets. Pure."""
    found: dict[str, tuple[int, int]] = {}
    for topic, _, first, stays, end in places:
        gone, there = found.get(topic, (0, 0))
        found[topic] = (gone + max(0, stays - first), there + end - first)
    return found
