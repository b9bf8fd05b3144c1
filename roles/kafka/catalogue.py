"""How the catalogue of a version of Kafka is made."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from roles.shared import program
from roles.shared.catalogue import Property, written

PROGRAM = Path(__file__).parent / "versions" / "Describe.java"
SECTIONS = ("broker", "topic")

# Properties that Kafka's own plugins read for themselves, so that no definition has them: {the class: {name: type}}.
# Each is listed for a version whose class has the name among its constants.
_OF_PLUGINS: Mapping[str, Mapping[str, str]] = {
    "kafka/security/authorizer/AclAuthorizer$.class": {
        "super.users": "STRING",
        "allow.everyone.if.no.acl.found": "BOOLEAN",
        "authorizer.zookeeper.url": "STRING",
        "authorizer.zookeeper.connection.timeout.ms": "INT",
        "authorizer.zookeeper.session.timeout.ms": "INT",
        "authorizer.zookeeper.max.in.flight.requests": "INT",
    },
    "org/apache/kafka/metadata/authorizer/StandardAuthorizer.class": {
        "super.users": "STRING",
        "allow.everyone.if.no.acl.found": "BOOLEAN",
    },
    "org/apache/kafka/common/metrics/JmxReporter.class": {
        "metrics.jmx.include": "STRING",
        "metrics.jmx.exclude": "STRING",
        "metrics.jmx.whitelist": "STRING",
        "metrics.jmx.blacklist": "STRING",
    },
    "kafka/metrics/KafkaCSVMetricsReporter.class": {
        "kafka.csv.metrics.reporter.enabled": "BOOLEAN",
        "kafka.csv.metrics.dir": "STRING",
    },
}
# Bounds that are not in the definitions, but in KafkaConfig.validateValues and in the code that uses the number:
# (least, most).
_BOUNDS: Mapping[str, tuple[int | None, int | None]] = {
    "log.retention.ms": (-1, None),
    "log.flush.scheduler.interval.ms": (0, None),
    "log.cleaner.threads": (1, None),
    "offsets.commit.required.acks": (-1, None),
    "offsets.topic.compression.codec": (0, 4),
    "share.coordinator.state.topic.compression.codec": (0, 4),
    "share.coordinator.snapshot.update.records.per.snapshot": (0, 500),
}
# Properties that are a text or a list to Kafka's definitions, and are classes that the broker loads when it starts.
_CLASSES = ("authorizer.class.name", "metric.reporters")
# Validators that have a rule of their own here (`roles/shared/verdict.py`).
_CHECKS = {
    "ApiVersionValidator": "version",
    "MetadataVersionValidator": "version",
    "NonEmptyString": "not empty",
    "ThrottledReplicaListValidator": "replicas",
    "ControllerQuorumVotersValidator": "voters",
    "ControllerQuorumBootstrapServersValidator": "servers",
}


def made(version: str, jars: Sequence[Path]) -> str:
    """The catalogue's text, from the version's own classes. Raises ArtifactError without Java."""
    found = program.objects(program.run(PROGRAM, jars))
    classes = next(one["classes"] for one in found if one["section"] == "classes")
    ours = {one["name"]: one for one in found if one["section"] == "broker"}
    topics = {one["broker"]: one["name"] for one in found if one["section"] == "topic" and one["broker"]}
    controllers = any(one.get("controller") for one in ours.values())
    by_topic = {one["name"]: one for one in found if one["section"] == "topic"}
    for name, one in ours.items():
        one.update(_defaults_of_topics(one, by_topic.get(topics.get(name, ""), {})))
    listed = [(one["section"], _property(one, topics)) for one in found if one["section"] in SECTIONS]
    both = ("broker", "controller") if controllers else ("broker",)
    listed += [
        ("broker", Property(name, kind, where=both, note="read by Kafka's own authorizer or reporter"))
        for name, kind in _plugins(jars).items()
        if name not in ours
    ]
    return written("kafka", version, listed, {"classes": classes})


def _defaults_of_topics(one: Mapping[str, Any], topic: Mapping[str, Any]) -> dict[str, Any]:
    """What restricts a broker's property beside its own validator: it is the default of a topic's property, which the
    broker reads when it starts (LogConfig)."""
    low, high = _BOUNDS.get(one["name"], (None, None))
    bounds = {key: value for key, value in (("min", low), ("max", high)) if value is not None}
    if bounds or one.get("validator") or topic.get("type") != one["type"]:
        return bounds
    return {key: topic[key] for key in ("validator", "min", "max", "values", "takes") if key in topic}


def _property(one: Mapping[str, Any], topics: Mapping[str, str]) -> Property:
    takes = str(one.get("takes") or "")
    check = "class" if one["name"] in _CLASSES else _CHECKS.get(str(one.get("validator") or ""), "")
    if one.get("empty") is False:
        check = check or "not empty"
    values = tuple(one.get("values") or ())
    if check == "version":
        values = tuple(part.strip() for part in takes.strip("[]").split(","))
    elif takes.startswith(("The default value of -1", "Value can be -1")):
        check = "-1 or more than 0"
    elif bounds := re.fullmatch(r"\[(\d+),\.\.\.,(\d+)\] or (-?\d+)", takes):
        least, most, other = map(int, bounds.groups())
        values = tuple(map(str, [other, *range(least, most + 1)]))
    topic = one["section"] == "topic"
    where = ("topic",) if topic else ("broker", "controller") if one.get("controller") else ("broker",)
    notes = [word for word in ("deprecated", "internal") if one.get(word)]
    return Property(
        one["name"],
        one["type"],
        one.get("default"),
        one.get("min"),
        one.get("max"),
        values,
        one.get("validator") == "CaseInsensitiveValidString",
        check,
        "topic" if topic else one["update"],
        where,
        str(one.get("broker") or "") if topic else topics.get(one["name"], ""),
        one.get("metadata") or "",
        ", ".join(notes),
    )


def _plugins(jars: Sequence[Path]) -> dict[str, str]:
    return dict(_named(jars))


def _named(jars: Sequence[Path]) -> Iterator[tuple[str, str]]:
    for jar in jars:
        with zipfile.ZipFile(jar) as archive:
            inside = set(archive.namelist())
            for path, names in _OF_PLUGINS.items():
                constants = archive.read(path) if path in inside else b""
                for name, kind in names.items():
                    if name.removeprefix("authorizer.").encode() in constants:
                        yield name, kind
