"""The answers of hosts about their services: one document, and the problems in it. Pure.

`invoke status --json` prints `document`; docs/operations.md describes its keys, which stay as they are. This module has
what is known of any service from its unit and its process. What only a service itself knows (the leader, whether
every partition has its copies) is in the part `status` of its role, which looks like `Part`. A service of a role that
has no such part is shown without it, and serves as long as its unit is active.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from provisioner import certificates
from provisioner.connect.requests import Call
from provisioner.inventory.model import Inventory
from provisioner.resources import Service
from provisioner.resources.service import outdated
from provisioner.run.rolling import shown
from provisioner.run.target import Target
from roles import site
from roles.shared import expiry

_VERSION = re.compile(r"/[^/:]*-(\d[^/:]*)/")  # of a directory that is named PRODUCT-VERSION
Document = Mapping[str, Any]


class Part(Protocol):
    """The part `status` of a role: `roles/<role>/status.py` is such a module."""

    KEY: str  # of what the document says of all its services together
    COLUMNS: Mapping[str, str]  # of the table: {head: the key of a service's entry}

    def look(self, call: Call, target: Target) -> Mapping[str, Any]:
        """The answer of the service on one host; asked only while its unit is active. It has at least
        `serving`, and `why` when that is false."""

    def members(self, inventory: Inventory) -> Mapping[str, int]:
        """Every host that runs the service, regardless of --limit, and its number in the cluster."""

    def entry(self, common: Mapping[str, Any], said: Mapping[str, Any], number: int | None) -> Mapping[str, Any]:
        """A service's entry in the document: `common`, and what only this service has. said: as `look` answered, {}
        for one that was not asked."""

    def together(
        self, entries: Mapping[str, Mapping[str, Any]], said: Sequence[Mapping[str, Any]], members: Mapping[str, int]
    ) -> Mapping[str, Any] | None:
        """The value of KEY. entries: by host, {} for a host that did not answer."""

    def problems(self, found: Document) -> Iterable[str]:
        """Problems of all of them together."""

    def notes(self, found: Document) -> Iterable[str]:
        """Notes about services that work."""

    def doubtful(self, found: Document) -> bool:
        """Whether services contradict each other in a way that may be over a moment later: then all are asked again."""

    def advice(self, found: Document) -> Iterable[str]:
        """What to do about problems that take several steps, in order."""

    def word(self, entry: Mapping[str, Any], found: Document) -> str:
        """The state of a service that serves, in a word or two."""

    def lines(self, found: Document) -> Iterable[str]:
        """Lines below the table."""


@dataclass(frozen=True)
class Answer:
    """The answer of one host. services: the ones it is to run; states: theirs, as `Service.read`; processes: as
    `agent.process.look`; disks: as `facts.disks`; data: {unit: its data directories}; said: {unit: what it says about
    itself, {} when not asked}; certificates: {unit: as `Credential.read`} of those that have one; given: {unit: as
    `Given.read`} of those that show clients another one; clients: what the services trust of clients (PEM)."""

    services: Sequence[Service]
    states: Mapping[str, Any]
    processes: Mapping[str, Any]
    disks: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Sequence[str]] = field(default_factory=dict)
    said: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    certificates: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    given: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    clients: Sequence[str] = ()


def parts() -> dict[str, Part]:
    """The part `status` of every role that has one, by unit."""
    return site.parts("status")


def members(inventory: Inventory) -> dict[str, Mapping[str, int]]:
    """{unit: {host: its number}} of the whole inventory: a cluster is only complete with all of them."""
    return {unit: part.members(inventory) for unit, part in parts().items()}


def document(
    answers: Mapping[str, Answer], lost: Mapping[str, tuple[bool, str]], members: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    """The document, as JSON. lost {host: (reachable, why there is no answer)}; members: as `members` returns them."""
    hosts: dict[str, Any] = {
        name: {"reachable": True, "error": None, "services": services(name, answer, members)}
        for name, answer in answers.items()
    }
    hosts |= {name: {"reachable": there, "error": why, "services": {}} for name, (there, why) in lost.items()}
    found: dict[str, Any] = {
        "hosts": hosts,
        "authority": _first_end(text for answer in answers.values() for text in _trusted(answer)),
        "client_authority": _first_end(text for answer in answers.values() for text in answer.clients),
    }
    for unit, part in parts().items():
        entries = {name: host["services"].get(unit, {}) for name, host in hosts.items()}
        said = [answer.said.get(unit, {}) for answer in answers.values()]
        found[part.KEY] = part.together(entries, said, members.get(unit, {}))
    problems, notes = judge(found)
    advice = [line for part in parts().values() for line in part.advice(found)]
    return {"healthy": not problems, "problems": problems, "advice": advice, "notes": notes, **found}


def doubtful(found: Document) -> bool:
    """Whether to ask all hosts again, a moment later, before the document is believed."""
    return any(part.doubtful(found) for part in parts().values())


def services(host: str, answer: Answer, members: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """One host's services by unit."""
    found = {}
    for service in answer.services:
        common, part = entry(service, answer), parts().get(service.unit)
        if part is None:
            found[service.unit] = {**common, "serving": common["active"]}
        else:
            number = members.get(service.unit, {}).get(host)
            found[service.unit] = dict(part.entry(common, answer.said.get(service.unit, {}), number))
    return found


def entry(service: Service, answer: Answer) -> dict[str, Any]:
    """The common entries of any service."""
    state = answer.states.get(service.key)
    process = answer.processes.get(service.unit, {})
    said = answer.said.get(service.unit, {})
    return {
        "installed": state is not None,
        "state": state["sub"] if state else "not installed",
        "active": bool(state and state["active"]),
        "enabled": bool(state and state["enabled"]),
        "serving": bool(said.get("serving")),
        "why": said.get("why"),
        "crashes": state["restarts"] if state else 0,
        "uptime_seconds": process.get("uptime"),
        "version": said.get("version") or version(process.get("classpath", "")),
        "restart_pending": outdated(service.inputs, dict(state), {}) if state else [],
        "apply_pending": _taken(state or {}),
        "heap_used_bytes": process.get("heap_used"),
        "heap_max_bytes": process.get("heap_max"),
        "memory_bytes": process.get("rss"),
        "open_files": process.get("open_files"),
        "open_files_max": process.get("open_files_max"),
        "certificate": _certificate(answer.certificates.get(service.unit), state or {}),
        "given_certificate": _given(answer.given.get(service.unit)),
        "disks": [
            {
                "path": path,
                "used_bytes": answer.disks[path]["total"] - answer.disks[path]["free"],
                "total_bytes": answer.disks[path]["total"],
                "data_bytes": None,
                "error": None,
            }
            for path in answer.data.get(service.unit, ())
            if path in answer.disks
        ],
    }


def _taken(service: Mapping[str, Any]) -> list[str]:
    """What a service takes as it runs, once it is asked to. service: as `Service.read`."""
    return [text for way in ("live", "reload") for text in (service.get(way) or {}).get("changes", ())]


def _certificate(state: Mapping[str, Any] | None, service: Mapping[str, Any]) -> dict[str, Any] | None:
    """The certificate of a service's node, and the one that it was started with, where part of it goes on with that;
    None for one that has none, or one that does not say when it ends. state: as `Credential.read`; service: as
    `Service.read`."""
    if not state or not state.get("until"):
        return None
    started = (service.get("reload") or {}).get("started")
    return {
        **_end(state["until"]),
        "renewal_due": not state["in_time"],
        "started_with": _end(started) if started else None,
    }


def _given(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The certificate that a service shows to clients, where that is not its node's. state: as `Given.read`."""
    return _end(state["until"]) if state and state.get("until") else None


def _trusted(answer: Answer) -> Iterator[str]:
    """What the nodes of a host trust of each other."""
    for state in answer.certificates.values():
        if state and state.get("trusted"):
            yield state["trusted"]


def _first_end(trusted: Iterable[str]) -> dict[str, Any] | None:
    """The end of the authority that is trusted, the first of several; None where none is. trusted: what the hosts have,
    of which the first certificate is that of the authority which signs (PEM)."""
    ends = []
    for text in {*trusted}:
        with contextlib.suppress(ValueError):  # a deploy replaces what is no certificate
            ends.append(certificates.read(text).until)
    return _end(min(ends)) if ends else None


def _end(until: int) -> dict[str, Any]:
    return {"until": expiry.written(until), "days": expiry.days(until, time.time())}


def version(classpath: str) -> str | None:
    """The version whose directory a process loads from."""
    found = _VERSION.search(classpath)
    return found[1] if found else None


def judge(found: Document) -> tuple[list[str], list[str]]:
    """(problems, notes), one line each."""
    problems: list[str] = []
    notes: list[str] = []
    for name, host in found["hosts"].items():
        if host["error"]:
            problems.append(f"{name}: {'' if host['reachable'] else 'unreachable: '}{host['error']}")
        for unit, service in host["services"].items():
            problems += [f"{name}: {text}" for text in service_problems(unit, service)]
            notes += [f"{name}: {text}" for text in service_notes(unit, service)]
    for key, said in (("authority", expiry.of_authority), ("client_authority", expiry.of_clients)):
        if found[key] and (left := found[key]["days"]) <= expiry.SOON:
            (problems if left <= expiry.TOO_LATE else notes).append(said(left))
    for part in parts().values():
        problems += part.problems(found)
        notes += part.notes(found)
    return problems, notes


def service_problems(unit: str, service: Mapping[str, Any]) -> list[str]:
    """The problems of one service."""
    if not service["installed"]:
        return [f"{unit} is not installed: deploy it"]
    ending = _ending(unit, service, late=True)
    if not service["active"]:
        return [
            *ending,
            f"{unit} does not run ({service['state']}): `invoke logs` shows why, `invoke deploy` starts it",
        ]
    out = [] if service["serving"] else [f"{unit} runs and does not serve: {service['why'] or 'no answer'}"]
    return [*ending, *out] + [
        f"data directory {disk['path']}: {disk['error']}" for disk in service["disks"] if disk["error"]
    ]


def service_notes(unit: str, service: Mapping[str, Any]) -> list[str]:
    """Notes about services that work."""
    out = []
    if service["installed"] and not service["enabled"]:
        out.append(f"{unit} is not enabled: it will not start after a reboot")
    if service["restart_pending"]:
        out.append(f"{unit} runs with an older {shown(service['restart_pending'])}: the next deploy restarts it")
    elif service["apply_pending"]:
        out.append(f"{unit}: the next deploy applies, without a restart: {shown(service['apply_pending'])}")
    if service["crashes"]:
        times = "once" if service["crashes"] == 1 else f"{service['crashes']} times"
        out.append(f"{unit} died {times} and systemd restarted it")
    return [*out, *_ending(unit, service, late=False)]


def _ending(unit: str, service: Mapping[str, Any], late: bool) -> list[str]:
    """Certificates that end soon; late: so soon that it is a fault."""
    own, given = service["certificate"], service["given_certificate"]
    said = [expiry.of_node(unit, own["days"], own["renewal_due"])] if _soon(own, late) else []
    started = own["started_with"] if own else None
    said += [expiry.of_started(unit, started["days"])] if started and _soon(started, late) else []
    return [*said, expiry.of_given(unit, given["days"])] if _soon(given, late) else said


def _soon(found: Mapping[str, Any] | None, late: bool) -> bool:
    return found is not None and found["days"] <= expiry.SOON and (found["days"] <= expiry.TOO_LATE) == late


def state(unit: str, service: Mapping[str, Any], found: Document) -> str:
    """The present state of a service, in a word or two."""
    if not service["active"]:
        return str(service["state"])
    if not service["serving"]:
        return "not serving"
    part = parts().get(unit)
    return part.word(service, found) if part else "serving"


def columns() -> dict[str, str]:
    """The columns that roles add to the table: {head: the key of a service's entry}."""
    return {head: key for part in parts().values() for head, key in part.COLUMNS.items()}


def below(found: Document) -> Iterator[str]:
    """The roles' lines below the table."""
    for part in parts().values():
        yield from part.lines(found)
