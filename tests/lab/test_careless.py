"""Careless edits of a working inventory under load: a sample of the fifty that `script/careless` deploys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.lab import Lab

from .careless import Ground
from .cluster import Cluster
from .hosts import LabHost
from .load import loads

pytestmark = pytest.mark.second_lab

# Seed -> what its edit is, what becomes of it, and what is said. The seeds change when the table of kinds does.
SAMPLE = {
    4: ("on kafka1 kafka_data_dirs: ['/srv/kafka']", "refused", "which would be out of sight"),
    15: ("kafka1 a second time as kafka1b", "refused", "are the same machine"),
    17: ("removed kafka2 from the group kafka", "refused", "the inventory knows less than the cluster: broker 2"),
    18: ("removed kafka3", "refused", "the inventory knows less than the cluster: ZooKeeper server 3"),
    19: ("kafka_log_retention: 3d", "accepted", ""),
    30: ("kafka_zookeeper_chroot: kafka", "refused", "another chroot in ZooKeeper"),
    41: ("kafka_version: 2.5.0", "refused", "Kafka 3.9.2 -> 2.5.0"),
    51: ("another cluster's host as a fourth in kafka", "refused", "the hosts belong to different clusters"),
}


@pytest.fixture(scope="module")
def stranger(lab: Lab, prod3: Cluster) -> Iterator[LabHost]:
    """A host with the data of another cluster. Nothing runs there: that would take half a minute to deploy."""
    lab.recreate("kafka4")
    host = LabHost(lab, "kafka4", prod3.path)
    host.sh(
        "useradd --system --home-dir /var/lib/kafka --shell /usr/sbin/nologin kafka && "
        "install -d -o kafka -g kafka /var/lib/kafka /var/lib/kafka/data && cd /var/lib/kafka/data && "
        "printf 'version=0\\nbroker.id=4\\ncluster.id=ANOTHER-CLUSTER-000000\\n' > meta.properties && "
        "chown kafka: meta.properties"
    )
    yield host
    lab.down(["kafka4"])


def test_a_careless_edit_is_right_for_the_cluster_or_refused(prod3: Cluster, stranger: LabHost):
    outcomes = []
    for load in loads(prod3.bootstrap):
        with load() as clients:
            ground = Ground(prod3, stranger, clients)
            for seed in SAMPLE:
                outcomes.append(ground.attempt(seed))
                print(outcomes[-1])
        clients.verdict()
    assert [str(one) for one in outcomes if one.wrong] == []
    for one in outcomes:
        name, verdict, said = SAMPLE[one.edit.seed]
        assert one.edit.name.startswith(name) and one.verdict == verdict and said in one.said, one
