"""Foreseeable problems of Kafka. `roles/doctor.py` describes these functions."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from provisioner.inventory.addresses import is_loopback
from provisioner.inventory.model import Inventory
from provisioner.words import some
from roles.doctor import Finding
from roles.kafka import listeners, status
from roles.shared import certificates, exposure, quorum_findings, security, since

if TYPE_CHECKING:
    from provisioner.run.evidence import Witness

UNIT = "kafka"
FULL_DISK = "a full disk stops a broker: shorten the retention (kafka_log_retention), or add space"


def inventory(inventory: Inventory) -> Iterator[Finding]:
    """Listeners that are open to anybody."""
    brokers = [inventory.hosts[name] for name in inventory.groups.get("kafka", ())]
    plain = {
        listener.name: listener.advertised
        for broker in brokers
        for listener in listeners.of(broker)
        if listener.protocol == "PLAINTEXT"
    }
    yield from clear_text(plain, len(brokers))


def host(witness: Witness) -> Iterator[Finding]:
    """A node that knows too few of the controllers, whose certificate ends, or whose settings leave something open."""
    yield from quorum_findings.bootstrap(witness, UNIT)
    yield from certificates.ending(witness, UNIT)
    yield from exposure.findings(witness.said[UNIT]["settings"], security.mode(witness.target.host))


def secret_files(witness: Witness) -> list[str]:
    """The files that only the broker may read."""
    return exposure.secret_files(witness.said[UNIT]["settings"])


def cluster(found: Mapping[str, Any]) -> Iterator[Finding]:
    """What the quorum of controllers will suffer from, and what a new version has and does not use."""
    known = found[status.KEY] or {}
    yield from quorum_findings.quorum(known.get("quorum"))
    brokers = [host["services"].get(UNIT, {}) for host in found["hosts"].values()]
    known_since = since.ago((one.get("version_since") for one in brokers), time.time())
    yield from unused(known.get("features"), known_since)


def unused(features: Mapping[str, Any] | None, known_since: str = "") -> Iterator[Finding]:
    """Features that could be finalised. features: {finalised, supported}, None with ZooKeeper. known_since: for how
    long the brokers have run their version, as `since.ago` says it."""
    if not features:
        return
    from cluster.metadata.kraft import levels

    if steps := levels.possible(features["finalised"], features["supported"]):
        final = next((f", no way back below {step.final}" for step in steps if step.final), "")
        run = known_since and f"; the brokers have run their version{known_since}"
        yield Finding(
            f"the brokers can do more than is finalised: {some(map(str, steps), len(steps))}{final}{run}",
            f"when the version before is not needed any more: kafka_features: {levels.named(steps)}, and deploy",
        )


def clear_text(addresses: Mapping[str, str], brokers: int) -> Iterator[Finding]:
    """Listeners that clients on other machines use and that neither encrypt nor authenticate. addresses {name: the
    address that it gives to clients}."""
    for name, address in addresses.items():
        if brokers > 1 or not is_loopback(address.rpartition(":")[0]):
            yield Finding(
                f"listener {name} ({address}) is PLAINTEXT: anybody who reaches it can read and write everything",
                "let only trusted networks reach the port, or set kafka_security: required",
            )
