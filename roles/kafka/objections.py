"""The rules of a rolling upgrade: may a broker change its version while the others of its cluster run?

Brokers talk to each other in the protocol of `inter.broker.protocol.version`, which is the version of the broker itself
unless it is set. One that others do not understand must not join them. (Kafka's documentation, 1.5 Upgrading: "Set
inter.broker.protocol.version to the version you are upgrading from ... upgrade the brokers one at a time ... then edit
it".)

Whether a broker may go down at this moment is said in `restart_rules.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster import remote
from provisioner.errors import HostFailed, ProvisionerError
from roles.kafka import client_certificates, given, metadata
from roles.kafka.protocol import PROPERTY, VARIABLE, number, shown
from roles.kafka.release import LINK, release
from roles.kafka.service import STARTED
from roles.shared import kraft, security, tls

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.run.plan import HostPlan
    from provisioner.run.target import Target


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
    found = call(target.name, remote.running_version("kafka", STARTED, LINK))
    wanted, told = release(target.host.vars).version, target[VARIABLE] or target["kafka_config"].get(PROPERTY)
    if not told and number(wanted) > number(found["version"] or wanted):
        return []  # it goes on in the protocol of then (`kept.py`)
    problem = objection(found["version"], found["protocol"], wanted, str(told) if told else None)
    return [HostFailed(problem[0], host=target.name, advice=problem[1])] if problem else []


def objection(running: str | None, spoken: str | None, wanted: str, soon: str | None) -> tuple[str, str] | None:
    """(what is wrong, what to do) with a step from the version that runs to the wanted one; None where the others can
    keep working meanwhile. spoken, soon: the protocol that is set now and then; None for that of the version. Pure."""
    if running is None:
        return None
    then, now = soon or wanted, spoken or running
    if number(running) == number(wanted):
        if number(then) >= number(now):
            return None
        return (
            f"{VARIABLE}: {shown(then)}: the brokers speak protocol {shown(now)} already, and what was written in "
            "it an older one may not read",
            f"leave {VARIABLE} out, or set it to '{shown(now)}'",
        )
    if number(then) > number(running):
        return (
            f"Kafka {running} -> {wanted} in one step: a restarted broker would speak protocol {shown(then)}, "
            f"which brokers that still run {running} do not understand",
            f"in two deploys: leave {VARIABLE} out of this one; when all brokers run {wanted}, set it to "
            f"'{shown(wanted)}' and deploy again",
        )
    if number(now) > number(wanted):
        return (
            f"Kafka {running} -> {wanted}: the brokers speak protocol {shown(now)}, which {wanted} does not understand",
            f"stay with {running}: a downgrade is possible only while {PROPERTY} has never been above {shown(wanted)}",
        )
    return None
