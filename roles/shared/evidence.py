"""Contradictions between an inventory and what runs that are the same for every service with members; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from provisioner.inventory.addresses import is_loopback
from provisioner.run.evidence import DOWNGRADE, NOTHING, SHRINK, Consent, Objection
from provisioner.words import counted, some
from roles.shared import kraft


class Left(NamedTuple):
    """A service as an earlier deploy has left it on a host. variables: what an inventory would say of it; members: the
    addresses of all that it works with, itself among them; everywhere: what an inventory with it says of all hosts."""

    variables: Mapping[str, Any]
    members: Sequence[str] = ()
    everywhere: Mapping[str, Any] = NOTHING


def lacking(
    what: str,
    known: Mapping[int, str],
    wanted: Collection[int],
    *,
    evidence: str,
    group: str,
    way: str,
    host: str | None = None,
    never: str = "",
) -> list[Objection]:
    """The inventory has fewer members than what runs. what: a member, "broker". known {id: address} of all that run or
    are configured, "" for an address that nobody knows; wanted: the inventory's ids. evidence: where `known` comes
    from. group: the inventory's. way: how one leaves for good, with {names} in it. host: the one that says so. never:
    why so few must not stay, even if that is meant."""
    lost = {number: address for number, address in sorted(known.items()) if number not in wanted}
    if not lost:
        return []
    called = {number: names(number, address) for number, address in lost.items()}
    listed = [f"{what} {number}" + (f" ({address})" if address else "") for number, address in lost.items()]
    return [
        Objection(
            f"the inventory knows less than the cluster: {some(listed)} {'is' if len(lost) == 1 else 'are'} not in its "
            f"group {group}",
            host,
            (
                f"{evidence}: {counted(len(known), what)} ({', '.join(map(str, sorted(known)))})",
                f"the inventory: {counted(len(wanted), what)} ({', '.join(map(str, sorted(wanted))) or 'none'})",
                *filter(None, [never]),
            ),
            way=f"use the inventory that has all of them; {way.format(names=','.join(n[0] for n in called.values()))}",
            consent=None if never else Consent(SHRINK, tuple(called.values())),
        )
    ]


def left_behind(unit: str, host: str) -> Objection:
    """A service that an earlier deploy has started on a host that is not in its group any more."""
    leaves = f"use that one for `invoke uninstall --limit {host}` first"
    if unit == kraft.OWN_UNIT:  # a broker may be beside it, and it has to leave the quorum
        leaves = f"use that one for `invoke quorum.remove --controller {host}`, then for "
        leaves += f"`invoke uninstall --limit {host} --service {unit}`"
    group = unit.replace("-", "_")
    return Objection(
        f"the inventory knows less than the cluster: {unit} runs here, and the host is not in the group {group}",
        host,
        way=f"use the inventory that has it there; to take it out for good, {leaves}",
        consent=Consent(SHRINK, ((host,),)),
    )


def needless(unit: str, said: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a service that is left behind is one that nobody needs: ZooKeeper, where the nodes of the host do without
    it after a migration. said {role: the answer of its host}."""
    settings = [one["settings"] for one in said.values() if one.get("settings")]
    return unit == kraft.SERVERS and any("process.roles" in one for one in settings)


def names(number: int, address: str) -> tuple[str, ...]:
    """What a member may be called on the command line: the host in its address, as far as that says which it is, and
    its id."""
    host = address.rsplit(":", 1)[0].strip("[]")
    nowhere = not host or host in ("0.0.0.0", "::") or is_loopback(host)
    return (str(number),) if nowhere else (host, str(number))


def older(product: str, hosts: Mapping[str, tuple[str, str]]) -> list[Objection]:
    """A step back in versions. hosts {name: (the version that is there, the wanted one)}, as in "3.9.2"."""
    return [
        Objection(
            f"a downgrade: {product} {now} -> {then}",
            host,
            way=f"set {product.lower()}_version to {now} or newer: what a newer version has written, an older one may "
            "not be able to read",
            consent=Consent(DOWNGRADE),
        )
        for host, (now, then) in hosts.items()
        if _number(then) < _number(now)
    ]


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("-")[0]))


def version_in(link: str | None) -> str | None:
    """The version in the name of a product's directory: 3.9.2 of kafka_2.13-3.9.2, 3.8.6 of zookeeper-3.8.6."""
    found = re.search(r"-(\d+(?:\.\d+)+)(?:-bin)?$", link or "")
    return found[1] if found else None


def reused(path: str, host: str) -> Objection:
    """A directory of a KRaft node in which a broker of a ZooKeeper cluster has had its data."""
    return Objection(
        f"{path} has the data of a broker with ZooKeeper, and this cluster keeps its metadata itself (KRaft)",
        host,
        way="use an empty directory; or empty this one, if its records are not needed any more",
    )


def clusters(found: Iterable[tuple[str, str, str]]) -> list[Objection]:
    """Hosts of different clusters in one inventory. found: (cluster id, host, where that id stands)."""
    of: dict[str, dict[str, str]] = {}
    for cluster, host, where in found:
        of.setdefault(cluster, {}).setdefault(host, where)
    if len(of) < 2:
        return []
    return [
        Objection(
            "the hosts belong to different clusters",
            None,
            tuple(
                f"cluster {cluster}: {', '.join(f'{host} ({where})' for host, where in hosts.items())}"
                for cluster, hosts in of.items()
            ),
            way="use one inventory for each cluster; a host that is to move from one cluster to another has to be "
            "emptied first: `invoke uninstall --purge-data` with its own inventory",
        )
    ]
