"""What a host has of one of its services alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roles import site

if TYPE_CHECKING:
    from provisioner.resources import Resource
    from provisioner.run.target import Target


def of_service(target: Target, service: str) -> list[Resource]:
    """What a host has of a service alone, in the order of its making: not what it would have without it as well. ""
    for everything. Pure."""
    everything = _resources(target)
    if not others(target, service):
        return everything
    stays = {one.key for one in _resources(target.without(_groups(service)))}
    return [one for one in everything if one.key not in stays]


def others(target: Target, service: str) -> bool:
    """Whether other services of the host stay when this one goes; "" for all of them. Pure."""
    left = [group for group in target.host.groups if group not in _groups(service)]
    return bool(service and site.roles_for(left))


def _groups(service: str) -> tuple[str, ...]:
    return next((role.groups for role in site.ROLES if role.name == service), ())


def _resources(target: Target) -> list[Resource]:
    return [one for role in site.roles_for(target.host.groups) for one in role.resources(target)]
