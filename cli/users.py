"""users.list and users.apply: users of the secured listeners and what each may do."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cli.asking import confirm
from cli.cluster import Cluster, opened
from cli.common import Run, for_machines
from cli.tables import users as users_table
from cluster.users import remote
from cluster.users.rules import Rule, from_wire
from cluster.users.wanted import OURS
from provisioner.errors import HostFailed, UsageError
from provisioner.quantities import format_elapsed
from provisioner.report.terminal import terminal
from provisioner.words import counted
from roles.kafka import metadata, users
from roles.shared import security

if TYPE_CHECKING:
    from provisioner.inventory.model import Host

NOTHING = "No changes: every listed user is as it should be"
FORGETS = (
    "a broker that restarts within an hour of the deletion of a user may forget all users (a fault of Kafka's); "
    "the next deploy, or users.apply, makes the listed ones again"
)


def listing(run: Run, as_json: bool) -> None:
    """Print a line per user."""
    with opened(run) as cluster:
        require_closed(cluster)
        there = look(cluster)
        by_user: dict[str, list[Rule]] = {name: [] for name in there["users"] if not name.startswith(OURS)}
        for rule in map(from_wire, there["rules"]):
            if not rule.user.startswith(OURS):
                by_user.setdefault(rule.who, []).append(rule)
        for name in there["quotas"]:
            by_user.setdefault(name, [])
        shown = {one.name for one in users.of(cluster.driver) if one.certificate}
        for name in shown:
            by_user.setdefault(name, [])
        quotas, passwords = there["quotas"], there["users"]
        if as_json:
            of = sorted(by_user.items())
            rows = [(name, rules, quotas.get(name, {}), passwords.get(name, ()), name in shown) for name, rules in of]
            print(for_machines([users_table.document(*row) for row in rows]))
        elif by_user:
            print(users_table.listing(by_user, passwords, quotas, terminal(), shown))
        else:
            print("there are no users; kafka_users in the inventory lists them")


def apply(run: Run, prune: bool, yes: bool) -> None:
    """Bring the users to what the inventory lists. prune: what is not listed goes, after a question."""
    with opened(run, stream=sys.stdout) as cluster:
        require_closed(cluster)
        if not users.listed(cluster.driver):
            raise UsageError("no users are listed", advice="list them under `kafka_users:` in the inventory")
        if not run.check:
            cluster.fleet.lock(cluster.driver.name)
        plan = users.planned(cluster.call, cluster.driver)
        cluster.show.host(cluster.driver.name, "")
        if plan is None:
            raise HostFailed("the broker answered, and a moment later it does not", host=cluster.driver.name)
        pruning = prune and plan.prunes
        if not plan.changes and not pruning:
            cluster.show.phase(NOTHING)
            users.show_left(cluster.show, plan)
            return
        cluster.show.phase("Plan")
        users.show(cluster.show, plan, prune)
        if pruning and plan.others and metadata.kept_itself(cluster.inventory):
            cluster.show.warning(FORGETS)
        if run.check:
            return
        began = time.monotonic()
        if pruning:
            rules = counted(len(plan.pruned()), "rule")
            quotas = counted(len(plan.loose), "quota")
            what = f"Remove what is not listed ({counted(len(plan.others), 'user')}, {rules}, {quotas})?"
            confirm(cluster.show, what, yes, "nothing was changed and nothing was removed")
        users.apply(cluster.call, cluster.driver, plan, prune)
        cluster.show.host(cluster.driver.name, "")
        cluster.show.phase(f"Applied in {format_elapsed(time.monotonic() - began)}")


def look(cluster: Cluster) -> Mapping[str, Any]:
    """The users and the rules that are there: `cluster.users.look.look`. Raises HostFailed."""
    there = cluster.call(remote.look("", {}))
    cluster.show.host(cluster.driver.name, "")
    if not there["serving"]:
        raise HostFailed(f"the broker does not answer: {there['why']}", host=cluster.driver.name)
    return there


def origins(host: Host) -> Mapping[Rule, Sequence[str]]:
    """{rule: the variables of the inventory that list it}."""
    return users.origins(host)


def require_closed(cluster: Cluster) -> None:
    """Raises UsageError where the cluster has no listener that asks for a user."""
    if not any(security.on(host) for host in cluster.brokers.values()):
        raise UsageError(
            "the cluster has no users: its listeners ask for none",
            advice="kafka_security in docs/operations.md says how",
        )
