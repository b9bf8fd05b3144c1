"""Foreseeable problems of the controllers of a KRaft cluster, those of combined nodes as well. `roles/doctor.py`
describes these functions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from cluster.endpoint import PLAINTEXT
from provisioner.inventory.model import Inventory
from roles.doctor import Finding
from roles.kafka_controller import service
from roles.shared import certificates, exposure, kraft, quorum_findings, security
from roles.shared.checks import members

if TYPE_CHECKING:
    from provisioner.run.evidence import Witness

FULL_DISK = "a controller stops when it cannot write the metadata: add space"


def inventory(inventory: Inventory) -> Iterator[Finding]:
    """Ports of controllers that are open to anybody: they listen on all addresses."""
    of_group = partial(members, inventory)
    open_ = [one for one in kraft.controllers(of_group) if one.protocol == PLAINTEXT]
    ports = sorted({one.port for one in open_}) if not of_group(kraft.SERVERS) else []
    if ports:
        listed = ", ".join(map(str, ports))
        what = "port {} takes" if len(ports) == 1 else "ports {} take"
        yield Finding(
            f"the controllers' {what.format(listed)} anybody: whoever gets there can change the cluster's metadata",
            "let only the brokers and the other controllers get there, by a firewall; or set kafka_security",
        )


def host(witness: Witness) -> Iterator[Finding]:
    """A controller that knows too few of the others, whose certificate ends, or whose settings leave something open."""
    yield from quorum_findings.bootstrap(witness, service.NAME)
    yield from quorum_findings.on_the_way(witness.said[service.NAME]["settings"])
    yield from certificates.ending(witness, service.NAME)
    yield from exposure.findings(witness.said[service.NAME]["settings"], security.mode(witness.target.host))


def secret_files(witness: Witness) -> list[str]:
    """The files that only the controller may read."""
    return exposure.secret_files(witness.said[service.NAME]["settings"])
