"""What a host has of one of its services alone, and of one that its inventory has no more."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from provisioner.errors import Refused
from provisioner.words import counted, some
from roles import site

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.inventory.model import Inventory
    from provisioner.resources import Resource
    from provisioner.run.target import Target


def of_service(target: Target, service: str) -> list[Resource]:
    """What a host has of a service alone, in the order of its making: not what it would have without it as well. ""
    for everything. Pure."""
    if not others(target, service):
        return _resources(target)
    return between(target, target.without(site.groups_of(service)))


def between(before: Target, after: Target) -> list[Resource]:
    """What a host has as the one and not as the other, in the order of its making. Pure."""
    stays = {one.key for one in _resources(after)}
    return [one for one in _resources(before) if one.key not in stays]


def others(target: Target, service: str) -> bool:
    """Whether other services of the host stay when this one goes; "" for all of them. Pure."""
    left = [group for group in target.host.groups if group not in site.groups_of(service)]
    return bool(service and site.roles_for(left))


def told(service: str) -> bool:
    """Whether it shows on a host that a service was left there, and whether anything uses it."""
    return hasattr(site.parts("evidence").get(service), "left")


def left(targets: Sequence[Target], service: str, call: Call) -> list[Target]:
    """Those of these hosts on which a service is that their inventory has no more, as if it had it; none where it is
    nowhere. service: one of which that is told. Raises Refused where it must stay."""
    part = site.parts("evidence")[service]
    asked = {one.name: call(one.name, part.ask(one)) for one in targets}
    found = {name: one for name, said in asked.items() if (one := part.left(said))}
    if not found:
        return []
    said = {one.name: [call(one.name, question) for question in site.questions(one).values()] for one in targets}
    if used := part.used(said):
        raise Refused(
            f"{some(used)}: what runs there is told to use {service}, though the inventory has no group of that name",
            details=["nothing was removed"],
            advice="use the inventory with that group; to go from ZooKeeper to KRaft, see docs/operations.md",
        )
    longest = max(found.values(), key=lambda one: len(one.members))
    here = {str(one[part.ADDRESS]): one.name for one in targets}
    # Of those that are not found, an uninstall that was cut off has removed what would tell of them.
    away = [address for address in longest.members if address not in here]
    if len(longest.members) > len(found) and away:
        raise Refused(
            f"{service} on {some(found)} works with others that are not among these hosts, and nothing was removed",
            details=[f"{counted(len(longest.members), 'server')}: {some(longest.members)}"],
            advice=f"use all of its hosts (no --limit), or an inventory that has them in the group {service}",
        )
    found |= {here[one]: longest for one in longest.members if one in here and here[one] not in found}
    of_hosts = {name: one.variables for name, one in found.items()}
    inventory = having(targets[0].inventory, service, of_hosts, longest.everywhere)
    return [one.during(inventory) for one in targets if one.name in found]


def having(
    inventory: Inventory, service: str, found: Mapping[str, Mapping[str, Any]], everywhere: Mapping[str, Any]
) -> Inventory:
    """An inventory as if these hosts were those of a service. found {host: its variables of it}; everywhere: variables
    of all hosts. Pure."""
    joined = site.groups_of(service)
    hosts = {
        name: replace(
            host,
            groups=(*(joined if name in found else ()), *host.groups),
            vars=ChainMap({**everywhere, **found.get(name, {})}, cast("dict[str, Any]", host.vars)),
        )
        for name, host in inventory.hosts.items()
    }
    return replace(inventory, hosts=hosts, groups={**inventory.groups, **dict.fromkeys(joined, tuple(found))})


def _resources(target: Target) -> list[Resource]:
    return [one for role in site.roles_for(target.host.groups) for one in role.resources(target)]
