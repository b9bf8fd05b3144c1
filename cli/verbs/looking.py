"""The verbs that look and change nothing."""

from __future__ import annotations

from cli.common import Run, on_hosts

STATUS = {
    "json": "as JSON, for machines; docs/operations.md describes the keys",
    "watch": "stay, and show throughput, lag, heap and disk again and again, until q or Ctrl-C",
    "interval": "with --watch: from one look to the next; 2s when not given",
    "count": "with --watch: end after so many intervals",
}


@on_hosts("status", STATUS)
def status(run: Run, json=False, watch=False, interval="", count=""):
    """Show the state of services, ensemble and cluster. Exit code 2 when something is not healthy."""
    if watch or interval or count:
        from cli import watch as watching

        return watching.watch(run, interval, count, json)
    from cli import status as page

    return page.status(run, json)


@on_hosts("doctor")
def doctor(run: Run):
    """Show current and upcoming problems, and how to fix each. Changes nothing. Exit code 0 when nothing is wrong."""
    from cli import doctor as examination

    return examination.doctor(run)


LOGS = {
    "service": "only this one, such as kafka",
    "follow": "continue with new lines as they arrive, until Ctrl-C",
    "since": "only what is not older: 10m, 2h, 18:00, yesterday, 2026-01-31T18:00",
    "lines": "the last N of each service and host; 50 without --since",
    "level": "only these and worse: DEBUG, INFO, WARN, ERROR",
    "grep": "only messages in which this regular expression occurs; '(?i)disk' ignores case",
    "probes": "also what the toolkit's own checks leave in the logs: their requests, their topics and groups",
}


@on_hosts("logs", LOGS)
def logs(run: Run, service="", follow=False, since="", lines="", level="", grep="", probes=False):
    """Show what the services of all hosts logged, merged by time."""
    from cli import logs as streams

    given = {"since": since, "lines": lines, "level": level, "grep": grep, "probes": probes}
    return streams.logs(run, service, follow, given)
