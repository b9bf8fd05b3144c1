"""The verbs about topics."""

from __future__ import annotations

from cli.common import Run, old_spelling, on_hosts

TOPIC = {"topic": "names, separated by commas; * and ? are wildcards", "internal": "also Kafka's own topics"}
LIST = {**TOPIC, "json": "as JSON, for machines; docs/operations.md describes the keys"}


@on_hosts("list", LIST)
def list_(run: Run, topic="", internal=False, json=False):
    """Show the topics: partitions, copies, records, bytes on disk, retention, own settings."""
    from cli import topics

    topics.listing(run, topic, internal, json)


@on_hosts("describe", LIST)
def describe(run: Run, topic="", internal=False, json=False):
    """Show topics partition by partition: leader, replicas, ISR, offsets, bytes. Shows own settings, too."""
    from cli import topics

    topics.describe(run, topic, internal, json)


SETTINGS = {
    "retention": "how long records are kept: 2d, 172800000ms, forever",
    "retention_bytes": "how much of each partition is kept: 10g, unlimited",
    "set": "any other setting, NAME=VALUE; durations and sizes with units, as in 2d or 10m; may be given again",
    "config": "the old spelling of --set",
}
NAMES = {"topic": "names, separated by commas"}
THROTTLE = {"throttle": "how fast copies may move: bytes per second and broker, 50m when not given; none for no limit"}
CHECK = {"check": "show what would change, change nothing"}
CREATE = {
    **NAMES,
    "partitions": "how many; the brokers' default when not given",
    "replication_factor": "copies of each partition; the brokers' default when not given",
    **SETTINGS,
    **CHECK,
}
ALTER = {
    **NAMES,
    "partitions": "how many, more than now; records with a key go to other partitions from then on",
    "replication_factor": "copies of each partition; moved with the throttle",
    **SETTINGS,
    "unset": "remove a setting from the topic, so that the brokers' default applies; may be given again",
    **THROTTLE,
    **CHECK,
}


@on_hosts("create", CREATE)
def create(
    run: Run, topic="", partitions="", replication_factor="", retention="", retention_bytes="", set=None, config=None
):
    """Create topics and wait until every broker knows them."""
    from cli import topics_change

    given = [*set, *old_spelling("config", "set", config)]
    settings = {"retention": retention, "retention_bytes": retention_bytes, "set": given}
    topics_change.create(run, topic, partitions, replication_factor, settings)


@on_hosts("alter", ALTER)
def alter(
    run: Run,
    topic="",
    partitions="",
    replication_factor="",
    retention="",
    retention_bytes="",
    set=None,
    config=None,
    unset=None,
    throttle="",
):
    """Change the named settings of topics, after showing the plan. The rest stays as it is."""
    from cli import topics_change

    given = [*set, *old_spelling("config", "set", config)]
    settings = {"retention": retention, "retention_bytes": retention_bytes, "set": given, "unset": unset}
    topics_change.alter(run, topic, partitions, replication_factor, settings, throttle)


@on_hosts("delete", {"topic": TOPIC["topic"], **CHECK, "yes": "do not ask"})
def delete(run: Run, topic="", yes=False):
    """Delete topics with all their records. Shows how many, and asks first."""
    from cli import topics_change

    topics_change.delete(run, topic, yes)


EMPTY = {
    "topic": TOPIC["topic"],
    "before": "only records that are older than this: 2h, 18:00, yesterday, 2026-01-31T08:00; without it, all",
    **CHECK,
    "yes": "do not ask",
}


@on_hosts("empty", EMPTY)
def empty(run: Run, topic="", before="", yes=False):
    """Remove the oldest records of topics, or all. Shows how many, and asks first."""
    from cli import topics_empty

    topics_empty.empty(run, topic, before, yes)


@on_hosts("export", {"topic": TOPIC["topic"]})
def export(run: Run, topic=""):
    """Print the topics as `topics:` of an inventory: what differs from the brokers' defaults."""
    from cli import topics_export

    topics_export.export(run, topic)


FILE = {"file": "a file with `topics:`, in place of the inventory's own"}
APPLY = {
    **FILE,
    "prune": "delete topics that are not listed, and remove settings that are not; lists them and asks",
    **THROTTLE,
    **CHECK,
    "yes": "answer yes to every question",
}


@on_hosts("plan", {**FILE, "json": LIST["json"]})
def plan(run: Run, file="", json=False):
    """Show how the topics differ from the list in the inventory or a file. Changes nothing."""
    from cli import topics_code

    topics_code.plan(run, file, json)


@on_hosts("apply", APPLY)
def apply(run: Run, file="", prune=False, throttle="", yes=False):
    """Make the topics match the list in the inventory or a file. Topics that are not listed stay as they are."""
    from cli import topics_code

    topics_code.apply(run, file, prune, throttle, yes)
