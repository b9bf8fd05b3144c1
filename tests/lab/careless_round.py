"""`script/careless`: a round of careless edits on three hosts of its own, and a fourth of another cluster."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from lab.lab import Lab

from .careless import Ground
from .cluster import BASES, TOPICS, Cluster
from .hosts import ROOT, LabHost, lab_name
from .load import loads
from .serving import produce

MINUTES = 15.0
RECORDS = 1000


def main() -> int:
    """Run the round; 0 when every edit was right for the cluster or refused, and no record is lost."""
    parser = argparse.ArgumentParser(prog="script/careless", description="Careless edits against a cluster under load.")
    parser.add_argument("--seed", type=int, default=0, help="of the first edit; the others follow (default 0)")
    parser.add_argument("--count", type=int, default=50, help="how many edits (default 50)")
    parser.add_argument("--keep", action="store_true", help="use the hosts of an earlier run, and leave them")
    given = parser.parse_args()
    began = time.monotonic()
    outcomes = []
    with hosts(given.keep) as (cluster, stranger), contextlib.contextmanager(loads)(cluster.bootstrap) as load:
        print(f"three brokers under load after {time.monotonic() - began:.0f} s")
        with load() as clients:
            ground = Ground(cluster, stranger, clients)
            for seed in range(given.seed, given.seed + given.count):
                if time.monotonic() - began > MINUTES * 60 - 150:
                    print(f"no time for the edits from {seed} on")
                    break
                outcomes.append(ground.attempt(seed))
                print(outcomes[-1], flush=True)
                if any("base inventory" in line for line in outcomes[-1].wrong):
                    break
        clients.verdict()
        print(f"{len(clients.acks)} records acknowledged, none lost; longest gap {clients.longest_gap():.1f} s")
    failed = [one for one in outcomes if one.wrong]
    counted = Counter(one.verdict for one in outcomes)
    print(f"{len(outcomes)} edits in {(time.monotonic() - began) / 60:.1f} minutes: {dict(counted)}")
    for one in failed:
        print(f"again: script/careless --seed {one.edit.seed} --count 1 --keep")
    return 1 if failed or len(outcomes) < given.count else 0


@contextlib.contextmanager
def hosts(keep: bool) -> Iterator[tuple[Cluster, LabHost]]:
    """The cluster with data in it, and the host of another cluster, both deployed."""
    lab = Lab(lab_name(), root=ROOT)
    names = (*BASES, "single1")
    if not keep:
        lab.down(names)
    lab.up(names)
    with tempfile.TemporaryDirectory(prefix="careless-") as folder:
        path = Path(folder, "prod3.yml")
        base = yaml.safe_load(lab.inventory("prod3").read_text())
        cluster = Cluster(tuple(LabHost(lab, name, path) for name in BASES), base, path)
        cluster.set({"topics": TOPICS})
        stranger = LabHost(lab, "single1", lab.inventory("single"))
        try:
            with ThreadPoolExecutor(2) as pool:
                made = pool.submit(cluster.invoke, "deploy", "--no-smoke"), pool.submit(stranger.deploy, "--no-smoke")
                for one in made:
                    one.result()
            stranger.wait_for_class_archive()  # or it appears meanwhile
            remember_a_position(cluster.bootstrap[0])
            produce(cluster.bootstrap[0], "orders", [str(number) for number in range(RECORDS)])
            yield cluster, stranger
        finally:
            if not keep:
                lab.down()


def remember_a_position(bootstrap: str) -> None:
    """Have a consumer group, so that Kafka's topic for them is there before it is looked at, not with a smoke check."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id="careless", consumer_timeout_ms=1000)
    try:
        partition = TopicPartition("orders", 0)
        consumer.assign([partition])
        consumer.commit({partition: OffsetAndMetadata(0, "", -1)})
    finally:
        consumer.close()


if __name__ == "__main__":
    raise SystemExit(main())
