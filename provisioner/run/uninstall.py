"""What of a host's resources an uninstall removes, in which order, and what it leaves. Pure; the host's part is
`agent/removal.py`, and each kind of resource knows how it is removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provisioner.resources import Resource, Service, services_of


@dataclass(frozen=True)
class Removal:
    """One host's uninstall. services: in the order in which they stop; rest: the others, in order; keeps: in words."""

    services: tuple[Service, ...]
    rest: tuple[Resource, ...]
    keeps: tuple[str, ...]


def removal(resources: Sequence[Resource], purge: bool) -> Removal:
    """Everything in the reverse order of its making.

    Data (guarded directories, and what is in them) and logs (what else belongs to a service's user) stay unless
    `purge`; and with them the users that they belong to.
    """
    guarded = [r.place for r in resources if r.place and r.guards_data]
    whole = [r.place for r in resources if r.place and r.takes_along]
    services = services_of(reversed(resources))
    rest: list[Resource] = []
    keeps: list[str] = []
    for resource in reversed(resources):
        place = resource.place
        if resource in services or (place and _within(place, whole) and not resource.takes_along):
            continue  # a service stops first; what is in an archive's directory goes with it
        if not purge and (resource.stays or (place and _within(place, guarded))):
            keeps.append(resource.called)
        else:
            rest.append(resource.purged() if purge else resource)
    return Removal(tuple(services), tuple(rest), tuple(_outermost(keeps)))


def _within(path: str, places: Sequence[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _outermost(names: Sequence[str]) -> list[str]:
    """Without what is inside of another one named, in the order of making."""
    return [one for one in reversed(names) if not _within(one, [name for name in names if name != one])]
