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
from tests.support.evolution import State, Step, drawn, inventory

from .cluster import Cluster, bare_cluster
from .group import Group
from .hosts import ROOT, lab_name
from .load import Load
from .transactions import Transactions

ENOUGH = 150.0  # seconds that one step takes at most, killed and finished
KILLED = 0.25  # of the deploys, the share that is cut off first


def main() -> int:
    """Take the steps; 0 when all were taken, no record is lost, and the cluster is healthy at the end."""
    parser = argparse.ArgumentParser(
        prog="script/evolution", description="Three brokers take random steps from 2.5.0 to 4.3.1 under load."
    )
    parser.add_argument("--seed", type=int, default=0, help="of the steps and of the kills (default 0)")
    parser.add_argument("--steps", type=int, default=20, help="how many (default 20)")
    parser.add_argument("--minutes", type=float, default=15.0, help="in all (default 15)")
    given = parser.parse_args()
    rng, began = random.Random(given.seed), time.monotonic()
    lab = Lab(lab_name(), root=ROOT, java=True)
    state, taken = State(), 0
    with tempfile.TemporaryDirectory(prefix="evolution-") as folder, bare_cluster(lab, Path(folder)) as cluster:
        base = cluster.base
        _become(cluster, base, state)
        cluster.invoke("deploy", "--no-smoke")
        print(f"three brokers of {state.version} after {time.monotonic() - began:.0f} s", flush=True)
        with (
            Load(cluster.bootstrap, "evolution") as load,
            Group(cluster.bootstrap, "evolution", "evolution-group") as group,
            Transactions(cluster.bootstrap, "evolution-transactions") as transactions,
        ):
            while taken < given.steps and time.monotonic() - began < given.minutes * 60 - ENOUGH:
                step, since = drawn(rng, state), time.monotonic()
                _become(cluster, base, step.state)
                how = _take(cluster, step, rng)
                load.more()
                transactions.more()
                state, taken = step.state, taken + 1
                seconds = time.monotonic() - since
                gaps = f"{load.longest_gap(since):.2f} s, between commits {transactions.longest_gap(since):.2f} s"
                print(f"{taken:2}. {step.name}{how}: {seconds:.0f} s, longest gap {gaps}", flush=True)
        for one in (load, group, transactions):
            one.verdict()
        cluster.invoke("status")
        cluster.require_unchanged()
    acknowledged = f"{len(load.acks)} records acknowledged, none lost or given up"
    print(f"{taken} steps in {(time.monotonic() - began) / 60:.1f} minutes; {acknowledged}; {state}")
    print(f"{group.read} records read by a group, no offset went back; members that began anew: {dict(group.troubles)}")
    print(f"transactions: {transactions.summary()}")
    return 0 if taken == given.steps else 1


def _become(cluster: Cluster, base: Mapping[str, Any], state: State) -> None:
    cluster.base = inventory(base, state)
    cluster.set()


def _take(cluster: Cluster, step: Step, rng: random.Random) -> str:
    """Take a step, and wait until the cluster is healthy; how, as said after its name."""
    how = ""
    if step.command == "kill":
        host = rng.choice(cluster.hosts)
        host.sh("systemctl kill --kill-whom=main -s KILL kafka")
        how = f" on {host.base}"
    elif step.command == "deploy" and rng.random() < KILLED:
        with cluster.running("deploy", "--no-smoke", *step.flags) as run:
            run.says("--> Preflight")
            time.sleep(rng.uniform(0, 40))
            run.kill()
        how = f", killed after {run.output.count('(runs with')} restarts"
    command = "restart" if step.command == "restart" else "deploy"
    cluster.invoke(command, *step.flags)
    return how


if __name__ == "__main__":
    raise SystemExit(main())
