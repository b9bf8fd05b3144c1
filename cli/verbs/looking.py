"""The verbs that look and change nothing."""

from __future__ import annotations

from cli.common import Run, on_hosts

STATUS = {"json": "as JSON, for machines; docs/operations.md describes the keys"}


@on_hosts("status", STATUS)
def status(run: Run, json=False):
    """Show the state of services, ensemble and cluster. Exit code 2 when something is not healthy."""
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
    "since": "only what is not older: 10m, 2h",
    "lines": "the last N of each service and host; 50 without --since",
}


@on_hosts("logs", LOGS)
def logs(run: Run, service="", follow=False, since="", lines=""):
    """Show what the services of all hosts logged, merged by time."""
    from cli import logs as streams

    return streams.logs(run, service, follow, since, lines)
