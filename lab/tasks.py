"""`invoke lab.up`, `lab.down`, `lab.status`, `lab.shell`: the lab on the command line.

Modules that cost time to import are imported by the task that needs them, so that `invoke --list` stays quick.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from invoke import Collection, Context

from cli.common import verb
from cli.project import ROOT

if TYPE_CHECKING:
    from lab.lab import Lab

LAB_HELP = "the lab's name; $LAB, else 'default'. Labs of different names are independent"


def _verb(name: str, help: dict[str, str]) -> Callable[[Callable[..., None]], Any]:
    return verb(name, {**help, "lab": LAB_HELP})


@_verb(
    "up",
    {
        "hosts": "which inventory's hosts, e.g. single",
        "image": "bookworm (default) or trixie, for new hosts",
        "java": "new hosts have Java already, which is half of what a first deploy takes",
    },
)
def up(context: Context, hosts: str = "", image: str = "", java: bool = False, lab: str = "") -> None:
    """Create or start an inventory's lab hosts; what already runs is left as it is."""
    started = time.monotonic()
    it = _lab(lab, java)
    bases = _hosts(hosts)
    done = it.up(bases, image or None)
    for base in bases:
        ports = it.ports(base)
        where = ", ".join(f"{use} 127.0.0.1:{port}" for use, port in ports.items())
        print(f"{it.host(base)}: up, {where}")
    print(f"{'; '.join(done) or 'nothing to do'} in {time.monotonic() - started:.1f} s")


@_verb("down", {"hosts": "which inventory's hosts; without it the whole lab"})
def down(context: Context, hosts: str = "", lab: str = "") -> None:
    """Remove lab hosts with everything on them. Containers of others are never touched."""
    it = _lab(lab)
    gone = it.down(_hosts(hosts) if hosts else None)
    print(f"removed {', '.join(gone)}" if gone else "nothing to remove")


@_verb("status", {})
def status(context: Context, lab: str = "") -> None:
    """Show the hosts of every lab on this machine, or of one."""
    from cli.tables.columns import Column, table
    from lab import engine
    from provisioner.report.terminal import terminal

    wanted = _lab(lab).name if lab else None
    found = [c for c in engine.containers().values() if c.lab and wanted in (None, c.lab)]
    if not found:
        print(f"no host exists{f' in the lab {wanted!r}' if wanted else ''}; invoke lab.up --hosts single makes one")
        return
    rows = []
    for container in sorted(found, key=lambda c: (c.lab, c.name)):
        known = {22: "ssh", 2181: "zookeeper"}
        where = "  ".join(f"{known.get(port, 'kafka')} {at}" for port, at in sorted(container.published.items()))
        rows.append((container.lab, container.name, container.state, container.os, where or "-"))
    heads = (
        Column("LAB", drop=2),
        Column("HOST"),
        Column("STATE"),
        Column("IMAGE", drop=1),
        Column("ANSWERS AT", share=60),
    )
    print("\n".join(table(heads, rows, terminal())))


@_verb("shell", {"hosts": "which inventory's hosts", "limit": "the one host of them, e.g. kafka2"})
def shell(context: Context, hosts: str = "", limit: str = "", lab: str = "") -> None:
    """Open a root shell on a lab host, as `docker exec -it HOST bash` does."""
    from lab import hosts as names
    from provisioner.errors import UsageError

    it = _lab(lab)
    bases = _hosts(hosts)
    if limit:
        base = names.base_name(it.name, limit)
        if base not in bases:
            raise UsageError(f"{limit} is not in {hosts}", advice=f"--limit is one of {', '.join(bases)}")
        bases = [base]
    if len(bases) > 1:
        raise UsageError(f"{hosts} has {len(bases)} hosts", advice=f"choose one: --limit {'|'.join(bases)}")
    host = it.host(bases[0])
    found = it.existing().get(host)
    if found is None or found.state != "running":
        raise UsageError(f"{host} is not up", advice=f"invoke lab.up --hosts {hosts}")
    terminal = ["--tty"] if sys.stdin.isatty() else []
    os.execvp("docker", ["docker", "exec", "--interactive", *terminal, host, "bash", "--login"])


@_verb("inventory", {"hosts": "which inventory"})
def inventory(context: Context, hosts: str = "", lab: str = "") -> None:
    """Print the path of the inventory that deploys to this lab."""
    _hosts(hosts)
    print(_lab(lab).inventory(hosts))


def _lab(name: str, java: bool = False) -> Lab:
    from lab.lab import Lab

    return Lab(name or os.environ.get("LAB") or "default", java=java, say=print)


def _hosts(inventory: str) -> list[str]:
    from lab.inventory import hosts_of, names
    from provisioner.errors import UsageError

    if not inventory:
        raise UsageError("--hosts is missing", advice=f"it is one of {', '.join(names(ROOT))}")
    return hosts_of(ROOT, inventory)


ns = Collection("lab", up, down, status, shell, inventory)
