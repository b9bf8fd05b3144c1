"""The cluster that is there is evidence: an inventory that contradicts it is refused, and no host changes.

Refusals only, on the shared hosts: each is proved by a snapshot before and after (`unchanged.py`). How a host leaves
deliberately is in test_growth.py, a data directory in test_drain_dir.py, a split cluster in test_split.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from . import clients
from .cluster import Cluster
from .hosts import LabHost, counts, run_invoke
from .serving import produce, records
from .unchanged import snapshot, unchanged

LESS = "the inventory knows less than the cluster"
OLDER = "a downgrade: Kafka 3.9.2 -> 2.5.0"


def variables(**given: object) -> list[str]:
    """As they are set on the command line."""
    return ["--extra-vars", yaml.safe_dump(given, default_flow_style=True, width=1000).strip()]


def require(output: str, *parts: str) -> None:
    """A refusal that says all of this, before anything was applied."""
    assert "--> Apply" not in output and "Traceback" not in output, output
    assert not [part for part in parts if part not in output], output


# -- 1: an inventory of one host, for one of three ---------------------------------------------------------------------


@pytest.mark.second_lab
@pytest.mark.parametrize(
    ("verb", "flags"),
    [
        ("deploy", ()),
        ("deploy", ("--yes",)),
        # A server of three alone may lack what the other two have agreed on: no flag makes that right.
        ("deploy", ("--yes", "--accept-downtime", "--accept-fewer-copies", "--shrink", "{others}")),
        ("plan", ()),
        ("restart", ("--yes",)),
        ("doctor", ()),
    ],
)
def test_a_one_host_inventory_splits_no_cluster(
    prod3: Cluster, host: Callable[[str], LabHost], verb: str, flags: tuple[str, ...]
):
    alone = host("kafka1")
    assert "kafka_accept_downtime: true" in alone.inventory.read_text()
    second, third = (one.name for one in prod3.hosts[1:])
    given = [flag.format(others=f"{second},{third},2,3") for flag in flags]
    with unchanged(prod3.hosts):
        done = alone.invoke(verb, *given)
    assert done.returncode == 2, done.stdout
    require(
        done.stdout,
        f"error: {alone.name}: {LESS}: ZooKeeper server 2 ({second}:2888), ZooKeeper server 3 ({third}:2888)",
        "1 of 3 servers may lack what the others have agreed on: at least 2 must stay",
    )
    if "--shrink" not in given:
        require(done.stdout, f"error: {alone.name}: {LESS}: broker 2 (", "-> use the inventory that has all of them")


@pytest.mark.second_lab
def test_a_limit_is_no_smaller_inventory(prod3: Cluster):
    prod3.invoke("deploy", "--no-smoke", "--limit", prod3.hosts[0].name)


# -- 2: data out of sight ----------------------------------------------------------------------------------------------


@pytest.fixture
def thousand(single: LabHost) -> Iterator[str]:
    """A topic with 1,000 records."""
    topic = f"thousand-{uuid.uuid4().hex[:8]}"
    clients.create_topic(single, topic)
    produce(single.bootstrap, topic, [str(number) for number in range(1000)])
    yield topic
    clients.delete_topic(single, topic)


@pytest.mark.parametrize("flags", [(), ("--yes", "--accept-downtime")])
def test_no_deploy_leaves_a_data_directory_with_partitions_behind(
    single: LabHost, thousand: str, flags: tuple[str, ...]
):
    with unchanged(single):
        output = single.deploy(*flags, *variables(kafka_data_dirs=["/srv/kafka"]), expect=2)
    require(
        output,
        f"error: {single.name}: /var/lib/kafka/data is in use and not in kafka_data_dirs any more: it holds ",
        "which would be out of sight",
        f"invoke rebalance --drain-dir {single.name}:/var/lib/kafka/data",
        "if that is meant, add --give-up-data /var/lib/kafka/data",
    )
    assert len(records(single.bootstrap, thousand)) == 1000


# -- 5: a broker that leaves the group only ----------------------------------------------------------------------------


@pytest.mark.second_lab
@pytest.mark.parametrize(
    "flags",
    [(), ("--yes",), ("--yes", "--limit", "{third}"), ("--yes", "--shrink", "{third}", "--accept-fewer-copies")],
)
def test_a_broker_does_not_leave_by_leaving_the_group(prod3: Cluster, tmp_path: Path, flags: tuple[str, ...]):
    content = yaml.safe_load(prod3.path.read_text())
    groups, third = content["all"]["children"], prod3.hosts[2].name
    groups["zookeeper"]["hosts"][third] = groups["kafka"]["hosts"].pop(third)
    path = tmp_path / "two.yml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    given = [flag.format(third=third) for flag in flags]
    with unchanged(prod3.hosts):
        done = run_invoke("deploy", "--hosts", str(path), *given)
    assert done.returncode == 2, done.stdout
    if "--shrink" in given:
        # Permitted, and still refused: it has copies. What it costs is said as a warning.
        require(done.stdout, "error: broker 3 still holds ", f"invoke rebalance --drain {third}")
        require(done.stdout, "warning: ", "settings that follow from the number of brokers would fall")
    elif "--limit" in given:
        require(done.stdout, f"{third}: {LESS}: kafka runs here, and the host is not in the group kafka")
    else:
        require(
            done.stdout,
            f"{LESS}: broker 3 ({third}:9092) is not in its group kafka",
            f"if that is meant, add --shrink {third}",
            "min.insync.replicas 2 -> 1",
            "default.replication.factor 3 -> 2",
            "if that is meant, add --accept-fewer-copies",
        )


# -- 6: consent to a restart of the only broker ------------------------------------------------------------------------


def test_yes_is_no_consent_to_downtime(single: LabHost):
    changed = variables(kafka_accept_downtime=False, kafka_heap="600m")
    with unchanged(single):
        output = single.deploy("--yes", *changed, expect=2)
    require(output, f"{single.name}: ", "--accept-downtime")
    plan = single.invoke("plan", *changed)
    assert plan.returncode == 0 and "restart service:kafka (needed" in plan.stdout, plan.stdout


# -- 7: an older version -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [(), ("--yes",)])
def test_an_older_version_is_refused_on_one_host(single: LabHost, flags: tuple[str, ...]):
    with unchanged(single):
        output = single.deploy(*flags, *variables(kafka_version="2.5.0"), expect=2)
    require(output, f"error: {single.name}: {OLDER}", "if that is meant, add --accept-downgrade")


def test_an_older_version_that_is_accepted_is_a_warning_of_the_plan(single: LabHost):
    with unchanged(single):
        done = single.invoke("plan", "--accept-downgrade", *variables(kafka_version="2.5.0"))
    assert done.returncode == 0, done.stdout
    assert f"warning: {single.name}: {OLDER} (--accept-downgrade)" in done.stdout, done.stdout
    assert counts(done.stdout, single.name)["touched"] > 0


@pytest.mark.second_lab
def test_an_older_version_is_refused_for_three_hosts_at_once(prod3: Cluster):
    before = snapshot(prod3.hosts)
    prod3.set({"kafka_version": "2.5.0"})
    try:
        output = prod3.invoke("deploy", "--yes", expect=2)
    finally:
        prod3.set()
    require(output, OLDER, "if that is meant, add --accept-downgrade")
    assert output.count(f"error: {OLDER}") == 1
    assert before.difference(snapshot(prod3.hosts)) == []
