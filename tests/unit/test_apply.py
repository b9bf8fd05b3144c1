"""Waiting for services after and between changes, with a fleet that only remembers whom it was asked about."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from provisioner.connect.fleet import Fleet
from provisioner.report.choose import reporter
from provisioner.resources import Directory, Request, Service
from provisioner.run.apply import await_services
from provisioner.run.plan import HostPlan


@pytest.mark.parametrize(
    ("but", "asked"),
    [
        ((), ["a ready kafka", "a ready zookeeper", "b ready kafka", "b ready zookeeper"]),
        # One that is about to restart may be broken, and the restart its repair.
        ({("a", "kafka")}, ["a ready zookeeper", "b ready kafka", "b ready zookeeper"]),
        ({(host, unit) for host in "ab" for unit in ("kafka", "zookeeper")}, []),
    ],
)
def test_every_service_is_waited_for_but_those_about_to_restart(but, asked):
    found = []

    def session(host):
        def request(op, show, **arguments):
            found.append(f"{host} {arguments['function']} {arguments['args']['unit']}")
            return {}

        return SimpleNamespace(request=request, close=lambda: None)

    services = [Service(unit, ready=Request("m", "ready", {"unit": unit})) for unit in ("zookeeper", "kafka")]
    plans = {host: HostPlan(host, (Directory("/d"), *services, Service("silent")), (), ()) for host in ("a", "b")}
    with Fleet(reporter()) as fleet:
        fleet.sessions.update({host: session(host) for host in plans})
        waited = await_services(fleet, plans, but)
    assert sorted(found) == asked
    assert waited == bool(asked), "what was asked before is true no longer once a service was waited for"
