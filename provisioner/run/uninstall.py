"""What of a host's resources an uninstall removes, in which order, and what it leaves. Pure; the host's part is
`agent/removal.py`, and each kind of resource knows how it is removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provisioner.resources import Archive, Directory, File, Link, Links, Resource, Service, User
from provisioner.resources.frozen import replace


@dataclass(frozen=True)
class Removal:
    """One host's uninstall. services: in the order in which they stop; rest: the others, in order; keeps: in words."""

    services: tuple[Service, ...]
    rest: tuple[Resource, ...]
    keeps: tuple[str, ...]


def removal(resources: Sequence[Resource], purge: bool) -> Removal:
    """Everything in the reverse order of its making.

    Data (guarded directories, and what is in them) and logs (what else belongs to a service's user) stay unless
    `purge`; and with them the users that they belong to: a number that is free again is given to the next user that
    some package makes, and that user would own the data.
    """
    guarded = [r.path for r in resources if isinstance(r, Directory) and r.once]
    archives = [r.path for r in resources if isinstance(r, Archive)]
    rest: list[Resource] = []
    keeps: list[str] = []
    for resource in reversed(resources):
        place = path_of(resource)
        if isinstance(resource, Service) or (place and _within(place, archives) and not isinstance(resource, Archive)):
            continue  # a service stops first; what is in an archive's directory goes with it
        if isinstance(resource, Directory) and (resource.once or resource.owner != "root"):
            if purge:
                rest.append(replace(resource, purge=True))
            else:
                keeps.append(resource.path)
        elif not purge and (isinstance(resource, User) or (place and _within(place, guarded))):
            keeps.append(f"the user {resource.login}" if isinstance(resource, User) else str(place))
        else:
            rest.append(resource)
    services = [resource for resource in reversed(resources) if isinstance(resource, Service)]
    return Removal(tuple(services), tuple(rest), tuple(_outermost(keeps)))


def path_of(resource: Resource) -> str | None:
    """Where a resource is; None for one that is not a place."""
    if isinstance(resource, Links):
        return resource.directory
    return resource.path if isinstance(resource, Archive | Directory | File | Link) else None


def _within(path: str, places: Sequence[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _outermost(names: Sequence[str]) -> list[str]:
    """Without what is inside of another one named, in the order of making."""
    return [one for one in reversed(names) if not _within(one, [name for name in names if name != one])]
