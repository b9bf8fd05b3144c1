"""Keys and certificates of a cluster's nodes, from an authority of its own on the control machine; what is to be said
against a plan that has some to make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cluster.endpoint import LOOPBACK
from provisioner import certificates, renewal, succession
from provisioner.authority import CERTIFICATE, KEY, Authority, lost
from provisioner.certificates import Certificate
from provisioner.errors import ProvisionerError, Refused
from provisioner.inventory.yaml_source import EncryptedFile
from provisioner.resources import Credential, Directory, Given, Resource
from provisioner.run.target import Target
from provisioner.succession import Step
from roles.shared import kraft, security

if TYPE_CHECKING:
    from provisioner.inventory.model import Inventory
    from provisioner.run.plan import HostPlan

# What nodes come to, while the authority's key is replaced.
STEPS = {
    Step.ANNOUNCED: "nodes trust the new authority beside the old one",
    Step.SUCCEEDED: "nodes get certificates of the new authority, and trust both",
    Step.RETIRED: "nodes trust only the new authority",
}
DAY_MS = 24 * 3600 * 1000
# What of a certificate a process takes as it runs: another one of the same authority, or also one of another.
RENEWED = ("owner", "group", "mode", "names", "complete", "in_time", "renewed")
SUCCEEDED = (*RENEWED, "authority", "also_trusts")


class Node(NamedTuple):
    """A node of a closed cluster. doors: the listeners of its process at which it shows its certificate, {name: where
    it is asked on its own host, as `Endpoint.parse` takes it}; said: where the unit keeps what stood above the key at
    its start, "" where the process goes on with nothing of that."""

    credential: Credential
    doors: Mapping[str, str]
    said: str = ""

    @property
    def asked(self) -> dict[str, Any]:
        """As `cluster.certificates.remote.look` takes it."""
        asked = {"path": self.credential.path, "trust": self.credential.trust, "doors": dict(self.doors)}
        return {**asked, "said": self.said} if self.said else asked


class Shown(NamedTuple):
    """A certificate that was given to a deploy, and that a unit shows to clients. trust: the path of what clients
    trust; doors: as of a `Node`, those at which it is shown."""

    file: Given
    trust: str
    doors: Mapping[str, str]

    @property
    def asked(self) -> dict[str, Any]:
        """As `Node.asked`."""
        return {"path": self.file.path, "trust": self.trust, "doors": dict(self.doors)}


def node(
    target: Target,
    unit: str,
    names: Iterable[str],
    doors: Mapping[str, str],
    stores: bool = False,
    taken: tuple[str, ...] = (),
    lasting: int | None = None,
    said: str = "",
) -> Node:
    """The node that a unit runs on a host. names: by which it is reached, beside those that every host has; stores:
    whether the unit reads no PEM; taken, lasting: what its process takes as it runs, as of a `Credential`; said: as of
    a `Node`."""
    own, trusted = security.files(unit)
    found, known_as = authority(target.inventory), every_name(target, names)
    credential = Credential(
        own,
        trusted,
        group=unit,
        subject=security.SUBJECT,
        names=known_as,
        authority=found.fingerprint,
        others=found.others,
        unwanted=tuple(sorted(renewal.unwanted(found.folder))),
        renew=target["kafka_tls_renew"] // 1000,
        stores=stores,
        taken=taken,
        lasting=lasting,
        issue=partial(found.issue, security.NAME, known_as, max(1, target["kafka_tls_lifetime"] // DAY_MS)),
    )
    return Node(credential, doors, said)


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


def authority(inventory: Inventory) -> Authority:
    """The authority of an inventory's cluster, in a folder beside it: prod3.ca for prod3.yml."""
    found = _at(inventory.path)
    if inventory.decrypt is not None:
        found.decrypt = inventory.decrypt
    return found


@cache
def _at(inventory: Path) -> Authority:
    return Authority(inventory.with_name(f"{inventory.stem}.ca"), security.ORGANIZATION, without_password)


def without_password(text: str, what: str) -> str:
    """Open an encrypted key where there is no password: raises EncryptedFile, which says what is missing."""
    raise EncryptedFile(what)


def warnings(inventory: Inventory) -> list[str]:
    """How far the authority's key is replaced, where it is being replaced."""
    step = succession.step(authority(inventory))
    if step is Step.SETTLED:
        return []
    where = f"step {step.value} of {Step.RETIRED.value}: {STEPS[step]}"
    return [f"the key of the certificates' authority is being replaced, {where}; `invoke certs.rotate-ca` goes on"]


def require_all(targets: Sequence[Target]) -> None:
    """Raise Refused where these new nodes would be the first of an authority, and others of the cluster are in no run
    that could say that they have one."""
    one = targets[0]
    if not security.on(one.host) or authority(one.inventory).fingerprint:
        return
    nodes = {host.name for group in kraft.NODES for host in one.members(group)}
    if missing := sorted(nodes - {target.name for target in targets}):
        raise Refused(
            "an authority for the cluster's certificates would be made, and other hosts may have one already",
            details=[f"not in this run: {', '.join(missing)}"],
            advice=f"deploy without --limit; or bring {CERTIFICATE} and {KEY} of theirs to "
            f"{authority(one.inventory).folder}",
        )


def objections(target: Target, plan: HostPlan, unit: str) -> list[ProvisionerError]:
    """What is wrong, at most once for a host."""
    return list(_found(target, plan, unit))[:1]


def _found(target: Target, plan: HostPlan, unit: str) -> Iterator[ProvisionerError]:
    for change in plan.changes:
        if not isinstance(change.resource, Credential) or change.resource.group != unit:
            continue
        found = authority(target.inventory)
        actual = change.actual or {}
        there = actual.get("authority", "")
        if there and there not in (found.fingerprint, *found.others):
            here = f"another one is in {found.folder}" if found.fingerprint else f"none is in {found.folder}"
            yield Refused(
                "the certificates there are of an authority that is not the one here",
                details=[f"theirs begins with {there[:16]} (sha256); {here}"],
                advice=f"bring {CERTIFICATE} and {KEY} of that authority to {found.folder}: a second authority "
                "would lock the nodes out from each other",
            )
        elif there and (why := succession.behind(found.known, there, _trusted(actual))):
            yield Refused(
                f"the authority's key is being replaced, or was, from another machine: {why}",
                details=[f"here: {found.folder}"],
                advice=f"bring {CERTIFICATE} and the keys from there, as they are now, to {found.folder}",
            )
        elif not found.can_sign:
            yield lost(found.folder)
        elif found.fingerprint:
            try:
                found.require_key()
            except ProvisionerError as error:
                yield error


def _trusted(actual: Mapping[str, Any]) -> list[Certificate]:
    """What a node trusts, as `Credential.read` answers; nothing where that is no certificate, which a deploy puts
    right."""
    try:
        return certificates.every(actual.get("trusted", ""))
    except ValueError:
        return []
