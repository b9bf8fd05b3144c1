"""Where an inventory contradicts the ZooKeeper servers that run: the rules by table."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.run.evidence import Consent
from roles.zookeeper import evidence_rules as zookeeper

ENSEMBLE = {number: f"kafka{number}:2888:3888" for number in (1, 2, 3)}
MEMBERS = {number: f"kafka{number}" for number in (1, 2, 3)}


def server(number: int = 1, **also: Any) -> zookeeper.Seen:
    usual: dict[str, Any] = {
        "servers": ENSEMBLE,
        "servers_then": ENSEMBLE,
        "port": "2181",
        "port_then": "2181",
        "dirs": ("/zk", "/zk"),
        "dirs_then": ("/zk", "/zk"),
        "data": frozenset({"/zk"}),
        "active": True,
    }
    return zookeeper.Seen(f"kafka{number}", number, **{**usual, **also})


# -- ZooKeeper ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "members", "lost", "permitted"),
    [
        ([server(1)], MEMBERS, [], None),  # --limit
        ([server(1), server(2)], {1: "kafka1", 2: "kafka2"}, ["3"], True),
        ([server(1)], {1: "kafka1"}, ["2", "3"], False),  # kafka1 alone may lack what the others agreed on
        ([server(1, servers={})], {1: "kafka1"}, [], None),  # a server that is alone knows no others
        ([server(1, data=frozenset(), active=False)], {1: "kafka1"}, [], None),  # it never worked
        ([server(1, data=frozenset())], {1: "kafka1", 2: "kafka2"}, ["3"], True),
    ],
)
def test_a_configured_server_that_the_inventory_does_not_have(seen, members, lost, permitted):
    found = zookeeper.forgotten(seen, members)
    assert bool(found) is bool(lost)
    for one in found:
        assert all(f"ZooKeeper server {number} (kafka{number}:2888)" in one.what for number in lost)
        assert one.consent == (Consent("--shrink", tuple((f"kafka{n}", n) for n in lost)) if permitted else None)


FIVE = {number: f"kafka{number}:2888:3888" for number in range(1, 6)}


@pytest.mark.parametrize(
    ("there", "stay", "permitted"),
    [(2, 1, True), (3, 2, True), (3, 1, False), (4, 2, True), (5, 3, True), (5, 2, False)],
)
def test_so_many_must_stay_that_no_agreed_write_is_lost(there, stay, permitted):
    servers = {number: FIVE[number] for number in range(1, there + 1)}
    (one,) = zookeeper.forgotten([server(1, servers=servers)], {n: f"kafka{n}" for n in range(1, stay + 1)})
    assert (one.consent is not None) is permitted


OTHER_PORTS = {number: f"kafka{number}:2889:3888" for number in (1, 2, 3)}
RENAMED = {number: f"k{number}.example.com:2888:3888" for number in (1, 2, 3)}


@pytest.mark.parametrize(
    ("also", "brokers", "found"),
    [
        ({}, 3, 0),
        ({"servers_then": OTHER_PORTS}, 3, 1),
        ({"servers_then": OTHER_PORTS, "active": False}, 3, 0),
        ({"servers_then": RENAMED}, 3, 0),  # they listen on the same ports
        ({"port_then": "2182"}, 3, 1),
        ({"port_then": "2182", "servers": {}, "servers_then": {}}, 1, 0),  # one host, which is down anyway
        ({"port_then": "2182", "servers": {}, "servers_then": {}}, 3, 1),
        ({"port": ""}, 3, 0),
    ],
)
def test_ports_that_servers_cannot_change_one_by_one(also, brokers, found):
    assert len(zookeeper.ports([server(**also)], brokers)) == found


EMPTY = frozenset[str]()


@pytest.mark.parametrize(
    ("seen", "members", "found"),
    [
        ([server(1), server(2), server(3)], (1, 2, 3), 0),
        ([server(n, data=EMPTY, servers={}, active=False) for n in (1, 2, 3)], (1, 2, 3), 0),  # the first deploy
        ([server(1), server(2), server(3, data=EMPTY)], (1, 2, 3), 0),  # one host is rebuilt
        ([server(1), server(2, data=EMPTY), server(3, data=EMPTY)], (1, 2, 3), 1),
        ([server(2, data=EMPTY)], (1, 2, 3), 0),  # --limit, one after the other
        ([server(1, servers={}), server(2, data=EMPTY), server(3, data=EMPTY)], (1, 2, 3), 1),  # 1 -> 3
        ([server(1, servers={}), server(2, data=EMPTY)], (1, 2), 0),  # 1 -> 2
        ([server(1), server(2), server(3), *(server(n, data=EMPTY) for n in (4, 5))], (1, 2, 3, 4, 5), 0),
        ([server(1)], (1,), 0),
        # An ensemble that has just begun: the leader alone has logged its first transaction.
        ([server(1, mode="leader"), *(server(n, data=EMPTY, mode="follower") for n in (2, 3))], (1, 2, 3), 0),
        ([server(1, mode="leader"), *(server(n, data=EMPTY, mode="standalone") for n in (2, 3))], (1, 2, 3), 1),
    ],
)
def test_servers_without_data_are_never_a_majority(seen, members, found):
    assert len(zookeeper.empty_majority(seen, members)) == found


@pytest.mark.parametrize(
    ("seen", "alone", "split"),
    [
        ([server(1)], 0, 0),
        ([server(1, servers={})], 1, 0),
        ([server(1, servers={}, active=False)], 0, 0),
        ([server(1, servers={}, data=EMPTY)], 0, 0),
        ([server(1, servers={}), server(2), server(3)], 0, 1),
        ([server(1, servers={}, active=False), server(2)], 0, 1),  # its data has gone its own way, running or not
        ([server(1, servers={}, data=EMPTY), server(2)], 0, 0),  # the way back: its data was moved aside
        ([server(4, servers={}), server(2)], 1, 0),  # a stranger
    ],
)
def test_a_server_that_is_alone_is_no_member(seen, alone, split):
    assert (len(zookeeper.alone(seen, 3)), len(zookeeper.split(seen))) == (alone, split)
    assert zookeeper.alone(seen, 1) == []


@pytest.mark.parametrize(
    ("also", "found"),
    [
        ({}, []),
        ({"dirs_then": ("/new", "/new")}, ["snapshots"]),
        ({"dirs_then": ("/zk", "/fast")}, ["transaction"]),  # dataLogDir: the log of before would not be read any more
        ({"dirs_then": ("/new", "/new"), "data": frozenset({"/zk", "/new"})}, ["snapshots"]),
        ({"dirs_then": ("/new", "/new"), "data": frozenset({"/zk", "/new"}), "active": False}, []),
        ({"dirs_then": ("/new", "/new"), "data": EMPTY}, []),
        ({"dirs": None, "dirs_then": ("/new", "/new")}, []),
    ],
)
def test_the_data_of_a_server_is_not_left_behind(also, found):
    assert [one.what.split()[1] for one in zookeeper.moved_data([server(**also)])] == found
