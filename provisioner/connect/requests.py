"""The engine's table of what may be called on a host: a function here for each function there, its parameters typed.

A call site reads like a call (`fleet.call(host, requests.look_at_processes(services))`) and a type checker reads it
like one. What an argument means, and what comes back, is documented by the function on the host that the request names.
`cluster/remote.py` is the same for Kafka.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from provisioner.resources import Request, Resource, Service

Event = Callable[[Mapping[str, Any]], None]  # receives what a host reports while it is at work


class Call(Protocol):
    """Runs a request on a host: `Fleet.call`, and what stands in for it in tests."""

    def __call__(self, host: str, request: Request, event: Event | None = None, /) -> dict[str, Any]:
        """What the function answers. Raises HostFailed for the Failure that it ends with. event: receives what it
        reports; None shows its texts as the host's live line."""


def look_at_unit(unit: str, log_file: str) -> Request:
    """How a service is doing, for a wait: `waiting.look`."""
    return Request("provisioner.agent.waiting", "look", {"unit": unit, "log_file": log_file})


def look_at_processes(services: Mapping[str, Mapping[str, Any] | None]) -> Request:
    """What the processes of services use: `process.look`. services: {name: {pid, started_monotonic_us}, or None}."""
    return Request("provisioner.agent.process", "look", {"services": dict(services)})


def examine(paths: Sequence[str], secrets: Sequence[str] = ()) -> Request:
    """What of a machine can harm a service: `examine.look`. paths: of data; secrets: files for its services alone."""
    return Request("provisioner.agent.examine", "look", {"paths": list(paths), "secrets": list(secrets)})


def connections(ports: Sequence[int], units: Sequence[str]) -> Request:
    """Who is connected to ports of a host, and who on it to such ports elsewhere: `sockets.look`. units: of which it is
    asked, too, whether they run."""
    return Request("provisioner.agent.sockets", "look", {"ports": list(ports), "units": list(units)})


def look_for(resources: Sequence[Resource]) -> Request:
    """What of resources is on the host, before it is removed: `removal.look`."""
    return Request("provisioner.agent.removal", "look", {"resources": _wires(resources)})


def remove(resources: Sequence[Resource], final: bool = False) -> Request:
    """Remove resources, in this order: `removal.remove`. final: also what the agent itself keeps on the host."""
    return Request("provisioner.agent.removal", "remove", {"resources": _wires(resources), "final": final})


def logs(
    services: Mapping[str, Sequence[str]],
    *,
    follow: bool = False,
    lines: int | None = None,
    since: float | None = None,
    level: str = "",
    grep: str = "",
    hide: Mapping[str, str] | None = None,
) -> Request:
    """The newest lines of services' logs: `journal.read`; with follow, as an event, and every new line as it comes:
    `journal.follow`. services: {unit: log files}; lines: at most so many of each unit; since: only those of so many
    seconds; level, grep, hide ({unit: pattern}): which of them, as `loglines.Wanted` takes them."""
    asked = {unit: list(files) for unit, files in services.items()}
    which = {"lines": lines, "since": since, "level": level, "grep": grep, "hide": dict(hide or {})}
    return Request("provisioner.agent.journal", "follow" if follow else "read", {"services": asked, **which})


def foresee(service: Service, wanted: str) -> Request:
    """What a running service would make of a text that is not on disk yet: `live.look`."""
    return Request("provisioner.agent.live", "look", {"service": service.wire(content=False), "wanted": wanted})


def adopt(service: Service) -> Request:
    """Let a running service take what is on disk: `live.apply`."""
    return Request("provisioner.agent.live", "apply", {"service": service.wire(content=False)})


def reload(service: Service) -> Request:
    """Let a running service read its inputs again, and wait until it works with them: `live.reload`."""
    return Request("provisioner.agent.live", "reload", {"service": service.wire(content=False)})


def restart(service: Service) -> Request:
    """Restart a service that is no step of the roll, and wait until it serves: `restarting.restart`."""
    return Request("provisioner.agent.restarting", "restart", {"service": service.wire(content=False)})


def _wires(resources: Sequence[Resource]) -> list[dict[str, Any]]:
    return [resource.wire(content=False) for resource in resources]
