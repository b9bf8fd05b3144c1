"""certs.request and certs.import: certificates of a company's own authority for the listeners of clients."""

from __future__ import annotations

import datetime
from pathlib import Path

from cli.common import Run
from provisioner import given as core
from provisioner.errors import UsageError
from provisioner.requested import TRUSTED, signed
from roles.kafka import given
from roles.shared import expiry, security

HOST, BESIDE = "{{ inventory_hostname }}", "{{ inventory_dir }}"
NOBODY = "no broker is among these hosts"


def request(run: Run, new_key: bool) -> None:
    """Write a key and a request for each broker, and say what to do with them."""
    inventory = run.inventory()
    folder, servers = given.folder(inventory), given.servers(inventory, run.limit)
    if not servers:
        raise UsageError(NOBODY)
    for host, names in servers.items():
        path, made = folder.request(host, names, new_key)
        print(f"--> {path}: for {', '.join(names)}, {'with a new key' if made else 'with the key that is there'}")
    print(
        "\nHave the company's authority sign these requests: for servers (serverAuth), with the names in them.\n"
        f"The keys stay here, in {folder.path}, and belong into a backup. When the certificates have come:\n\n"
        f"  invoke certs.import --hosts {run.hosts} --signed FOLDER --ca FILE\n\n"
        "FOLDER has the certificates (those of authorities in between, too), FILE those that clients are to trust."
    )


def import_(run: Run, paths: list[str], ca: str) -> None:
    """Put certificates that have come beside their keys, if all of them can be used."""
    if not paths:
        raise UsageError("where are the certificates? --signed is missing", advice="give a file, or a folder with them")
    inventory = run.inventory()
    folder, servers = given.folder(inventory), given.servers(inventory, run.limit)
    if not servers:
        raise UsageError(NOBODY)
    trusted = Path(ca).expanduser() if ca else folder.path / TRUSTED
    if not ca and not trusted.exists():
        raise UsageError(
            "what are clients to trust? --ca is missing", advice="give the file of the authority's certificate"
        )
    come = signed(Path(path).expanduser() for path in paths)
    taken = folder.taken(servers, come, trusted, datetime.datetime.now(datetime.timezone.utc))
    folder.put(taken)
    for one in taken:
        until = expiry.written(one.pair.until)[:10]
        whose = core.name(one.pair.chain[0])
        print(f"--> {folder.files(one.host).certificate}: {whose}, until {until}")
    print(f"--> {folder.path / TRUSTED}: what clients trust, {core.name(taken[0].pair.trusted[0])}\n")
    if given.named(inventory, folder, servers):
        print(
            f"The inventory names these files already: `invoke deploy --hosts {run.hosts}` brings them to the brokers."
        )
        return
    files = (f"{HOST}.pem", f"{HOST}.key", TRUSTED)
    print("Set these under `all: vars:`, and deploy. Give clients what they are to trust before that:\n")
    for variable, name in zip(security.GIVEN, files, strict=True):
        print(f"  {variable}: '{BESIDE}/{folder.path.name}/{name}'")
