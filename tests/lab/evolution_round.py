"""`script/evolution`: three brokers with ZooKeeper take random steps under load, by deploys that are killed on the
way."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.lab import Lab
from tests.support.evolution import FIRST, LAST, NO_WAY_BACK, OLD, State, Step, drawn, inventory, named

from .cluster import Cluster, bare_cluster
from .cutting import cut_off
from .group import Group
from .hosts import ROOT, LabHost, lab_name, status_json
from .known import Known, client, close
from .load import Load
from .transactions import Transactions

ENOUGH = 150.0  # seconds that one step takes at most, killed and finished
KILLED = 0.25  # of the deploys, the share that is cut off first
LONGEST, OF_THE_LAST = 40.0, 16.0  # seconds after which a deploy is cut off at the latest; that which ends a migration


def main() -> int:
    """Take the steps; 0 when all were taken, no record is lost, and the cluster is healthy at the end."""
    given = _given()
    rng, began = random.Random(given.seed), time.monotonic()
    lab = Lab(lab_name(), root=ROOT, java=True)
    state, taken, steps = State(given.start), 0, len(given.way) or given.steps
    with tempfile.TemporaryDirectory(prefix="evolution-") as folder, bare_cluster(lab, Path(folder)) as cluster:
        base = close(cluster) if given.closed else cluster.base
        _become(cluster, base, state)
        cluster.invoke("deploy", "--no-smoke")
        print(f"three brokers of {state.version} after {time.monotonic() - began:.0f} s", flush=True)
        how = client(cluster) if given.closed else {}
        known = Known(cluster, how, given.closed)
        with (
            Load(cluster.bootstrap, "evolution", client=how) as load,
            Group(cluster.bootstrap, "evolution", "evolution-group", how) as group,
            Transactions(cluster.bootstrap, "evolution-transactions", how) as transactions,
        ):
            known.compare(state)
            while taken < steps and time.monotonic() - began < given.minutes * 60 - ENOUGH * max(1, given.kills or 1):
                step = named(given.way[taken], state) if given.way else drawn(rng, state)
                since = time.monotonic()
                if step.command == "uninstall":
                    cluster.invoke("uninstall", "--service", "zookeeper", "--yes")
                _become(cluster, base, step.state)
                said = _take(cluster, step, rng, given.kills)
                load.more()
                transactions.more()
                state, taken = step.state, taken + 1
                seconds = time.monotonic() - since
                gaps = f"{load.longest_gap(since):.2f} s, between commits {transactions.longest_gap(since):.2f} s"
                known.compare(state)
                print(f"{taken:2}. {step.name}{said}: {seconds:.0f} s, longest gap {gaps}", flush=True)
        for one in (load, group, transactions):
            one.verdict()
        cluster.invoke("status")
        cluster.require_unchanged()
    acknowledged = f"{len(load.acks)} records acknowledged, none lost or given up"
    print(f"{taken} steps in {(time.monotonic() - began) / 60:.1f} minutes; {acknowledged}; {state}")
    print(f"{group.read} records read by a group, no offset went back; members that began anew: {dict(group.troubles)}")
    print(f"transactions: {transactions.summary()}")
    print(f"what the metadata keeps was compared {known.compared} times: {', '.join(known.before)}")
    return 0 if taken == steps else 1


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="script/evolution", description="Three brokers take random steps from 2.5.0 to 4.3.1 under load."
    )
    parser.add_argument("--seed", type=int, default=0, help="of the steps and of the kills (default 0)")
    parser.add_argument("--steps", type=int, default=20, help="how many (default 20)")
    parser.add_argument("--minutes", type=float, default=15.0, help="in all (default 15)")
    parser.add_argument("--closed", action="store_true", help="with kafka_security: required, users and rules")
    parser.add_argument("--start", choices=(OLD, LAST), default=OLD, help=f"the first version (default {OLD})")
    parser.add_argument("--way", nargs="+", default=[], metavar="STEP", help="these steps, by name, and no others")
    parser.add_argument("--kills", type=int, help="how often each deploy is cut off (default: every fourth, once)")
    return parser.parse_args()


def _become(cluster: Cluster, base: Mapping[str, Any], state: State) -> None:
    cluster.base = inventory(base, state)
    cluster.set()


def _take(cluster: Cluster, step: Step, rng: random.Random, kills: int | None) -> str:
    """Take a step, and wait until the cluster is healthy; how, as said after its name."""
    how = ""
    kill, _, unit = step.command.partition(" ")
    if kill == "kill":
        host = _leader(cluster, unit) or rng.choice(cluster.hosts)
        host.sh(f"systemctl kill --kill-whom=main -s KILL {unit}")
        how = f" on {host.base}"
    elif step.command == "deploy":
        kills = int(rng.random() < KILLED) if kills is None else kills
        for number in range(kills):
            longest = OF_THE_LAST if step.flags == (NO_WAY_BACK,) else LONGEST
            how += f", {cut_off(cluster, longest * (number + rng.random()) / kills, *step.flags)}"
    command = "restart" if step.command == "restart" else "deploy"
    cluster.invoke(command, *step.flags)
    return how


def _leader(cluster: Cluster, unit: str) -> LabHost | None:
    """The host whose ZooKeeper or controller leads; None for brokers. The cluster may be closed."""
    if unit == "kafka":
        return None
    if unit == "kafka-controller":
        return cluster.hosts[status_json(cluster.hosts[0], expect=0)["cluster"]["controller"] - FIRST]
    status = {host: host.sh("zkServer.sh status", login=True, expect=None) for host in cluster.hosts}
    return next(host for host, said in status.items() if "Mode: leader" in said)


if __name__ == "__main__":
    raise SystemExit(main())
