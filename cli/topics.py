"""topics.list and topics.describe: what topics there are, what they hold and how they are set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cli.cluster import Cluster, opened
from cli.common import Run, for_machines, names
from cli.tables import topics as topics_table
from cluster import remote
from provisioner.errors import UsageError
from provisioner.report.terminal import terminal
from provisioner.words import did_you_mean

RETENTION = ("retention.ms", "retention.bytes", "cleanup.policy")


def listing(run: Run, topic: str, internal: bool, as_json: bool) -> None:
    """Print a line per topic."""
    with opened(run) as cluster:
        found = looked(cluster, topic, internal, keys=RETENTION)
        if as_json:
            print(for_machines(topics_table.document(found)))
        else:
            print(topics_table.listing(found, cluster.name, terminal()))


def describe(run: Run, topic: str, internal: bool, as_json: bool) -> None:
    """Print everything about topics, partition by partition."""
    with opened(run) as cluster:
        found = looked(cluster, topic, internal, keys=None if as_json else RETENTION)
        if as_json:
            print(for_machines(topics_table.document(found, partitions=True)))
        else:
            print(topics_table.descriptions(found, cluster.name, terminal()))


def patterns(topic: str) -> list[str] | None:
    """--topic as names and globs; None when it is not given."""
    return list(names(topic)) or None


def looked(cluster: Cluster, topic: str, internal: bool, keys: Sequence[str] | None = RETENTION) -> Mapping[str, Any]:
    """What `cluster.topics.look.look` finds of the topics that --topic means. A topic of Kafka's own is found by its
    name without --internal, too. Raises UsageError for a name or glob that means none."""
    wanted = patterns(topic)
    named = any(part.startswith("__") for part in wanted or ())
    found = cluster.call(
        remote.topics_look(patterns=wanted, internal=internal or named, records=True, sizes=True, keys=keys)
    )
    cluster.show.host(cluster.driver.name, "")
    if found["unmatched"]:
        raise unknown(found["unmatched"], found["known"])
    return found


def unknown(names: Sequence[str], known: Sequence[str]) -> UsageError:
    """The error for names or globs that no topic has."""
    return UsageError(
        f"there is no topic {', '.join(f'{name}{did_you_mean(name, known)}' for name in names)}",
        advice="`invoke topics.list` shows all; with --internal also Kafka's own",
    )
