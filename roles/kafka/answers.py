"""A question about the whole cluster, put to one broker of a run after the other until one answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from roles.kafka import listeners

if TYPE_CHECKING:
    from cluster.remote import ByBroker
    from provisioner.connect.requests import Call
    from provisioner.run.target import Target


def first(call: Call, brokers: Sequence[Target], request: ByBroker) -> tuple[Target, dict[str, Any]] | None:
    """(the host of a broker that serves, its answer); None where no broker does. request: its answers have `serving`.
    Each broker is asked from its own host. Raises HostFailed."""
    for target in brokers:
        answer: dict[str, Any] = call(target.name, request.at(listeners.door(target.host)))
        if answer["serving"]:
            return target, answer
    return None
