"""A broker in its cluster: its id, and the number of copies of a partition; pure functions of hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roles.shared.members import HostLike, number


def broker_id(host: HostLike, members: Sequence[HostLike]) -> int:
    """`kafka_broker_id`, or the host's position among the `members` of the group, counted from 1."""
    return number(host, members, "kafka_broker_id")


@dataclass(frozen=True)
class Replication:
    """Copies of a partition, and the in-sync copies that an acks=all write needs."""

    factor: int
    min_insync: int


def replication(host: HostLike, brokers: int) -> Replication:
    """From the variables, or: 3 copies (all brokers when fewer), of which one may be missing."""
    factor, least = host.vars["kafka_replication_factor"], host.vars["kafka_min_insync_replicas"]
    factor = min(3, brokers) if factor is None else factor
    return Replication(factor, max(1, factor - 1) if least is None else least)
