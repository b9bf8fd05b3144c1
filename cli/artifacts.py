"""artifacts.lock, artifacts.fetch and bundle."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

from cli.common import Run, require_clone
from cli.project import ROOT
from provisioner.artifacts import ArchiveSource, ClosureSource
from provisioner.errors import UsageError
from provisioner.inventory.model import Inventory
from provisioner.report.choose import reporter
from provisioner.secrets import mask
from roles import site
from roles.shared import catalogue, releases


def lock(product: str, version: str) -> None:
    """Resolve a version's jars and write them, with their digests, to roles/PRODUCT/versions/VERSION.yml; beside it
    what the properties of that version are, by its own classes."""
    from provisioner.artifacts.resolve import lock_version

    require_clone("artifacts.lock")
    if product not in site.PRODUCTS:
        raise UsageError(f"--product is {product or 'missing'}", details=[f"one of: {', '.join(site.PRODUCTS)}"])
    if not version:
        raise UsageError("--version is missing", details=releases.listed(product))
    made: list[str] = []

    def look(jars: list[Path]) -> None:
        print("asking its classes for the properties")
        made.append(site.parts("catalogue")[product].made(version, jars))

    path = lock_version(ROOT / "roles" / product / "versions", version, print, look)
    listed = catalogue.path(product, version)
    listed.write_text(made[0], encoding="utf-8")
    print(f"{path.relative_to(ROOT)} and {listed.name} are written.")
    print(f"Review the head of {path.name} (java, zookeeper, tools) before you use and commit them.")


def sources(inventory: Inventory) -> list[ArchiveSource | ClosureSource]:
    """What the hosts of an inventory install, each once."""
    found = [source for host in inventory.hosts.values() for source in site.sources(host)]
    return list({source.id: source for source in found}.values())


def fetch(run: Run) -> None:
    """Download and verify what an inventory needs, so that a later deploy needs no network here."""
    with reporter() as show:
        began = time.monotonic()
        for source in sources(run.inventory()):
            payload = source.obtain(show.progress)
            show.note(f"{source.label}: {payload.path}")
        show.note(f"In the cache after {time.monotonic() - began:.1f} seconds")


def bundle(run: Run, out: str) -> None:
    """Pack project, Python packages and artifacts into one file."""
    from provisioner.artifacts.bundle import bundle as pack
    from provisioner.artifacts.bundle import place_of

    require_clone("bundle")
    inventory = run.inventory()
    target = Path(out or f"{Path(run.hosts).stem}-bundle.tar").absolute()
    if target.suffix != ".tar":
        raise UsageError(f"--out is {out}; a bundle's name ends in .tar")
    with reporter() as show:
        made = pack(
            target,
            root=ROOT,
            sources=sources(inventory),
            requirements=["-r", str(ROOT / "requirements.lock")],
            inventory=inventory.path,
            progress=show.progress,
            say=show.note,
        )
    typed = [f"{target.stem}/run", "deploy", "--hosts", place_of(inventory.path, ROOT)]
    typed += [word for variable in run.extra_vars for word in ("--extra-vars", mask(variable))]
    typed += [word for label in run.vault_id for word in ("--vault-id", label)]
    typed += [word for file in run.vault_password_file for word in ("--vault-password-file", file)]
    typed += ["--ask-vault-pass"] * run.ask_vault_pass
    print(f"{made.path}: {made.size / 2**20:.0f} MiB, sha256 {made.sha256}")
    print("The inventory is in it; SSH keys and known_hosts that it names are not.")
    print(f"On the other machine: tar xf {shlex.quote(target.name)} && {shlex.join(typed)}")
