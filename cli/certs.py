"""certs.list: the certificates of a closed cluster, on the hosts and as their processes show them."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from cli.common import Run, for_machines
from cli.hosts import Hosts
from cli.tables import certs as table
from cluster.certificates import remote
from provisioner.authority import CERTIFICATE
from provisioner.errors import Unreachable
from provisioner.report.terminal import terminal
from provisioner.run.target import Target
from roles import site
from roles.kafka import client_certificates
from roles.shared import security, tls

NONE = "the cluster is open: its nodes have no certificates (kafka_security closes it)"


def listing(run: Run, as_json: bool) -> int:
    """Print a line per certificate, the authority's last; the exit code says whether every host was asked."""
    with Hosts(run, sys.stderr) as hosts:
        closed = [host for host in hosts.members if security.on(host)]
        if not closed:
            print(for_machines(table.document({}, "", "", False, 0.0)) if as_json else NONE)
            return 0
        targets = hosts.connect(closed)
        answers = hosts.fleet.each(targets, lambda name: _look(hosts, targets[name]))
        errors = {**targets.errors, **answers.errors}
        for name in targets:
            hosts.show.host(name, "")
        for error in errors.values():
            hosts.show.error(error)
        own = tls.authority(hosts.inventory)
        local = own.certificate if own.fingerprint else ""
        place, now = str(own.folder / CERTIFICATE), time.time()
        found = table.document(dict(answers), place, local, own.can_sign, now, _of_clients(hosts, now))
    print(for_machines(found) if as_json else table.page(found, terminal()))
    codes = [error.exit_code for error in errors.values()]
    return Unreachable.exit_code if Unreachable.exit_code in codes else max(codes, default=0)


def _of_clients(hosts: Hosts, now: float) -> list[dict[str, Any]]:
    """The authorities of clients, where this machine has any."""
    own = client_certificates.authority(hosts.inventory)
    if not own.fingerprint:
        return []
    return table.of_clients(str(own.folder / CERTIFICATE), own.certificate, own.can_sign, now)


def _look(hosts: Hosts, target: Target) -> Mapping[str, Any]:
    """{unit: its node as `certificates.onhost.look` answers, and where it is}, of one host; with `table.GIVEN` behind
    the unit, what it shows to clients instead."""
    given = {f"{unit}{table.GIVEN}": one.asked for unit, one in site.shown_to_clients(target).items()}
    asked = {unit: node.asked for unit, node in site.nodes(target).items()} | given
    said = hosts.fleet.call(target.name, remote.look(asked))
    return {unit: {**said[unit], "path": one["path"], "trust": one["trust"]} for unit, one in asked.items()}
