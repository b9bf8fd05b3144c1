"""The official commands as root on a broker of a closed cluster: unless they are told otherwise, they are its node."""

from __future__ import annotations

from typing import Any

from provisioner.run.target import Target
from roles.kafka import listeners
from roles.kafka.release import NEW_OPTIONS, release
from roles.kafka.service import ADMIN
from roles.shared import security

CONFIG = "--command-config"
# What it is called before Kafka 4.2 (KIP-1147).
OLDER = {
    "kafka-console-consumer.sh": "--consumer.config",
    "kafka-console-producer.sh": "--producer.config",
    "kafka-leader-election.sh": "--admin.config",
}
# Those that take a broker and a file of properties before all else. kafka-cluster.sh wants them behind its action; what
# measures or verifies is told by its caller whom it is.
COMMANDS = (
    *OLDER,
    *(
        f"kafka-{name}.sh"
        for name in (
            *("acls", "broker-api-versions", "client-metrics", "configs", "console-share-consumer", "consumer-groups"),
            *("delegation-tokens", "delete-records", "features", "get-offsets", "groups", "log-dirs"),
            *("metadata-quorum", "reassign-partitions", "share-groups", "streams-groups", "topics", "transactions"),
        )
    ),
)


def option(command: str, target: Target) -> str:
    """What a command calls its file of properties."""
    older = release(target.host.vars).number < NEW_OPTIONS
    return OLDER.get(command, CONFIG) if older else CONFIG


def settings(target: Target) -> dict[str, Any]:
    """What the launcher of the commands adds: the file, the listener of the nodes, and {option: commands} of those that
    exist; {} where the cluster is open or no broker is here."""
    if not security.on(target.host) or not target.is_in("kafka"):
        return {}
    options: dict[str, list[str]] = {}
    for command in COMMANDS:
        if command in release(target.host.vars).tools:
            options.setdefault(option(command, target), []).append(command)
    door = listeners.of_nodes(target.host)
    return {"config": ADMIN, "door": door.local, "port": door.port, "options": options}
