"""The command line: one Invoke task per verb. `invoke --list` shows them, `invoke --help VERB` the flags of one."""

from __future__ import annotations

from invoke import Collection, Context

from cli.common import HOSTS_HELP, verb
from lab.tasks import ns as lab

COMMON = {
    "hosts": HOSTS_HELP,
    "limit": "only these hosts: names, groups, patterns, separated by commas; !name leaves out",
    "extra_vars": "set a variable: key=value, {JSON} or @FILE; may be given again",
    "ask_become_pass": "ask for the sudo password (or set PROVISIONER_BECOME_PASSWORD)",
    "accept_new_host_keys": "trust and remember the keys of hosts seen for the first time; a changed key stays refused",
}
DEPLOY = {
    **COMMON,
    "tags": "only these roles: os,java,zookeeper,kafka",
    "check": "show what would change, change nothing",
    "diff": "show what changes inside files; secrets are masked",
    "smoke": "after the deploy, produce and consume through every listener (--no-smoke leaves it out)",
    "restart": "restart services whose configuration changed (--no-restart leaves it for the next deploy)",
    "accept_downtime": "restart even where clients will notice it",
    "yes": "answer yes to every question",
}


@verb("deploy", DEPLOY, iterable=["extra_vars"])
def deploy(
    context: Context, hosts="", limit="", tags="", extra_vars=(), check=False, diff=False, smoke=True, restart=True,
    accept_downtime=False, yes=False, ask_become_pass=False, accept_new_host_keys=False,
):  # fmt: skip
    """Take hosts to a working, verified Kafka; run again, it changes only what differs."""
    from cli import deploying

    return deploying.deploy(
        hosts or context.config.get("hosts", ""), list(extra_vars), limit=limit or None, tags=tags,
        check=check or bool(context.config.run.dry), diff=diff, smoke=smoke and context.config.get("smoke", True),
        restart=restart, accept_downtime=accept_downtime, yes=yes, ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys or context.config.get("accept_new_host_keys", False),
    )  # fmt: skip


@verb("plan", {**COMMON, "tags": DEPLOY["tags"]}, iterable=["extra_vars"])
def plan(
    context: Context, hosts="", limit="", tags="", extra_vars=(), ask_become_pass=False, accept_new_host_keys=False
):  # fmt: skip
    """Show what deploy would change, with the differences inside files; change nothing."""
    from cli import deploying

    return deploying.deploy(
        hosts or context.config.get("hosts", ""), list(extra_vars), limit=limit or None, tags=tags,
        check=True, diff=True, ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys or context.config.get("accept_new_host_keys", False),
    )  # fmt: skip


namespace = Collection(deploy, plan)
namespace.add_collection(lab, name="lab")
