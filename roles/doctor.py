"""What will be wrong on a host one day, from what it says about itself, and how to fix it. Pure.

What is wrong now is found by preflight (before a deploy) and by `roles/status.py` (services that run). What only one
service has to heed is in the part `doctor` of its role, which looks like `Part`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from provisioner.inventory.model import Inventory
from provisioner.quantities import format_size
from roles import site

DISK_SHARE = 0.85
HEAP_SHARE = 0.85
FILES_SHARE = 0.8
SWAPPINESS = 10


@dataclass(frozen=True)
class Finding:
    """what was found, how to fix it ("" when that is plain), and the host ("" for all of them)."""

    what: str
    fix: str = ""
    host: str = ""


class Part(Protocol):
    """The part `doctor` of a role: `roles/<role>/doctor.py` is such a module."""

    FULL_DISK: str  # what a full disk does to the service, and how to get space

    def inventory(self, inventory: Inventory) -> Iterable[Finding]:
        """What can be seen in the inventory alone."""


def parts() -> dict[str, Part]:
    """The part `doctor` of every role that has one, by unit."""
    return site.parts("doctor")


def inventory(inventory: Inventory) -> Iterator[Finding]:
    """What the roles see in the inventory alone."""
    for part in parts().values():
        yield from part.inventory(inventory)


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
            f"raise {unit}_heap",
        )
    files, limit = service["open_files"], service["open_files_max"]
    if files is not None and limit and files > FILES_SHARE * limit:
        yield Finding(f"{unit} has {files} of {limit} files open", "raise os_nofile")


def machine(found: Mapping[str, Any]) -> Iterator[Finding]:
    """A host that will be slow or hard to look into. found: as `agent/examine.py` answers."""
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
    for path, count in found["inodes"].items():
        if count["total"] and count["free"] < 0.1 * count["total"]:
            what = f"the disk of {path} has room for only {count['free']} more files"
            yield Finding(what, "remove files that are not needed")
