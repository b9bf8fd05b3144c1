"""What is known of the brokers that are there, against what an inventory says. `evidence_rules.py` has the rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cluster import remote
from cluster.settings.properties import parse
from provisioner.run.evidence import SHRINK
from roles.kafka import evidence_rules as rules
from roles.kafka import listeners, metadata, service, topology
from roles.kafka.release import release
from roles.shared import evidence as shared

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.resources import Request
    from provisioner.run.evidence import Agreed, Objection, Witness
    from provisioner.run.target import Target

LINK = "/opt/kafka"
UNIT = "kafka"


def ask(target: Target) -> Request:
    """The question to each host."""
    return remote.broker_evidence(
        config=service.CONFIG, started=service.STARTED, link=LINK, dirs=service.data_dirs(target)
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
        *rules.elsewhere(seen),
        *rules.talk(seen),
        *rules.fewer_copies(seen),
        *shared.older("Kafka", {one.host: (one.version, one.wanted_version) for one in seen if one.version}),
    ]
    serving = [one for one in seen if one.brokers]
    if serving:
        out += _held(seen, serving[0], call)
        out += _undrained(out, serving[0], by_host[serving[0].host].target, call, agreed)
    for one in seen:
        if one.has_data and one.now.get("zookeeper.connect") != one.then.get("zookeeper.connect"):
            out += _other_metadata(one, call)
    return out


def _seen(witness: Witness) -> rules.Seen:
    target, said = witness.target, witness.said[UNIT]
    answer: Any = witness.serving.get(UNIT, {})
    text = witness.becomes(service.CONFIG)
    return rules.Seen(
        host=witness.name,
        number=topology.broker_id(target.host, target.members("kafka")),
        present=tuple(said["present"]),
        wanted=tuple(service.data_dirs(target)),
        data={
            path: rules.Data(one["cluster"], None if one["partitions"] is None else tuple(one["partitions"]))
            for path, one in said["dirs"].items()
        },
        now=said["settings"],
        then=said["settings"] if text is None else parse(text),
        chosen=frozenset(_chosen(target)),
        version=shared.version_in(said["link"]),
        wanted_version=release(target.host.vars).version,
        active=UNIT in witness.active,
        brokers={int(number): address for number, address in answer.get("brokers", {}).items()},
        cluster=answer.get("cluster_id"),
    )


def _chosen(target: Target) -> Iterator[str]:
    yield from target["kafka_config"]
    yield from (name for name in set(rules.DERIVED.values()) if target[name] is not None)


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


def _undrained(
    found: Sequence[Objection], witness: rules.Seen, target: Target, call: Call, agreed: Agreed
) -> Iterator[Objection]:
    """Brokers that may leave, as the command line says, and still have copies."""
    leaving = [one for one in found if one.consent and one.consent.flag == SHRINK and one.consent.given(agreed)]
    if not leaving:
        return
    request = remote.cluster_status(partitions=True, **metadata.assumed(call, target))
    status = call(witness.host, request.at(listeners.inter_broker(target.host).local))
    own = {topology.broker_id(host, target.members("kafka")) for host in target.members("kafka")}
    for number, address in witness.brokers.items():
        copies = sum(number in one["replicas"] for one in status.get("partitions", ()))
        if number not in own and copies:
            yield rules.undrained(number, shared.names(number, address)[0], copies)


def _other_metadata(one: rules.Seen, call: Call) -> list[Objection]:
    found = call(one.host, remote.zookeeper_cluster_id(one.then["zookeeper.connect"]))
    return rules.other_metadata(one, found["id"]) if found["answers"] else []
