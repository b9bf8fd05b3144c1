"""Whether a cluster with ZooKeeper is closed as its inventory wants it (`kafka_security`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from provisioner.errors import Refused
from provisioner.resources import Credential
from roles.shared import kraft, security, tls

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.run.evidence import Witness
    from provisioner.run.stages import Way

SECURE = "secureClientPort"


def way(witnesses: Sequence[Witness], call: Call) -> Way | None:
    """None for a cluster that is new, or closed or open as the inventory has it. Raises Refused for any other."""
    of_cluster = [one for one in witnesses if {kraft.SERVERS, kraft.COMBINED_UNIT} & {*one.said}]
    if not of_cluster:
        return None
    on = security.on(of_cluster[0].target.host)
    if on and any(_new(one) for one in of_cluster):
        tls.require_all([one.target for one in of_cluster])
    found = {one.name for one in of_cluster for unit in (kraft.SERVERS, kraft.COMBINED_UNIT) if _other(one, unit, on)}
    if found:
        raise Refused(
            f"{security.VARIABLE} cannot change in a cluster with ZooKeeper that is there: servers and brokers restart "
            "one by one, and those with TLS would not find those without",
            details=[f"{'open' if on else 'closed'} now: {', '.join(sorted(found))}"],
            advice=f"leave {security.VARIABLE} as it was ({'off' if on else 'required or open'})",
        )
    return None


def _other(witness: Witness, unit: str, on: bool) -> bool:
    """Whether a node is of the other kind: it runs, or is closed, so that what it has written is for its like."""
    settings: Mapping[str, str] = witness.said.get(unit, {}).get("settings", {})
    closed = SECURE in settings or security.NODES in settings.get("listeners", "")
    return bool(settings) and closed != on and (closed or unit in witness.active)


def _new(witness: Witness) -> bool:
    """Whether a certificate is to be made where there is none."""
    return any(isinstance(one.resource, Credential) and one.actual is None for one in witness.plan.changes)
