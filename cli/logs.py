"""logs: what the services of all hosts have logged, as one stream."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from typing import Any

from cli import moments, reader
from cli.common import INTERRUPTED, Run
from cli.hosts import Hosts
from cli.log_output import Merged, Output, together
from cli.patterns import regular
from provisioner.agent.loglines import LEVELS
from provisioner.connect import requests
from provisioner.connect.fleet import Fleet
from provisioner.errors import HostFailed, ProvisionerError, UsageError
from provisioner.report.terminal import terminal
from provisioner.resources import Request
from provisioner.words import did_you_mean
from roles import site

LINES = 50  # of each service, when neither --lines nor --since says


def logs(run: Run, service: str, follow: bool, given: Mapping[str, Any]) -> int:
    """Print the logs of all hosts, merged by time, or as they come; the exit code. given: as for `window`."""
    arguments = window(given)
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
            if given["since"] and sys.stderr.isatty():
                show.note(f"since {moments.said(time.time() - arguments['since'])}")
            asked = {name: requests.logs(wanted[name], follow=follow, **arguments) for name in found}
            if follow:
                lost = _follow(fleet, asked, output)
            else:
                answers = fleet.each(asked, lambda name: fleet.call(name, asked[name]))
                merged = together(answers)
                output.write(merged)
                lost = answers.errors
                if found and not merged and not lost:
                    show.note(_nothing(given))
            for error in lost.values():
                show.error(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    errors |= lost
    return max((error.exit_code for error in errors.values()), default=0)


def _follow(fleet: Fleet, asked: Mapping[str, Request], output: Output) -> dict[str, ProvisionerError]:
    merged = Merged(asked, output.write)

    def gone() -> None:
        output.gone = True
        for session in fleet.sessions.values():
            session.close()  # ends the streams of all hosts

    def work(name: str) -> None:
        def event(message: Mapping[str, Any]) -> None:
            try:
                merged.take(name, message.get("entries", ()))
            except BrokenPipeError:
                gone()
                raise HostFailed("nobody reads the output any more", host=name) from None

        try:
            fleet.call(name, asked[name], event)
        finally:
            if not output.gone:
                merged.lost(name)

    reader.watched(gone)
    outcome = fleet.each(asked, work)
    if output.gone:
        raise BrokenPipeError
    return outcome.errors


def window(given: Mapping[str, Any], now: float | None = None) -> dict[str, Any]:
    """The flags since, lines, level, grep and probes as the agent takes them: seconds back, how many lines of each
    service, and which. now: epoch seconds. Raises UsageError. Pure but for the clock."""
    out: dict[str, Any] = {}
    since, lines, level = given["since"], given["lines"], given["level"].upper()
    if since:
        now = time.time() if now is None else now
        begin = moments.moment("--since", since, now)
        if begin > now:
            raise UsageError(f"--since {since} is still to come: {moments.said(begin)}")
        out["since"] = now - begin
    if lines and not re.fullmatch(r"[1-9]\d{0,6}", lines):
        raise UsageError(f"--lines is {lines}; it is a number of lines, 1 or more")
    if lines or not since:
        out["lines"] = int(lines or LINES)
    if level:
        if level not in LEVELS:
            near = did_you_mean(level, LEVELS)
            raise UsageError(f"--level is {given['level']}{near}", details=[f"levels are: {', '.join(LEVELS)}"])
        out["level"] = level
    if given["grep"]:
        out["grep"] = regular("--grep", given["grep"])
    if not given["probes"]:
        out["hide"] = site.probes()
    return out


def _nothing(given: Mapping[str, Any]) -> str:
    which = [name for name in ("level", "grep") if given[name]]
    if which:
        return f"nothing was logged with this {' and '.join(f'--{name}' for name in which)}"
    return "nothing was logged" + (" in this time" if given["since"] else "; is it deployed?")
