"""Make the plan's changes on a host: push the payloads that are needed, then repair, one event line per resource."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from provisioner import timing
from provisioner.connect.fleet import Fleet
from provisioner.report.reporter import Row
from provisioner.resources import Resource, services_of
from provisioner.run.plan import Change, HostPlan


class Payloads:
    """Payloads on this machine, obtained once however many hosts need them."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._lock = threading.Lock()
        self._ready: dict[str, Any] = {}

    def obtain(self, source: Any) -> Any:
        """The local, verified payload of a source; downloads what is not cached. Raises ArtifactError."""
        with self._lock:
            if source.id not in self._ready:
                self._ready[source.id] = source.obtain(self._fleet.reporter.progress)
            return self._ready[source.id]


def apply(fleet: Fleet, host: str, changes: Sequence[Change], payloads: Payloads, row: Row) -> None:
    """Make changes on one host, counting in `row` as it goes: what was changed before a failure stays changed, and the
    recap says so. Raises HostFailed."""
    reporter = fleet.reporter
    wires = [_wire(change.resource, fleet, host, payloads) for change in changes]
    if not wires:
        return
    by_key = {change.resource.key: change for change in changes}
    began = 0.0

    def event(message: Mapping[str, Any]) -> None:
        nonlocal began
        if message.get("status") == "begin":
            began = time.perf_counter()
            reporter.host(host, message["resource"])
        elif message.get("status") == "done":
            change = by_key[message["resource"]]
            timing.add(f"apply {change.resource.kind}", time.perf_counter() - began, host)
            if message["changed"]:
                row.changed += 1
                reporter.change(host, message["resource"], change.action, change.note)
        else:
            fleet.show(host)(message)

    fleet.request(host, "apply", event, resources=wires)


def deliver(fleet: Fleet, host: str, changes: Sequence[Change], payloads: Payloads) -> None:
    """Bring the payloads of changes that are made later, so that a turn of the roll waits for no download. Raises
    ArtifactError, HostFailed."""
    for change in changes:
        _push(change.resource.payload_source, fleet, host, payloads)


def await_services(fleet: Fleet, plans: Mapping[str, HostPlan], but: Collection[tuple[str, str]] = ()) -> bool:
    """Wait until every service serves: also one that needed nothing of this run, because an interrupted one has
    started it, or systemd just now. but: (host, unit) of those that are about to restart, and may need just that.
    Whether there was one to wait for: what was asked before may then be true no longer. Raises HostFailed for one that
    does not come."""

    def work(host: str) -> bool:
        waiting = [
            (service.unit, service.ready)
            for service in services_of(plans[host].resources)
            if service.ready is not None and (host, service.unit) not in but
        ]
        for unit, ready in waiting:
            with timing.timed(f"serving {unit}", host):
                fleet.request(host, "call", **ready.wire())
        fleet.reporter.host(host, "")
        return bool(waiting)

    return any(fleet.each(plans, work).check().values())


def _wire(resource: Resource, fleet: Fleet, host: str, payloads: Payloads) -> dict[str, Any]:
    """A resource as the agent needs it for repair; its payload is on the host when this returns."""
    data = resource.wire(content=True)
    digest = _push(resource.payload_source, fleet, host, payloads)
    return {**data, "payload": digest} if digest else data


def _push(source: Any, fleet: Fleet, host: str, payloads: Payloads) -> str:
    """Send a payload that the host does not have yet; its digest, "" where there is none to send."""
    if source is None:
        return ""
    fleet.reporter.host(host, f"waiting for {source.label}")
    with timing.timed("obtain archives", host):
        payload = payloads.obtain(source)
    session = fleet.sessions[host]
    if not session.request("has", digests=[payload.sha256]):
        label = f"{host}: sending {source.label}"
        fleet.reporter.host(host, f"receiving {source.label}")
        with timing.timed("push", host):
            session.put(
                payload.path,
                payload.sha256,
                lambda done, total: fleet.reporter.progress(f"{host} {payload.sha256}", label, done, total),
            )
    return str(payload.sha256)
