"""The common part of both smoke checks, with the native client and with the console tools: a run over the listeners
that are reached, what was written and read back, and the report.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, Optional

from kafka.errors import KafkaError

from cluster import temporary
from cluster.protocol import wire
from cluster.smoke.leg import STEPS, Leg, LegFailure
from cluster.smoke.payloads import compare, payloads
from cluster.smoke.reach import unregistered

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

COPIES = 3


class Check:
    """One run over reached legs: the records written, and the failures. brokers: all of the cluster; count: records per
    leg. join: whether groups are joined, or partitions assigned without."""

    join = True

    def __init__(self, legs: Sequence[Leg], brokers: Sequence[int], count: int, emit: Emit) -> None:
        self.legs, self.brokers, self.count, self.emit = list(legs), brokers, count, emit
        self.id = uuid.uuid4().hex[:8]
        self.topic = temporary.topic_name(self.id)
        self.leaders = sorted({leg.broker for leg in legs})
        self.expected: dict[int, list[bytes]] = {partition: [] for partition in range(len(self.leaders))}
        self.groups: dict[Leg, str] = {}
        self.passed: dict[Leg, int] = {}
        self.failures: list[LegFailure] = []
        self.took: list[tuple[int, str, str, float]] = []
        self.swept: list[str] = []

    @property
    def written(self) -> int:
        """How many records were acknowledged."""
        return sum(map(len, self.expected.values()))

    @property
    def placement(self) -> dict[int, list[int]]:
        """The placement of the topic's copies, {partition: brokers}: each broker that is reached leads one
        partition."""
        return replicas(self.leaders, self.brokers, COPIES)

    def payloads(self, leg: Leg) -> tuple[int, list[bytes]]:
        """The partition that a leg writes to, and its records."""
        return self.leaders.index(leg.broker), payloads(self.id, f"{leg.listener}@{leg.broker}", self.count)

    def group(self, leg: Leg) -> str:
        """The name of a leg's consumer group, or its beginning."""
        return f"{self.topic}-{leg.listener.lower()}-{leg.broker}"

    def compare(self, leg: Leg, found: Mapping[int, Sequence[bytes]], maybe: Set[bytes] = frozenset()) -> None:
        """Compare the records that were read, {partition: records}, with those written. Raises LegFailure."""
        for partition, actual in found.items():
            difference = compare(self.expected[partition], actual, maybe)
            if difference:
                where = f"partition {partition}, led by broker {self.leaders[partition]}"
                raise LegFailure(leg, "compare", f"{where}: {difference}")

    def tried(self, leg: Leg, step: str, action: Callable[[], Any]) -> bool:
        """Run a step and record its time; an error becomes a failure of the leg in this step. Returns whether it
        succeeded."""
        began = time.monotonic()
        try:
            action()
        except LegFailure as failure:
            self.failures.append(failure)
        except (OSError, KafkaError) as error:
            self.failures.append(LegFailure(leg, step, wire.describe(error)))
        else:
            return True
        finally:
            self.took.append((leg.broker, leg.listener, step, time.monotonic() - began))
        return False


def replicas(leaders: Sequence[int], brokers: Sequence[int], factor: int) -> dict[int, list[int]]:
    """Partition -> replicas: partition i is led by leaders[i], its copies are on the brokers after it. Pure."""
    ring = sorted(brokers)
    found = {}
    for partition, leader in enumerate(leaders):
        at = ring.index(leader)
        found[partition] = [ring[(at + step) % len(ring)] for step in range(min(factor, len(ring)))]
    return found


def report(
    legs: Sequence[Leg], reasons: Mapping[Leg, str], view: Mapping[str, Any], check: Optional[Check], began: float
) -> dict[str, Any]:
    """The whole check in one answer. reasons, view: as `reach` gives them; check: None where no leg was reached; began:
    time.monotonic() then.

    Returns cluster_id, topic, brokers (ids), join (bool), records, seconds, swept (topics of killed runs);
    legs: [leg + {status: "ok"|"failed"|"unreachable", why, records}];
    failures: [{broker, listener, address, step, error}]; took: [[broker, listener, step, seconds]].
    """
    brokers = sorted(view.get("brokers", ())) if check else []
    failures = unregistered(legs, brokers) if check else []
    # Readers end in any order; a report reads the same every time.
    failures += sorted(check.failures, key=lambda one: (STEPS.index(one.step), legs.index(one.leg))) if check else []
    return {
        "cluster_id": view["cluster_id"] if check else None,
        "topic": check.topic if check else None,
        "brokers": brokers,
        "swept": check.swept if check else [],
        "join": check.join if check else None,
        "records": check.written if check else 0,
        "took": check.took if check else [],
        "legs": [{**leg.shown(), **_outcome(leg, reasons.get(leg), failures, check)} for leg in legs],
        "failures": [failure.to_dict() for failure in failures],
        "seconds": round(time.monotonic() - began, 3),
    }


def _outcome(leg: Leg, reason: Optional[str], failures: Sequence[LegFailure], check: Optional[Check]) -> dict[str, Any]:
    failed = {failure.step for failure in failures if failure.leg == leg}
    if failed:
        return {"status": "failed", "why": ", ".join(sorted(failed))}
    if reason:
        return {"status": "unreachable", "why": reason}
    if check is None or leg not in check.passed:
        return {"status": "failed", "why": "not tried: the topic could not be made"}
    return {"status": "ok", "records": check.passed[leg]}
