"""The plan for topics: (wanted, actual) -> the changes between them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cluster.model import Setting, Topic
from cluster.moving import marks
from cluster.moving.layout import Move
from cluster.moving.rebalance import resize
from cluster.settings.sources import DEFAULT, same
from cluster.topics.wanted import Wanted, colliding, collision
from provisioner.errors import ConfigError
from provisioner.words import counted, did_you_mean


@dataclass(frozen=True)
class Cluster:
    """racks: of every registered broker. partitions, factor: of a topic that does not say; settings: all that there
    are, with what they are on a topic that does not say."""

    racks: Mapping[int, str | None]
    partitions: int
    factor: int | None
    settings: Mapping[str, str | None]


@dataclass(frozen=True)
class Alter:
    """A setting before and after; None after: removed from the topic, so that `default` applies."""

    before: Setting
    after: str | None


@dataclass(frozen=True)
class Plan:
    """The changes, by topic.

    create: new topics, with what counts where they are silent. settings: {topic: {setting: change}}. grow: {topic:
    (partitions before, after)}. factors: {topic: (copies before, after)}, and the moves that make it so. unmanaged:
    {topic that is not listed: bytes}. strays: {topic: settings of its own that are not listed}. moving: {listed topic:
    partitions under way from before}. throttled: listed topics on which a move has left its bookkeeping.
    """

    create: tuple[Wanted, ...] = ()
    settings: Mapping[str, Mapping[str, Alter]] = field(default_factory=dict)
    grow: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    factors: Mapping[str, tuple[tuple[int, ...], int]] = field(default_factory=dict)
    moves: tuple[Move, ...] = ()
    unmanaged: Mapping[str, int] = field(default_factory=dict)
    strays: Mapping[str, Mapping[str, Setting]] = field(default_factory=dict)
    moving: Mapping[str, int] = field(default_factory=dict)
    throttled: tuple[str, ...] = ()

    @property
    def changes(self) -> int:
        """How many topics are to be made or changed."""
        return len(self.create) + len({*self.settings, *self.grow, *self.factors})

    @property
    def nothing(self) -> bool:
        """Whether every listed topic is as it should be, and nothing of an earlier run is left to end."""
        return not (self.changes or self.moving or self.throttled)

    @property
    def prunes(self) -> bool:
        """Whether something would be removed by --prune only."""
        return bool(self.unmanaged or self.strays)


def make(wanted: Sequence[Wanted], actual: Mapping[str, Topic], cluster: Cluster) -> Plan:
    """The plan. wanted: without `problems`; actual: all topics of the cluster, of which Kafka's own are left alone, but
    for copies that are named."""
    listed = {one.name: one for one in wanted}
    there = [actual[name] for name in listed if name in actual]
    factors = {
        topic.name: (topic.factors, factor)
        for topic in there
        if (factor := listed[topic.name].factor) is not None and topic.factors != (factor,)
    }
    return Plan(
        create=tuple(
            replace(one, partitions=one.partitions or cluster.partitions, factor=one.factor or cluster.factor)
            for one in wanted
            if one.name not in actual
        ),
        settings={
            topic.name: due for topic in there if (due := _alterations(listed[topic.name], topic, cluster.settings))
        },
        grow={
            topic.name: (len(topic.partitions), count)
            for topic in there
            if (count := listed[topic.name].partitions) is not None and count > len(topic.partitions)
        },
        factors=factors,
        moves=tuple(_moves(actual.values(), {name: after for name, (_, after) in factors.items()}, cluster.racks)),
        unmanaged={name: topic.size for name, topic in actual.items() if name not in listed and not topic.internal},
        strays={topic.name: own for topic in there if (own := _strays(listed[topic.name], topic))},
        moving={topic.name: topic.moving for topic in there if topic.moving},
        throttled=tuple(topic.name for topic in there if any(_throttled(topic, key) for key in marks.LISTS)),
    )


def problems(wanted: Iterable[Wanted], actual: Mapping[str, Topic], cluster: Cluster) -> list[ConfigError]:
    """All wanted changes that this cluster cannot or must not make."""
    found: list[ConfigError] = []
    up = f"{counted(len(cluster.racks), 'broker')} {'is' if len(cluster.racks) == 1 else 'are'} up"

    def wrong(one: Wanted, summary: str, advice: str | None = None) -> None:
        found.append(ConfigError(summary, details=[f"in: {one.place}"] if one.place else [], advice=advice))

    taken = dict(colliding((one.name for one in wanted if one.name not in actual), actual))
    for one in wanted:
        topic = actual.get(one.name)
        if one.name in taken:
            wrong(one, f"{one.name}: {collision(one.name, taken[one.name])}", "use another name")
            continue
        if topic and topic.internal and (one.partitions is not None or one.config or one.factor is None):
            what = f"{one.name} is a topic of Kafka's own, which the brokers manage themselves"
            wrong(one, what, "only its copies can be changed: `invoke topics.alter --replication-factor`")
            continue
        if one.factor is not None and one.factor > len(cluster.racks):
            brokers = ", ".join(map(str, sorted(cluster.racks)))
            wrong(
                one,
                f"{one.name}: replication factor {one.factor}, and {up} ({brokers})",
                "lower it, or start more brokers (`invoke status` shows them)",
            )
        elif topic is None and one.factor is None and cluster.factor is None:
            wrong(
                one,
                f"{one.name}: the default replication factor is more than the number of brokers: {up}",
                "name a replication factor, or start what is down (`invoke status`)",
            )
        if topic and one.partitions is not None and one.partitions < len(topic.partitions):
            wrong(
                one,
                f"{one.name} has {len(topic.partitions)} partitions and cannot have {one.partitions}: Kafka adds "
                "partitions, but never removes one",
                "create a topic with fewer, and copy the records",
            )
    return found + unknown_settings(wanted, cluster)


def unknown_settings(wanted: Iterable[Wanted], cluster: Cluster) -> list[ConfigError]:
    """Settings that this cluster does not know, on topics that are there or not."""
    return [
        ConfigError(
            f"{one.name}: unknown setting {key}{did_you_mean(key, cluster.settings)}",
            details=[f"in: {one.place}"] if one.place else [],
        )
        for one in wanted
        for key in one.config
        if key not in cluster.settings
    ]


def warnings(wanted: Iterable[Wanted], actual: Mapping[str, Topic], cluster: Cluster, plan: Plan) -> list[str]:
    """Warnings about changes that are possible."""
    found = [
        f"{name}: records with a key go to other partitions from now on, so records of one key are not in order "
        "across the change"
        for name in plan.grow
    ]
    for one in wanted:
        topic = actual.get(one.name)
        factor = one.factor or (max(topic.factors) if topic else cluster.factor)
        in_force = topic.settings.get("min.insync.replicas") if topic else None
        least = one.config.get("min.insync.replicas") or (
            in_force.value if in_force else cluster.settings.get("min.insync.replicas")
        )
        altered = one.name in plan.factors or "min.insync.replicas" in plan.settings.get(one.name, {})
        if (altered or topic is None) and factor and least and least.isdigit() and int(least) > factor:
            there = f"{'is' if factor == 1 else 'are'} {counted(factor, 'copy')}"
            found.append(
                f"{one.name}: min.insync.replicas is {least} and there {there}: brokers that take it literally, as "
                "2.5.0 does, refuse every write with acks=all"
            )
    return found


def _alterations(wanted: Wanted, topic: Topic, known: Mapping[str, str | None]) -> dict[str, Alter]:
    found = {}
    for key, value in wanted.config.items():
        now = topic.settings.get(key, Setting(key, known.get(key), DEFAULT))
        if (value is None and now.own) or (value is not None and not same(now.value, value)):
            found[key] = Alter(now, value)
    return found


def _strays(wanted: Wanted, topic: Topic) -> dict[str, Setting]:
    return {
        key: found
        for key, found in topic.settings.items()
        if found.own and key not in wanted.config and key not in marks.LISTS
    }


def _own(topic: Topic, key: str) -> bool:
    return key in topic.settings and topic.settings[key].own


def _throttled(topic: Topic, key: str) -> bool:
    """Whether a move of ours has left it; somebody else's list is neither set nor removed."""
    return _own(topic, key) and marks.is_ours(topic.settings[key].value or "")


def _moves(topics: Iterable[Topic], factors: Mapping[str, int], racks: Mapping[int, str | None]) -> list[Move]:
    if not factors:
        return []
    partitions = [partition for topic in topics for partition in topic.partitions]
    return resize(partitions, factors, racks, racks)
