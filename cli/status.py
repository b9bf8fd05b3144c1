"""status: how the hosts of an inventory and the cluster on them are, on one page."""

from __future__ import annotations

import sys

from cli.common import Run, for_machines
from cli.hosts import Hosts
from cli.looking import see
from cli.tables import status as status_table
from provisioner.errors import Unreachable
from provisioner.report.terminal import terminal

UNHEALTHY = 2


def status(run: Run, as_json: bool) -> int:
    """Print how everything is; the exit code says whether it is healthy."""
    # What goes on meanwhile is shown on stderr: stdout is the answer alone, for pipes.
    with Hosts(run, sys.stderr) as hosts:
        targets = hosts.connect(hosts.members)
        found, lost = see(hosts.fleet, hosts.inventory, targets, targets.errors)
    found["hosts"] = {host.name: found["hosts"][host.name] for host in hosts.members}
    if as_json:
        print(for_machines(found))
    else:
        print(status_table.page(found, terminal()))
    if any(isinstance(error, Unreachable) for error in lost.values()):
        return Unreachable.exit_code
    return 0 if found["healthy"] else UNHEALTHY
