"""Clients that show a certificate instead of a password: their authority, and what brokers are given of it.

It is another one than that of the nodes, as every listener believes all that its authority has signed: so no client can
come in as a node, at whatever listener, and no node as a client.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner import certificates, succession
from provisioner.authority import CERTIFICATE, Authority, Issued
from provisioner.errors import ProvisionerError, Refused
from provisioner.resources import File, Resource
from provisioner.succession import Step
from roles.kafka import listeners
from roles.shared import expiry, kraft, security, tls
from roles.shared.checks import members

if TYPE_CHECKING:
    from provisioner.inventory.model import Inventory
    from provisioner.run.plan import HostPlan
    from provisioner.run.target import Target

NOBODY = "# No client shows a certificate here.\n"
# What brokers and clients come to, while the authority's key is replaced.
STEPS = {
    Step.ANNOUNCED: "brokers trust the new authority of clients beside the old one",
    Step.SUCCEEDED: "clients get certificates of the new authority, and brokers trust both",
    Step.RETIRED: "brokers trust only the new authority of clients",
}
TRUSTED = f"{security.folder(kraft.COMBINED_UNIT)}/{security.TRUSTED_CLIENTS}"


def authority(inventory: Inventory) -> Authority:
    """The authority of clients, in a folder within that of the nodes: prod3.ca/clients for prod3.yml. The first
    certificate that it signs makes it (`invoke certs.issue`)."""
    found = _at(tls.authority(inventory).folder / "clients")
    if inventory.decrypt is not None:
        found.decrypt = inventory.decrypt
    return found


@cache
def _at(folder: Path) -> Authority:
    return Authority(folder, security.CLIENTS, tls.without_password)


def ends(made: Issued) -> str:
    """The last day of a certificate, as people read it."""
    return expiry.written(made.until)[:10]


def resources(target: Target) -> list[Resource]:
    """What brokers trust at the listeners for clients with certificates. It is there in every closed cluster, so that
    an uninstall finds it after such a listener has gone."""
    if not security.on(target.host):
        return []
    own = authority(target.inventory)
    # With such a listener and without an authority, `objections` ends the run.
    return [File(TRUSTED, _newest_first(own) if own.fingerprint else NOBODY, "root", kraft.COMBINED_UNIT, 0o640)]


def _newest_first(own: Authority) -> str:
    """What is trusted, in an order that does not depend on which one signs: when that changes, no broker restarts."""
    if not own.others:
        return own.certificate
    each = certificates.blocks(own.certificate)
    return "".join(sorted(each, key=lambda one: -succession.number(certificates.read(one))))


def warnings(inventory: Inventory) -> list[str]:
    """How far the key of the clients' authority is replaced, where it is being replaced."""
    step = succession.step(authority(inventory))
    if step is Step.SETTLED:
        return []
    again = "`invoke certs.rotate-ca --of-clients` goes on"
    return [f"the key of the clients' authority is being replaced: {STEPS[step]}; {again}"]


def names(inventory: Inventory) -> list[str]:
    """The users that show certificates; none where the cluster is open."""
    brokers = members(inventory, kraft.BROKERS)
    if not brokers or not security.on(brokers[0]):
        return []
    from roles.kafka import users  # every run loads this file

    return [one.name for one in users.of(brokers[0]) if one.certificate]


def objections(target: Target, plan: HostPlan) -> list[ProvisionerError]:
    """Why the host must not get what is here: nothing is, or it would lock out the clients that are let in now."""
    if not listeners.with_certificates(target.host):
        return []
    own = authority(target.inventory)
    if not own.fingerprint:
        names = ", ".join(one.name for one in listeners.with_certificates(target.host))
        return [
            Refused(
                f"clients show certificates at the listener {names}, and their authority is not here: {own.folder}",
                advice="`invoke certs.issue` makes it with the certificate of the first client; or bring "
                f"{CERTIFICATE} from the machine that has it",
            )
        ]
    change = next((one for one in plan.changes if one.resource.place == TRUSTED), None)
    there = certificates.blocks(str((change.actual or {}).get("content", ""))) if change else []
    if there and not {*certificates.keys("".join(there))} & {own.fingerprint, *own.others}:
        return [
            Refused(
                "clients are let in by certificates of another authority than the one here, and would be locked out",
                details=[f"here: {own.folder}"],
                advice=f"bring {CERTIFICATE} of that authority; where another one is to take its place, put both into "
                f"{own.folder / CERTIFICATE}, the new one first, until all clients have new certificates",
            )
        ]
    if there and (why := succession.behind(own.known, "", certificates.every("".join(there)))):
        return [
            Refused(
                f"the key of the clients' authority is being replaced, or was, from another machine: {why}",
                details=[f"here: {own.folder}"],
                advice=f"bring {CERTIFICATE} and the keys from there, as they are now, to {own.folder}",
            )
        ]
    return []
