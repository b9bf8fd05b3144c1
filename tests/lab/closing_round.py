"""`script/closing`: three brokers are closed and opened again under load, by deploys that are killed on the way."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from lab.lab import Lab

from .closing import closed, in_the_clear, open_cluster, with_a_password
from .cluster import Cluster
from .hosts import ROOT, lab_name

MINUTES = 15.0
ENOUGH = 150.0  # seconds that one way takes at most
# From one mode to the next, and who writes meanwhile: somebody whose listener is there before, on the way and after.
ROUND = (
    ("off", "open", in_the_clear),
    ("open", "required", with_a_password),
    ("required", "open", with_a_password),
    ("open", "off", in_the_clear),
)


def main() -> int:
    """Walk it; 0 when every deploy that was left to its end has done its work, and no record is lost."""
    parser = argparse.ArgumentParser(prog="script/closing", description="A cluster is closed and opened under load.")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills (default 0)")
    parser.add_argument("--kills", type=int, default=2, help="how often each change is cut off (default 2)")
    given = parser.parse_args()
    rng, began = random.Random(given.seed), time.monotonic()
    lab = Lab(lab_name(), root=ROOT, java=True)
    with tempfile.TemporaryDirectory(prefix="closing-") as folder, open_cluster(lab, Path(folder)) as cluster:
        print(f"three brokers after {time.monotonic() - began:.0f} s")
        for before, after, client in ROUND:
            if time.monotonic() - began > MINUTES * 60 - ENOUGH * (given.kills + 1):
                print(f"no time for {before} -> {after}")
                return 1
            closed(cluster, after)
            with client(cluster, f"round-{before}-{after}") as load:
                cut = [killed(cluster, rng) for _ in range(given.kills)]
                output = cluster.invoke("deploy")
                load.more()
            load.verdict()
            assert "Smoke check passed" in output, output
            cluster.require_unchanged()
            said = (
                f"{len(load.acks)} records acknowledged, none lost or given up, longest gap {load.longest_gap():.2f} s"
            )
            print(f"{before} -> {after}: {said}; {', '.join(cut)}", flush=True)
    print(f"{(time.monotonic() - began) / 60:.1f} minutes")
    return 0


def killed(cluster: Cluster, rng: random.Random) -> str:
    """Kill -9 a deploy at some moment of its restarts; where that was."""
    with cluster.running("deploy", "--no-smoke") as run:
        run.says("--> Restart")
        time.sleep(rng.uniform(0, 45))
        run.kill()
        steps = [line for line in run.output.splitlines() if line.startswith("--> Step")]
        number = run.output.count("(runs with")
    where = steps[-1].removeprefix("--> ").partition(":")[0].lower() if steps else "the first step"
    return f"killed in {where} after {number} restarts"


if __name__ == "__main__":
    raise SystemExit(main())
