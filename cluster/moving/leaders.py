"""Leaders back to their preferred brokers: a restart moves them away, and Kafka's own timer takes up to five minutes.

Until then the broker that restarted last leads nothing, and the others do its work.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster.cluster import answering
from cluster.model import Topic
from cluster.moving.moving import Moving
from cluster.protocol import wire
from cluster.topics import offsets
from provisioner.resources.frozen import replace

if TYPE_CHECKING:
    from cluster.moving.moving import Key
    from provisioner.agent.waiting import Emit

# Partitions of one election. Writes to a partition wait until its new leader has taken over all partitions of the
# election, and each costs it a write to its disk: 25 ms a partition at a broker that has just started (measured: 30
# leaders in one election, 0.95 s without an acknowledgement). So the first elections are small, and grow while they are
# quick: a cluster with thousands of partitions is not slow to return them.
FIRST, LARGEST = 4, 50
QUICK = 0.1  # seconds of an election after which the next one may have twice as many
PATIENCE = 2.0  # seconds to wait for the new leaders of one election before the next
PAUSE = 0.01
NOT_NEEDED = 84  # ELECTION_NOT_NEEDED: somebody else has done it meanwhile


def restore(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Elect the preferred leader of every partition that has all copies in sync, a batch after the other.

    args: bootstrap. Returns returned (leaders that are back) and refused {reason: number of partitions}. Raises Failure
    when the cluster does not answer; what was elected before stays so.
    """
    cluster = Moving(args["bootstrap"])
    codes: dict[Key, int] = {}
    with answering("give the leaders back to their preferred brokers"):
        view = cluster.view()
        keys, done, size = due(view["topics"].values()), 0, FIRST
        while done < len(keys):
            began = time.monotonic()
            answers = cluster.elect_leaders(keys[done : done + size])
            _wait_leading(view, [key for key, code in answers.items() if code == 0], began + PATIENCE)
            codes.update(answers)
            done += size
            size = following(size, time.monotonic() - began)
            emit({"text": f"{len(codes)} of {len(keys)} preferred leaders elected"})
    refused: dict[str, int] = {}
    for code in codes.values():
        if code not in (0, NOT_NEEDED):
            refused[wire.name_of(code)] = refused.get(wire.name_of(code), 0) + 1
    return {"returned": sum(code == 0 for code in codes.values()), "refused": refused}


def following(size: int, seconds: float) -> int:
    """How many partitions the next election has, after one of this size that took so long. Pure."""
    return min(2 * size, LARGEST) if seconds <= QUICK else max(size // 2, FIRST)


def _wait_leading(view: Mapping[str, Any], elected: Sequence[Key], deadline: float) -> None:
    """Wait until the preferred brokers lead these partitions and their followers have come to them: only then does a
    leader tell where its partition ends (KIP-207). The controller answers an election before the brokers know of it."""
    wanted = {
        name: Topic(name, tuple(replace(one, leader=one.replicas[0]) for one in topic.partitions))
        for name, topic in offsets.only(view, elected).items()
    }
    while len(offsets.at(view["brokers"], wanted, offsets.LATEST)) < len(elected) and time.monotonic() < deadline:
        time.sleep(PAUSE)


def due(topics: Iterable[Topic]) -> list[Key]:
    """The partitions that are not led by their preferred broker, though it could, and that have every copy in sync: the
    next broker that fails then takes no partition below what its writes need. Pure."""
    partitions = (partition for topic in topics for partition in topic.partitions)
    return sorted(one.key for one in partitions if one.electable and not one.under_replicated)
