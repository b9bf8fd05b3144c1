"""What stands in the way of another version of Kafka, and what becomes different with it. Pure.

Most of it follows from the catalogues: what the properties that are set mean in both versions. What an inventory says
is judged by the checks of a deploy of that version; here is the rest, which only the cluster and its hosts know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cluster.metadata.kraft import levels
from cluster.settings.rules import RUN_TIME_ONLY, base
from cluster.settings.sources import DYNAMIC_BROKER, DYNAMIC_CLUSTER
from cluster.settings.values import shown
from provisioner.words import some
from roles.kafka.protocol import number
from roles.kafka.protocol import shown as short
from roles.kafka.status import TROUBLES
from roles.shared import verdict
from roles.shared.verdict import Wrong

if TYPE_CHECKING:
    from cluster.model import Setting
    from provisioner.errors import ProvisionerError
    from roles.shared.catalogue import Catalogue, Property

# How grave it is: the deploy, a broker or a client would stop; something behaves otherwise from then on; nothing does.
STOPS, CHANGES, NOTE = LEVELS = ("stops", "changes", "note")

PRODUCT = "kafka"
REQUESTS = "kafka-request.log"  # what a broker logs of requests (templates/kafka/log4j*)
SHOWN = 5  # names in a line, the rest is counted
FORMAT = "message.format.version"
FIRST_WITHOUT_KEEPER, OLDEST_LEVEL = (4,), 7  # 4.0, and the metadata.version that it needs: 3.3-IV3


@dataclass(frozen=True)
class Finding:
    """One thing. level: one of LEVELS; what: a sentence; fix: what to do, "" where that is obvious; where: the hosts,
    none for the cluster or the inventory; details: evidence, a line each."""

    level: str
    what: str
    fix: str = ""
    where: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


def together(found: Iterable[Finding]) -> list[Finding]:
    """The gravest first, and what is the same on several hosts once."""
    out: dict[Finding, dict[str, None]] = {}
    for one in found:
        out.setdefault(replace(one, where=()), {}).update(dict.fromkeys(one.where))
    listed = [replace(one, where=tuple(where)) for one, where in out.items()]
    return sorted(listed, key=lambda one: LEVELS.index(one.level))


def of_inventory(errors: Iterable[ProvisionerError]) -> Iterator[Finding]:
    """What the checks of a deploy of that version refuse."""
    for one in errors:
        yield Finding(STOPS, one.summary, one.advice or "", tuple(one.hosts), tuple(one.details))


def of_keeper(to: str, last: str) -> Finding:
    """A cluster with ZooKeeper, on the way to a version that has none. last: the newest that has."""
    return Finding(
        STOPS,
        f"Kafka {to} has no ZooKeeper, where this cluster keeps its metadata",
        f"go to {last} first (`invoke upgrade.check --to {last}`) and to protocol {short(last)}; from there, "
        'kafka_migration leads to controllers of the cluster\'s own (docs/operations.md, "From ZooKeeper to KRaft")',
    )


# -- properties


def of_settings(to: Catalogue, brokers: Mapping[str, Mapping[str, Setting]]) -> Iterator[Finding]:
    """What is set at run time, and would be ignored or refused. brokers {host: {name: Setting}}: at least those that
    are set so."""
    for host, settings in brokers.items():
        for name, one in settings.items():
            if one.source not in (DYNAMIC_BROKER, DYNAMIC_CLUSTER) or name in RUN_TIME_ONLY:
                continue
            own = one.source == DYNAMIC_BROKER
            fix = f"`invoke broker.unset --unset {name}{f' --broker {host}' if own else ''}`"
            where = (host,) if own else ()
            known = to.find("broker", base(name))
            if known is None and _prefixed(name):
                continue
            value = "" if one.sensitive or one.value is None else f"={one.value}"
            if known is None:
                what = f"{name}{value} is set at run time, and Kafka {to.version} ignores it"
                yield Finding(CHANGES, what, fix, where)
            elif value and (wrong := _wrong(known, str(one.value), to)):
                what = f"{name}{value} is set at run time, and in Kafka {to.version} it {wrong}"
                yield Finding(STOPS, what, fix, where)


def of_file(to: Catalogue, host: str, text: Mapping[str, str], ours: Iterable[str]) -> Iterator[Finding]:
    """Lines of a host's server.properties that no deploy has written, and that would be ignored or refused. text: the
    file's properties; ours: the names of those that a deploy writes."""
    fix = "remove the line, or see what `invoke plan` makes of it: a deploy writes the file anew"
    for name in sorted(set(text) - set(ours)):
        known = to.find("broker", base(name))
        if known is None and _prefixed(name):
            continue
        line = f"server.properties has {name}, which the inventory does not have"
        if known is None:
            yield Finding(CHANGES, f"{line}, and Kafka {to.version} ignores it", fix, (host,))
        elif wrong := _wrong(known, text[name], to):
            yield Finding(STOPS, f"{line}; in Kafka {to.version} it {wrong}", fix, (host,))


def _prefixed(name: str) -> bool:
    """Whether a name is one of a plugin's or a listener's own, of which no catalogue knows all."""
    return name.startswith(("listener.name.", "config.providers", "metrics.context."))


def of_topics(to: Catalogue, topics: Mapping[str, Mapping[str, str | None]]) -> Iterator[Finding]:
    """Settings of topics that would be ignored or refused. topics {name: its own settings}."""
    alike: dict[tuple[str, str | None], list[str]] = {}
    for name, settings in topics.items():
        for key, value in settings.items():
            alike.setdefault((key, value), []).append(name)
    for (key, value), names in sorted(alike.items(), key=str):
        known = to.find("topic", key)
        one = names[0] if len(names) == 1 else "NAME"
        fix, has = f"`invoke topics.alter --topic {one} --unset {key}`", "has" if len(names) == 1 else "have"
        listed = f"{some(sorted(names), SHOWN)} {has} {key}={value}"
        if known is None and key == FORMAT:
            what = f"{listed}: Kafka {to.version} writes only the newest format, and converts records for no consumer"
            yield Finding(CHANGES, what, fix)
        elif known is None:
            yield Finding(CHANGES, f"{listed}, which Kafka {to.version} ignores", fix)
        elif value is not None and (wrong := _wrong(known, value, to)):
            yield Finding(STOPS, f"{listed}; in Kafka {to.version} it {wrong}", fix)


def _wrong(one: Property, text: str, to: Catalogue) -> str:
    """Why a version refuses a value, as the rest of a sentence; "" where it takes it. A class that Kafka's packages
    should have and have not is gone; another one may be a plugin's."""
    if "class" in (one.type.lower(), one.check):
        for name in (part.strip() for part in text.split(",")):
            if name.startswith(("kafka.", "org.apache.kafka.")) and name not in {*to.classes, one.default}:
                return f"cannot name {name}, which is gone"
    try:
        verdict.judge(one, text, None)
    except Wrong as wrong:
        return str(wrong)
    return ""


# Defaults that read otherwise and mean the same, or follow from the version itself (as kafka_protocol says).
ALIKE = frozenset(
    {
        *("inter.broker.protocol.version", "log.message.format.version", "group.consumer.assignors"),
        *("principal.builder.class", "metric.reporters", "sasl.oauthbearer.expected.audience"),
        *("listeners", "node.id", "process.roles", "listener.security.protocol.map"),
    }
)
# Of features that are off by themselves: {how their properties begin: what switches them on}.
OFF = {"remote.log.": "remote.log.storage.system.enable", "group.share.": "group.share.enable"}


def defaults(now: Catalogue, to: Catalogue, given: Iterable[str], kraft: bool) -> list[tuple[str, str, str]]:
    """(property, default now, default then) of brokers' properties that nobody has set. given: those that somebody has,
    or that a deploy sets; kraft: whether the cluster keeps its metadata itself."""
    taken, out = set(given), []
    for name, then in sorted(to.sections.get("broker", {}).items()):
        before = now.find("broker", name)
        other = "ZooKeeper" if kraft else "KRaft"
        off = any(name.startswith(start) and switch not in taken for start, switch in OFF.items())
        if before is None or before.default == then.default or name in taken or name in ALIKE or off:
            continue
        if other not in (before.metadata, then.metadata) and "internal" not in then.note:
            out.append((name, _said(name, before.default), _said(name, then.default)))
    return out


def _said(name: str, value: str | None) -> str:
    """A default for people. What -1 means is each property's own matter."""
    return value if value == "-1" else shown(name, value)


# -- the cluster


def of_brokers(to: str, brokers: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Where an upgrade stands that was begun before. brokers {host: with version and protocol, None where they are not
    known or not told}."""
    hosts: dict[str, list[str]] = {}
    for host, one in brokers.items():
        if one["version"]:
            hosts.setdefault(str(one["version"]), []).append(host)
    old = [version for version in hosts if number(version) < number(to)]
    if len(old) > 1 or (len(hosts) > 1 and to not in hosts):
        each = "; ".join(f"{version}: {', '.join(hosts[version])}" for version in sorted(hosts, key=number))
        yield Finding(STOPS, f"brokers run different versions ({each})", "`invoke deploy` ends what was begun")
        return
    told = [str(one["protocol"]) for one in brokers.values() if one["protocol"]]
    for version in old:
        if told and number(now := min(told, key=number)) < number(version):
            yield Finding(
                CHANGES,
                f"the upgrade before has not ended: brokers run {version} and speak protocol {short(now)}",
                f"set `kafka_protocol: '{short(version)}'` and deploy, when {version} has proved itself",
            )


def of_features(running: str, to: str, finalised: Mapping[str, int]) -> Iterator[Finding]:
    """Metadata that is too old for a version, or behind the one that runs."""
    level, most = finalised.get(levels.METADATA), levels.highest(number(running))
    if level is None:
        return
    have = f"{levels.METADATA} is finalised at {levels.shown(level)}"
    if number(to) >= FIRST_WITHOUT_KEEPER and level < OLDEST_LEVEL:
        fix = f"set `kafka_features: '{short(running)}'` and deploy: for good, the version before cannot come back then"
        yield Finding(STOPS, f"{have}, and Kafka {to} needs {levels.shown(OLDEST_LEVEL)}", fix)
    elif most is not None and level < most:
        fix = f"not needed for Kafka {to}; `kafka_features: '{short(running)}'` and a deploy finalise it"
        yield Finding(NOTE, f"{have}, and {running} has {levels.shown(most)}", fix)


def of_health(seen: Mapping[str, Any], brokers: Mapping[int, str]) -> Iterator[Finding]:
    """What a roll waits for. seen: as `cluster.state.probe.status` answers; brokers {id: host}: the inventory's."""
    lost = [host for broker, host in brokers.items() if str(broker) not in seen["brokers"]]
    if lost:
        fix = "see `invoke status`; `invoke deploy` starts it"
        yield Finding(STOPS, "the broker is not part of the cluster", fix, (*lost,))
    for key, words in TROUBLES:
        if count := seen[key]["count"]:
            verb = "partition is" if count == 1 else "partitions are"
            what = f"{count:,} {verb} {words}: {some(seen[key]['first'], SHOWN)}"
            yield Finding(STOPS, what, "a roll restarts no broker meanwhile: see `invoke status`")
            return  # the worse ones are among the others


def of_silent(silent: Mapping[str, str]) -> Iterator[Finding]:
    """Brokers that are part of the cluster and do not answer. silent {host: why}."""
    for host, why in silent.items():
        yield Finding(STOPS, f"the broker does not answer: {why}", "see `invoke status`", (host,))


# -- its clients

# The lowest versions of requests that are not 0: LOWEST_SUPPORTED_VERSION of each class of requests
# (org.apache.kafka.common.message) in the clients' jar of 4.3.1. Brokers before 4.0 take every one from 0 (KIP-896).
LEAST = {
    "PRODUCE": 3,
    "FETCH": 4,
    "LIST_OFFSETS": 1,
    "OFFSET_COMMIT": 2,
    "OFFSET_FETCH": 1,
    "OFFSET_FOR_LEADER_EPOCH": 2,
    "CREATE_TOPICS": 2,
    "DELETE_TOPICS": 1,
    "DESCRIBE_CONFIGS": 1,
    "DESCRIBE_ACLS": 1,
    "CREATE_ACLS": 1,
    "DELETE_ACLS": 1,
    "ALTER_REPLICA_LOG_DIRS": 1,
    "DESCRIBE_LOG_DIRS": 1,
    "CREATE_DELEGATION_TOKEN": 1,
    "RENEW_DELEGATION_TOKEN": 1,
    "EXPIRE_DELEGATION_TOKEN": 1,
    "DESCRIBE_DELEGATION_TOKEN": 1,
}


def least(running: str, to: str) -> Mapping[str, int]:
    """{request: the lowest version that is taken} of those that a client may have to be too new for: none where the
    brokers that run take no more than the next ones."""
    return LEAST if number(running) < FIRST_WITHOUT_KEEPER <= number(to) else {}


def of_clients(to: str, heard: Iterable[Sequence[Any]], lowest: Mapping[str, int]) -> Iterator[Finding]:
    """Clients that are too old. heard: each (client id, address, software, its version, request, version of it)."""
    asks: dict[tuple[str, ...], dict[str, int]] = {}
    for client, address, software, version, request, asked in heard:
        if asked < lowest.get(request, 0):
            one = asks.setdefault((client, address, software, version), {})
            one[request] = min(asked, one.get(request, asked))
    for (client, address, software, version), requests in sorted(asks.items()):
        known = " ".join(filter(lambda word: word not in ("", "unknown"), (software, version)))
        listed = [f"{name} {asked} (takes {lowest[name]})" for name, asked in sorted(requests.items())]
        called = f"the client {client or 'without an id'} at {address}{f' ({known})' if known else ''}"
        what = f"{called} asks in versions that Kafka {to} does not take: {some(listed, SHOWN)}"
        yield Finding(STOPS, what, "bring it to a library of the time of Kafka 2.1 or newer (KIP-896)")


# -- its hosts


def of_host(host: str, problems: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """What the preflight of a deploy finds on a host. problems: as `provisioner.run.preflight.details`."""
    for what, fix in problems:
        yield Finding(STOPS, what, fix, (host,))
