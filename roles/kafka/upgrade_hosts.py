"""What another version of Kafka needs of the hosts that are there, and what deploys have written on them; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cluster.settings.properties import parse
from provisioner.run.preflight import JavaNeed, Needs
from roles import site
from roles.java import role as java
from roles.kafka import role as kafka
from roles.kafka.protocol import PROPERTY
from roles.kafka.upgrade import CHANGES, Finding
from roles.shared import kraft, releases

if TYPE_CHECKING:
    from provisioner.inventory.model import Inventory
    from provisioner.run.target import Target
    from roles.shared.releases import Release

PROGRAMS, CACHE = "/opt", "/var/lib"  # where versions are unpacked, and where they are received before
BESIDE = 128 * 2**20  # bytes: archives of classes and unpacked libraries, which a deploy makes beside a version


def needs(target: Target, wanted: Release) -> Needs:
    """What the preflight of a deploy looks up for that version: room for it beside the one that is there, and Java."""
    size = releases.size(wanted)
    disks = {PROGRAMS: size + BESIDE, CACHE: size}
    if target.is_in(kraft.BROKERS):
        disks |= kafka.needs(target).disks
    major = None if target["java_home"] else java.distribution_jre(target)
    need = None
    if target["java_home"] or major is not None:
        need = JavaNeed(
            min=max(java.OLDEST, wanted.java_min),
            max=wanted.java_max,
            why=f"{wanted.product} {wanted.version}",
            java_home=java.home(target),
            package_major=major,
        )
    return Needs(disks=disks, java=need)


def written(target: Target) -> set[str]:
    """The properties that a deploy writes into a broker's server.properties, or leaves there (`kept.py`)."""
    return {*parse(kafka.config(target).content or ""), PROPERTY}


def of_warnings(now: Inventory, then: Inventory) -> Iterator[Finding]:
    """What a deploy warns of with that version, and not with the present one."""
    before = set(site.warnings(now))
    for line in site.warnings(then):
        if line not in before:
            yield Finding(CHANGES, line)
