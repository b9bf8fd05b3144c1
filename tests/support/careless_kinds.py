"""The kinds of careless edits, one function each: it changes the inventory and says in words what it has done."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stranger:
    """A host of another cluster: its name, and its ports on this machine for SSH and for clients."""

    name: str
    ssh: int
    kafka: int


@dataclass
class Sheet:
    """An inventory under the pen."""

    inventory: dict[str, Any]
    chance: random.Random
    stranger: Stranger

    @property
    def vars(self) -> dict[str, Any]:
        """The variables of all hosts."""
        return self.inventory["all"]["vars"]

    @property
    def groups(self) -> dict[str, Any]:
        return self.inventory["all"]["children"]

    @property
    def brokers(self) -> dict[str, dict[str, Any]]:
        """{host: its variables} of the group kafka, which has them in this inventory."""
        return self.groups.get("kafka", {}).get("hosts", {})

    @property
    def servers(self) -> dict[str, dict[str, Any]]:
        """{host: its variables} of the group zookeeper."""
        return self.groups.get("zookeeper", {}).get("hosts", {})

    def some(self, count: int = 1) -> list[str]:
        """Names of hosts, by chance."""
        return self.chance.sample(sorted(self.brokers), min(count, len(self.brokers)))

    def filled(self, value: Any) -> Any:
        """A value of the table, with the names of hosts in it."""
        if isinstance(value, str):
            return value.replace("{stranger}", self.stranger.name).replace("{first}", min(self.brokers))
        return copy.deepcopy(value)

    def short(self, host: str) -> str:
        """A host's name without its lab."""
        return host.rsplit("-", 1)[-1]


Change = Callable[[Sheet], str]


@dataclass(frozen=True)
class Kind:
    """A kind of edit. cards: how often it is in a round; refused, stops, lowers: see `Edit`; flags: None for any;
    cheap: whether it may be one of two edits at once (it rolls no cluster)."""

    change: Change
    cards: int = 1
    refused: bool = True
    stops: bool = False
    lowers: bool = False
    cheap: bool = True
    flags: tuple[str, ...] | None = None


KINDS: list[Kind] = []


def kind(**about: Any) -> Callable[[Change], Change]:
    """Put a change into the table."""

    def enter(change: Change) -> Change:
        KINDS.append(Kind(change, **about))
        return change

    return enter


def setting(choices: Sequence[Mapping[str, Any]], *, one_host: bool = False, **about: Any) -> None:
    """Kinds that set variables: of all hosts, or of one host. choices: one of them is taken by chance."""

    def change(sheet: Sheet) -> str:
        chosen = {name: sheet.filled(value) for name, value in sheet.chance.choice(choices).items()}
        where = ""
        if one_host:
            (host,) = sheet.some()
            sheet.brokers[host].update(chosen)
            where = f"on {sheet.short(host)} "
        else:
            sheet.vars.update(chosen)
        return where + ", ".join(f"{name}: {value}" for name, value in chosen.items())

    KINDS.append(Kind(change, **about))


# -- hosts that go, are renamed, come twice ----------------------------------------------------------------------------


@kind()
def removed(sheet: Sheet) -> str:
    gone = sheet.some(sheet.chance.choice((1, 2)))
    for host in gone:
        sheet.brokers.pop(host, None)
        sheet.servers.pop(host, None)
    return f"removed {', '.join(map(sheet.short, gone))}"


@kind()
def removed_as_broker(sheet: Sheet) -> str:
    (host,) = sheet.some()
    sheet.servers[host] = {**sheet.brokers.pop(host), **(sheet.servers.get(host) or {})}
    return f"removed {sheet.short(host)} from the group kafka"


@kind()
def removed_as_server(sheet: Sheet) -> str:
    (host,) = sheet.some()
    sheet.servers.pop(host, None)
    return f"removed {sheet.short(host)} from the group zookeeper"


@kind()
def group_misspelt(sheet: Sheet) -> str:
    group = sheet.chance.choice(sorted(sheet.groups))
    if sheet.chance.random() < 0.5:
        sheet.groups[group]["hosts"] = {}
        return f"the group {group} has no hosts"
    sheet.groups[f"{group}s"] = sheet.groups.pop(group)
    return f"the group {group} is called {group}s"


@kind()
def renamed(sheet: Sheet) -> str:
    (host,) = sheet.some()
    new = host.replace("kafka", "broker")
    sheet.brokers[new] = sheet.brokers.pop(host)
    sheet.servers[new] = sheet.servers.pop(host, {})
    return f"renamed {sheet.short(host)} to {sheet.short(new)}"


@kind()
def address_of_a_server(sheet: Sheet) -> str:
    host, other = (*sheet.some(2), "")[:2]
    address = sheet.chance.choice((other, "127.0.0.1", f"{host}x"))
    sheet.brokers[host]["zookeeper_address"] = address
    return f"{sheet.short(host)}: zookeeper_address {address}"


@kind()
def address_for_clients(sheet: Sheet) -> str:
    host, other = (*sheet.some(2), "")[:2]
    address = sheet.chance.choice((other, "localhost", f"{host}x"))
    own = copy.deepcopy(sheet.vars["kafka_listeners"])
    own[0]["advertised_host"] = address
    sheet.brokers[host]["kafka_listeners"] = own
    return f"{sheet.short(host)}: its listener {own[0]['name']} is advertised as {address}"


@kind()
def another_machine(sheet: Sheet) -> str:
    host, other = (*sheet.some(2), "")[:2]
    one, two = sheet.brokers[host], sheet.brokers[other]
    if sheet.chance.random() < 0.5:
        one["ansible_port"] = two["ansible_port"]
        return f"{sheet.short(host)} has the SSH port of {sheet.short(other)}"
    one["ansible_port"], two["ansible_port"] = two["ansible_port"], one["ansible_port"]
    return f"{sheet.short(host)} and {sheet.short(other)} have each other's SSH ports"


@kind()
def duplicated(sheet: Sheet) -> str:
    (host,) = sheet.some()
    number = sheet.chance.choice((4, sheet.brokers[host]["kafka_broker_id"]))
    new = f"{host}b"
    sheet.brokers[new] = {**sheet.brokers[host], "kafka_broker_id": number, "zookeeper_myid": number}
    if sheet.chance.random() < 0.5:
        sheet.servers[new] = {}
    return f"{sheet.short(host)} a second time as {sheet.short(new)}, with the id {number}"


# -- another cluster's host --------------------------------------------------------------------------------------------


@kind(cards=2)
def another_cluster_joins(sheet: Sheet) -> str:
    number = sheet.chance.choice((4, 1))
    about = {
        "ansible_host": "127.0.0.1",
        "ansible_port": sheet.stranger.ssh,
        "kafka_broker_id": number,
        "zookeeper_myid": number,
        "external_port": sheet.stranger.kafka,
    }
    groups = sheet.chance.choice((("kafka",), ("zookeeper",), ("kafka", "zookeeper")))
    for group in groups:
        if group in sheet.groups:
            sheet.groups[group]["hosts"][sheet.stranger.name] = about
    return f"another cluster's host as a fourth in {' and '.join(groups)}, with the id {number}"


@kind()
def another_cluster_instead(sheet: Sheet) -> str:
    (host,) = sheet.some()
    sheet.brokers[host]["ansible_port"] = sheet.stranger.ssh
    name = sheet.chance.choice((host, sheet.stranger.name))
    sheet.brokers[name] = sheet.brokers.pop(host)
    sheet.servers[name] = sheet.servers.pop(host, {})
    return f"another cluster's host in place of {sheet.short(host)}, as {sheet.short(name)}"


# -- ids ---------------------------------------------------------------------------------------------------------------


@kind()
def number_changed(sheet: Sheet) -> str:
    host, other = (*sheet.some(2), "")[:2]
    name = sheet.chance.choice(("kafka_broker_id", "zookeeper_myid"))
    new = sheet.chance.choice((7, sheet.brokers[other][name]))
    sheet.brokers[host][name] = new
    return f"{sheet.short(host)}: {name} {new}"


@kind()
def numbers_swapped(sheet: Sheet) -> str:
    host, other = (*sheet.some(2), "")[:2]
    one, two = sheet.brokers[host], sheet.brokers[other]
    for name in sheet.chance.choice((("kafka_broker_id",), ("zookeeper_myid",), ("kafka_broker_id", "zookeeper_myid"))):
        one[name], two[name] = two[name], one[name]
    return f"{sheet.short(host)} and {sheet.short(other)} have each other's ids"


@kind()
def numbers_left_out(sheet: Sheet) -> str:
    about = {name: dict(sheet.brokers[name]) for name in sorted(sheet.brokers, reverse=True)}
    for one in about.values():
        one.pop("kafka_broker_id", None)
        one.pop("zookeeper_myid", None)
    sheet.groups["kafka"]["hosts"] = about
    sheet.groups["zookeeper"]["hosts"] = {name: {} for name in about}
    return "the ids left out, and the hosts in another order"


# -- listeners ---------------------------------------------------------------------------------------------------------


def listeners(sheet: Sheet, host: str | None = None) -> list[dict[str, Any]]:
    """The listeners to change, of all hosts or of one."""
    own = copy.deepcopy(sheet.vars["kafka_listeners"])
    (sheet.brokers[host] if host else sheet.vars)["kafka_listeners"] = own
    return own


@kind(refused=False, cheap=False, flags=("--limit", "{first}", "--no-smoke"))
def port_among_brokers(sheet: Sheet) -> str:
    listeners(sheet)[0]["port"] = 9192
    return "the listener of the brokers at another port"


@kind(refused=False, cheap=False)
def port_for_clients(sheet: Sheet) -> str:
    (host,) = sheet.some()
    sheet.brokers[host]["external_port"] = 9999
    return f"{sheet.short(host)}: the clients' listener at another port"


@kind()
def one_port_twice(sheet: Sheet) -> str:
    port = sheet.chance.choice(("{{ external_port }}", 2181, 3888))
    listeners(sheet)[0]["port"] = port
    return f"the listener of the brokers at port {port}, which another one has"


@kind()
def listener_renamed(sheet: Sheet) -> str:
    listeners(sheet)[1]["name"] = "CLIENTS"
    return "the clients' listener renamed"


@kind()
def listener_of_brokers_gone(sheet: Sheet) -> str:
    if sheet.chance.random() < 0.5:
        del listeners(sheet)[0]
        return "the listener of the brokers removed"
    listeners(sheet)[0]["name"] = "BROKERS"
    sheet.vars["kafka_inter_broker_listener"] = sheet.chance.choice(("BROKERS", "INTERNAL"))
    return f"the listener of the brokers is BROKERS, they use {sheet.vars['kafka_inter_broker_listener']}"


@kind()
def listener_among_brokers(sheet: Sheet) -> str:
    sheet.vars["kafka_inter_broker_listener"] = "EXTERNAL"
    return "brokers use the clients' listener, which is advertised as 127.0.0.1"


# -- variables ---------------------------------------------------------------------------------------------------------

DIRS = "kafka_data_dirs"
setting([{DIRS: ["/srv/kafka"]}, {DIRS: ["/var/lib/kafka"]}, {DIRS: ["/var/lib/kafka/data2"]}])
setting([{DIRS: ["/srv/kafka"]}], one_host=True)
setting(
    [
        {DIRS: []},
        {DIRS: ["data"]},
        {DIRS: ["/"]},
        {DIRS: ["/etc/kafka"]},
        {DIRS: ["/var/lib/kafka/data", "/var/lib/kafka/data/two"]},
        {DIRS: ["/var/lib/zookeeper/data"]},
        {DIRS: ["/var/lib/kafka/data", "/home/../etc"]},
        {DIRS: ["/var/lib/kafka/data", "/tmp"]},
    ],
)
setting([{DIRS: ["/var/lib/kafka/data", "/srv/kafka"]}], refused=False, cheap=False, flags=("--limit", "{last}"))
setting(
    [
        {"zookeeper_data_dir": "/srv/zookeeper"},
        {"zookeeper_txn_dir": "/srv/zookeeper-txn"},
        {"zookeeper_data_dir": "/var/lib/kafka/data"},
        {"zookeeper_data_dir": "zookeeper"},
    ],
)
setting([{"kafka_version": "2.5.0"}])
setting([{"kafka_version": "3.9.1"}, {"kafka_version": "3.9.22"}, {"kafka_version": "3,9,2"}, {"kafka_version": 3.9}])
setting([{"zookeeper_version": "3.5.10"}, {"zookeeper_version": "3.8.66"}])
setting([{"kafka_zookeeper_chroot": "/kafka"}, {"kafka_zookeeper_chroot": "kafka"}])
setting(
    [
        {"kafka_zookeeper_connect": "{stranger}:2181"},
        {"kafka_zookeeper_connect": "127.0.0.1:2182"},
        {"kafka_zookeeper_connect": "{first}:2181/kafka"},
        {"kafka_zookeeper_connect": "zookeeper-prod:2181"},
    ],
)
setting([{"zookeeper_port": 2281}, {"zookeeper_port": 2888}, {"zookeeper_port": 3888}])
setting([{"zookeeper_quorum_port": 2889}, {"zookeeper_election_port": 3889}, {"zookeeper_election_port": 2888}])
setting([{"zookeeper_quorum_port": 2889}, {"zookeeper_election_port": 2181}], one_host=True)
setting(
    [
        {"kafka_config": {"broker.id": 9}},
        {"kafka_config": {"log.dirs": "/srv/kafka"}},
        {"kafka_config": {"zookeeper.connect": "127.0.0.1:2181/other"}},
        {"zookeeper_config": {"dataDir": "/srv/zookeeper"}},
        {"zookeeper_config": {"clientPort": 2281}},
    ],
)
setting([{"kafka_replication_factor": 4}, {"kafka_min_insync_replicas": 4}, {"kafka_replication_factor": 0}])
setting([{"kafka_heap": "64g"}, {"kafka_heap": 512}, {"kafka_heap": "512x"}, {"zookeeper_heap": "16"}])
setting([{"kafka_log_retetion": "3d"}, {"kafka_data_dir": ["/srv/kafka"]}, {"kafka_log_retention": "3 fortnights"}])
setting([{"java_home": "/opt/java"}, {"os_nofile": 2000000}, {"kafka_accept_downtime": "maybe"}])
setting([{"ansible_port": 1}, {"ansible_user": "kafka"}], one_host=True)
setting([{"topics": {"orders": {"partitions": 1}}}, {"topics": {"new": {"replication_factor": 5}}}])
setting([{"kafka_jvm_opts": ["-XX:+UseG2GC"]}, {"kafka_jvm_opts": ["-Xmx1"]}], refused=False, stops=True, cheap=False)
setting([{"kafka_min_insync_replicas": 1}], refused=False, lowers=True, flags=("--yes",))
setting([{"kafka_min_insync_replicas": 3}], flags=("--no-smoke",))
setting([{"kafka_rack": "rack9"}], one_host=True, refused=False, cheap=False)
setting([{"kafka_log_retention": "3d"}, {"kafka_log_retention": "36h", "kafka_network_threads": 4}], refused=False)
setting(
    [
        {"kafka_message_max": "2m"},
        {"kafka_config": {"log.cleaner.threads": 2}},
        {"topics": {"orders": {"retention": "3d"}}},
        {"kafka_io_threads": 9},
    ],
    refused=False,
)
setting([{"zookeeper_snapshots_kept": 5}], refused=False, cheap=False, flags=("--limit", "{first}"))
