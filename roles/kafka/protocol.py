"""What the brokers of a cluster with ZooKeeper speak among themselves: `inter.broker.protocol.version`. (Without
ZooKeeper, features with levels took its place: `features.py`.)

A broker speaks the protocol of its own version unless it is told another one, and what others do not understand must
not be spoken while they run; once it was spoken, no older version may come back. (Kafka's documentation, 1.5 Upgrading:
"upgrade the brokers one at a time ... once the cluster's behavior and performance has been verified, bump the protocol
version".) So a new version goes on in the protocol of then, until the inventory says otherwise: what that is, the
brokers know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from provisioner.errors import ConfigError
from roles.kafka import metadata
from roles.kafka.release import release
from roles.shared import kraft, since
from roles.shared.checks import members, one_for_all

if TYPE_CHECKING:
    from provisioner.inventory.model import Host, Inventory
    from provisioner.run.target import Target

VARIABLE, PROPERTY = "kafka_protocol", "inter.broker.protocol.version"
_NUMBER = re.compile(r"(\d+)\.(\d+)")


def number(text: str) -> tuple[int, ...]:
    """(3, 9) of the version 3.9.2, and of the protocols 3.9 and 3.9-IV0. Pure."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def shown(text: str) -> str:
    """3.9 of the same. Pure."""
    return ".".join(map(str, number(text)))


def told(target: Target) -> str:
    """The protocol that a broker is told to speak; "" where it is that of its version."""
    wanted = str(target[VARIABLE] or "")
    own = metadata.own(target) or not wanted or number(wanted) == number(release(target.host.vars).version)
    return "" if own else wanted


def final(target: Target) -> bool:
    """Whether no version before the one in the inventory is to come back, as far as that says so: without ZooKeeper,
    where features are finalised for it."""
    if metadata.own(target):
        wanted = str(target["kafka_features"])
        return bool(_NUMBER.fullmatch(wanted)) and number(wanted) >= number(release(target.host.vars).version)
    return not told(target)


def next_step(targets: Sequence[Target]) -> list[str]:
    """What ends an upgrade, while the brokers speak the protocol of an older version."""
    target = targets[0]
    if not (now := told(target)):
        return []
    version = release(target.host.vars).version
    return [
        f"The brokers run {version} and speak protocol {now}: that version can come back until you set",
        f"  {VARIABLE}: '{shown(version)}' and deploy, when {version} has proved itself",
    ]


def notes(brokers: Mapping[str, Mapping[str, Any]], now: float) -> Iterator[str]:
    """Where an upgrade stands that has not come to its end. brokers {host: with version, version_since and protocol,
    None where they are not known or not told}; now: seconds since 1970. Pure."""
    hosts: dict[str, list[str]] = {}
    for name, one in brokers.items():
        if one.get("version"):
            hosts.setdefault(one["version"], []).append(name)
    if len(hosts) > 1:
        each = "; ".join(f"{version}: {', '.join(hosts[version])}" for version in sorted(hosts, key=number))
        yield f"brokers run different versions ({each}): `invoke deploy` brings all to that of the inventory"
        return
    told = [str(one["protocol"]) for one in brokers.values() if one.get("protocol")]
    for version in hosts:
        if told and number(spoken := min(told, key=number)) < number(version):
            known = since.ago((one.get("version_since") for one in brokers.values()), now)
            run = f"have run {version}{known}" if known else f"run {version}"
            yield (
                f"brokers {run} and speak protocol {shown(spoken)} among themselves: `{VARIABLE}: "
                f"'{shown(version)}'` and a deploy end the upgrade, and no older version can come back then"
            )


def problems(inventory: Inventory) -> list[ConfigError]:
    """It is one that the version knows, the same for all brokers, said in one place, and there is such a thing."""
    brokers = members(inventory, kraft.BROKERS)
    given = [host for host in brokers if host.vars[VARIABLE]]
    if not given:
        return []
    found = [error for host in given for error in _of(host, kraft.on(host, partial(members, inventory)))]
    return found[:1] or one_for_all(brokers, VARIABLE)


def _of(host: Host, without_keeper: bool) -> list[ConfigError]:
    wanted, version = str(host.vars[VARIABLE]), release(host.vars).version
    details = [f"in: {host.place(VARIABLE)}"]
    if without_keeper:
        summary, advice = f"{VARIABLE} is for clusters with ZooKeeper", "leave it out; kafka_features is what it was"
    elif PROPERTY in host.vars["kafka_config"]:
        summary, advice = f"{VARIABLE} and kafka_config both set {PROPERTY}", "remove it from kafka_config"
    elif not _NUMBER.fullmatch(wanted):
        summary, advice = f"{VARIABLE} is no version: {wanted!r}", f"write two numbers, as in '{shown(version)}'"
    elif number(wanted) > number(version):
        summary = f"{VARIABLE}: {wanted} is newer than Kafka {version}, which does not know it"
        advice = f"'{shown(version)}' is the newest that it speaks"
    else:
        return []
    return [ConfigError(summary, host=host.name, details=details, advice=advice)]
