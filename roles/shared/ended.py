"""Nodes whose process shows a certificate that has ended: nobody gets in, and they do not get to each other.

What a process shows, not what is on its disk: so a run that was cut off between the two is finished by the next one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from cluster.certificates import remote
from provisioner import certificates
from provisioner.words import some

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from roles.shared.tls import Node


def units(host: str, nodes: Mapping[str, Node], call: Call) -> list[str]:
    """The units of a host that show one. nodes: by unit, or by any other name."""
    if not nodes:
        return []
    said, now = call(host, remote.look({unit: one.asked for unit, one in nodes.items()})), time.time()
    return [unit for unit in nodes if any(_over(door["shown"], now) for door in said[unit]["doors"].values())]


def _over(shown: str, now: float) -> bool:
    with contextlib.suppress(ValueError):
        return bool(shown) and certificates.read(shown).until <= now
    return False


def outage(hosts: Collection[str]) -> list[str]:
    """What it means to restart services of these hosts at the same time."""
    if not hosts:
        return []
    return [
        f"{some(sorted(hosts), 6)} show certificates that have ended: nobody gets in, and they do not get to each "
        "other; with new ones they restart at the same time, which ends the connections that are still open: "
        "Kafka is down meanwhile, up to five minutes longer where a node that stops waits for a controller in vain"
    ]
