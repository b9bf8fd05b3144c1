"""topics.create, topics.alter and topics.delete: shown before they change anything, waited for afterwards."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from cli.asking import confirm
from cli.cluster import Cluster, opened
from cli.common import Run
from cli.tables.topics import summary
from cli.throttle import rate_of
from cli.topics import looked, patterns, unknown
from cli.topics_moving import mover
from cluster import remote
from cluster.model import Topic
from cluster.settings.sources import same
from cluster.settings.values import shown, typed
from cluster.topics import apply as topic_apply
from cluster.topics import plan as topic_plan
from cluster.topics.wanted import INTERNAL, NAMED, Wanted, colliding, collision, with_unit, wrong_name
from provisioner.errors import UsageError, raise_all
from provisioner.quantities import format_size
from provisioner.words import counted


def create(run: Run, topic: str, partitions: str, factor: str, settings: Mapping[str, Any]) -> None:
    """Make topics that are not there; one that is there as asked is left as it is, so that a script can repeat it.
    settings: as for `configured`. Raises UsageError for one that is there and differs; nothing is changed then."""
    names = _names(topic, "create")
    config = configured(settings)
    wanted = [
        Wanted(name, count("partitions", partitions), count("replication-factor", factor), config) for name in names
    ]
    with opened(run, stream=sys.stdout) as cluster:
        cluster.require_settings("topic", config)
        topics, known = topic_apply.look(cluster.call, names)
        raise_all(topic_plan.unknown_settings(wanted, known))
        raise_all(error for one in wanted if one.name in topics and (error := differing(one, topics[one.name])))
        there, missing = (sorted({*names} & {*topics}), [one for one in wanted if one.name not in topics])
        if there:
            _said(
                cluster, f"No changes: {topic_apply.listed(there)} {'exists' if len(there) == 1 else 'exist'} as asked"
            )
        if not missing:
            return
        plan = _planned(cluster, missing)
        if not run.check:
            topic_apply.execute(cluster.call, plan, mover(cluster, None))
            made = topic_apply.listed([one.name for one in missing])
            _said(cluster, f"Created {made}, known to every broker")


def alter(run: Run, topic: str, partitions: str, factor: str, settings: Mapping[str, Any], throttle: str) -> None:
    """Change what is named of topics that are there, and nothing else."""
    names, config = _names(topic, "alter"), configured(settings)
    wanted = [
        Wanted(name, count("partitions", partitions), count("replication-factor", factor), config) for name in names
    ]
    if not config and wanted[0].partitions is None and wanted[0].factor is None:
        raise UsageError(
            "nothing to alter",
            details=["--partitions, --replication-factor, --retention, --retention-bytes, --set k=v, --unset k"],
        )
    rate = rate_of(throttle)
    with opened(run, stream=sys.stdout) as cluster:
        cluster.require_settings("topic", config)
        own = any(name in INTERNAL for name in names)
        found = cluster.call(remote.topics_look(patterns=names, internal=own, settings=[]))
        if found["unmatched"]:
            raise unknown(found["unmatched"], found["known"])
        plan = _planned(cluster, wanted)
        if plan.nothing:
            _said(cluster, f"No changes: {topic_apply.listed(names)} as asked")
        elif not run.check:
            topic_apply.execute(cluster.call, plan, mover(cluster, rate))
            _said(cluster, f"Altered {topic_apply.listed(names)}")


def delete(run: Run, topic: str, yes: bool) -> None:
    """Delete topics with all their records, after saying how many."""
    if not patterns(topic):
        raise UsageError("which topics? --topic is missing")
    with opened(run, stream=sys.stdout) as cluster:
        found = looked(cluster, topic, internal=False)
        internal = [name for name, one in found["topics"].items() if one["internal"]]
        if internal:
            raise UsageError(f"{topic_apply.listed(internal)}: Kafka's own topics are not deleted here")
        cluster.show.phase("To be deleted")
        for name, one in found["topics"].items():
            cluster.show.change(name, _holds(summary(one)), "-")
        if not run.check:
            names = list(found["topics"])
            confirm(
                cluster.show, f"Delete {counted(len(names), 'topic')} with all records?", yes, "nothing was deleted"
            )
            cluster.call(remote.change_topics(delete=names))
            _said(cluster, f"Deleted {topic_apply.listed(names)}, gone from every broker")


def configured(settings: Mapping[str, Any]) -> dict[str, str | None]:
    """The settings of a command line, as a broker wants them; None takes one off. settings: retention, retention_bytes,
    set (["k=v"]) and unset (["k"]). Raises UsageError for what is no value, and for a setting named twice."""
    found: dict[str, str | None] = {}

    def put(flag: str, key: str, value: str | None) -> None:
        if key in found:
            raise UsageError(f"{key} is given twice, the second time by --{flag}")
        found[key] = value

    for flag, key in NAMED.items():
        if settings.get(flag):
            name = flag.replace("_", "-")
            try:
                put(name, key, with_unit(key, settings[flag]))
            except ValueError as error:
                raise UsageError(f"--{name}: {error}", advice="as in 2d, 172800000ms, 10g or forever") from None
    for given in settings.get("set") or ():
        key, separator, value = given.partition("=")
        if not separator or not key.strip():
            raise UsageError(f"--set {given}: this is not NAME=VALUE", advice="as in --set max.message.bytes=2m")
        try:
            put("set", key.strip(), typed(key.strip(), value))
        except ValueError as error:
            raise UsageError(f"--set {key.strip()}: {error}") from None
    for given in settings.get("unset") or ():
        for key in patterns(given) or ():
            put("unset", key, None)
    return found


def count(flag: str, given: str) -> int | None:
    """A number of partitions or copies as typed; None when the flag is not given. Raises UsageError."""
    if not given:
        return None
    if not given.isdecimal() or not 1 <= int(given) < 2**31:
        raise UsageError(f"--{flag} {given}: this is not a whole number, 1 or more")
    return int(given)


def _names(topic: str, verb: str) -> list[str]:
    names = patterns(topic)
    if not names:
        raise UsageError("which topic? --topic is missing", advice=f"as in `invoke topics.{verb} --topic orders`")
    own = INTERNAL if verb == "alter" else ()  # of which only the copies can change: the plan says so
    wrong = [why for name in names if name not in own and (why := wrong_name(name))]
    wrong += [collision(*pair) for pair in colliding(names)] if verb == "create" else []
    if wrong:
        raise UsageError(f"--topic: {wrong[0]}")
    return list(dict.fromkeys(names))


def _planned(cluster: Cluster, wanted: Sequence[Wanted]) -> topic_plan.Plan:
    """The plan, shown. What stands on the topics and was not named is no business of these verbs."""
    plan, warnings = topic_apply.planned(cluster.call, wanted)
    cluster.show.host(cluster.driver.name, "")
    if not plan.nothing:
        cluster.show.phase("Plan")
        topic_apply.show(cluster.show, plan, others=False)
    for warning in warnings:
        cluster.show.warning(warning)
    return plan


def differing(one: Wanted, there: Topic) -> UsageError | None:
    """The error for a topic that is to be made, is there, and differs from what was asked for: in what, and what
    changes it. None for one that is as asked. Pure."""
    differs, flags = [], []
    has = len(there.partitions)
    fewer = one.partitions is not None and one.partitions < has
    if one.partitions not in (None, has):
        differs.append(f"partitions: {has}, asked for {one.partitions}")
        flags += [] if fewer else [f"--partitions {one.partitions}"]
    if one.factor is not None and there.factors != (one.factor,):
        differs.append(f"copies: {'/'.join(map(str, there.factors))}, asked for {one.factor}")
        flags.append(f"--replication-factor {one.factor}")
    for key, value in one.config.items():
        setting = there.settings.get(key)
        now = setting.value if setting else None
        if value is not None and not same(now, value):
            differs.append(f"{key}: {shown(key, now)}, asked for {shown(key, value)}")
            flags.append(f"--set {shlex.quote(f'{key}={value}')}")
    if not differs:
        return None
    advice = f"`invoke topics.alter --topic {one.name} {' '.join(flags)}` changes it" if flags else ""
    if fewer:
        never = "Kafka never removes partitions: delete the topic, or make another one"
        advice = f"{advice}; {never}" if advice else never
    return UsageError(
        f"the topic {one.name} exists already, and is not as asked",
        details=[*differs, "nothing was changed"],
        advice=advice,
    )


def _holds(one: Mapping[str, Any]) -> str:
    records = "an unknown number of records" if one["records"] is None else counted(one["records"], "record")
    size = "unknown size" if one["bytes"] is None else format_size(one["bytes"])
    return f"{counted(one['partitions'], 'partition')}, {records}, {size} on disk"


def _said(cluster: Cluster, text: str) -> None:
    cluster.show.host(cluster.driver.name, "")
    cluster.show.phase(text)
