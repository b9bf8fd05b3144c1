"""Clusters made up for the tests of plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from cluster.model import Partition
from cluster.moving.layout import Move

NO_RACKS: dict[int, str | None] = {}


@st.composite
def clusters(draw: Any, brokers: int = 6, racks: bool = False, copies: int | None = None) -> Any:
    """(partitions, {broker: rack}): some of the brokers hold partitions of a few topics, others none."""
    all_ = list(range(1, draw(st.integers(2, brokers)) + 1))
    holding = draw(st.lists(st.sampled_from(all_), min_size=1, unique=True))
    partitions = []
    for number in range(draw(st.integers(1, 24))):
        factor = min(copies or draw(st.integers(1, 4)), len(holding))
        replicas = draw(st.permutations(holding))[:factor]
        partitions.append(Partition(f"t{number % 3}", number // 3, tuple(replicas), draw(st.integers(0, 1000))))
    names = [draw(st.sampled_from("abc")) if racks else None for _ in all_]
    return partitions, dict(zip(all_, names, strict=True))


def applied(partitions: Sequence[Partition], moves: Sequence[Move]) -> list[Partition]:
    """The partitions as they are afterwards."""
    after = {(move.topic, move.partition): move.after for move in moves}
    return [Partition(p.topic, p.partition, after.get((p.topic, p.partition), p.replicas), p.size) for p in partitions]


def copies(partitions: Sequence[Partition], brokers: Sequence[int]) -> dict[int, int]:
    return {broker: sum(broker in p.replicas for p in partitions) for broker in brokers}
