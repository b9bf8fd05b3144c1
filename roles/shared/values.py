"""What an inventory's own properties (kafka_config, zookeeper_config) may hold so that it arrives as typed; pure.

This is about what YAML or the service would change on the way without a word, not about what a property may be.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from provisioner.errors import ConfigError
from provisioner.inventory.loading import once
from provisioner.secrets import is_secret

if TYPE_CHECKING:
    from provisioner.inventory.model import Host


def changed(hosts: Iterable[Host], config: str) -> list[ConfigError]:
    """The values of the variable `config` that would become others on the way; each with its place."""
    listed = list(hosts)
    out = []
    for host in listed:
        for key, value in host.vars[config].items():
            if found := wrong(str(key), value):
                why, advice = found
                place = host.place(config, str(key))
                details = [f"in:    {place}"] if place else []
                out.append((host.name, ConfigError(f"{config}: {key} {why}", details=details, advice=advice)))
    return once(out, len(listed))


def wrong(key: str, value: Any) -> tuple[str, str] | None:
    """Why a property cannot have this value as it is, and what to do; the value itself is not shown."""
    if isinstance(value, bool) and is_secret(key):
        return f"is {str(value).lower()} to YAML, which reads yes, no, on and off as well", "put it in quotes"
    if isinstance(value, (list, tuple)):
        if any(member is None for member in value):
            return "has an empty item; YAML reads ~ and null as empty, too", "remove the item, or put it in quotes"
        return next(filter(None, (wrong(key, member) for member in value)), None)
    if isinstance(value, bytes):
        return "is binary", "write it as text, without !!binary"
    if is_secret(key) and isinstance(value, str) and value.strip("\r\n") != value.strip("\r\n \t"):
        return "begins or ends with a blank, which would be cut off when the service reads it", "remove the blank"
    return None
