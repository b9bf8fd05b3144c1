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

# Seed -> what its edit is, and what becomes of it. The seeds change when tests/support/careless_kinds.py does.
SAMPLE = {
    5: ("kafka_data_dirs: ['/var/lib/kafka']", "refused"),
    15: ("kafka1 a second time as kafka1b", "refused"),
    17: ("removed kafka2 from the group kafka", "refused"),
    18: ("removed kafka3", "refused"),
    19: ("kafka_log_retention: 3d", "accepted"),
    30: ("kafka_zookeeper_chroot: kafka", "refused"),
    41: ("kafka_version: 2.5.0", "refused"),
    51: ("another cluster's host as a fourth in kafka", "refused"),
}


@pytest.fixture(scope="module")
def stranger(lab: Lab, prod3: Cluster) -> Iterator[LabHost]:
    """A host with the data of another cluster. Nothing runs there: that would take half a minute to deploy."""
    lab.recreate("kafka4")
    host = LabHost(lab, "kafka4", prod3.path)
    host.sh(
        "mkdir -p /var/lib/kafka/data && cd /var/lib/kafka/data && "
        "printf 'version=0\\nbroker.id=4\\ncluster.id=ANOTHER-CLUSTER-000000\\n' > meta.properties"
    )
    yield host
    lab.down(["kafka4"])


def test_a_careless_edit_is_right_for_the_cluster_or_refused(prod3: Cluster, stranger: LabHost):
    found, wrong = {}, []
    for load in loads(prod3.bootstrap):
        with load() as clients:
            ground = Ground(prod3, stranger, clients)
            for seed in SAMPLE:
                outcome = ground.attempt(seed)
                print(outcome)
                found[seed] = (outcome.edit.name, outcome.verdict)
                wrong += [f"{seed}: {line}" for line in outcome.wrong]
        clients.verdict()
    assert not wrong
    assert [verdict for _, verdict in found.values()] == [verdict for _, verdict in SAMPLE.values()], found
    assert all(name.startswith(SAMPLE[seed][0]) for seed, (name, _) in found.items()), found
