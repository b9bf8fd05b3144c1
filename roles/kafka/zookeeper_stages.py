"""Where the nodes of a cluster with ZooKeeper are between `kafka_security: off` and the other modes: servers and
brokers go the way of `stages.py` together, servers first in each of its stages.

1. a port of ZooKeeper, also those among its servers, takes clients with and without TLS; brokers have a listener more
2. servers speak TLS with each other; brokers do, with each other and with the servers
3. the ports take TLS only, and what brokers make in ZooKeeper is theirs

On the way back, what is theirs is anybody's again before a broker comes without a name (`roles/zookeeper/contents.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from provisioner.resources import Credential
from roles.kafka import metadata
from roles.shared import kraft, security, tls

if TYPE_CHECKING:
    from provisioner.run.evidence import Witness

AMONG = "inter.broker.listener.name"
KEY = f"listener.name.{security.NODES.lower()}.ssl.keystore.location"


def nodes(witnesses: Sequence[Witness]) -> list[Witness]:
    """The hosts of such a cluster that have been deployed to. Raises Refused where the first certificate of an
    authority is to be made, and hosts are in no such run that may have one already."""
    of_cluster = [one for one in witnesses if kraft.SERVERS in one.said or _broker(one)]
    if of_cluster and any(_new(one) for one in of_cluster):
        tls.require_all([one.target for one in of_cluster])
    return [one for one in of_cluster if any(_settings(one, unit) for unit in one.said)]


def positions(node: Witness) -> Iterator[int]:
    """Where a host is, by its files and as it runs: indexes of `security.WAY`."""
    if now := _settings(node, kraft.SERVERS):
        yield metadata.server_position(now)
        # One that takes no TLS keeps no copy of what it has read.
        if kraft.SERVERS in node.active:
            yield metadata.server_position(node.said[kraft.SERVERS]["running"])
    if _broker(node):
        said = node.said[kraft.COMBINED_UNIT]
        yield from (broker(settings) for settings in (said["settings"], said["running"]) if settings)


def broker(settings: Mapping[str, str]) -> int:
    """Where a broker is, by its server.properties. Pure."""
    if KEY not in settings:  # an inventory may call a listener of its own so
        return 0
    if settings.get(AMONG) != security.NODES:
        return 1
    return len(security.WAY) - 1 if settings.get(metadata.OWN_ZNODES) == "true" else 2


def _broker(one: Witness) -> bool:
    return kraft.COMBINED_UNIT in one.said and not metadata.own(one.target)


def _settings(one: Witness, unit: str) -> Mapping[str, str]:
    found: Mapping[str, str] = one.said.get(unit, {}).get("settings", {})
    return found


def _new(witness: Witness) -> bool:
    """Whether a certificate is to be made where there is none."""
    return any(isinstance(one.resource, Credential) and one.actual is None for one in witness.plan.changes)
