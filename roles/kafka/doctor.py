"""Foreseeable problems of Kafka. `roles/doctor.py` describes these functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioner.inventory.addresses import is_loopback
from provisioner.inventory.model import Inventory
from roles.doctor import Finding
from roles.kafka import listeners

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


def clear_text(addresses: Mapping[str, str], brokers: int) -> Iterator[Finding]:
    """Listeners that clients on other machines use and that neither encrypt nor authenticate. addresses {name: the
    address that it gives to clients}."""
    for name, address in addresses.items():
        if brokers > 1 or not is_loopback(address.rpartition(":")[0]):
            yield Finding(
                f"listener {name} ({address}) is PLAINTEXT: anybody who reaches it can read and write everything",
                "let only trusted networks reach the port, or give the listener a protocol that encrypts",
            )
