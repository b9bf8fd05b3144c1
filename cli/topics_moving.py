"""How a verb about topics moves copies: as `rebalance` does, with every broker's host locked meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cli.cluster import Cluster
from cluster.moving.carrying import carry_out
from cluster.moving.layout import Move
from roles.kafka import listeners


def mover(cluster: Cluster, rate: int | None) -> Callable[[Sequence[Move]], object]:
    """What carries moves out. rate: bytes per second and broker, None for no limit."""

    def move(moves: Sequence[Move]) -> object:
        # A roll meanwhile would stop the brokers that copies come from and go to.
        cluster.connect(*cluster.brokers.values())
        cluster.fleet.each(cluster.fleet.sessions, cluster.fleet.lock).check()
        driver = cluster.driver
        return carry_out(cluster.fleet.call, cluster.show, driver.name, listeners.door(driver), moves, rate)

    return move
