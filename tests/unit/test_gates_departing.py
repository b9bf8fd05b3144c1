"""What leaving hosts would take with them: asked before an uninstall, with a made-up cluster."""

from __future__ import annotations

from pathlib import Path

from roles import site as the_site
from tests.support import roles as support
from tests.support.gates import BROKERS, Brokers


def departing(directory: Path, brokers: Brokers, *hosts: str) -> list[str]:
    """What stands against it that these hosts leave the three, each of which is a ZooKeeper server, too."""
    site = support.three(directory)
    targets = [support.target(site, name) for name in hosts]
    return the_site.departure(targets, brokers.call, lambda host, text: None)


def with_servers(*modes: str) -> Brokers:
    brokers = Brokers()
    brokers.servers = dict(zip(BROKERS, modes, strict=True))
    return brokers


def test_a_host_that_the_others_can_do_without_may_leave(tmp_path: Path):
    assert departing(tmp_path, with_servers("leader", "follower", "follower"), "kafka2") == []


def test_the_whole_cluster_may_leave_whatever_it_holds(tmp_path: Path):
    brokers = with_servers("leader", "follower", "follower")
    assert departing(tmp_path, brokers, *BROKERS) == []


def test_brokers_that_the_inventory_does_not_know_would_stay(tmp_path: Path):
    brokers = with_servers("leader", "follower", "follower")
    site = support.inventory(tmp_path, kafka=["kafka1"], zookeeper=["kafka1"])
    reasons = the_site.departure([support.target(site, "kafka1")], brokers.call, lambda host, text: None)
    assert reasons[0].startswith("the inventory knows less than the cluster: broker 2, broker 3 would stay")
    brokers.down = {*BROKERS}  # nobody says that there are others
    assert the_site.departure([support.target(site, "kafka1")], brokers.call, lambda host, text: None) == []


def test_two_of_three_hosts_take_the_writes_and_the_quorum_with_them(tmp_path: Path):
    reasons = departing(tmp_path, with_servers("leader", "follower", "follower"), "kafka2", "kafka3")
    assert reasons[0].startswith("without brokers 2, 3, 1 partition cannot be written")
    assert "; t-0 (isr 1,2,3 of 3, needs 2)" in reasons[0]
    assert reasons[1].startswith("without kafka2, kafka3, 1 of 3 ZooKeeper servers serve and the quorum needs 2")
    assert len(reasons) == 2


def test_a_broker_that_stays_and_does_not_answer_holds_nothing_for_the_others(tmp_path: Path):
    brokers = with_servers("leader", "follower", "follower")
    brokers.down = {"kafka3"}
    (reason,) = departing(tmp_path, brokers, "kafka2")
    assert reason.startswith("without broker 2, 1 partition cannot be written")


def test_where_no_broker_answers_nobody_knows_what_would_be_lost(tmp_path: Path):
    brokers = with_servers("leader", "follower", "follower")
    brokers.down = set(BROKERS)
    (reason,) = departing(tmp_path, brokers, "kafka2")
    assert reason == "no broker answers, so it is unknown which partitions only kafka2 has"
