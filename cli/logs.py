"""logs: what the services of all hosts have logged, as one stream."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cli.common import INTERRUPTED, Run
from cli.hosts import Hosts
from provisioner.connect import requests
from provisioner.connect.fleet import Fleet
from provisioner.errors import HostFailed, ProvisionerError, UsageError
from provisioner.quantities import parse_duration
from provisioner.report.cells import padded, width
from provisioner.report.lines import clean
from provisioner.report.terminal import ansi, terminal
from provisioner.resources import Request
from roles import site

LINES = 50  # of each service, when neither --lines nor --since says
COLOURS = ("cyan", "green", "yellow", "bold")


class Output:
    """Lines on stdout from many threads; `gone` when their reader has gone."""

    def __init__(self, names: Sequence[str], units: Iterable[str], colour: bool) -> None:
        self._names = list(names)
        self._wide = max(map(width, names))
        self._unit_wide = max(map(width, units))
        self._colour = colour
        self._lock = threading.Lock()
        self.gone = False

    def write(self, entries: Iterable[tuple[str, Sequence[Any]]]) -> None:
        """Print (host, [time, unit, text]) lines. Raises BrokenPipeError when nobody reads them."""
        with self._lock:
            for host, (_, unit, text) in entries:
                head = f"{padded(host, self._wide)} {padded(unit, self._unit_wide)} "
                if self._colour:
                    head = ansi([(COLOURS[self._names.index(host) % len(COLOURS)], head)])
                try:
                    sys.stdout.write(f"{head} {clean(text)}\n")
                except BrokenPipeError:
                    self.gone = True
                    raise
            try:
                sys.stdout.flush()
            except BrokenPipeError:
                self.gone = True
                raise


def logs(run: Run, service: str, follow: bool, since: str, lines: str) -> int:
    """Print the logs of all hosts, merged by time, or as they come; the exit code."""
    arguments = window(since, lines)
    if service and service not in site.SERVICES:
        raise UsageError(f"unknown service {service}", details=[f"services are: {', '.join(site.SERVICES)}"])
    hosts = Hosts(run, sys.stderr)
    wanted = {
        host.name: {unit: files for unit, files in site.logs(host.groups).items() if service in ("", unit)}
        for host in hosts.members
    }
    members = [hosts.inventory.hosts[name] for name, services in wanted.items() if services]
    if not members:
        raise UsageError(f"none of these hosts runs {service or 'a service'}")
    output = Output([host.name for host in members], site.SERVICES, terminal().colour)
    try:
        with hosts:
            show, fleet = hosts.show, hosts.fleet
            found = hosts.connect(members)
            for name in found:
                show.host(name, "")
            errors: dict[str, ProvisionerError] = dict(found.errors)
            for error in errors.values():
                show.error(error)
            ask = requests.follow_logs if follow else requests.read_logs
            asked = {name: ask(wanted[name], **arguments) for name in found}
            if follow:
                lost = _follow(fleet, asked, output)
            else:
                answers = fleet.each(asked, lambda name: fleet.call(name, asked[name]))
                merged = [(name, entry) for name, answer in answers.items() for entry in answer["entries"]]
                output.write(sorted(merged, key=lambda line: line[1][0]))
                lost = answers.errors
                if found and not merged and not lost:
                    show.note("nothing was logged" + (" in this time" if since else "; is it deployed?"))
            for error in lost.values():
                show.error(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    errors |= lost
    return max((error.exit_code for error in errors.values()), default=0)


def _follow(fleet: Fleet, asked: Mapping[str, Request], output: Output) -> dict[str, ProvisionerError]:
    def work(name: str) -> None:
        def event(message: Mapping[str, Any]) -> None:
            try:
                output.write((name, entry) for entry in message.get("entries", ()))
            except BrokenPipeError:
                for session in fleet.sessions.values():
                    session.close()  # ends the other hosts' streams, too
                raise HostFailed("nobody reads the output any more", host=name) from None

        fleet.call(name, asked[name], event)

    outcome = fleet.each(asked, work)
    if output.gone:
        raise BrokenPipeError
    return outcome.errors


def window(since: str, lines: str) -> dict[str, Any]:
    """--since and --lines as the agent takes them: seconds back, and how many lines of each service."""
    out: dict[str, Any] = {}
    if since:
        try:
            out["since"] = parse_duration(since) / 1000
        except ValueError as error:
            raise UsageError(f"--since: {error}", details=["write it like 10m, 2h or 90s"]) from None
    if lines and not re.fullmatch(r"[1-9]\d{0,6}", lines):
        raise UsageError(f"--lines is {lines}; it is a number of lines, 1 or more")
    if lines or not since:
        out["lines"] = int(lines or LINES)
    return out
