"""What must be true of a host before anything on any host is changed, and what is wrong when it is not.

Roles say what they need (`Needs`), the host says what there is, the comparison is pure. Everything that is wrong is
reported at once: an operator should not find the full disk only after fixing the heap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from provisioner.agent.files import pairs_of
from provisioner.errors import HostFailed, ProvisionerError, Several
from provisioner.quantities import format_size

# Clocks further apart than this make logs and time-based retention hard to reason about.
CLOCK_SKEW_SECONDS = 30.0
# What a machine needs beside the heaps: JVM overhead, the kernel, the page cache that a broker lives from.
MEMORY_RESERVE = 0.1


@dataclass(frozen=True)
class JavaNeed:
    """The Java that a role's program runs on: major versions min..max (None: open), and `why` in words.

    java_home: where it will be; package: the distribution's package that brings it and its major version, when it is
    to be installed (so the answer is known before it is there).
    """

    min: int
    max: int | None
    why: str
    java_home: str | None = None
    package_major: int | None = None


@dataclass(frozen=True)
class Needs:
    """What a role needs of its host. heaps and disks in bytes; disks {path: least free}; ports {port: unit that will
    hold it}; runs {path: what is started or loaded from there, in words}; names: what must resolve; away {one of
    these: why it must not lead to the host itself, as the rest of a sentence}; identity {path: {format, key, expected,
    what}} of what a data directory belongs to."""

    heaps: Mapping[str, int] = field(default_factory=dict)
    nofile: int = 0
    disks: Mapping[str, int] = field(default_factory=dict)
    ports: Mapping[int, str] = field(default_factory=dict)
    runs: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    away: Mapping[str, str] = field(default_factory=dict)
    java: JavaNeed | None = None
    identity: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    os: tuple[tuple[str, tuple[str, ...]], ...] = ()


def merge(needs: Iterable[Needs]) -> Needs:
    """All of a host's roles' needs as one: heaps add up, limits are the highest asked for."""
    parts = list(needs)
    return Needs(
        heaps={name: size for part in parts for name, size in part.heaps.items()},
        nofile=max((part.nofile for part in parts), default=0),
        disks={path: max(p.disks.get(path, 0) for p in parts) for part in parts for path in part.disks},
        ports={port: unit for part in parts for port, unit in part.ports.items()},
        runs={path: what for part in parts for path, what in part.runs.items()},
        names=tuple(dict.fromkeys(name for part in parts for name in part.names)),
        away={name: why for part in parts for name, why in part.away.items()},
        java=next((part.java for part in parts if part.java is not None), None),
        identity={path: about for part in parts for path, about in part.identity.items()},
        os=next((part.os for part in parts if part.os), ()),
    )


def wants(needs: Needs) -> dict[str, Any]:
    """The part of the needs that the agent must look up."""
    return {
        "disks": list(needs.disks),
        "ports": {str(port): unit.removesuffix(".service") for port, unit in needs.ports.items()},
        "runs": list(needs.runs),
        "names": list(needs.names),
        "files": list(needs.identity),
        "java_home": needs.java.java_home if needs.java else None,
    }


def java_major(version: str) -> int | None:
    """17 of "17.0.15", 8 of "1.8.0_412"; None when it cannot be told."""
    parts = version.replace("-", ".").replace("_", ".").replace("+", ".").split(".")
    numbers = [int(part) for part in parts if part.isdigit()]
    if not numbers:
        return None
    return numbers[1] if numbers[0] == 1 and len(numbers) > 1 else numbers[0]


def foreign(facts: Mapping[str, Any], needs: Needs) -> list[tuple[str, str]]:
    """Why a host is of a kind that cannot even be asked more, as (what was found, what to do)."""
    out = []
    supported = dict(needs.os)
    if supported and facts["os"]["version_id"] not in supported.get(facts["os"]["id"], ()):
        listed = ", ".join(f"{name} {version}" for name, versions in needs.os for version in versions)
        out.append((f"{facts['os']['pretty']} is not supported", f"supported: {listed}"))
    if facts["init"] != "systemd":
        out.append(
            (
                f"PID 1 is {facts['init'] or 'unknown'}, not systemd",
                "services are managed by systemd; use a host that runs it",
            )
        )
    return out


def basics(facts: Mapping[str, Any], needs: Needs) -> list[tuple[str, str]]:
    """Problems that facts alone show, as (what was found, what to do)."""
    out = []
    heaps = sum(needs.heaps.values())
    room = int(facts["memory"] * (1 - MEMORY_RESERVE))
    if heaps > room:
        parts = " + ".join(f"{name} {format_size(size)}" for name, size in needs.heaps.items())
        out.append(
            (
                f"the heaps ({parts}) do not fit into {format_size(facts['memory'])} of memory",
                f"set {' and '.join(f'{name}_heap' for name in needs.heaps)} lower: {format_size(room)} in all, "
                "better half of it",
            )
        )
    if needs.nofile > facts["nofile_hard"]:
        out.append(
            (
                f"a service here can open at most {facts['nofile_hard']} files and {needs.nofile} are asked for",
                f"set os_nofile: {facts['nofile_hard']} for this host (a container?), or raise the limit outside of it",
            )
        )
    return out


def details(needs: Needs, found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Problems in what the agent looked up, as (what was found, what to do)."""
    out = []
    for path, least in needs.disks.items():
        if found["disks"][path].get("read_only"):
            what = "cannot be written: its file system is mounted read-only"
            out.append((f"{path} {what}", "see `dmesg` for a failing disk; mount it with rw, or use another directory"))
        free = found["disks"][path]["free"]
        if free < least:
            out.append(
                (
                    f"{path} has {format_size(free)} free, {format_size(least)} are needed",
                    "free some space or choose another directory",
                )
            )
    out += [
        (f"{path} is mounted noexec, and {needs.runs[path]} cannot run there", "mount its file system without noexec")
        for path in found["noexec"]
    ]
    for port, unit in needs.ports.items():
        holder = found["ports"].get(str(port))
        if holder is not None:
            out.append((f"port {port}, which {unit} needs, is in use by {holder}", "stop that, or choose another port"))
    out += [
        (f"cannot resolve the name {name}", "add it to DNS or /etc/hosts of this host: its peers and clients need it")
        for name in found["unresolved"]
    ]
    for name, why in needs.away.items():
        if name in found["loopback"]:
            address = found["loopback"][name]
            advice = f"give it the address of the network in /etc/hosts of this host, instead of {address}"
            out.append((f"the name {name} is {address} here, and {why}", advice))
    for path, about in needs.identity.items():
        text = found["files"].get(path)
        actual = identity_in(text, about) if text is not None else None
        if actual is not None and actual != str(about["expected"]):
            out.append(
                (
                    f"its data belongs to {about['what']} {actual} ({path}) and the inventory says {about['expected']}",
                    "an identity cannot change once there is data: correct the inventory, or use an empty host",
                )
            )
    return out + java_problems(needs.java, found.get("java"))


def identity_in(text: str, about: Mapping[str, Any]) -> str | None:
    """The identity that a file states: the whole text, or one key of a properties file; None when it says nothing."""
    if about.get("format") != "properties":
        return text.strip() or None
    return pairs_of(text).get(str(about["key"]))


def java_problems(need: JavaNeed | None, version: str | None) -> list[tuple[str, str]]:
    """Whether the Java that is there, or will be installed, can run what is to run on it."""
    if need is None:
        return []
    if need.package_major is None and version is None:
        return [
            (
                f"there is no Java at {need.java_home}",
                "correct java_home, or leave it empty to use the distribution's Java",
            )
        ]
    major = need.package_major if need.package_major is not None else java_major(version or "")
    if major is None:
        return [
            (f"the Java at {need.java_home} does not say its version ({version})", "use a Java with a `release` file")
        ]
    if major < need.min or (need.max is not None and major > need.max):
        bound = f"Java {need.min} to {need.max}" if need.max is not None else f"Java {need.min} or newer"
        return [
            (
                f"{need.why} runs on {bound}, not on Java {major}",
                "set java_home to a Java that fits, or choose another version",
            )
        ]
    return []


def clock_problems(offsets: Mapping[str, float]) -> list[str]:
    """Hosts whose clocks are too far apart; {host: seconds ahead of this machine}."""
    if not offsets:
        return []
    low, high = min(offsets, key=lambda name: offsets[name]), max(offsets, key=lambda name: offsets[name])
    skew = offsets[high] - offsets[low]
    return [f"the clocks of {low} and {high} are {skew:.0f} s apart"] if skew > CLOCK_SKEW_SECONDS else []


def doubled(machines: Mapping[str, str], errors: Mapping[str, ProvisionerError]) -> list[tuple[str, ProvisionerError]]:
    """The errors of hosts, each with its host, and instead of what they say the fact that some of them are one machine
    under several names: the second is locked by the first. machines: {host: what no two machines have in common}."""
    names: dict[str, list[str]] = {}
    for name, machine in machines.items():
        names.setdefault(machine, []).append(name)
    same = [sorted(of) for of in names.values() if len(of) > 1]
    left = [(name, error) for name, error in errors.items() if not any(name in of for of in same)]
    advice = "give each host its own machine: correct the ansible_host or ansible_port of one, or remove it"
    return left + [(of[0], HostFailed(f"{' and '.join(of)} are one machine", hosts=of, advice=advice)) for of in same]


def once(found: Iterable[tuple[str, ProvisionerError]]) -> list[ProvisionerError]:
    """(host, error) as errors that all name hosts: what is no host's own fault, such as a template, is said once for
    all hosts that met it."""
    out: list[ProvisionerError] = []
    same: dict[str, tuple[ProvisionerError, list[str]]] = {}
    for host, error in found:
        if error.hosts or isinstance(error, Several):
            out.append(error)
        else:
            same.setdefault(str(error), (error, []))[1].append(host)
    return out + [error.on(hosts) for error, hosts in same.values()]


def problems(host: str, found: Iterable[tuple[str, str]]) -> list[HostFailed]:
    """As errors of a host."""
    return [HostFailed(what, host=host, advice=advice) for what, advice in found]
