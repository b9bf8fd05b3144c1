"""status: how the hosts of an inventory and the cluster on them are, on one page."""

from __future__ import annotations

import json
import shutil
import sys
from typing import Any

from cli import status_table
from cli.common import ROOT, load_inventory
from cli.deploying import options
from cli.looking import look
from provisioner.connect.fleet import Fleet
from provisioner.connect.opening import connect
from provisioner.errors import ProvisionerError, Unreachable
from provisioner.report.choose import plain_wanted, reporter
from provisioner.run.target import Target
from roles import site
from roles.status import document, members

UNHEALTHY = 2


def status(hosts: str, extra_vars: list[str], as_json: bool, **flags: Any) -> int:
    """Print how everything is; the exit code says whether it is healthy."""
    chosen = options(**flags)
    inventory = load_inventory(hosts, extra_vars)
    wanted = inventory.limit(chosen.limit)
    # What goes on meanwhile is shown on stderr: stdout is the answer alone, for pipes.
    with reporter(sys.stderr) as show, Fleet(show) as fleet:
        facts = connect(fleet, site, wanted, chosen)
        targets = {
            host.name: Target(host, inventory, facts[host.name], ROOT / "templates")
            for host in wanted
            if host.name in facts
        }
        answers = fleet.each(targets, lambda name: look(fleet, targets[name]))
    lost: dict[str, ProvisionerError] = {**facts.errors, **answers.errors}
    found = document(
        dict(answers),
        {name: (not isinstance(error, Unreachable), error.summary) for name, error in lost.items()},
        members(inventory),
    )
    found["hosts"] = {host.name: found["hosts"][host.name] for host in wanted}
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else None
        print(status_table.page(found, width, colour=terminal and not plain_wanted()))
    if any(isinstance(error, Unreachable) for error in lost.values()):
        return Unreachable.exit_code
    return 0 if found["healthy"] else UNHEALTHY
