"""Foreseeable problems of a host, from its own answers, and how to fix them. Pure.

Preflight (before a deploy) and `roles/status.py` (services that run) find present problems. What concerns only one
service is in the part `doctor` of its role, which looks like `Part`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from provisioner.inventory.model import Inventory
from provisioner.quantities import format_size
from roles import site

if TYPE_CHECKING:
    from provisioner.run.evidence import Witness

DISK_SHARE = 0.85
HEAP_SHARE = 0.85
FILES_SHARE = 0.8
SWAPPINESS = 10


@dataclass(frozen=True)
class Finding:
    """The finding, how to fix it ("" if obvious), and the host ("" for all of them)."""

    what: str
    fix: str = ""
    host: str = ""


class Part(Protocol):
    """The part `doctor` of a role: `roles/<role>/doctor.py` is such a module."""

    FULL_DISK: str  # the effect of a full disk on the service, and how to get space

    def inventory(self, inventory: Inventory) -> Iterable[Finding]:
        """Problems that the inventory alone shows."""

    # And, where there is anything to say:
    #
    # def host(witness: Witness) -> Iterable[Finding]: problems that the files of one host show, which has answered the
    # question of the role's part `evidence`.
    #
    # def secret_files(witness: Witness) -> Iterable[str]: files of a host that only the service may read.
    #
    # def cluster(found: Document) -> Iterable[Finding]: problems that the services show together. found: the document
    # of `roles/status.py`.


def parts() -> dict[str, Part]:
    """The part `doctor` of every role that has one, by unit."""
    return site.parts("doctor")


def inventory(inventory: Inventory) -> Iterator[Finding]:
    """Problems that the inventory alone shows, of all roles."""
    for part in parts().values():
        yield from part.inventory(inventory)


def host(witness: Witness) -> Iterator[Finding]:
    """Problems that the files of one host show, of all its services."""
    for unit, part in parts().items():
        if unit in witness.said and hasattr(part, "host"):
            yield from part.host(witness)


def secret_files(witness: Witness) -> list[str]:
    """The files of a host that only its services may read."""
    listed = (
        part.secret_files(witness)
        for unit, part in parts().items()
        if unit in witness.said and hasattr(part, "secret_files")
    )
    return sorted({path for paths in listed for path in paths})


def cluster(found: Mapping[str, Any]) -> Iterator[Finding]:
    """Problems that services show together. found: the document of `roles/status.py`."""
    for part in parts().values():
        if hasattr(part, "cluster"):
            yield from part.cluster(found)


def soon(unit: str, service: Mapping[str, Any]) -> Iterator[Finding]:
    """A service that works and is close to a limit. service: as in `roles/status.py`'s document."""
    part = parts().get(unit)
    for disk in service["disks"]:
        if disk["used_bytes"] > DISK_SHARE * disk["total_bytes"]:
            left = format_size(disk["total_bytes"] - disk["used_bytes"])
            share = 100 * disk["used_bytes"] // disk["total_bytes"]
            what = f"the disk of {disk['path']} is {share} % full, {left} are left"
            yield Finding(what, part.FULL_DISK if part else "add space")
    used, most = service["heap_used_bytes"], service["heap_max_bytes"]
    if used is not None and most and used > HEAP_SHARE * most:
        yield Finding(
            f"{unit} needs {format_size(used)} of its {format_size(most)} heap even after a garbage collection",
            f"raise {unit.replace('-', '_')}_heap",
        )
    files, limit = service["open_files"], service["open_files_max"]
    if files is not None and limit and files > FILES_SHARE * limit:
        yield Finding(f"{unit} has {files} of {limit} files open", "raise os_nofile")


def machine(found: Mapping[str, Any]) -> Iterator[Finding]:
    """A host that will be slow or hard to analyse. found: as `agent/examine.py` answers."""
    if found["swap"] and (found["swappiness"] or 0) > SWAPPINESS:
        yield Finding(
            f"swap is on ({', '.join(found['swap'])}) and vm.swappiness is {found['swappiness']}",
            "a heap that is swapped out stalls every client: `swapoff -a`, or vm.swappiness 1 (os_sysctl does it)",
        )
    if found["huge_pages"] == "always":
        yield Finding(
            "transparent huge pages are always on",
            "they stall a JVM while memory is compacted: write madvise to /sys/kernel/mm/transparent_hugepage/enabled",
        )
    if not found["journal_kept"]:
        yield Finding(
            "the journal is lost at a reboot",
            "it holds what was logged before a crash: mkdir /var/log/journal, restart systemd-journald",
        )
    for path, mode in found["open_secrets"].items():
        yield Finding(
            f"every user of the host may read {path} (mode {mode:04o}), in which there is a key", f"chmod 0640 {path}"
        )
    for path, count in found["inodes"].items():
        if count["total"] and count["free"] < 0.1 * count["total"]:
            what = f"the disk of {path} has room for only {count['free']} more files"
            yield Finding(what, "remove files that you do not need")
