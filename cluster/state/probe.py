"""One broker's view of the cluster, over Kafka's protocol, within a few milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

from kafka.errors import KafkaError

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

from cluster.endpoint import Endpoint
from cluster.model import Partition, Setting
from cluster.protocol import wire
from cluster.settings import configs

MIN_IN_SYNC = "min.insync.replicas"
SHOWN = 10  # partitions named in a report, the rest is counted


def status(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The cluster as this broker sees it now. args: bootstrap; partitions (bool): list every partition too; min_isr:
    what to assume of every topic instead of asking the broker, which could only wait for ZooKeeper.

    Returns serving (bool); when it is not: why. Else cluster_id, controller, brokers {id as text: {host, port, rack}},
    topics, partition_count, under_replicated, under_min_isr, at_min_isr and offline, each {"count": n, "first": [...]}.
    With partitions=True also partitions: [Partition, with its min_isr]. Never waits, never
    raises for a dead broker.
    """
    try:
        with wire.Connection(Endpoint.parse(args["bootstrap"])) as connection:
            view = connection.metadata(None)
            min_isr = min_in_sync(connection, view["topics"], args.get("min_isr"))
    except (OSError, KafkaError) as error:
        return {"serving": False, "why": wire.describe(error)}
    partitions = [
        partition.but(min_isr=min_isr.get(name, 1))
        for name, topic in sorted(view["topics"].items())
        for partition in topic.partitions
    ]
    report = {
        "serving": True,
        "cluster_id": view["cluster_id"],
        "controller": view["controller"],
        "brokers": {str(id_): broker.to_wire() for id_, broker in sorted(view["brokers"].items())},
        "topics": len(view["topics"]),
        **count(partitions),
    }
    if args.get("partitions"):
        report["partitions"] = [partition.to_wire("min_isr") for partition in partitions]
    return report


def count(partitions: Sequence[Partition]) -> dict[str, Any]:
    """The number of partitions with each problem, and the first ones by name. Pure."""

    def those(test: Callable[[Partition], bool]) -> dict[str, Any]:
        # The user's own topics first: Kafka's offsets topic alone has 50 partitions.
        found = sorted(filter(test, partitions), key=lambda p: p.topic.startswith("__"))
        return {"count": len(found), "first": [p.name for p in found[:SHOWN]]}

    return {
        "partition_count": len(partitions),
        "under_replicated": those(lambda p: p.under_replicated),
        "under_min_isr": those(lambda p: len(p.isr) < p.min_isr),
        "at_min_isr": those(lambda p: len(p.isr) == p.min_isr and p.protected),
        "offline": those(lambda p: p.leader < 0),
    }


def min_in_sync(connection: wire.Connection, topics: Iterable[str], assumed: Optional[int] = None) -> dict[str, int]:
    """min.insync.replicas in force for each topic, the broker's default included. One request for all topics; none
    when something is to be assumed."""
    if assumed is not None:
        return dict.fromkeys(topics, assumed)
    return needed(configs.describe(connection, configs.TOPIC, topics, [MIN_IN_SYNC]))


def needed(described: Mapping[str, Mapping[str, Setting]]) -> dict[str, int]:
    """min.insync.replicas of each topic that is described; one deleted meanwhile is not: nothing to protect. Pure."""
    return {name: int(found[MIN_IN_SYNC].value or 1) for name, found in described.items()}
