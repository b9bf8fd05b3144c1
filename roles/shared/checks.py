"""Checks of an inventory that several roles make of their own variables; pure. Variables are named as their role is:
kafka_heap, kafka_stop_timeout, kafka_config ..."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from provisioner.errors import ConfigError
from provisioner.inventory.addresses import is_loopback
from roles.shared import releases
from roles.shared.jvm import MIB, jvm_size, one_line

if TYPE_CHECKING:
    from provisioner.inventory.model import Host, Inventory
    from roles.shared.releases import Release

Check = Callable[["Inventory"], "list[ConfigError]"]

LEAST_STOP = 300_000  # milliseconds


def members(inventory: Inventory, group: str) -> list[Host]:
    """The hosts of a group in inventory order; none when there is no such group."""
    return [inventory.hosts[name] for name in inventory.groups.get(group, ())]


def collected(check: Check) -> Check:
    """A check in which a raised ConfigError (an invalid listener) is a finding like any other."""

    def run(inventory: Inventory) -> list[ConfigError]:
        try:
            return check(inventory)
        except ConfigError as error:
            return [error]

    return run


def one_for_all(nodes: Sequence[Host], variable: str, called: str = "brokers") -> list[ConfigError]:
    """A variable that is about a whole cluster is the same on all of its nodes. called: what these are."""
    other = next((host for host in nodes if host.vars[variable] != nodes[0].vars[variable]), None)
    if other is None:
        return []
    details = [f"{host.name}: {host.place(variable) or 'not set'}" for host in (nodes[0], other)]
    advice = "set it once for all hosts, under `all: vars:`"
    return [ConfigError(f"{variable} differs between the {called} of one cluster", details=details, advice=advice)]


def versions(
    hosts: Iterable[Host], product: str, release: Callable[[Mapping[str, Any]], Release], archive: str
) -> list[ConfigError]:
    """The version of each host is locked, and a release archive exists and has that version in its name.

    archive: a regular expression for such a name, with the version as its group.
    """
    problems: dict[str, ConfigError] = {}
    for host in hosts:
        given = host.vars[f"{product}_archive"]
        try:
            found = release(host.vars)
            version = found.version
            named = re.search(archive, str(given or "").rsplit("/", 1)[-1])
            if named and named[1] != version:
                summary = f"{product}_archive is version {named[1]}, but {product}_version is {version}"
                raise ConfigError(summary, host=host.name, advice="make them agree")
            if given:
                _require_source(found, host)
            elif not found.locked:
                lock = f"invoke artifacts.lock --product {product} --version {version}"
                raise ConfigError(
                    f"{product} {version}: {found.lock_file} is not finished, it names no jars",
                    details=releases.listed(product),
                    advice=f"choose one of these, or run `{lock}`",
                )
        except ConfigError as error:
            problems.setdefault(error.summary, error)
    return list(problems.values())


def _require_source(release: Release, host: Host) -> None:
    """Raises ConfigError, with the place, for a release archive that cannot be used."""
    try:
        releases.source(release, host.vars)
    except ConfigError as error:
        error.details.append(f"in: {host.place(f'{release.product}_archive')}")
        raise


def unique_ids(
    hosts: Sequence[Host], variable: str, find: Callable[[Host, Sequence[Host]], int], low: int, high: int
) -> list[ConfigError]:
    """No two hosts share an id, and each is in its range."""
    out = []
    holders = defaultdict(list)
    for host in hosts:
        holders[find(host, hosts)].append(host.name)
    for number, names in holders.items():
        if len(names) > 1:
            advice = f"give each a {variable} of its own"
            out.append(ConfigError(f"{variable} {number} is used by {' and '.join(names)}", advice=advice))
        if not low <= number <= high:
            out.append(ConfigError(f"{variable} {number} is not between {low} and {high}", host=names[0]))
    return out


def loopback(addresses: Mapping[str, tuple[str, str]], who: str, advice: str) -> list[ConfigError]:
    """Members of a cluster that would look for each other on their own hosts. addresses {host: (the address it gives to
    the others, where that comes from)}."""
    found = {host: one for host, one in addresses.items() if is_loopback(one[0])}
    if len(addresses) < 2 or not found:
        return []
    (address, origin), *_ = found.values()
    return [
        ConfigError(
            f"{who} would look for each other at {address} ({origin}), where each finds only itself",
            details=[f"hosts: {', '.join(found)}"],
            advice=advice,
        )
    ]


def same_address(addresses: Iterable[tuple[str, str, str]], advice: str) -> list[ConfigError]:
    """Different hosts with one address. addresses: (address:port, host, where it comes from)."""
    holders: dict[str, dict[str, str]] = defaultdict(dict)
    for address, host, origin in addresses:
        holders[address].setdefault(host, origin)
    return [
        ConfigError(
            f"{' and '.join(hosts)} would have one address, {address} ({next(iter(hosts.values()))})", advice=advice
        )
        for address, hosts in holders.items()
        if len(hosts) > 1
    ]


def limits(hosts: Iterable[Host], role: str, least: int) -> list[ConfigError]:
    """Heaps and stop timeouts are large enough for a service. least: MiB of heap."""
    out = []
    for host in hosts:
        heap, stop = host.vars[f"{role}_heap"], host.vars[f"{role}_stop_timeout"]
        if heap is not None and heap < least * MIB:
            summary = f"{role}_heap is {jvm_size(heap)}, too small for the service"
            out.append(ConfigError(summary, host=host.name, advice=f"give it {least}m or more"))
        if stop < LEAST_STOP:
            summary = f"{role}_stop_timeout is {stop / 1000:g}s, below {LEAST_STOP // 1000}s"
            advice = "give it more time: a stop that is forced too early leaves a log to recover"
            out.append(ConfigError(summary, host=host.name, advice=advice))
    return out


def given(host: Host, properties: Mapping[str, str]) -> dict[str, Any]:
    """{property: value} of the variables that the inventory sets, not the role's defaults. properties: {variable: the
    property that it is written as}."""
    return {
        name: host.vars[variable]
        for variable, name in properties.items()
        if host.vars[variable] is not None and not host.place(variable).startswith("roles/")
    }


def own_properties(hosts: Iterable[Host], role: str, owner: Callable[[str], str | None]) -> list[ConfigError]:
    """The inventory's own properties (kafka_config) set none that has a variable; JVM options are options.

    owner: the variable of a property that other parts of the toolkit must know as well; None for any other.
    """
    out = []
    config = f"{role}_config"
    for host in hosts:
        for key in host.vars[config]:
            if variable := owner(str(key)):
                summary = f"{config} sets {key}, which other parts of the deploy use as well"
                out.append(ConfigError(summary, host=host.name, advice=f"set the variable {variable} instead"))
            elif not isinstance(key, str) or not re.fullmatch(r"[A-Za-z0-9_.-]+", key):
                out.append(ConfigError(f"{config} has a key that is not a property name: {key!r}", host=host.name))
        try:
            one_line(host.vars[f"{role}_jvm_opts"], variable=f"{role}_jvm_opts")
        except ConfigError as error:
            error.host = host.name
            out.append(error)
    return out
