"""certs.renew: new keys and certificates for the nodes of a closed cluster, whatever the old ones say."""

from __future__ import annotations

import sys

from cli import deploying
from cli.asking import confirm
from cli.common import Run
from cli.hosts import Hosts
from cli.rotation import authority
from cluster.certificates import remote
from provisioner import renewal
from provisioner.report.choose import reporter
from provisioner.resources.credential import certificate_digest
from provisioner.words import counted, some
from roles import site
from roles.shared import security

GOES_ON = "the same command goes on from there; so does a deploy"


def renew(run: Run, yes: bool, accept_downtime: bool) -> int:
    """Bring it to its end, and answer with the exit code. Raises Refused, UsageError and what keeps a host from being
    asked."""
    run.inventory().limit(run.limit or None)  # a name that is none is said first
    own = authority(run)
    there = _there(run)
    left = renewal.left(own.folder, there)
    going = [*there] if left is None else left
    hosts = list(dict.fromkeys(there[one] for one in going))
    if left is None:
        question = f"Renew the certificates of {some(hosts)}? Nodes that do not take it as they run restart."
        confirm(reporter(), question, yes, "nothing was changed")
        renewal.begin(own.folder, there)
    elif left:
        print(f"--> A renewal was cut off: {counted(len(left), 'certificate')} left, on {some(hosts)}")
    else:
        print("--> A renewal was cut off, and no certificate is left: this run sees to what still shows an old one")
    code = deploying.deploy(run, "", yes=yes, accept_downtime=accept_downtime)
    if code:
        print(f"--> The renewal is not complete: {GOES_ON}")
        return code
    renewal.end(own.folder, {*there.values()})
    where = f" on {some(hosts)}" if hosts else ""
    again = "" if left is None else "; the renewal that was cut off is complete"
    print(f"\n--> Renewed {counted(len(going), 'certificate')}{where}{again}")
    return 0


def _there(run: Run) -> dict[str, str]:
    """{sha256 of a certificate: its host} of all nodes that have one."""
    with Hosts(run, sys.stderr) as hosts:
        targets = hosts.connect([host for host in hosts.members if security.on(host)]).check()

        def look(name: str) -> list[str]:
            asked = {unit: {**node.asked, "doors": {}} for unit, node in site.nodes(targets[name]).items()}
            said = hosts.fleet.call(name, remote.look(asked))
            return [one["certificate"] for one in said.values() if one["certificate"]]

        found = hosts.fleet.each(targets, look).check()
        for name in targets:
            hosts.show.host(name, "")
    return {certificate_digest(text): name for name, texts in found.items() for text in texts}
