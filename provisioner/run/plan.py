"""From expected and actual state to the ordered changes: pure, tested by tables, the same for --check and for real."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from provisioner.resources import Resource, Service, differing, services_of, sha256
from provisioner.resources.service import outdated

NOT_KNOWN = "not known before it is sent"


@dataclass(frozen=True)
class Change:
    """One resource to repair. action: "+" to be added, "~" to be changed. differs: the attributes."""

    resource: Resource
    action: str
    differs: tuple[str, ...]
    actual: Mapping[str, Any] | None

    @property
    def note(self) -> str:
        """What differs, for the plan's line: `mode 0644 -> 0640`."""
        if self.actual is None:
            return self.resource.note_when_absent
        expected = self.resource.expected()
        return ", ".join(_difference(name, self.actual.get(name), expected[name]) for name in self.differs)


@dataclass(frozen=True)
class Restart:
    """A running service whose inputs will not be what it was started with. changes: of what it reads only at its start,
    in the plan's order; they are made in the host's turn of the roll."""

    service: Service
    reasons: tuple[str, ...]
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Adoption:
    """A running service that takes what changes without a restart. changes: in words."""

    service: Service
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Reloading:
    """A running service that reads inputs again as it runs. what: it works with, in words; changes: of these inputs,
    made just before."""

    service: Service
    what: tuple[str, ...]
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class HostPlan:
    """Everything that a deploy would do on one host."""

    host: str
    resources: tuple[Resource, ...]
    changes: tuple[Change, ...]
    restarts: tuple[Restart, ...]
    adoptions: tuple[Adoption, ...] = ()
    reloads: tuple[Reloading, ...] = ()

    @property
    def nothing(self) -> bool:
        return not (self.changes or self.restarts or self.adoptions or self.reloads)

    @property
    def at_once(self) -> tuple[Change, ...]:
        """The changes that wait for no restart, and no reload: they are made on all hosts at the same time."""
        later = [*(one.changes for one in self.restarts), *(one.changes for one in self.reloads)]
        waiting = {change.resource.key for changes in later for change in changes}
        return tuple(
            change
            for change in self.changes
            if change.resource.key not in waiting and not change.resource.in_background
        )

    @property
    def in_background(self) -> tuple[Change, ...]:
        """What only saves time later: a run begins it when all else is done, since it takes processor time from the
        services' start and from the smoke check, also on other hosts where several share a machine."""
        return tuple(change for change in self.changes if change.resource.in_background)


def completed(plan: HostPlan, made: Iterable[Resource]) -> HostPlan:
    """A plan with these resources in the place of those of the same keys. Pure."""
    by_key = {one.key: one for one in made}
    changes = tuple(replace(one, resource=by_key.get(one.resource.key, one.resource)) for one in plan.changes)
    return replace(plan, resources=tuple(by_key.get(one.key, one) for one in plan.resources), changes=changes)


def _difference(name: str, actual: Any, expected: Any) -> str:
    if name == "mode" and isinstance(actual, int):
        return f"mode {actual:04o} -> {expected:04o}"
    if name in ("digest", "file"):
        return "content"
    if isinstance(expected, Mapping):
        there = actual if isinstance(actual, Mapping) else {}
        keys = [key for key in {**there, **expected} if there.get(key) != expected.get(key)]
        if len(keys) <= 2:
            return ", ".join(f"{key} {there.get(key, '(none)')} -> {expected.get(key, '(none)')}" for key in keys)
        return f"{len(keys)} {name}"
    if isinstance(actual, list):
        return f"{len(actual)} {name}: {', '.join(map(str, actual[:3]))}"
    if isinstance(expected, bool):
        return name if expected else f"not {name}"
    return f"{name} {actual} -> {expected}"


def soon_on_disk(resources: Iterable[Resource]) -> dict[str, str]:
    """{path: sha256} that the resources will leave on disk, also under the links that lead to it."""
    found: dict[str, str] = {}
    links: dict[str, str] = {}
    for resource in resources:
        found |= {path: sha256(text.encode()) for path, text in resource.written().items()}
        links |= resource.aliases()
    for path, target in links.items():
        inside = {name[len(target) :]: digest for name, digest in found.items() if name.startswith(f"{target}/")}
        found.update({path + rest: digest for rest, digest in inside.items()})
    return found


def not_known(changing: Iterable[Resource]) -> dict[str, str]:
    """{path: what stands for its digest} of the files that resources are about to write anew, with content that nobody
    knows before: another digest than any that there is."""
    return {path: NOT_KNOWN for resource in changing for path in resource.rewritten()}


def make(host: str, resources: Sequence[Resource], states: Mapping[str, Mapping[str, Any] | None]) -> HostPlan:
    """The plan of one host. states: {resource key: actual state}, as the agent's `read` answers."""
    changes: list[Change] = []
    restarts: list[Restart] = []
    adoptions: list[Adoption] = []
    reloads: list[Reloading] = []
    soon = soon_on_disk(resources)
    for resource in resources:
        actual = states.get(resource.key)
        differs = differing(resource.expected(), actual)
        if differs:
            changes.append(Change(resource, "~" if actual is not None else "+", differs, actual))
            soon |= not_known([resource])
    for service in services_of(resources):
        state = states.get(service.key)
        if state is None:
            continue
        reading = read_again(service, changes, state)
        unread = {
            path: digest for path, digest in soon.items() if path not in not_known(one.resource for one in reading)
        }
        reasons, live = outdated(service.inputs, dict(state), unread), state.get("live")
        if reasons:
            reasons = outdated(service.inputs, dict(state), soon)
            earlier = {change.resource.key for restart in restarts for change in restart.changes}
            left = [one for one in changes if one.resource.key not in earlier and not one.resource.in_background]
            restarts.append(Restart(service, tuple(reasons), waiting(left, service.inputs)))
            continue
        if live and live["changes"]:
            adoptions.append(Adoption(service, tuple(live["changes"])))
        pending = (state.get("reload") or {}).get("changes", ())
        if reading or pending:
            what = tuple(f"a new {one.resource.name}" for one in reading) or tuple(pending)
            reloads.append(Reloading(service, what, tuple(reading)))
    return HostPlan(host, tuple(resources), tuple(changes), tuple(restarts), tuple(adoptions), tuple(reloads))


def read_again(service: Service, changes: Iterable[Change], state: Mapping[str, Any]) -> list[Change]:
    """The changes of inputs that a running service will read again. state: as `Service.read`. Pure."""
    if service.reload is None or not state.get("active") or (state.get("reload") or {}).get("refused"):
        return []
    return [
        change
        for change in changes
        if {*change.resource.rewritten()} & {*service.reload.paths}
        if change.resource.as_it_runs(change.actual, change.differs)
    ]


def waiting(changes: Iterable[Change], inputs: Collection[str]) -> tuple[Change, ...]:
    """The changes of what a process reads at its start and has read: on disk, they would be tried by any start, such as
    all hosts' after a power cut. So each host gets them just before its restart. inputs: the paths. Pure.

    What is unpacked to a new directory is not read before something else leads there, and takes long: it does not wait.
    Nor does what replaces something with which no start succeeds.
    What is changed inside of a directory that waits comes after it.
    """
    found: list[Change] = []
    for change in changes:
        resource = change.resource
        folders = [one.resource.place for one in found if one.resource.takes_along]
        inside = any(_within(resource.place, folder) for folder in folders)
        unread = change.actual is None and resource.payload_source is not None
        if inside or (not unread and not resource.useless(change.actual) and _touches(resource, inputs)):
            found.append(change)
    return tuple(found)


def _touches(resource: Resource, inputs: Collection[str]) -> bool:
    """Whether it writes one of these paths, goes with one, or is a link that leads to one or is on the way to one."""
    ends = [end for link in resource.aliases().items() for end in link]
    return any(path in inputs for path in (*resource.written(), *resource.rewritten(), *resource.goes_with())) or any(
        _within(path, end) for end in ends for path in inputs
    )


def _within(path: str | None, folder: str | None) -> bool:
    return bool(path and folder) and f"{path}/".startswith(f"{folder}/")
