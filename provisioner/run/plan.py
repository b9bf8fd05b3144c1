"""From expected and actual state to the ordered changes: pure, tested by tables, the same for --check and for real."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provisioner.resources import Archive, File, Link, Resource, Service, differing, sha256
from provisioner.resources.service import outdated

SECRET = re.compile(r"(?i)(password|passwd|secret|token|credential|sasl\.jaas\.config)")
MASK = "********"


@dataclass(frozen=True)
class Change:
    """One resource to repair. action: "+" absent so far, "~" different. differs: the attributes."""

    resource: Resource
    action: str
    differs: tuple[str, ...]
    actual: Mapping[str, Any] | None

    @property
    def note(self) -> str:
        """What differs, for the plan's line: `mode 0644 -> 0640`."""
        if self.actual is None:
            return getattr(self.resource, "label", "") if isinstance(self.resource, Archive) else ""
        expected = self.resource.expected()
        return ", ".join(_difference(name, self.actual.get(name), expected[name]) for name in self.differs)


@dataclass(frozen=True)
class Restart:
    """A running service whose inputs will not be what it was started with."""

    service: Service
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Adoption:
    """A running service that takes what changes without a restart. changes: in words."""

    service: Service
    changes: tuple[str, ...]


@dataclass(frozen=True)
class HostPlan:
    """Everything that a deploy would do on one host."""

    host: str
    resources: tuple[Resource, ...]
    changes: tuple[Change, ...]
    restarts: tuple[Restart, ...]
    adoptions: tuple[Adoption, ...] = ()

    @property
    def nothing(self) -> bool:
        return not self.changes and not self.restarts and not self.adoptions


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
    """{path: sha256} that the resources will leave on disk, archive markers also under the links that lead to them."""
    found: dict[str, str] = {}
    links: dict[str, str] = {}
    for resource in resources:
        if isinstance(resource, File):
            found[resource.path] = resource.digest
        elif isinstance(resource, Archive):
            found[resource.marker] = sha256(resource.marker_text.encode())
        elif isinstance(resource, Link):
            links[resource.path] = resource.target
    for path, target in links.items():
        inside = {name[len(target) :]: digest for name, digest in found.items() if name.startswith(f"{target}/")}
        found.update({path + rest: digest for rest, digest in inside.items()})
    return found


def make(host: str, resources: Sequence[Resource], states: Mapping[str, Mapping[str, Any] | None]) -> HostPlan:
    """The plan of one host. states: {resource key: actual state}, as the agent's `read` answers."""
    changes, restarts, adoptions = [], [], []
    soon = soon_on_disk(resources)
    for resource in resources:
        actual = states.get(resource.key)
        differs = differing(resource.expected(), actual)
        if differs:
            changes.append(Change(resource, "~" if actual is not None else "+", differs, actual))
        if isinstance(resource, Service) and actual is not None:
            reasons = outdated(resource.inputs, dict(actual), soon)
            live = actual.get("live")
            if reasons:
                restarts.append(Restart(resource, tuple(reasons)))
            elif live and live["changes"]:
                adoptions.append(Adoption(resource, tuple(live["changes"])))
    return HostPlan(host, tuple(resources), tuple(changes), tuple(restarts), tuple(adoptions))


def mask(text: str) -> str:
    """A text with the values of everything that looks like a secret hidden."""
    out = []
    for line in text.split("\n"):
        key, separator, value = line.partition("=")
        hide = separator and value and not line.lstrip().startswith("#") and SECRET.search(key)
        out.append(f"{key}={MASK}" if hide else line)
    return "\n".join(out)


def diff(change: Change) -> str:
    """A unified diff of a text file's change, secrets masked; empty when there is nothing to show."""
    resource, actual = change.resource, change.actual or {}
    if not isinstance(resource, File) or not {"digest", "type"} & set(change.differs):
        return ""
    if resource.secret:
        return "(content not shown: it is secret)\n"
    if actual.get("type") == "file" and "content" not in actual:
        return "(the file on the host is too large to show)\n"
    lines = difflib.unified_diff(
        mask(actual.get("content", "")).splitlines(keepends=True),
        mask(resource.content or "").splitlines(keepends=True),
        fromfile=f"{resource.path} (on the host)" if actual else "/dev/null",
        tofile=f"{resource.path} ({resource.template})" if resource.template else resource.path,
    )
    text = "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
    return text or "(only masked values differ)\n"
