"""What is done on each host before anything is changed on any: connect, gather facts, lock, read, plan.

A host goes through all of it by itself, so that no host waits for the slow start of another.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.connect.fleet import Fleet, holder
from provisioner.connect.opening import Opener
from provisioner.errors import HostFailed, ProvisionerError
from provisioner.inventory.model import Inventory
from provisioner.options import Options
from provisioner.resources import Resource, services_of
from provisioner.run import live, plan, preflight
from provisioner.run.ahead import Answers, key
from provisioner.run.evidence import Witness
from provisioner.run.plan import HostPlan
from provisioner.run.target import Target, load_templates
from provisioner.timing import timed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from provisioner.run.preflight import Needs
    from provisioner.run.site import Site


@dataclass
class Prepared:
    """What became of a host. ahead: seconds by which its clock is ahead of ours; target: None where the inventory does
    not fit it; plan: None where it could not be read; skipped: resources of roles that --tags leaves out; serving: the
    units that served when it was read; witness: what is there, None where it could not be read; early: what was
    asked before its turn, of a host whose services all serve."""

    ahead: float
    target: Target | None = None
    plan: HostPlan | None = None
    skipped: int = 0
    serving: tuple[str, ...] = ()
    witness: Witness | None = None
    early: Answers = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    problems: list[ProvisionerError] = field(default_factory=list)


class Preparation:
    """Preflight of a run, host by host, in any threads."""

    def __init__(self, fleet: Fleet, site: Site, inventory: Inventory, options: Options) -> None:
        self._fleet, self._site, self._inventory, self._options = fleet, site, inventory, options
        self._opener, self._templates = Opener(fleet, site, options), options.root / "templates"
        self.machines: dict[str, str] = {}  # of the hosts that could be opened: what no two machines have in common

    def host(self, name: str) -> Prepared:
        """All of it for one host; problems of the host itself are in the answer. Raises what else goes wrong on the
        way: Unreachable, Locked, HostFailed."""
        before = time.time()
        facts = self._opener.open(self._inventory.hosts[name], lambda: self._begun(name))
        self.machines[name] = facts["machine"]
        done = Prepared(ahead=facts["clock"] - (before + time.time()) / 2)
        target = self._target(name, facts)
        try:
            needs = preflight.merge(role.needs(target) for role in self._site.roles_for(target.host.groups))
        except ProvisionerError as error:
            done.problems.append(error)
            return done
        done.target = target
        foreign = preflight.problems(name, preflight.foreign(facts, needs))
        done.problems += [*foreign, *preflight.problems(name, preflight.basics(facts, needs))]
        if not foreign:
            self._read(done, target, needs)
        return done

    def load(self) -> None:
        """Our own part of it, while hosts start their agents: that is half of a run that changes nothing."""
        self._site.load(self._inventory)
        hosts = self._inventory.hosts.values()
        roles = dict.fromkeys(role.name for host in hosts for role in self._site.roles_for(host.groups))
        load_templates(self._templates, roles)

    def _target(self, name: str, facts: Mapping[str, Any]) -> Target:
        return Target(self._inventory.hosts[name], self._inventory, facts, self._templates)

    def _begun(self, name: str) -> Mapping[str, Any]:
        """What the agent begins before it is told to read the host: to lock it, and to ask what `_read` will, as far as
        that needs no facts. A handshake takes as long as all the rest that is read."""
        try:
            asked = self._site.asked_ahead(self._target(name, {}), self._options.tags)
        except ProvisionerError:  # said where the host is planned
            return {}
        calls = [[one.wire() for one in sequence] for sequence in asked]
        begun = {"calls": calls, "around": self._site.SHARING}
        return begun if self._options.check else {**begun, "holder": holder()}

    def again(self, target: Target, inventory: Inventory) -> Prepared:
        """The same of a host that is open already, for an inventory whose variables differ."""
        target = target.during(inventory)
        done = Prepared(ahead=0.0, target=target)
        needs = preflight.merge(role.needs(target) for role in self._site.roles_for(target.host.groups))
        self._read(done, target, needs)
        return done

    def _read(self, done: Prepared, target: Target, needs: Needs) -> None:
        """Lock a host (unless only checking), read its actual state, and plan."""
        name, checking = target.name, self._options.check
        self._fleet.reporter.host(name, "reading")
        with timed("resources", name):
            everything = [(role, role.resources(target)) for role in self._site.roles_for(target.host.groups)]
        wanted = {role.name for role in self._site.roles_for(target.host.groups, self._options.tags)}
        resources: list[Resource] = [
            resource for role, found in everything if role.name in wanted for resource in found
        ]
        done.skipped = sum(len(found) for role, found in everything if role.name not in wanted)
        questions = self._site.questions(target, self._options.tags)
        wants = {
            **preflight.wants(needs),
            "serving": True,
            "beside": self._site.beside(target, self._options.tags),
            "questions": {role: asked.wire() for role, asked in questions.items()},
            "ahead": {key(name, one): one.wire() for one in self._site.asked_first(target, self._options.tags)},
        }
        names = [] if checking else wants.pop("names")
        with timed("read", name):
            wires = [resource.wire(content=False) for resource in resources]
            found = self._fleet.read(name, lock=not checking, resources=wires, wants=wants)
        done.problems += [
            HostFailed(f"{one['resource']}: {one['summary']}", host=name, details=one["details"], advice=one["advice"])
            for one in found["problems"]
        ]
        remarks = (resource.remark(found["states"].get(resource.key)) for resource in resources)
        done.remarks += [remark for remark in remarks if remark]
        done.serving = tuple(found["serving"])
        if {one.unit for one in services_of(resources) if one.ready} <= {
            *done.serving
        }:  # a service that starts answers otherwise
            done.early = found["ahead"]
        live.foresee(self._fleet, name, resources, found["states"])
        self._fleet.reporter.host(name, "")
        with timed("plan", name):
            done.plan = plan.make(name, resources, found["states"])
        done.witness = Witness(
            target,
            done.plan,
            said=found["answers"],
            serving=found["serving"],
            beside=found["beside"],
            active=[one.unit for one in services_of(resources) if _has_process(found["states"].get(one.key))],
        )
        if names and not done.plan.nothing:
            # A name server may take its time: a run that changes nothing does not wait for it.
            asked = self._fleet.request(name, "read", resources=[], wants={"names": names})
            found = {**found, "unresolved": asked["unresolved"], "loopback": asked["loopback"]}
        done.problems += preflight.problems(name, preflight.details(needs, found))
        done.problems += self._site.objections(target, done.plan, self._fleet.call)


def _has_process(state: Mapping[str, Any] | None) -> bool:
    """Whether a unit runs. One that is being stopped, as after an interrupted restart, serves until it has ended."""
    return bool(state and (state.get("active") or state.get("pid")))
