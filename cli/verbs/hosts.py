"""The verbs that change what is on hosts: deploy and what belongs to it."""

from __future__ import annotations

from invoke import Context

from cli.common import COMMON, verb

PLAN = {
    **COMMON,
    "tags": "only these roles: os,java,zookeeper,kafka",
    "timings": "show where the time went, part by part and host by host",
}
DEPLOY = {
    **PLAN,
    "check": "show what would change, change nothing",
    "diff": "show what changes inside files; secrets are masked",
    "smoke": "after the deploy, produce and consume through every listener",
    "restart": "restart services whose configuration changed; --no-restart leaves that for the next deploy",
    "accept_downtime": "restart even where clients will notice it",
    "yes": "answer yes to every question",
}

RESTART = {
    **COMMON,
    "service": "only this one: kafka or zookeeper",
    "check": "show what would restart, restart nothing",
    "accept_downtime": DEPLOY["accept_downtime"],
    "yes": DEPLOY["yes"],
}


@verb("deploy", DEPLOY)
def deploy(
    context: Context,
    hosts="",
    limit="",
    tags="",
    extra_vars=None,
    check=False,
    diff=False,
    smoke=True,
    restart=True,
    accept_downtime=False,
    yes=False,
    timings=False,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Take hosts to a working, verified Kafka; run again, it changes only what differs."""
    from cli import deploying

    return deploying.deploy(
        hosts,
        extra_vars,
        limit=limit,
        tags=tags,
        check=check or bool(context.config.run.dry),
        diff=diff,
        smoke=smoke and context.config.smoke,
        restart=restart,
        accept_downtime=accept_downtime,
        yes=yes,
        timings=timings,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


@verb("plan", PLAN)
def plan(
    context: Context,
    hosts="",
    limit="",
    tags="",
    extra_vars=None,
    timings=False,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Show what deploy would change, with the differences inside files; change nothing."""
    from cli import deploying

    return deploying.deploy(
        hosts,
        extra_vars,
        limit=limit,
        tags=tags,
        check=True,
        diff=True,
        timings=timings,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


@verb("restart", RESTART)
def restart(
    context: Context,
    hosts="",
    service="",
    limit="",
    extra_vars=None,
    check=False,
    accept_downtime=False,
    yes=False,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Restart services one node at a time, each fully back before the next, so that clients do not notice."""
    from cli import deploying

    return deploying.restart(
        hosts,
        extra_vars,
        service,
        limit=limit,
        check=check or bool(context.config.run.dry),
        accept_downtime=accept_downtime,
        yes=yes,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


@verb("smoke", {**COMMON, "cli": "use the official console tools on the host instead of the native client"})
def smoke(
    context: Context, hosts="", limit="", extra_vars=None, cli=False, ask_become_pass=False, accept_new_host_keys=False
):
    """Check that records get through: produce, consume and compare over every listener."""
    from cli import deploying

    deploying.smoke(
        hosts,
        extra_vars,
        cli,
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )


UNINSTALL = {
    **COMMON,
    "purge_data": "remove data, logs and service users, too: topics and records are lost",
    "accept_downtime": "remove even what the rest of the cluster needs: last copies, the quorum",
    "yes": "do not ask",
}


@verb("uninstall", UNINSTALL)
def uninstall(
    context: Context,
    hosts="",
    limit="",
    extra_vars=None,
    purge_data=False,
    accept_downtime=False,
    yes=False,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Remove what deploy has installed; data and logs stay unless --purge-data. Asks first."""
    from cli import uninstall as removing

    return removing.uninstall(
        hosts,
        extra_vars,
        purge_data,
        yes,
        accept_downtime,
        limit=limit,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )
