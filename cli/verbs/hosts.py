"""The verbs that change what is on hosts: deploy and what belongs to it."""

from __future__ import annotations

from cli.common import Run, on_hosts

PLAN = {
    "accept_downtime": "restart even where clients will notice it",
    "shrink": "the hosts that leave the cluster for good, as in kafka3,kafka4",
    "give_up_data": "data directories that leave kafka_data_dirs with partitions in them, as in /srv/kafka",
    "accept_downgrade": "install an older version than the one that is there",
    "accept_fewer_copies": "lower the replication settings that follow from the number of brokers",
    "accept_no_way_back": "end a migration from ZooKeeper",
    "tags": "only these roles: os,java,zookeeper,kafka",
    "timings": "show where the time went, part by part and host by host",
}
DEPLOY = {
    **PLAN,
    "check": "show what would change, change nothing",
    "diff": "show what changes inside files; secrets are masked",
    "smoke": "after the deploy, produce and consume through every listener",
    "restart": "restart services whose files change; --no-restart leaves both for the next deploy",
    "yes": "do not ask; downtime and losses need their own flags",
}

RESTART = {
    "service": "only this one, such as kafka",
    "check": "show what would restart, restart nothing",
    "accept_downtime": DEPLOY["accept_downtime"],
    "yes": DEPLOY["yes"],
}


@on_hosts("deploy", DEPLOY)
def deploy(
    run: Run,
    tags="",
    diff=False,
    smoke=True,
    restart=True,
    accept_downtime=False,
    shrink="",
    give_up_data="",
    accept_downgrade=False,
    accept_fewer_copies=False,
    accept_no_way_back=False,
    yes=False,
    timings=False,
):
    """Bring hosts to a working, verified Kafka. A later run changes only what differs."""
    from cli import deploying

    return deploying.deploy(
        run,
        tags=tags,
        diff=diff,
        smoke=smoke,
        restart=restart,
        accept_downtime=accept_downtime,
        yes=yes,
        timings=timings,
        agreed=deploying.agreed(shrink, give_up_data, accept_downgrade, accept_fewer_copies, accept_no_way_back),
    )


@on_hosts("plan", PLAN)
def plan(
    run: Run,
    tags="",
    accept_downtime=False,
    shrink="",
    give_up_data="",
    accept_downgrade=False,
    accept_fewer_copies=False,
    accept_no_way_back=False,
    timings=False,
):
    """Show what deploy would change, with the differences inside files. Changes nothing."""
    from cli import deploying

    return deploying.deploy(
        run,
        tags=tags,
        check=True,
        diff=True,
        accept_downtime=accept_downtime,
        timings=timings,
        agreed=deploying.agreed(shrink, give_up_data, accept_downgrade, accept_fewer_copies, accept_no_way_back),
    )


@on_hosts("restart", RESTART)
def restart(run: Run, service="", accept_downtime=False, yes=False):
    """Restart services one node at a time, each fully back before the next, so that clients do not notice."""
    from cli import deploying

    return deploying.restart(run, service, accept_downtime=accept_downtime, yes=yes)


@on_hosts("smoke", {"cli": "use the official console tools on the host instead of the native client"})
def smoke(run: Run, cli=False):
    """Check that records get through: produce, consume and compare over every listener."""
    from cli import deploying

    deploying.smoke(run, cli)


UNINSTALL = {
    "service": "only this one, and what nothing else on the host needs: a controller beside a broker that stays",
    "purge_data": "also remove data, logs and service users: topics and records are lost",
    "accept_downtime": "remove even what the rest of the cluster needs: last copies, the quorum",
    "yes": "do not ask",
}


@on_hosts("uninstall", UNINSTALL)
def uninstall(run: Run, service="", purge_data=False, accept_downtime=False, yes=False):
    """Remove what deploy has installed. Data and logs stay unless --purge-data. Asks first."""
    from cli import uninstall as removing

    return removing.uninstall(run, service, purge_data, yes, accept_downtime)
