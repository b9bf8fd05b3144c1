"""The verbs about consumer groups."""

from __future__ import annotations

from invoke import Context

from cli.common import COMMON, verb

LIST = {**COMMON, "json": "as JSON, for machines"}
ONE = {**COMMON, "group": "which group"}


@verb("list", LIST)
def listing(
    context: Context, hosts="", json=False, limit="", extra_vars=None, ask_become_pass=False, accept_new_host_keys=False
):
    """Show the consumer groups: state, members, topics, lag."""
    from cli import groups

    groups.listing(
        hosts,
        extra_vars,
        json,
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


@verb("describe", {**ONE, "json": LIST["json"]})
def describe(
    context: Context,
    hosts="",
    group="",
    json=False,
    limit="",
    extra_vars=None,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Show a consumer group: who reads what, what is committed, how far it is behind."""
    from cli import groups

    groups.describe(
        hosts,
        extra_vars,
        group,
        json,
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


RESET = {
    **ONE,
    "topic": "only this one; else all that the group has committed offsets of",
    "partition": "only this one of the topic",
    "to": "earliest, latest, 42, -10 (before the end), 2026-01-31T08:00, or 2h (ago)",
    "shift": "so many records on, or back when negative",
    "check": "show what would move, move nothing",
    "yes": "do not ask",
}


@verb("reset", RESET)
def reset(
    context: Context,
    hosts="",
    group="",
    topic="",
    partition="",
    to="",
    shift="",
    check=False,
    yes=False,
    limit="",
    extra_vars=None,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Move where a consumer group goes on reading; shows the plan and asks first."""
    from cli import groups

    groups.reset(
        hosts,
        extra_vars,
        group,
        {"topic": topic, "partition": partition, "to": to, "shift": shift},
        check or bool(context.config.run.dry),
        yes,
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


@verb("delete", {**ONE, "yes": "do not ask"})
def delete(
    context: Context,
    hosts="",
    group="",
    yes=False,
    limit="",
    extra_vars=None,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Delete a consumer group in which nobody is; asks first."""
    from cli import groups

    groups.delete(
        hosts,
        extra_vars,
        group,
        yes,
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )
