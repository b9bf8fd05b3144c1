"""status: how the hosts of an inventory and the cluster on them are, on one page."""

from __future__ import annotations

import json
import shutil
import sys

from cli.common import Run
from cli.hosts import Hosts
from cli.looking import look
from cli.tables import status as status_table
from provisioner.errors import ProvisionerError, Unreachable
from provisioner.report.choose import plain_wanted
from roles.status import document, members

UNHEALTHY = 2


def status(run: Run, as_json: bool) -> int:
    """Print how everything is; the exit code says whether it is healthy."""
    # What goes on meanwhile is shown on stderr: stdout is the answer alone, for pipes.
    with Hosts(run, sys.stderr) as hosts:
        targets = hosts.connect(hosts.members)
        answers = hosts.fleet.each(targets, lambda name: look(hosts.fleet, targets[name]))
    lost: dict[str, ProvisionerError] = {**targets.errors, **answers.errors}
    found = document(
        dict(answers),
        {name: (not isinstance(error, Unreachable), error.summary) for name, error in lost.items()},
        members(hosts.inventory),
    )
    found["hosts"] = {host.name: found["hosts"][host.name] for host in hosts.members}
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else None
        print(status_table.page(found, width, colour=terminal and not plain_wanted()))
    if any(isinstance(error, Unreachable) for error in lost.values()):
        return Unreachable.exit_code
    return 0 if found["healthy"] else UNHEALTHY
