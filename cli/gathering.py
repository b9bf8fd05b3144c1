"""Asks hosts how their services are: shared by status and doctor. Reads only, takes no lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.metadata.zookeeper import ensemble as quorum
from roles import site
from roles.shared import topology
from roles.status import Answer

if TYPE_CHECKING:
    from provisioner.connect.fleet import Fleet
    from provisioner.run.target import Target


def ask(fleet: Fleet, target: Target) -> Answer:
    """What one host says about its services. Raises ProvisionerError."""
    session = fleet.sessions[target.name]
    services = site.services(target)
    data = site.data_dirs(target)
    found = session.request(
        "read",
        resources=[service.wire(content=False) for service in services],
        wants={"disks": [path for paths in data.values() for path in paths]},
    )
    states: dict[str, Any] = found["states"]
    by_unit = {service.unit: states.get(service.key) for service in services}
    broker = topology.broker_id(target.host, target.members("kafka")) if target.is_in("kafka") else None
    kafka: dict[str, Any] = {}
    zookeeper: dict[str, Any] = {}
    if (by_unit.get("zookeeper") or {}).get("active"):
        where = {"host": "127.0.0.1", "port": target["zookeeper_port"]}
        zookeeper = fleet.call(target.name, "cluster.metadata.zookeeper.probe", "status", where)
    if (by_unit.get("kafka") or {}).get("active"):
        own = {"bootstrap": topology.inter_broker(target.host).local, "broker": broker}
        asked = {**own, **quorum.assumed(fleet.call, target)}
        kafka = fleet.call(target.name, "cluster.state.node", "look", asked)
    small = {
        unit: state and {"pid": state["pid"], "started_monotonic_us": state["started_monotonic_us"]}
        for unit, state in by_unit.items()
    }
    return Answer(
        services=services,
        states=states,
        data=data,
        disks=found["disks"],
        zookeeper=zookeeper,
        kafka=kafka,
        processes=fleet.call(target.name, "provisioner.agent.process", "look", {"services": small}),
        broker=broker,
    )
