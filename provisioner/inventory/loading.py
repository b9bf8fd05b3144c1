"""The hosts of a deployment, each with its variables merged, rendered, typed and checked before any connection.

inventory = load("single", root=project, specs=load_specs(project.glob("roles/*/defaults.yml")))
inventory.hosts["single1"].vars["app_port"]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from provisioner import hidden
from provisioner.errors import ConfigError, ProvisionerError, Several, raise_all
from provisioner.inventory import connection
from provisioner.inventory.extra_vars import parse as parse_extra_vars
from provisioner.inventory.layers import Layers
from provisioner.inventory.layout import Layout
from provisioner.inventory.model import Host, Inventory, Values
from provisioner.inventory.served import Served, near_misses
from provisioner.inventory.sources import find, layout_of
from provisioner.inventory.templating import Renderer
from provisioner.inventory.unknown import unknown_variables
from provisioner.inventory.variables import Variable
from provisioner.inventory.yaml_source import Decrypt, Raw

Check = Callable[[Inventory], "list[ConfigError]"]


def load(
    name_or_path: str,
    *,
    root: Path,
    extra_vars: Sequence[str] = (),
    specs: Mapping[str, Variable],
    served: Served | None = None,
    checks: Sequence[Check] = (),
    decrypt: Decrypt | None = None,
) -> Inventory:
    """The inventory that a name or path means (`sources.find`), with group_vars/ and host_vars/ beside it.

    extra_vars: what --extra-vars was given, each `key=value`, `@file` or a map in braces. served: the groups whose
    hosts the inventory is to have; the others are only there for templates to name. None: all hosts. checks: what roles
    have to say about the whole inventory; run only when every variable is fine. decrypt: opens what ansible-vault has
    encrypted; None without a password. Raises ConfigError, or Several of them.
    """
    path = find(name_or_path, root)
    problems: list[ConfigError] = []
    layout = layout_of(path, root, problems, decrypt)
    if not layout.complete(problems):
        raise_all(problems)
    hidden.leave([*layout.hosts, *layout.groups])
    everyone = {name: layout.listed(name) for name in layout.groups}
    ours = list(layout.hosts) if served is None else served.hosts(layout)
    refused, remarks = ([], []) if served is None else near_misses(layout, served)
    problems.extend(refused)
    defaults = {name: Raw(variable.default, None, variable.place) for name, variable in specs.items()}
    extra = parse_extra_vars(extra_vars, specs, problems, decrypt)
    layers = Layers(layout, path.parent, root, defaults, extra, decrypt)
    written = {host: layers.read(host, problems) for host in ours}
    problems.extend(unknown_variables(written, specs))
    types = {**connection.TYPES, **{name: variable.type for name, variable in specs.items()}}
    renderer = Renderer(
        layers, types, lambda host: _magic(host, layout, path), everyone, defaults, layers.encrypted, decrypt
    )
    hosts: dict[str, Host] = {}
    failures: list[tuple[str, ConfigError]] = []
    for name, layer in written.items():
        values, broken = _values(renderer, name, layer)
        groups = layout.groups_of(name)
        for variable, error in broken.items():
            if variable in types and (served is None or served.needs(specs.get(variable), groups)):
                failures.append((name, error))
        origin = {variable: raw.place for variable, raw in layer.items()}
        inner = {variable: raw.inner for variable, raw in layer.items() if raw.inner}
        hosts[name] = Host(name, groups, Values({**renderer.magic(name), **values}, broken), origin, inner)
    problems.extend(once(failures, len(hosts)))
    raise_all(problems)
    mine = {name: tuple(host for host in layout.members(name) if host in hosts) for name in everyone}
    remarks += [f"{file} is encrypted by ansible-vault: what it sets is unknown here" for file in layers.encrypted]
    inventory = Inventory(path.stem, path, hosts, mine, everyone, tuple(remarks), decrypt)
    raise_all([*_same_address(inventory), *_checked(inventory, checks)])
    return inventory


def _magic(host: str, layout: Layout, path: Path) -> dict[str, Any]:
    return {
        "inventory_hostname": host,
        "inventory_hostname_short": host.split(".")[0],
        "group_names": sorted(layout.groups_of(host)),
        "inventory_file": str(path.resolve()),
        "inventory_dir": str(path.resolve().parent),
    }


def _values(renderer: Renderer, host: str, layer: Mapping[str, Raw]) -> tuple[dict[str, Any], dict[str, ConfigError]]:
    values, broken = {}, {}
    for name in layer:
        try:
            values[name] = renderer.value(host, name)
        except ConfigError as error:
            broken[name] = error
    return values, broken


def once(failures: Iterable[tuple[str, ConfigError]], hosts: int) -> list[ConfigError]:
    """Each problem once, with the hosts that have it: a wrong group variable is one mistake, however many hosts."""
    places: dict[str, tuple[ConfigError, list[str]]] = {}
    for host, error in failures:
        owners = places.setdefault(str(error), (error, []))[1]
        if host not in owners:
            owners.append(host)
    found = []
    for error, owners in places.values():
        details = [*error.details, f"hosts: {', '.join(owners)}"] if 1 < len(owners) < hosts else error.details
        where = owners[0] if len(owners) == 1 else None
        found.append(ConfigError(error.summary, host=where, details=details, advice=error.advice))
    return found


def _same_address(inventory: Inventory) -> list[ConfigError]:
    """Two hosts with one address are a copied line: both would be deployed onto the same machine at the same time."""
    first: dict[tuple[Any, ...], Host] = {}
    found = []
    for host in inventory.hosts.values():
        address = host.vars.get("ansible_host") or host.name
        options = (host.vars.get("ansible_ssh_common_args"), host.vars.get("ansible_ssh_extra_args"))  # a jump host
        other = first.setdefault((address, host.vars.get("ansible_port", 22), *options), host)
        if other is not host:
            found.append(
                ConfigError(
                    f"{other.name} and {host.name} are the same machine, {address}",
                    details=[
                        f"{each.name}: {each.origin.get('ansible_host', 'by its name')}" for each in (other, host)
                    ],
                    advice="correct ansible_host or ansible_port of one; one machine has one name, in both groups",
                )
            )
    return found


def _checked(inventory: Inventory, checks: Sequence[Check]) -> list[ProvisionerError]:
    found: list[ProvisionerError] = []
    for check in checks:
        try:
            found.extend(check(inventory))
        except ConfigError as error:
            found.append(error)
        except Several as several:
            found.extend(several.errors)
    for each in found:
        each.details += _places(inventory, each)
    return list({str(each): each for each in found}.values())  # several checks may meet one broken entry


def _places(inventory: Inventory, error: ProvisionerError) -> list[str]:
    """Where the variables stand that a check's sentence is about, in lines; none where it says so itself."""
    if any(line.lstrip().startswith("in:") or ".yml:" in line for line in error.details):
        return []
    hosts = [inventory.hosts[name] for name in error.hosts if name in inventory.hosts] or inventory.hosts.values()
    words = re.findall(r"[a-z]\w+", error.summary)
    places = dict.fromkeys(host.origin[word] for host in hosts for word in words if word in host.origin)
    return [f"in: {place}" for place in places if not place.startswith("roles/")][:3]
