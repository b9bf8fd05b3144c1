"""How a verb about topics moves copies: as `rebalance` does, with every broker's host locked meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cli.cluster import Cluster
from cli.moving import carry_out
from cluster.moving.layout import Move


def mover(cluster: Cluster, rate: int | None) -> Callable[[Sequence[Move]], object]:
    """What carries moves out. rate: bytes per second and broker, None for no limit."""

    def move(moves: Sequence[Move]) -> object:
        # A roll meanwhile would stop the brokers that copies come from and go to.
        cluster.connect(*cluster.brokers.values())
        cluster.fleet.each(cluster.fleet.sessions, cluster.fleet.lock).check()
        return carry_out(cluster.fleet, cluster.show, cluster.driver, moves, rate)

    return move
