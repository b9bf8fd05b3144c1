"""What will be wrong on a host one day, from what it says about itself: each with the mend. Pure.

What is wrong now is found by preflight (before a deploy) and by `roles/status.py` (services that run).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from provisioner.quantities import format_size

DISK_SHARE = 0.85
HEAP_SHARE = 0.85
FILES_SHARE = 0.8
SWAPPINESS = 10

Finding = tuple[str, str]  # what was found, what to do


def soon(unit: str, service: Mapping[str, Any]) -> Iterator[Finding]:
    """A service that works and is close to a limit. service: as in `roles/status.py`'s document."""
    for disk in service["disks"]:
        if disk["used_bytes"] > DISK_SHARE * disk["total_bytes"]:
            left = format_size(disk["total_bytes"] - disk["used_bytes"])
            share = 100 * disk["used_bytes"] // disk["total_bytes"]
            mend = "a full disk stops a broker: shorten the retention (kafka_log_retention), or add space"
            yield (
                f"the disk of {disk['path']} is {share} % full, {left} are left",
                (mend if unit == "kafka" else "ZooKeeper stops when it cannot write: add space"),
            )
    used, most = service["heap_used_bytes"], service["heap_max_bytes"]
    if used is not None and most and used > HEAP_SHARE * most:
        yield (
            f"{unit} needs {format_size(used)} of its {format_size(most)} heap even after a garbage collection",
            f"raise {unit}_heap",
        )
    files, limit = service["open_files"], service["open_files_max"]
    if files is not None and limit and files > FILES_SHARE * limit:
        yield f"{unit} has {files} of {limit} files open", "raise os_nofile"


def machine(found: Mapping[str, Any]) -> Iterator[Finding]:
    """A host that will be slow or hard to look into. found: as `agent/examine.py` answers."""
    if found["swap"] and (found["swappiness"] or 0) > SWAPPINESS:
        yield (
            f"swap is on ({', '.join(found['swap'])}) and vm.swappiness is {found['swappiness']}",
            "a heap that is swapped out stalls every client: `swapoff -a`, or vm.swappiness 1 (os_sysctl does it)",
        )
    if found["huge_pages"] == "always":
        yield (
            "transparent huge pages are always on",
            "they stall a JVM while memory is compacted: write madvise to /sys/kernel/mm/transparent_hugepage/enabled",
        )
    if not found["journal_kept"]:
        yield (
            "the journal is lost at a reboot",
            "what was logged before a crash is what one looks for: mkdir /var/log/journal, restart systemd-journald",
        )
    for path, count in found["inodes"].items():
        if count["total"] and count["free"] < 0.1 * count["total"]:
            yield f"the disk of {path} has room for only {count['free']} more files", "remove files that are not needed"


def clear_text(listeners: Mapping[str, str], brokers: int) -> Iterator[Finding]:
    """Listeners that clients on other machines use and that neither encrypt nor authenticate. listeners {name:
    address they are told}."""
    for name, address in listeners.items():
        if brokers > 1 or not address.startswith(("127.", "localhost", "::1")):
            yield (
                f"listener {name} ({address}) is PLAINTEXT: anybody who reaches it can read and write everything",
                "let only trusted networks reach the port, or give the listener a protocol that encrypts",
            )
