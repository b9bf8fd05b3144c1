"""Leaders back to their preferred brokers: a restart moves them away, and Kafka's own timer takes up to five minutes.

Until then the broker that restarted last leads nothing, and the others do its work.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cluster.cluster import answering
from cluster.moving.moving import Moving
from cluster.protocol import wire

if TYPE_CHECKING:
    from cluster.model import Topic
    from cluster.moving.moving import Key
    from provisioner.agent.waiting import Emit

# Partitions of one election. Writes to a partition wait while its leader changes, and the controller changes all of an
# election before it tells the brokers.
BATCH = 50
NOT_NEEDED = 84  # ELECTION_NOT_NEEDED: somebody else has done it meanwhile


def restore(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Elect the preferred leader of every partition that has all copies in sync, a batch after the other.

    args: bootstrap. Returns returned (leaders that are back) and refused {reason: number of partitions}. Raises Failure
    when the cluster does not answer; what was elected before stays so.
    """
    cluster = Moving(args["bootstrap"])
    codes: dict[Key, int] = {}
    with answering("give the leaders back to their preferred brokers"):
        keys = due(cluster.view()["topics"].values())
        for first in range(0, len(keys), BATCH):
            codes.update(cluster.elect_leaders(keys[first : first + BATCH]))
            emit({"text": f"{len(codes)} of {len(keys)} preferred leaders elected"})
    refused: dict[str, int] = {}
    for code in codes.values():
        if code not in (0, NOT_NEEDED):
            refused[wire.name_of(code)] = refused.get(wire.name_of(code), 0) + 1
    return {"returned": sum(code == 0 for code in codes.values()), "refused": refused}


def due(topics: Iterable[Topic]) -> list[Key]:
    """The partitions that are not led by their preferred broker, though it could, and that have every copy in sync: the
    next broker that fails then takes no partition below what its writes need. Pure."""
    partitions = (partition for topic in topics for partition in topic.partitions)
    return sorted(one.key for one in partitions if one.electable and not one.under_replicated)
