"""The verbs about the brokers' settings."""

from __future__ import annotations

from invoke import Context

from cli.common import COMMON, verb

CONFIG = {
    **COMMON,
    "name": "only these settings: names or patterns (log.*), separated by commas; may be given again",
    "broker": "only this broker: its id or its host's name",
    "all": "also what has its default everywhere",
    "diff": "compare with server.properties on the hosts' disks",
    "json": "as JSON, for machines; docs/operations.md describes the keys",
}


@verb("config", CONFIG)
def config(
    context: Context,
    hosts="",
    name=None,
    broker="",
    all=False,
    diff=False,
    json=False,
    limit="",
    extra_vars=None,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Show the settings in force on the brokers, where each comes from, and where brokers or files disagree."""
    from cli import broker as settings

    return settings.config(
        hosts,
        extra_vars,
        name,
        broker,
        all,
        diff,
        json,
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


CHANGE = {
    **COMMON,
    "broker": "for this broker alone: its id or its host's name; without it for all brokers at once",
    "check": "show what would change and let the brokers judge it, change nothing",
}
SET = {**CHANGE, "set": "NAME=VALUE, as in log.retention.ms=2d; may be given again"}


@verb("set", SET)
def set(
    context: Context,
    hosts="",
    set=None,
    broker="",
    check=False,
    limit="",
    extra_vars=None,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Set brokers' settings at run time, without a restart; shows what changes, and that it is in force."""
    from cli import broker as settings
    from cluster.settings.rules import assignments

    return settings.change(
        hosts,
        extra_vars,
        assignments(set),
        broker,
        check or bool(context.config.run.dry),
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


UNSET = {**CHANGE, "name": "the settings, separated by commas; may be given again"}


@verb("unset", UNSET)
def unset(
    context: Context,
    hosts="",
    name=None,
    broker="",
    check=False,
    limit="",
    extra_vars=None,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Take back what was set at run time: the file's value, or the default, is in force again."""
    from cli import broker as settings
    from cluster.settings.rules import patterns

    return settings.change(
        hosts,
        extra_vars,
        dict.fromkeys(patterns(name)),
        broker,
        check or bool(context.config.run.dry),
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )
