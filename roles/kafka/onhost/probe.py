"""Is this broker serving, and how is the cluster as it sees it: native protocol, a few milliseconds each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Optional

from kafka.errors import KafkaError

from provisioner.agent.waiting import Unit, until

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

from . import configs, wire

# What a broker says, and dies, while ZooKeeper still holds its id for the session of its killed predecessor.
OWN_SESSION = "node already exists and owner"
ANSWER_TIMEOUT = 5.0  # seconds; a broker in a long pause is as good as gone
MIN_IN_SYNC = "min.insync.replicas"
SHOWN = 10  # partitions named in a report, the rest is counted


def ready(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Wait until this broker answers and is registered in its cluster under its own id.

    args: bootstrap ("127.0.0.1:9092"), broker_id; cluster_expected: further broker ids that must be seen, optional;
    timeout and stall in seconds; unit and log_file, optional, for early ends and evidence.
    Returns broker_id, cluster_id, controller, brokers (ids), seconds. Raises Failure when it will not come.
    """
    host, port = wire.split_address(args["bootstrap"])
    broker = int(args["broker_id"])
    expected = {broker, *map(int, args.get("cluster_expected") or ())}

    def attempt() -> tuple[Optional[dict[str, Any]], str]:
        try:
            with wire.Connection(host, port) as connection:
                view = connection.metadata()
        except (OSError, KafkaError) as error:
            return None, wire.describe(error)
        missing = expected - set(view["brokers"])
        if missing:
            # Metadata comes from the broker itself, so it answers, but the cluster does not know it (yet).
            return None, f"registered brokers: {wire.ids(view['brokers'])}; missing: {wire.ids(missing)}"
        if view["controller"] is None:
            return None, "registered, but the cluster has no controller"
        return {
            "broker_id": broker,
            "cluster_id": view["cluster_id"],
            "controller": view["controller"],
            "brokers": sorted(view["brokers"]),
        }, ""

    return until(
        attempt,
        what=f"broker {broker} at {args['bootstrap']}",
        timeout=float(args["timeout"]),
        stall=float(args["stall"]),
        emit=emit,
        unit=Unit(args["unit"], args.get("log_file", ""), OWN_SESSION) if args.get("unit") else None,
    )


def status(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The cluster as this broker sees it now. args: bootstrap; partitions (bool): list every partition too.

    Returns serving (bool); when it is not: why. Else cluster_id, controller, brokers {id as text: {host, port, rack}},
    topics, partition_count, under_replicated, under_min_isr, at_min_isr and offline, each {"count": n, "first": [...]}.
    With partitions=True also partitions: [{topic, partition, leader, replicas, isr, min_isr}]. Never waits, never
    raises for a dead broker.
    """
    host, port = wire.split_address(args["bootstrap"])
    try:
        with wire.Connection(host, port) as connection:
            view = connection.metadata(None)
            min_isr = min_in_sync(connection, view["topics"])
    except (OSError, KafkaError) as error:
        return {"serving": False, "why": wire.describe(error)}
    partitions = [
        {"topic": name, "min_isr": min_isr.get(name, 1), **{k: v for k, v in partition.items() if k != "offline"}}
        for name, topic in sorted(view["topics"].items())
        for partition in topic["partitions"]
    ]
    report = {
        "serving": True,
        "cluster_id": view["cluster_id"],
        "controller": view["controller"],
        "brokers": {str(broker): address for broker, address in sorted(view["brokers"].items())},
        "topics": len(view["topics"]),
        **count(partitions),
    }
    if args.get("partitions"):
        report["partitions"] = partitions
    return report


def answering(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Which brokers answer at this moment, whatever the cluster believes of them. args: addresses.

    Returns {address: "" or why it does not answer}.
    """

    def ask(address: str) -> str:
        try:
            with wire.Connection(*wire.split_address(address), ANSWER_TIMEOUT) as connection:
                connection.metadata()
        except (OSError, KafkaError) as error:
            return wire.describe(error)
        return ""

    addresses = list(args["addresses"])
    with ThreadPoolExecutor(max_workers=min(len(addresses), 16) or 1) as pool:
        return dict(zip(addresses, pool.map(ask, addresses)))


def count(partitions: list[dict[str, Any]]) -> dict[str, Any]:
    """How many partitions are in which trouble, and the first ones by name. Pure."""

    def those(test: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        # A person's own topics first: Kafka's offsets topic alone has 50 partitions.
        found = sorted(filter(test, partitions), key=lambda p: str(p["topic"]).startswith("__"))
        return {"count": len(found), "first": [f"{p['topic']}-{p['partition']}" for p in found[:SHOWN]]}

    return {
        "partition_count": len(partitions),
        "under_replicated": those(lambda p: len(p["isr"]) < len(p["replicas"])),
        "under_min_isr": those(lambda p: len(p["isr"]) < p["min_isr"]),
        "at_min_isr": those(lambda p: len(p["isr"]) == p["min_isr"] and len(p["replicas"]) > p["min_isr"]),
        "offline": those(lambda p: p["leader"] < 0),
    }


def min_in_sync(connection: wire.Connection, topics: Iterable[str]) -> dict[str, int]:
    """min.insync.replicas in force for each topic, the broker's default included. One request for all topics."""
    return needed(configs.describe(connection, configs.TOPIC, topics, [MIN_IN_SYNC]))


def needed(described: Mapping[str, Mapping[str, configs.Setting]]) -> dict[str, int]:
    """min.insync.replicas of each topic that is described; one deleted meanwhile is not: nothing to protect. Pure."""
    return {name: int(found[MIN_IN_SYNC].value or 1) for name, found in described.items()}
