"""The rules of a rolling upgrade: may a broker change its version while the others of its cluster run?

Brokers talk to each other in the protocol of `inter.broker.protocol.version`, which is the version of the broker itself
unless it is set. One that others do not understand must not join them. (Kafka's documentation, 1.5 Upgrading: "Set
inter.broker.protocol.version to the version you are upgrading from ... upgrade the brokers one at a time ... then edit
it".)

Whether a broker may go down at this moment is said in `restart_rules.py`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cluster import remote
from provisioner.errors import HostFailed, ProvisionerError
from roles.kafka import client_certificates, given, metadata
from roles.kafka.release import release
from roles.kafka.service import STARTED
from roles.shared import kraft, security, tls

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.run.plan import HostPlan
    from provisioner.run.target import Target

PROTOCOL = "inter.broker.protocol.version"


def objections(target: Target, plan: HostPlan, call: Call) -> list[ProvisionerError]:
    """Why a host must not be changed as planned: no certificate can be made, or its broker must not restart. Asks the
    host, and only where a restart is planned."""
    found = tls.objections(target, plan, kraft.COMBINED_UNIT) if security.on(target.host) else []
    found = found or (client_certificates.objections(target, plan) if security.on(target.host) else [])
    found += given.objections(target)
    return found or _of_versions(target, plan, call)


def _of_versions(target: Target, plan: HostPlan, call: Call) -> list[ProvisionerError]:
    if len(target.members("kafka")) < 2 or not any(one.service.unit == "kafka" for one in plan.restarts):
        return []
    if metadata.own(target):  # what brokers speak follows metadata.version, which no new version of Kafka changes
        return []
    found = call(target.name, remote.running_version("kafka", STARTED))
    wanted, protocol = release(target.host.vars).version, target["kafka_config"].get(PROTOCOL)
    problem = objection(found["version"], found["protocol"], wanted, None if protocol is None else str(protocol))
    return [HostFailed(problem[0], host=target.name, advice=problem[1])] if problem else []


def objection(running: str | None, spoken: str | None, wanted: str, soon: str | None) -> tuple[str, str] | None:
    """(what is wrong, what to do) with a step from the version that runs to the wanted one; None where the others can
    keep working meanwhile. spoken, soon: the protocol that is set now and then; None for that of the version. Pure."""
    if running is None or _minor(running) == _minor(wanted):
        return None
    then, now = soon or wanted, spoken or running
    if _minor(then) > _minor(running):
        old = _shown(running)
        return (
            f"Kafka {running} -> {wanted} in one step: a restarted broker would speak protocol {_shown(then)}, "
            f"which brokers that still run {running} do not understand",
            f"in two deploys: set {PROTOCOL}: '{old}' in kafka_config for this one; when all brokers run {wanted}, "
            "remove it and deploy again",
        )
    if _minor(now) > _minor(wanted):
        return (
            f"Kafka {running} -> {wanted}: the brokers speak protocol {_shown(now)}, which {wanted} does not "
            "understand",
            f"stay with {running}: a downgrade is possible only while {PROTOCOL} has never been above {_shown(wanted)}",
        )
    return None


def _minor(version: str) -> tuple[int, ...]:
    """(3, 9) of 3.9.2, and of the protocol 3.9-IV0."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _shown(version: str) -> str:
    return ".".join(map(str, _minor(version)))
