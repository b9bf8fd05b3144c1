"""The verbs that look and change nothing."""

from __future__ import annotations

from invoke import Context

from cli.common import COMMON, verb

STATUS = {**COMMON, "json": "as JSON, for machines; docs/operations.md describes the keys"}


@verb("status", STATUS)
def status(
    context: Context, hosts="", limit="", extra_vars=None, json=False, ask_become_pass=False, accept_new_host_keys=False
):
    """Show how services, ensemble and cluster are; exit code 2 when something is not healthy."""
    from cli import status as page

    return page.status(
        hosts,
        extra_vars,
        json,
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


@verb("doctor", COMMON)
def doctor(context: Context, hosts="", limit="", extra_vars=None, ask_become_pass=False, accept_new_host_keys=False):
    """Find everything that is or will be wrong, and say the mend; change nothing. Exit code 0 when nothing is wrong."""
    from cli import doctor as examination

    return examination.doctor(
        hosts, extra_vars, limit=limit, ask_become_pass=ask_become_pass, accept_new_host_keys=accept_new_host_keys
    )


LOGS = {
    **COMMON,
    "service": "only this one: kafka or zookeeper",
    "follow": "go on with new lines as they come, until Ctrl-C",
    "since": "only what is not older: 10m, 2h",
    "lines": "the last N of each service and host; 50 without --since",
}


@verb("logs", LOGS)
def logs(
    context: Context,
    hosts="",
    service="",
    follow=False,
    since="",
    lines="",
    limit="",
    extra_vars=None,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Show what the services of all hosts logged, merged by time."""
    from cli import logs as streams

    return streams.logs(
        hosts,
        extra_vars,
        service,
        follow,
        since,
        lines,
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )
