"""The verbs about the brokers' settings."""

from __future__ import annotations

from cli.common import Run, old_spelling, on_hosts

CONFIG = {
    "name": "only these settings: names or patterns (log.*), separated by commas; may be given again",
    "broker": "only this broker: its id or its host's name",
    "all": "also the settings that have their default on every broker",
    "diff": "compare with server.properties on the hosts' disks",
    "json": "as JSON, for machines; docs/operations.md describes the keys",
}


@on_hosts("config", CONFIG)
def config(run: Run, name=None, broker="", all=False, diff=False, json=False):
    """Show the settings in force on the brokers, the source of each, and where brokers or files differ."""
    from cli import broker as settings

    return settings.config(run, name, broker, all, diff, json)


CHANGE = {
    "broker": "for this broker only: its id or its host's name; without it for all brokers",
    "check": "show what would change, let the brokers validate it, change nothing",
}
SET = {
    **CHANGE,
    "set": "NAME=VALUE, as in log.retention.ms=2d; may be given again",
    "set_file": "NAME=FILE: the value is in this file (- for standard input), such as a password; may be given again",
    "ask": "ask for the value of this setting, which is then in no list of processes; may be given again",
}


@on_hosts("set", SET)
def set(run: Run, set=None, set_file=None, ask=None, broker=""):
    """Set brokers' settings at run time, without a restart. Shows what changes, and when it is in force."""
    from cli import broker as settings
    from cli import values

    return settings.change(run, values.given(set, set_file, ask), broker)


UNSET = {
    **CHANGE,
    "unset": "the settings, separated by commas; may be given again",
    "name": "the old spelling of --unset",
}


@on_hosts("unset", UNSET)
def unset(run: Run, unset=None, name=None, broker=""):
    """Remove values that were set at run time, so that the file's value or the default applies."""
    from cli import broker as settings
    from cluster.settings.rules import patterns

    return settings.change(run, dict.fromkeys(patterns([*unset, *old_spelling("name", "unset", name)])), broker)
