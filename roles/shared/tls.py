"""Keys and certificates of a cluster's nodes, from an authority of its own on the control machine; what is to be said
against a plan that has some to make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cluster.endpoint import LOOPBACK
from provisioner.authority import CERTIFICATE, KEY, Authority, lost
from provisioner.errors import ProvisionerError, Refused
from provisioner.resources import Credential, Directory, Resource
from provisioner.run.target import Target
from roles.shared import kraft, security

if TYPE_CHECKING:
    from provisioner.run.plan import HostPlan

DAY_MS = 24 * 3600 * 1000


class Node(NamedTuple):
    """A node of a closed cluster. doors: the listeners of its process at which it shows its certificate, {name: where
    it is asked on its own host, as `Endpoint.parse` takes it}."""

    credential: Credential
    doors: Mapping[str, str]

    @property
    def asked(self) -> dict[str, Any]:
        """As `cluster.certificates.remote.look` takes it."""
        return {"path": self.credential.path, "trust": self.credential.trust, "doors": dict(self.doors)}


def node(target: Target, unit: str, names: Iterable[str], doors: Mapping[str, str]) -> Node:
    """The node that a unit runs on a host. names: by which it is reached, beside those that every host has."""
    own, trusted = security.files(unit)
    found, known_as = authority(target.inventory.path), every_name(target, names)
    credential = Credential(
        own,
        trusted,
        group=unit,
        subject=security.SUBJECT,
        names=known_as,
        authority=found.fingerprint,
        renew=target["kafka_tls_renew"] // 1000,
        issue=partial(found.issue, security.NAME, known_as, max(1, target["kafka_tls_lifetime"] // DAY_MS)),
    )
    return Node(credential, doors)


def resources(found: Node | None) -> list[Resource]:
    """The key and the certificate of a node, and their folder; none where the cluster is open."""
    if found is None:
        return []
    unit = found.credential.group
    return [Directory(security.folder(unit), "root", unit, 0o750), found.credential]


def every_name(target: Target, names: Iterable[str]) -> tuple[str, ...]:
    """The names and addresses of a node's certificate, sorted."""
    found = {"localhost", *LOOPBACK, target.name, *names, *target["kafka_tls_names"]}
    return tuple(sorted(str(one) for one in found))


@cache
def authority(inventory: Path) -> Authority:
    """The authority of an inventory's cluster, in a folder beside it: prod3.ca for prod3.yml."""
    return Authority(inventory.with_name(f"{inventory.stem}.ca"), security.ORGANIZATION)


def require_all(targets: Sequence[Target]) -> None:
    """Raise Refused where these new nodes would be the first of an authority, and others of the cluster are in no run
    that could say that they have one."""
    one = targets[0]
    if not security.on(one.host) or authority(one.inventory.path).fingerprint:
        return
    groups = (kraft.SERVERS, kraft.BROKERS, kraft.CONTROLLERS)
    nodes = {host.name for group in groups for host in one.members(group)}
    if missing := sorted(nodes - {target.name for target in targets}):
        raise Refused(
            "an authority for the cluster's certificates would be made, and other hosts may have one already",
            details=[f"not in this run: {', '.join(missing)}"],
            advice=f"deploy without --limit; or bring {CERTIFICATE} and {KEY} of theirs to "
            f"{authority(one.inventory.path).folder}",
        )


def objections(target: Target, plan: HostPlan, unit: str) -> list[ProvisionerError]:
    """What is wrong, at most once for a host."""
    return list(_found(target, plan, unit))[:1]


def _found(target: Target, plan: HostPlan, unit: str) -> Iterator[ProvisionerError]:
    for change in plan.changes:
        if not isinstance(change.resource, Credential) or change.resource.group != unit:
            continue
        found = authority(target.inventory.path)
        there = (change.actual or {}).get("authority", "")
        if there and there != found.fingerprint:
            here = f"another one is in {found.folder}" if found.fingerprint else f"none is in {found.folder}"
            yield Refused(
                "the certificates there are of an authority that is not the one here",
                details=[f"theirs begins with {there[:16]} (sha256); {here}"],
                advice=f"bring {CERTIFICATE} and {KEY} of that authority to {found.folder}: a second authority "
                "would lock the nodes out from each other",
            )
        elif not found.can_sign:
            yield lost(found.folder)
