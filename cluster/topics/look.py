"""Topics as the cluster has them: partitions, copies, settings, bytes on disk, records; counted on the host."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Optional

from kafka import errors as kafka_errors
from kafka.protocol.admin import CreateTopicsRequest

from cluster import temporary
from cluster.cluster import SERVER_TIMEOUT, Cluster, answering
from cluster.model import Partition, Setting, Topic
from cluster.moving.moving import Moving
from cluster.protocol import wire
from cluster.settings import configs
from cluster.topics import offsets

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

    Key = tuple[str, int]  # topic and number of a partition


def look(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Topics and what they hold. args: bootstrap; patterns (names and globs; None: all); internal (bool): Kafka's own,
    too; records, sizes (bool): ask for these as well; settings: names of the topics that are described (None: all);
    keys: settings that are always returned, besides those set on the topic itself (None: all).

    Returns brokers {id as text: rack}, controller, topics {name: {internal, partitions, settings}} and
    unmatched [patterns without a topic], with known [names] when there are any.
    A topic is one of `model`, its partitions with moving, sizes, earliest and latest.
    Raises Failure.
    """
    cluster = Moving(args["bootstrap"])
    with answering("read the topics"):
        view = cluster.view()
        known = [name for name in sorted(view["topics"]) if args["internal"] or not _internal(name, view)]
        chosen, unmatched = match(known, args.get("patterns"))
        _refuse_hidden(cluster, {*unmatched, *(args.get("settings") or ())} - set(known))
        described = chosen if args.get("settings") is None else [name for name in args["settings"] if name in chosen]
        with cluster.any() as connection:
            settings = configs.describe(connection, configs.TOPIC, described)
        # A topic that went away between two questions is not there.
        topics = {name: view["topics"][name] for name in chosen if name in settings or name not in described}
        moving = cluster.under_way() if topics else {}
        sizes = cluster.sizes(view["brokers"].values()) if args.get("sizes") else {}
        ends = offsets.at(view["brokers"], topics, offsets.EARLIEST, offsets.LATEST) if args.get("records") else {}
    return {
        "brokers": {str(broker.id): broker.rack for broker in view["brokers"].values()},
        "controller": view["controller"],
        "unmatched": unmatched,
        "known": known if unmatched else [],
        "topics": {
            name: _found(topic, told(settings.get(name, {}), args.get("keys")), moving, sizes, ends).to_wire(
                "moving", "earliest", "latest", "sizes"
            )
            for name, topic in topics.items()
        },
    }


def defaults(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The properties of a topic that is created without any. args: bootstrap.

    Returns partitions, factor (None where the brokers that are up do not suffice for their default) and settings
    {name: value}: all settings. The controller returns them for a topic that is only validated, not created (KIP-525).
    """
    kind = CreateTopicsRequest.CreatableTopic
    probes = [
        kind(name=name, num_partitions=-1, replication_factor=factor, assignments=[], configs=[])
        for name, factor in ((temporary.PROBE, -1), (f"{temporary.PROBE}-1", 1))
    ]
    with answering("ask for the defaults of topics"):
        with Cluster(args["bootstrap"]).controller() as connection:
            answer = connection.call(CreateTopicsRequest(topics=probes, timeout_ms=SERVER_TIMEOUT, validate_only=True))
        whole, least = sorted(answer.topics, key=lambda found: len(found.name))
        wire.raise_for(least.error_code, least.error_message)
    return {
        "partitions": least.num_partitions,
        "factor": None if whole.error_code else whole.replication_factor,
        "settings": {config.name: config.value for config in least.configs or ()},
    }


def match(names: Iterable[str], patterns: Optional[Iterable[str]]) -> tuple[list[str], list[str]]:
    """The names that any of the patterns means, in their order, and the patterns that mean none. Pure."""
    listed = list(names)
    if patterns is None:
        return listed, []
    wanted = {pattern: {name for name in listed if fnmatch.fnmatchcase(name, pattern)} for pattern in patterns}
    chosen = {name for found in wanted.values() for name in found}
    return [name for name in listed if name in chosen], [pattern for pattern, found in wanted.items() if not found]


def _refuse_hidden(cluster: Cluster, names: set[str]) -> None:
    """Raise TopicAuthorizationFailedError for a topic that is there and not shown: a list leaves out what this client
    has no right to see, and it would be taken for one that is not there."""
    asked = [name for name in sorted(names) if not set(name) & set("*?[")]
    for name, topic in (cluster.view(asked)["topics"] if asked else {}).items():
        if topic.error == "TopicAuthorizationFailedError":
            raise kafka_errors.TopicAuthorizationFailedError(name)


def _internal(name: str, view: Mapping[str, Any]) -> bool:
    return temporary.unlisted(view["topics"][name])


def _found(
    topic: Topic,
    settings: Mapping[str, Setting],
    moving: Mapping[Key, Any],
    sizes: Mapping[Key, Any],
    ends: Mapping[Key, Any],
) -> Topic:
    """The topic with these settings and what is known of its partitions."""

    def complete(one: Partition) -> Partition:
        earliest, latest = ends.get(one.key, (None, None))
        return one.measured(sizes.get(one.key, {})).but(
            replicas=tuple(moving[one.key][0]) if one.key in moving else one.replicas,
            moving=one.key in moving,
            earliest=earliest,
            latest=latest,
        )

    return Topic(topic.name, tuple(map(complete, topic.partitions)), topic.internal, settings=settings)


def told(settings: Mapping[str, Setting], keys: Optional[Iterable[str]]) -> dict[str, Setting]:
    """The settings that are asked for (keys; None: all) and those of the topic's own, by name. Pure."""
    wanted = None if keys is None else set(keys)
    return {key: found for key, found in settings.items() if wanted is None or key in wanted or found.own}
