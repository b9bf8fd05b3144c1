"""Certificates of a company's own authority, which listeners of clients show instead of the nodes' (`kafka_tls_cert`).

Nodes and the toolkit never do: whom they trust is the toolkit's own authority alone.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioner import authority
from provisioner.authority import Decrypt
from provisioner.errors import ConfigError, ProvisionerError
from provisioner.resources import File, Given, Gone, Resource
from provisioner.resources.given import with_heading
from roles.kafka import listeners
from roles.shared import kraft, security, tls
from roles.shared.checks import members

if TYPE_CHECKING:
    from provisioner.given import Files, Pair
    from provisioner.inventory.model import Host, Inventory
    from provisioner.requested import Folder
    from provisioner.run.target import Target

CERTIFICATE, _, TRUSTED = security.GIVEN


class Trusted(NamedTuple):
    """What clients trust. certificate: PEM; path: where it is on this machine."""

    certificate: str
    path: Path


def files(host: Host) -> Files:
    """Where a broker's are, on this machine; a relative path starts at the current directory."""
    from provisioner.given import Files

    return Files(*(Path(host.vars[name]).expanduser() for name in security.GIVEN))


def names(host: Host) -> list[str]:
    """The host names and addresses by which clients reach a broker, the one for most of them first."""
    found = [one.advertised_host for one in listeners.secured(host)]
    return list(dict.fromkeys(str(one) for one in [*found, *host.vars["kafka_tls_names"]]))


def servers(inventory: Inventory, limit: str) -> dict[str, list[str]]:
    """{broker: its names}, of those that --limit means. Raises ConfigError where no listener would show a certificate
    of theirs."""
    chosen = [host for host in inventory.limit(limit) if kraft.BROKERS in host.groups]
    for host in chosen:
        if not listeners.secured(host):
            raise ConfigError(
                "no listener shows clients a certificate",
                host=host.name,
                advice="set kafka_security: required (or open)",
            )
    return {host.name: names(host) for host in chosen}


def named(inventory: Inventory, folder: Folder, hosts: Iterable[str]) -> bool:
    """Whether the inventory names the files of a folder for these hosts."""
    pairs = [pair for name in hosts for pair in zip(files(inventory.hosts[name]), folder.files(name), strict=True)]
    return all(one.resolve() == other.resolve() for one, other in pairs)


def problems(inventory: Inventory) -> list[ConfigError]:
    """All three variables are set or none, on all brokers, and there are listeners that show what they name. What the
    files hold is checked before a deploy: `status` works without them."""
    brokers = members(inventory, kraft.BROKERS)
    given = {host.name: [name for name in security.GIVEN if host.vars[name]] for host in brokers}
    out = []
    for host in brokers:
        lacking = [name for name in security.GIVEN if name not in given[host.name]]
        if given[host.name] and lacking:
            what = f"{given[host.name][0]} is set without {' and '.join(lacking)}"
            out.append(ConfigError(what, host=host.name, advice=f"set all three, {', '.join(security.GIVEN)}, or none"))
    without = [name for name, variables in given.items() if not variables]
    if 0 < len(without) < len(given):
        out.append(
            ConfigError(
                f"{CERTIFICATE} is set for some brokers only: clients would trust one part of the cluster",
                details=[f"not set for: {', '.join(without)}"],
                advice=f"set {', '.join(security.GIVEN)} once for all, under `all: vars:`, with "
                "{{ inventory_hostname }} in the paths",
            )
        )
    if len({str(host.vars[TRUSTED]) for host in brokers if given[host.name]}) > 1:
        out.append(
            ConfigError(
                f"{TRUSTED} differs between the brokers of one cluster: a client trusts the same for all of them",
                advice="put the certificates of all authorities into one file",
            )
        )
    first = next((host for host in brokers if given[host.name]), None)
    if first is not None and not security.on(first):
        out.append(
            ConfigError(
                f"{given[first.name][0]} is set, and no listener would show the certificate: kafka_security is off",
                advice=f"set kafka_security: required (or open), or remove {', '.join(given[first.name])}",
            )
        )
    return out


def folder(inventory: Inventory) -> Folder:
    """Where requests are made, and certificates kept: prod3.certs beside prod3.yml."""
    from provisioner.requested import Folder

    return Folder(inventory.path.with_name(f"{inventory.path.stem}.certs"), decrypt(inventory))


def decrypt(inventory: Inventory) -> Decrypt:
    """What opens a key that ansible-vault has encrypted. Without a password it raises ConfigError."""
    return inventory.decrypt or tls.without_password


def pair(host: Host, inventory: Inventory) -> Pair:
    """What the files of a broker hold. Raises ConfigError, and Refused for a key that others can read."""
    from provisioner.given import read

    return read(files(host), decrypt(inventory))


def gone(target: Target, config: str) -> list[Resource]:
    """That nothing of it is left where the nodes' own certificates are shown. config: the path of what named it."""
    if not security.on(target.host) or security.given(target.host):
        return []
    return [Gone(path, config) for path in security.given_files(kraft.COMBINED_UNIT)]


def resources(target: Target) -> list[Resource]:
    """What clients are shown, and what they trust. Files that cannot be read are no error here (`objections`): an
    uninstall needs none."""
    if not security.given(target.host):
        return []
    own, trusts = security.given_files(kraft.COMBINED_UNIT)
    try:
        found = pair(target.host, target.inventory)
    except ProvisionerError:
        text = trust = None
    else:
        text, trust = with_heading(found.text, found.until, next(iter(names(target.host)), "")), found.trust
    return [File(trusts, trust), _file(own, text)]


def objections(target: Target) -> list[ProvisionerError]:
    """What is wrong with the files of a broker: all of it, before anything is changed."""
    if not security.given(target.host):
        return []
    from provisioner.given import wrong

    try:
        found = pair(target.host, target.inventory)
    except ProvisionerError as error:
        return [_named(target.host, error)]
    now = datetime.datetime.now(datetime.timezone.utc)
    return [_named(target.host, one) for one in wrong(found, files(target.host), names(target.host), now)]


def _named(host: Host, error: ProvisionerError) -> ProvisionerError:
    """A problem of a file with the host and the variables that name such files."""
    said = zip(security.GIVEN, files(host), strict=True)
    error.details += [f"{name}: {host.vars[name]}" for name, path in said if str(path) in error.summary]
    return error.on([host.name])


def shown(target: Target) -> tls.Shown | None:
    """What a broker shows to clients instead of its node's certificate; None where it shows that."""
    if not security.given(target.host):
        return None
    doors = {one.name: one.asked_here for one in listeners.secured(target.host)}
    path, trust = security.given_files(kraft.COMBINED_UNIT)
    return tls.Shown(_file(path, None), trust, doors)


def _file(path: str, text: str | None) -> Given:
    return Given(path, text, group=kraft.COMBINED_UNIT, mode=0o640, secret=True)


def trusted(inventory: Inventory) -> Trusted:
    """What a client of the cluster trusts. Raises ConfigError where its file is not here."""
    for host in members(inventory, kraft.BROKERS)[:1]:
        if security.given(host):
            from provisioner import given

            path = files(host).trusted.resolve()
            return Trusted(b"".join(map(authority.pem, given.certificates(path))).decode(), path)
    return _own(inventory)


def trusted_in_part(inventory: Inventory) -> str:
    """The same while some brokers show a given certificate, and some their node's (PEM)."""
    found, own = trusted(inventory), _own(inventory)
    return found.certificate if found == own else own.certificate + found.certificate


def _own(inventory: Inventory) -> Trusted:
    own = tls.authority(inventory)
    return Trusted(own.certificate, own.folder / authority.CERTIFICATE)
