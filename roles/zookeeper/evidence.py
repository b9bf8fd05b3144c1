"""What is known of the ZooKeeper servers that are there, against what an inventory says. `evidence_rules.py` has the
rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from posixpath import normpath
from typing import TYPE_CHECKING, Any

from cluster.endpoint import PLAINTEXT, SSL
from cluster.metadata import remote
from roles.shared import evidence as shared
from roles.shared import kraft
from roles.zookeeper import doors, service, topology
from roles.zookeeper import evidence_rules as rules
from roles.zookeeper.release import release

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.resources import Request
    from provisioner.run.evidence import Agreed, Objection, Witness
    from provisioner.run.target import Target

LINK = "/opt/zookeeper"
UNIT = "zookeeper"
ADDRESS = "zookeeper_address"  # the variable that says by which name the others reach a server
CONNECT = "zookeeper.connect"  # the property of whoever uses it


def ask(target: Target) -> Request:
    """The question to each host."""
    return remote.zookeeper_evidence(
        config=service.CONFIG, started=service.STARTED, link=LINK, dirs=service.data_dirs(target)
    )


def judge(witnesses: Sequence[Witness], call: Call, agreed: Agreed) -> list[Objection]:
    """Every contradiction. witnesses: the hosts of this run with a server; more is asked only in suspicious cases."""
    seen = [_seen(one) for one in witnesses]
    target = witnesses[0].target
    hosts = target.members("zookeeper")
    members = {topology.myid(host, hosts): host.name for host in hosts}
    forgotten = rules.forgotten(seen, members)
    return [
        *forgotten,
        *_running(seen, members, forgotten, call, agreed),
        *rules.ports(seen, len(target.members("kafka"))),
        *rules.split(seen),
        *rules.alone(seen, len(members)),
        *rules.empty_majority(seen, members),
        *_strangers(seen, {one.name: one for one in witnesses}, call),
        *rules.moved_data(seen),
        *shared.older("ZooKeeper", {one.host: (one.version, one.wanted_version) for one in seen if one.version}),
    ]


def left(said: Mapping[str, Any]) -> shared.Left | None:
    """A server of which a host's inventory says nothing any more, as its files say it; None where there is none. said:
    the answer to `ask`. Pure."""
    now = said["settings"]
    version = shared.version_in(said["link"])
    if not now and not version:
        return None
    snapshots, transactions = now.get("dataDir"), now.get("dataLogDir")
    variables = {
        "zookeeper_version": version,
        "zookeeper_data_dir": snapshots,
        "zookeeper_txn_dir": transactions,
        "zookeeper_port": int(_port(now)) if _port(now).isdigit() else None,
    }
    return shared.Left(
        {name: value for name, value in variables.items() if value is not None},
        tuple(address.rsplit(":", 2)[0].strip("[]") for address in said["servers"].values()),
        {kraft.MIGRATION: kraft.MOVED},  # the step before, as controllers are there, too
    )


def used(said: Mapping[str, Iterable[Mapping[str, Any]]]) -> list[str]:
    """Hosts of which something is told to use it, by what it runs with or will. said {host: the answers of its
    roles}. Pure."""
    return [
        host
        for host, answers in said.items()
        if any(CONNECT in one for said in answers for one in (said.get("settings"), said.get("running")) if one)
    ]


def apart(witnesses: Sequence[Witness]) -> dict[str, list[str]]:
    """{host: the data directories of its server} of the servers that left their ensemble and run alone."""
    of_role = {one.name: one for one in witnesses if UNIT in one.said}
    found = rules.split([_seen(one) for one in of_role.values()])
    return {one.host: service.data_dirs(of_role[one.host].target) for one in found if one.host}


def _seen(witness: Witness) -> rules.Seen:
    target, said = witness.target, witness.said[UNIT]
    text = witness.becomes(service.CONFIG)
    now: Mapping[str, str] = said["settings"]
    then, servers_then = (now, said["servers"]) if text is None else _read(text)
    wanted = list(map(normpath, service.data_dirs(target)))
    present = said["present"]
    return rules.Seen(
        host=witness.name,
        number=topology.myid(target.host, target.members("zookeeper")),
        servers=_numbered(said["servers"]),
        servers_then=_numbered(servers_then),
        port=_port(now),
        port_then=_port(then),
        dirs=(present[0], present[-1]) if present else None,
        dirs_then=(wanted[0], wanted[-1]),
        data=frozenset(said["data"]),
        version=shared.version_in(said["link"]),
        wanted_version=release(target.host.vars).version,
        active=UNIT in witness.active,
        mode=str(witness.serving.get(UNIT, {}).get("mode") or ""),
    )


def _port(settings: Mapping[str, str]) -> str:
    """That for clients, of which there is one, in the clear or by TLS."""
    return settings.get(doors.SECURE) or settings.get(doors.CLIENTS, "")


def _read(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """(the settings, the servers) of a zoo.cfg."""
    from cluster.metadata.zookeeper.evidence import servers
    from cluster.settings.properties import parse

    settings = parse(text)
    return settings, servers(settings)


def _numbered(found: Mapping[str, str]) -> dict[int, str]:
    return {int(number): address for number, address in found.items()}


def _running(
    seen: Sequence[rules.Seen],
    members: Mapping[int, str],
    forgotten: Sequence[Objection],
    call: Call,
    agreed: Agreed,
) -> Iterator[Objection]:
    """Servers that may leave, as the command line says, and still run."""
    if not any(one.consent and one.consent.given(agreed) for one in forgotten):
        return
    gone = {
        number: address
        for one in seen
        if one.matters
        for number, address in one.servers.items()
        if number not in members
    }
    addresses = {number: rules.election_address(address) for number, address in gone.items()}
    answers = call(seen[0].host, remote.zookeeper_listening(list(addresses.values())))
    for number, address in addresses.items():
        if answers[address]:
            yield rules.running_on(shared.names(number, address)[0], address)


def _strangers(seen: Sequence[rules.Seen], witnesses: Mapping[str, Witness], call: Call) -> list[Objection]:
    """Servers of other clusters, as they say themselves: addresses alone may just have been renamed."""
    pairs = rules.strangers(seen)
    found = []
    for host in dict.fromkeys(one.host for pair in pairs for one in pair):
        now = witnesses[host].said[UNIT]["settings"]
        port = _port(now) or witnesses[host].target["zookeeper_port"]
        protocol = SSL if doors.SECURE in now else PLAINTEXT
        chroot = str(witnesses[host].target.host.vars.get("kafka_zookeeper_chroot") or "").strip("/")
        answer = call(host, remote.zookeeper_cluster_id(f"{remote.LOCAL}:{port}/{chroot}", protocol))
        if answer["id"]:
            found.append((answer["id"], host, "in its ZooKeeper"))
    return shared.clusters(found)
