"""The verbs about topics."""

from __future__ import annotations

from invoke import Context

from cli.common import COMMON, verb

TOPIC = {"topic": "names, separated by commas; * and ? stand for anything", "internal": "Kafka's own topics, too"}
LIST = {**COMMON, **TOPIC, "json": "as JSON, for machines; docs/operations.md describes the keys"}


@verb("list", LIST)
def list_(
    context: Context,
    hosts="",
    topic="",
    internal=False,
    json=False,
    limit="",
    extra_vars=None,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Show the topics: partitions, copies, records, bytes on disk, retention, settings of their own."""
    from cli import topics

    topics.listing(
        hosts,
        extra_vars,
        topic,
        internal,
        json,
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


@verb("describe", LIST)
def describe(
    context: Context,
    hosts="",
    topic="",
    internal=False,
    json=False,
    limit="",
    extra_vars=None,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Show topics partition by partition: leader, copies, in sync, offsets, bytes; and settings of its own."""
    from cli import topics

    topics.describe(
        hosts,
        extra_vars,
        topic,
        internal,
        json,
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


SETTINGS = {
    "retention": "how long records are kept: 2d, 172800000ms, forever",
    "retention_bytes": "how much of each partition is kept: 10g, unlimited",
    "config": "any other setting, NAME=VALUE; durations and sizes as people type them; may be given again",
}
NAMES = {"topic": "names, separated by commas"}
THROTTLE = {"throttle": "how fast copies may move: bytes per second and broker; none for no limit"}
CHECK = {"check": "show what would change, change nothing"}
CREATE = {
    **COMMON,
    **NAMES,
    "partitions": "how many; the brokers' default when not given",
    "replication_factor": "copies of each partition; the brokers' default when not given",
    **SETTINGS,
    **CHECK,
}
ALTER = {
    **COMMON,
    **NAMES,
    "partitions": "how many, more than there are; records with a key go to other partitions from then on",
    "replication_factor": "copies of each partition; they are moved behind the throttle",
    **SETTINGS,
    "unset": "take a setting off the topic, so that the brokers' default counts; may be given again",
    **THROTTLE,
    **CHECK,
}


@verb("create", CREATE)
def create(
    context: Context,
    hosts="",
    topic="",
    partitions="",
    replication_factor="",
    retention="",
    retention_bytes="",
    config=None,
    check=False,
    limit="",
    extra_vars=None,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Make topics, and wait until every broker knows them."""
    from cli import topics_change

    settings = {"retention": retention, "retention_bytes": retention_bytes, "config": config}
    topics_change.create(
        hosts,
        extra_vars,
        topic,
        partitions,
        replication_factor,
        settings,
        check or bool(context.config.run.dry),
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


@verb("alter", ALTER)
def alter(
    context: Context,
    hosts="",
    topic="",
    partitions="",
    replication_factor="",
    retention="",
    retention_bytes="",
    config=None,
    unset=None,
    throttle="50m",
    check=False,
    limit="",
    extra_vars=None,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Change what is named of topics, showing it before; the rest stays as it is."""
    from cli import topics_change

    settings = {"retention": retention, "retention_bytes": retention_bytes, "config": config, "unset": unset}
    topics_change.alter(
        hosts,
        extra_vars,
        topic,
        partitions,
        replication_factor,
        settings,
        throttle,
        check or bool(context.config.run.dry),
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


@verb("delete", {**COMMON, "topic": TOPIC["topic"], **CHECK, "yes": "do not ask"})
def delete(
    context: Context,
    hosts="",
    topic="",
    check=False,
    yes=False,
    limit="",
    extra_vars=None,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Delete topics with all their records, after showing how many; asks first."""
    from cli import topics_change

    topics_change.delete(
        hosts,
        extra_vars,
        topic,
        yes,
        check or bool(context.config.run.dry),
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


FILE = {"file": "a file with `topics:`, in place of the inventory's own"}
APPLY = {
    **COMMON,
    **FILE,
    "prune": "delete topics that are not listed, and take off settings that are not; lists them and asks",
    **THROTTLE,
    **CHECK,
    "yes": "answer yes to every question",
}


@verb("plan", {**COMMON, **FILE, "json": LIST["json"]})
def plan(
    context: Context,
    hosts="",
    file="",
    json=False,
    limit="",
    extra_vars=None,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Show how the topics differ from those that the inventory or a file lists; change nothing."""
    from cli import topics_code

    topics_code.plan(
        hosts,
        extra_vars,
        file,
        json,
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


@verb("apply", APPLY)
def apply(
    context: Context,
    hosts="",
    file="",
    prune=False,
    throttle="50m",
    check=False,
    yes=False,
    limit="",
    extra_vars=None,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Make the topics as the inventory or a file lists them; what is not listed is left alone."""
    from cli import topics_code

    topics_code.apply(
        hosts,
        extra_vars,
        file,
        prune,
        throttle,
        check or bool(context.config.run.dry),
        yes,
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )
