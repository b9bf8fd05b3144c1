"""Which listeners can be reached from here, and is it really this cluster that answers there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Optional

from cluster.protocol.hello import describe, hello, ids
from cluster.protocol.login import Refused
from cluster.smoke.leg import Leg, LegFailure

TIMEOUT = 3.0  # seconds for connecting and for each answer
KNOWN = 3.0  # seconds within which every broker knows the user of a login


def reach(legs: Sequence[Leg], cluster_id: Optional[str] = None) -> tuple[list[Leg], dict[Leg, str], dict[str, Any]]:
    """Which legs can be reached from here, why not the others, and the cluster's metadata by the first that can, with
    the brokers that any of them knows.

    An address counts only when this cluster answers there as that broker: 127.0.0.1:9092 is something on most machines.
    cluster_id: None takes the cluster that answers first.
    """
    with ThreadPoolExecutor(max_workers=min(len(legs), 16) or 1) as pool:
        views = {leg: pool.submit(_look, leg) for leg in legs}
    reached: list[Leg] = []
    reasons: dict[Leg, str] = {}
    first: dict[str, Any] = {}
    for leg in legs:
        view = views[leg].result()
        if isinstance(view, str):
            reasons[leg] = f"{leg.address}: {view}"
            continue
        expected = cluster_id or first.get("cluster_id")
        there = view["brokers"].get(leg.broker)
        if expected and view["cluster_id"] != expected:
            reasons[leg] = f"{leg.address}: another cluster answers there ({view['cluster_id']})"
        elif there and there.endpoint != leg.endpoint:
            reasons[leg] = f"{leg.address}: what answers there advertises broker {leg.broker} as {there.endpoint}"
        else:
            # A broker tells only of those that have the listener it is asked at.
            first = {**view, **first, "brokers": {**view["brokers"], **first.get("brokers", {})}}
            if there:
                reached.append(leg)
    return reached, reasons, first


def unregistered(legs: Sequence[Leg], brokers: Sequence[int]) -> list[LegFailure]:
    """A failure for every broker of the legs that the cluster does not have: it can lead no partition. Pure."""
    first = {leg.broker: leg for leg in reversed(legs)}
    return [
        LegFailure(leg, "create", f"broker {broker} is not registered in the cluster (it has {ids(brokers)})")
        for broker, leg in sorted(first.items())
        if broker not in brokers
    ]


def _look(leg: Leg) -> Any:
    until = time.monotonic() + KNOWN
    while True:
        try:
            return hello(leg.endpoint, TIMEOUT)
        except Refused as error:
            # The user has just been made, and each broker reads of it in its own time.
            if time.monotonic() > until:
                return describe(error)
            time.sleep(0.05)
        except OSError as error:
            return describe(error)
