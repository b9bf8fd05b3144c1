"""A host among the members of its group: its number, and the part of a host that this needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class HostLike(Protocol):
    """The used part of `provisioner.inventory.model.Host`."""

    @property
    def name(self) -> str: ...
    @property
    def vars(self) -> Mapping[str, Any]: ...
    def place(self, variable: str, *keys: str) -> str: ...


def number(host: HostLike, members: Sequence[HostLike], variable: str) -> int:
    """The variable, or the host's position among the `members` of the group, counted from 1."""
    given = host.vars.get(variable)
    if given is not None:
        return int(given)
    return [member.name for member in members].index(host.name) + 1
