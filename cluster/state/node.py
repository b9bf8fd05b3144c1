"""One broker's view of the cluster for `status`, counted on the host so that little is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Optional

from kafka.errors import KafkaError
from kafka.protocol.admin import DescribeLogDirsRequest

from cluster import temporary
from cluster.endpoint import Endpoint
from cluster.model import Partition, Setting, Topic
from cluster.moving import marks, throttle
from cluster.moving.moving import Moving
from cluster.protocol import wire
from cluster.settings import configs
from cluster.state import session
from cluster.state.probe import MIN_IN_SYNC, count, needed
from cluster.state.serving import ANSWER_TIMEOUT

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit


def look(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """What this broker knows and holds. args: bootstrap ("127.0.0.1:9092"), broker (its id), min_isr (as for
    `probe.status`: topics' settings are not asked, then); log_file and session, optional: as for `serving.ready`.

    Returns serving; when it is not: why. Else what `probe.status` counts, internal {topics, partitions} of these that
    `topics.list` leaves out, and leaders and replicas {broker id as text:
    partitions}, log_dirs {path: {size (bytes), error}}, throttled (this broker and all topics, as `throttle.find`), and
    under_way (partitions that are being moved; None when the controller does not say). Never waits, never raises for
    a dead broker.
    """
    assumed = args.get("min_isr")
    try:
        with wire.Connection(Endpoint.parse(args["bootstrap"])) as connection:
            # Asked before and after, for a copy may arrive, or begin, in between. Nothing moves without ZooKeeper.
            before = None if assumed else _under_way(args["bootstrap"])
            view = connection.metadata(None)
            settings = [MIN_IN_SYNC, *marks.LISTS]
            described = configs.describe(connection, configs.TOPIC, [] if assumed else view["topics"], settings)
            results = connection.call(DescribeLogDirsRequest(topics=None)).results
            own = _own_settings(connection, str(args["broker"]))
    except (OSError, KafkaError) as error:
        held = args.get("session") and session.waits(session.last_part(args["log_file"]))
        return {"serving": False, "why": session.why(args["session"]) if held else wire.describe(error)}
    min_isr = needed(described)
    flying = None if assumed else _under_way(args["bootstrap"])
    adding = {**(before or {}), **(flying or {})}
    partitions = [
        settled(partition, adding.get(partition.key, ())).but(min_isr=min_isr.get(name, assumed or 1))
        for name, topic in sorted(view["topics"].items())
        for partition in topic.partitions
    ]
    return {
        "serving": True,
        "cluster_id": view["cluster_id"],
        "controller": view["controller"],
        "brokers": sorted(view["brokers"]),
        "topics": len(view["topics"]),
        "internal": internal(view["topics"].values()),
        **count(partitions),
        **shares(partitions),
        "throttled": throttle.by_whom(own, described),
        "under_way": None if flying is None else len(flying),
        "log_dirs": {
            found.log_dir: {"size": size(found.topics or ()), "error": wire.name_of(found.error_code)}
            for found in results
        },
    }


def _own_settings(connection: wire.Connection, broker: str) -> dict[str, dict[str, Setting]]:
    try:
        return configs.describe(connection, configs.BROKER, [broker], marks.OF_BROKER)
    except KafkaError:  # it runs under another id than the inventory says: preflight reports that
        return {}


def _under_way(bootstrap: str) -> Optional[dict[tuple[str, int], list[int]]]:
    """{partition: the brokers that it is being copied to}."""
    try:
        return {key: adding for key, (_, adding) in Moving(bootstrap, ANSWER_TIMEOUT).under_way().items()}
    except (OSError, KafkaError):  # the controller changes at the moment
        return None


def settled(partition: Partition, adding: Iterable[int]) -> Partition:
    """A partition without the copies that are still being made: one that has not arrived is none that is behind, as in
    the brokers' own count of under-replicated partitions (KIP-352). Pure."""
    coming = set(adding) - set(partition.isr)
    return partition.but(replicas=tuple(broker for broker in partition.replicas if broker not in coming))


def internal(topics: Iterable[Topic]) -> dict[str, int]:
    """How many of these topics, and partitions, are none of the users'. Pure."""
    found = [len(topic.partitions) for topic in topics if temporary.unlisted(topic)]
    return {"topics": len(found), "partitions": sum(found)}


def shares(partitions: Iterable[Partition]) -> dict[str, dict[str, int]]:
    """How many partitions each broker leads, and of how many it has a copy. Pure."""
    leaders: Counter[int] = Counter()
    replicas: Counter[int] = Counter()
    for partition in partitions:
        leaders.update([partition.leader] if partition.leader >= 0 else [])
        replicas.update(partition.replicas)
    return {
        "leaders": {str(broker): number for broker, number in sorted(leaders.items())},
        "replicas": {str(broker): number for broker, number in sorted(replicas.items())},
    }


def size(topics: Iterable[Any]) -> int:
    """Bytes of all partitions in one log directory. Pure."""
    return sum(partition.partition_size for topic in topics for partition in topic.partitions)
