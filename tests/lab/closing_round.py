"""`script/closing`: three brokers are closed and opened again under load, by deploys that are killed on the way."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from lab.lab import Lab
from tests.support.cuts import Cuts

from .closing import CLUSTERS, COMBINED, closed, in_the_clear, listening, open_cluster, require_owners, with_a_password
from .cluster import Cluster
from .cutting import Journal, cut_off, cut_off_everywhere
from .hosts import ROOT, lab_name

MINUTES = 15.0
ENOUGH = 150.0  # seconds that one way takes at most
EVERYWHERE = 300.0  # the same, cut off in each of its places
LONGEST = 50.0  # seconds after which a deploy is cut off at the latest
BACK_AND_FORTH = ("open", "required", "open", "off")
PLAIN, SECURED = {"INTERNAL", "EXTERNAL"}, {"NODES", "INTERNAL_SECURE", "EXTERNAL_SECURE"}
LISTENERS = {"off": PLAIN, "open": PLAIN | SECURED, "required": SECURED}


def main() -> int:
    """Walk it; 0 when every deploy that was left to its end has done its work, and no record is lost."""
    given = _given()
    rng, began = random.Random(given.seed), time.monotonic()
    lab = Lab(lab_name(), root=ROOT, java=True)
    with (
        tempfile.TemporaryDirectory(prefix="closing-") as folder,
        open_cluster(lab, Path(folder), given.cluster) as cluster,
    ):
        print(f"three brokers ({given.cluster}) after {time.monotonic() - began:.0f} s", flush=True)
        enough = EVERYWHERE if given.each else ENOUGH * (given.kills + 1)
        before = "off"
        for number, after in enumerate(given.way):
            if time.monotonic() - began > MINUTES * 60 - enough:
                print(f"no time for {before} -> {after}")
                return 1
            _change(cluster, given, rng, before, after, f"round-{number}")
            before = after
    print(f"{(time.monotonic() - began) / 60:.1f} minutes")
    return 0


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/closing", description="A cluster is closed and opened under load.")
    parser.add_argument("--cluster", choices=CLUSTERS, default=COMBINED, help=f"what it is of (default {COMBINED})")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills (default 0)")
    parser.add_argument("--kills", type=int, default=2, help="how often each change is cut off (default 2)")
    parser.add_argument("--each", action="store_true", help="cut each change off once in each of its places instead")
    parser.add_argument(
        "--way",
        nargs="+",
        choices=("off", "open", "required"),
        default=BACK_AND_FORTH,
        metavar="MODE",
        help=f"from off to these, one after the other (default {' '.join(BACK_AND_FORTH)})",
    )
    given = parser.parse_args()
    modes = ["off", *given.way]
    if any(abs(list(LISTENERS).index(one) - list(LISTENERS).index(other)) != 1 for one, other in pairwise(modes)):
        parser.error("--way: who writes needs a listener all the way, so open is between off and required")
    return given


def _change(
    cluster: Cluster, given: argparse.Namespace, rng: random.Random, before: str, after: str, topic: str
) -> None:
    """Take a cluster from one mode to another, and print what happened."""
    journal, cuts, began = Journal(), Cuts(), time.monotonic()
    # Who writes meanwhile has a listener before, on the way and after.
    client = in_the_clear if "off" in (before, after) else with_a_password
    closed(cluster, after)
    with client(cluster, topic) as load:
        if given.each:
            output = cut_off_everywhere(cluster, cuts, journal)
        else:
            for number in range(given.kills):
                seconds = LONGEST * (number + rng.random()) / given.kills
                print(f"  {cut_off(cluster, seconds)}", flush=True)
            output = cut_off_everywhere(cluster, None, journal)
        load.more()
    load.verdict()
    assert "Smoke check passed" in output, output
    found = listening(cluster) - {"CONTROLLER", "CONTROLLER_SECURE"}
    assert found == LISTENERS[after], found
    owners = ""
    if "zookeeper" in cluster.base["all"]["children"]:
        whose = "anybody's" if after == "off" else "the nodes' own"
        owners = f", {require_owners(cluster, after)} znodes are {whose}"
    cluster.require_unchanged()
    kills = len(cuts.made) if given.each else given.kills
    print(
        f"{before} -> {after}: {time.monotonic() - began:.0f} s, {len(load.acks)} records acknowledged, none lost or "
        f"given up{owners}, killed {kills} times; "
        f"longest gap {load.longest_gap():.2f} s {journal.during(*load.slowest())}",
        flush=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
