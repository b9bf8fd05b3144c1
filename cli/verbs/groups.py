"""The verbs about consumer groups."""

from __future__ import annotations

from cli.common import Run, on_hosts

LIST = {"json": "as JSON, for machines"}
ONE = {"group": "which group"}


CHOICE = {
    "lagging": "only groups that have records left to read, or of which nobody knows",
    "topic": "only groups that read these topics, and their lag there; names, by commas; * and ? are wildcards",
}


@on_hosts("list", {**CHOICE, **LIST})
def listing(run: Run, lagging=False, topic="", json=False):
    """Show the consumer groups: state, members, topics, lag."""
    from cli import groups

    groups.listing(run, lagging, topic, json)


@on_hosts("describe", {**ONE, **LIST})
def describe(run: Run, group="", json=False):
    """Show a consumer group: members, partitions, committed offsets, lag."""
    from cli import groups

    groups.describe(run, group, json)


RESET = {
    **ONE,
    "topic": "only this topic; without it every topic that the group has committed offsets of",
    "partition": "only this partition of the topic",
    "to": "earliest, latest, 42, -10 (before the end), 2h (ago), 18:00, yesterday or 2026-01-31T08:00",
    "shift": "so many records forward, or back when negative",
    "check": "show what would move, move nothing",
    "yes": "do not ask",
}


@on_hosts("reset", RESET)
def reset(run: Run, group="", topic="", partition="", to="", shift="", yes=False):
    """Move the offsets from which a consumer group reads on. Shows the plan and asks first."""
    from cli import groups

    groups.reset(run, group, {"topic": topic, "partition": partition, "to": to, "shift": shift}, yes)


@on_hosts("delete", {**ONE, "yes": "do not ask"})
def delete(run: Run, group="", yes=False):
    """Delete a consumer group that has no members. Asks first."""
    from cli import groups

    groups.delete(run, group, yes)
