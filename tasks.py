"""The command line: one Invoke task per verb. `invoke --list` shows them, `invoke --help VERB` the flags of one."""

from __future__ import annotations

from invoke import Collection, Context

from cli.common import verb
from lab.tasks import ns as lab

SOURCES = {
    "hosts": "the inventory: NAME for inventory/NAME.yml, or a path",
    "extra_vars": "set a variable: key=value, {JSON} or @FILE; may be given again",
}
COMMON = {
    **SOURCES,
    "limit": "only these hosts: names, groups, patterns, separated by commas; !name leaves out",
    "ask_become_pass": "ask for the sudo password (or set PROVISIONER_BECOME_PASSWORD)",
    "accept_new_host_keys": "trust and remember the keys of hosts seen for the first time; a changed key stays refused",
}
PLAN = {**COMMON, "tags": "only these roles: os,java,zookeeper,kafka"}
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
    context: Context, hosts="", limit="", tags="", extra_vars=None, check=False, diff=False, smoke=True, restart=True,
    accept_downtime=False, yes=False, ask_become_pass=False, accept_new_host_keys=False,
):  # fmt: skip
    """Take hosts to a working, verified Kafka; run again, it changes only what differs."""
    from cli import deploying

    return deploying.deploy(
        hosts, extra_vars, limit=limit, tags=tags, check=check or bool(context.config.run.dry), diff=diff,
        smoke=smoke and context.config.smoke, restart=restart, accept_downtime=accept_downtime, yes=yes,
        ask_become_pass=ask_become_pass, accept_new_host_keys=accept_new_host_keys,
    )  # fmt: skip


@verb("plan", PLAN)
def plan(
    context: Context, hosts="", limit="", tags="", extra_vars=None, ask_become_pass=False, accept_new_host_keys=False
):
    """Show what deploy would change, with the differences inside files; change nothing."""
    from cli import deploying

    return deploying.deploy(
        hosts, extra_vars, limit=limit, tags=tags, check=True, diff=True, ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )  # fmt: skip


@verb("restart", RESTART)
def restart(
    context: Context, hosts="", service="", limit="", extra_vars=None, check=False, accept_downtime=False, yes=False,
    ask_become_pass=False, accept_new_host_keys=False,
):  # fmt: skip
    """Restart services one node at a time, each fully back before the next, so that clients do not notice."""
    from cli import deploying

    return deploying.restart(
        hosts, extra_vars, service, limit=limit, check=check or bool(context.config.run.dry),
        accept_downtime=accept_downtime, yes=yes, ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )  # fmt: skip


@verb("smoke", {**COMMON, "cli": "use the official console tools on the host instead of the native client"})
def smoke(
    context: Context, hosts="", limit="", extra_vars=None, cli=False, ask_become_pass=False, accept_new_host_keys=False
):
    """Check that records get through: produce, consume and compare over every listener."""
    from cli import deploying

    deploying.smoke(
        hosts, extra_vars, cli, limit=limit, ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )  # fmt: skip


STATUS = {**COMMON, "json": "as JSON, for machines; docs/operations.md describes the keys"}


@verb("status", STATUS)
def status(
    context: Context, hosts="", limit="", extra_vars=None, json=False, ask_become_pass=False, accept_new_host_keys=False
):
    """Show how services, ensemble and cluster are; exit code 2 when something is not healthy."""
    from cli import status as page

    return page.status(
        hosts, extra_vars, json, limit=limit, ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )  # fmt: skip


@verb("doctor", COMMON)
def doctor(
    context: Context, hosts="", limit="", extra_vars=None, ask_become_pass=False, accept_new_host_keys=False
):  # fmt: skip
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
    context: Context, hosts="", service="", follow=False, since="", lines="", limit="", extra_vars=None,
    ask_become_pass=False, accept_new_host_keys=False,
):  # fmt: skip
    """Show what the services of all hosts logged, merged by time."""
    from cli import logs as streams

    return streams.logs(
        hosts, extra_vars, service, follow, since, lines, limit=limit, ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )  # fmt: skip


REBALANCE = {
    **{name: text for name, text in COMMON.items() if name != "limit"},
    "drain": "take everything off these brokers, which are to leave: host names or ids, separated by commas",
    "throttle": "how fast copies may move: bytes per second and broker; none for no limit",
    "check": "show what would move, move nothing",
    "yes": "do not ask",
}


@verb("rebalance", REBALANCE)
def rebalance(
    context: Context, hosts="", drain="", throttle="50m", extra_vars=None, check=False, yes=False,
    ask_become_pass=False, accept_new_host_keys=False,
):  # fmt: skip
    """Spread partitions evenly over all brokers, onto new ones or off leaving ones; asks first, can be interrupted."""
    from cli import rebalance as moving

    return moving.rebalance(
        hosts, extra_vars, drain, throttle, check or bool(context.config.run.dry), yes,
        ask_become_pass=ask_become_pass, accept_new_host_keys=accept_new_host_keys,
    )  # fmt: skip


UNINSTALL = {
    **COMMON,
    "purge_data": "remove data, logs and service users, too: topics and records are lost",
    "yes": "do not ask",
}


@verb("uninstall", UNINSTALL)
def uninstall(
    context: Context, hosts="", limit="", extra_vars=None, purge_data=False, yes=False, ask_become_pass=False,
    accept_new_host_keys=False,
):  # fmt: skip
    """Remove what deploy has installed; data and logs stay unless --purge-data. Asks first."""
    from cli import uninstall as removing

    return removing.uninstall(
        hosts, extra_vars, purge_data, yes, limit=limit, ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )  # fmt: skip


@verb("bundle", {**SOURCES, "out": "the file to write, *.tar"})
def bundle(context: Context, hosts="", extra_vars=None, out=""):
    """Pack everything a deploy needs into one file, for a control machine without network."""
    from cli import artifacts

    artifacts.bundle(hosts, extra_vars, out)


@verb("lock", {"product": "kafka or zookeeper", "version": "the version to lock, e.g. 3.8.1"})
def artifacts_lock(context: Context, product="kafka", version=""):
    """Add a version: resolve its jars and write their digests."""
    from cli import artifacts

    artifacts.lock(product, version)


@verb("fetch", SOURCES)
def artifacts_fetch(context: Context, hosts="", extra_vars=None):
    """Download and verify what an inventory installs, without deploying."""
    from cli import artifacts

    artifacts.fetch(hosts, extra_vars)


namespace = Collection(deploy, plan, restart, rebalance, smoke, bundle, status, uninstall, logs, doctor)
namespace.add_collection(Collection("artifacts", artifacts_lock, artifacts_fetch))
namespace.add_collection(lab, name="lab")
