"""What is known of the brokers that are there, against what an inventory says. `evidence_rules.py` has the rules."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from posixpath import normpath
from typing import TYPE_CHECKING, Any

from cluster import remote
from provisioner.errors import HostFailed
from provisioner.run.evidence import SHRINK
from roles.kafka import evidence_rules as rules
from roles.kafka import features, listeners, metadata, service, topology
from roles.kafka.release import LINK, release
from roles.shared import evidence as shared
from roles.shared import kraft, security

if TYPE_CHECKING:
    from cluster.model import Partition
    from provisioner.connect.requests import Call
    from provisioner.resources import Request
    from provisioner.run.evidence import Agreed, Objection, Witness
    from provisioner.run.target import Target
    from roles.kafka.split import View

UNIT = "kafka"
AGAIN_SECONDS = 1.5  # to a second look at brokers that do not know each other


def ask(target: Target) -> Request:
    """The question to each host."""
    return remote.broker_evidence(
        config=service.CONFIG,
        started=service.STARTED,
        link=LINK,
        dirs=service.data_dirs(target),
        metadata=target["kafka_metadata_dir"] if metadata.own(target) else "",
    )


def judge(witnesses: Sequence[Witness], call: Call, agreed: Agreed) -> list[Objection]:
    """Every contradiction. witnesses: the hosts of this run with a broker; more is asked only in suspicious cases."""
    by_host = {one.name: one for one in witnesses}
    seen = [_seen(one) for one in witnesses]
    hosts = witnesses[0].target.members("kafka")
    members = {topology.broker_id(host, hosts): host.name for host in hosts}
    out = [
        *rules.forgotten(seen, members),
        *rules.clusters(seen),
        *rules.hidden(seen),
        *([] if kraft.migration(witnesses[0].target.members) else rules.mode(seen)),  # see `migration.skipped`
        *rules.elsewhere(seen),
        *rules.talk(seen),
        *rules.renamed(seen),
        *rules.fewer_copies(seen),
        *shared.older("Kafka", {one.host: (one.version, one.wanted_version) for one in seen if one.version}),
    ]
    if any(security.NODES in one.now.get("listeners", "") for one in seen):
        from roles.kafka import clients

        out += clients.cut_off(witnesses, call)
        if further := [one for one in witnesses if clients.closed_further(one)]:
            from roles.kafka import denied

            out += denied.denied(further, call)
    out += _split(witnesses, seen, call)
    if metadata.own(witnesses[0].target):
        from roles.kafka import quorum_evidence

        out += rules.reused(seen)
        out += quorum_evidence.judge(witnesses, call)
    serving = next((one for one in seen if one.brokers), None)
    if serving:
        partitions = _Partitions(by_host[serving.host].target, call)
        out += _held(seen, serving, call)
        out += features.contradictions(by_host[serving.host].target, seen, call)
        if any(not one.plan.nothing for one in witnesses):
            out += rules.orphans(partitions.ask(), {*serving.brokers, *members})
        if any(rules.needs_more_copies(one) for one in seen):
            own = partitions.deciding(rules.MIN_IN_SYNC)
            out += [found for one in seen for found in rules.too_few_copies(one, partitions.ask(), own)]
        if any(one.consent and one.consent.flag == SHRINK and one.consent.given(agreed) for one in out):
            out += rules.undrained(partitions.ask(), {n: at for n, at in serving.brokers.items() if n not in members})
    for one in seen:
        if (
            one.has_data
            and metadata.CONNECT in one.then
            and one.now.get(metadata.CONNECT) != one.then[metadata.CONNECT]
        ):
            answers, cluster = metadata.cluster_at(call, one.host, one.then)
            out += rules.other_metadata(one, cluster) if answers else rules.silent_metadata(one)
    return out


def _seen(witness: Witness) -> rules.Seen:
    target, said = witness.target, witness.said[UNIT]
    answer: Any = witness.serving.get(UNIT, {})
    text = witness.becomes(service.CONFIG)
    return rules.Seen(
        host=witness.name,
        number=topology.broker_id(target.host, target.members("kafka")),
        present=tuple(said["present"]),
        wanted=tuple(map(normpath, service.data_dirs(target))),
        data={
            path: rules.Data(
                one["cluster"],
                None if one["partitions"] is None else tuple(one["partitions"]),
                bool(one.get("old_format")),
            )
            for path, one in said["dirs"].items()
        },
        now=said["settings"],
        then=said["settings"] if text is None else _read(text),
        chosen=frozenset(_chosen(target)),
        version=shared.version_in(said["link"]),
        wanted_version=release(target.host.vars).version,
        active=UNIT in witness.active,
        brokers={int(number): address for number, address in answer.get("brokers", {}).items()},
        cluster=answer.get("cluster_id"),
        led=bool(said.get("led")),
    )


def _read(text: str) -> dict[str, str]:
    from cluster.settings.properties import parse

    return parse(text)


def _chosen(target: Target) -> Iterator[str]:
    yield from target["kafka_config"]
    yield from (name for name in set(rules.DERIVED.values()) if target[name] is not None)


def _split(witnesses: Sequence[Witness], seen: Sequence[rules.Seen], call: Call) -> Iterator[Objection]:
    """Brokers that are one cluster no more. Asked twice, since one that has just started is known to some before
    others. A run that changes nothing does not load the rules of a split."""
    views = [set(one.brokers) for one in seen if one.brokers]
    keepers = metadata.apart(witnesses)
    if not keepers and all(view == views[0] for view in views):
        return
    from roles.kafka import split

    targets = {one.name: one.target for one in witnesses}
    sides = split.sides(
        split.View.of(one.name, topology.broker_id(one.target.host, one.target.members("kafka")), one.serving[UNIT])
        for one in witnesses
        if UNIT in one.serving
    )
    if len(sides) > 1:
        time.sleep(AGAIN_SECONDS)
        sides = split.sides(_views(targets, seen, call))
    numbers = {one.host: one.number for one in seen}
    astray = split.astray(sides)
    steps = [
        line
        for host in dict.fromkeys([*astray, *keepers])
        for line in split.way_back(
            host,
            numbers[host] if host in astray else None,
            service.data_dirs(targets[host]) if host in targets else (),
            keepers.get(host, ()),
        )
    ]
    if problem := split.problem(sides):
        yield rules.split_apart(problem, steps or [split.UNCLEAR])
    elif keepers:
        yield rules.split_apart("a server that keeps the metadata has left the others", steps)


def _views(targets: Mapping[str, Target], seen: Sequence[rules.Seen], call: Call) -> Iterator[View]:
    from roles.kafka.split import View

    for one in seen:
        target = targets[one.host]
        # What topics need is not asked: without a quorum that question is not answered.
        answer = call(one.host, remote.cluster_status(min_isr=1).at(listeners.door(target.host)))
        if answer["serving"]:
            yield View.of(one.host, one.number, answer)


class _Partitions:
    """The partitions of the cluster as a broker knows them, asked for once, and only when somebody needs them."""

    def __init__(self, target: Target, call: Call) -> None:
        self._target, self._call = target, call
        self._found: list[Partition] | None = None

    def ask(self) -> list[Partition]:
        """All of them, with their min_isr. Raises HostFailed when the broker does not answer any more."""
        if self._found is None:
            target = self._target
            request = remote.cluster_status(partitions=True, **metadata.assumed(self._call, target))
            status = self._call(target.name, request.at(listeners.door(target.host)))
            if not status["serving"]:
                raise HostFailed(
                    f"the broker answered, and a moment later it does not: {status['why']}",
                    host=target.name,
                    advice="run the same command again",
                )
            from cluster.model import Partition

            self._found = [Partition.from_wire(one) for one in status["partitions"]]
        return self._found

    def deciding(self, setting: str) -> set[str]:
        """The topics that have a value of their own for a setting. Raises HostFailed."""
        request = remote.topics_look(internal=True, keys=()).at(listeners.door(self._target.host))
        found = self._call(self._target.name, request)["topics"]
        return {name for name, topic in found.items() if setting in topic["settings"]}


def _held(seen: Sequence[rules.Seen], witness: rules.Seen, call: Call) -> Iterator[Objection]:
    """Ids of hosts without a running broker that a broker elsewhere has. One that was killed stays registered for a
    while (zookeeper.session.timeout.ms), so it is asked whether it answers."""
    absent = {one.number: one for one in seen if not one.active and one.number in witness.brokers}
    if absent:
        addresses = [witness.brokers[number] for number in absent]
        answers = call(witness.host, remote.answering(addresses))
        for number, one in absent.items():
            if answers[witness.brokers[number]] == "":
                yield rules.held(one.host, number, witness.brokers[number])
