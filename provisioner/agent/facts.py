"""Facts of the host: what the control machine must know before it can say what the host should look like."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import sys
import threading
import time
from typing import Any, Dict, Iterable, List, Mapping, Optional

from . import sockets
from .files import text_of

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CAP_SYS_RESOURCE = 24
NAME_SECONDS = 3.0
NAME_THREADS = 8


def _fields(text: str, separator: str) -> Dict[str, str]:
    pairs = (line.split(separator, 1) for line in text.splitlines() if separator in line)
    return {key.strip(): value.strip().strip('"') for key, value in pairs}


def attainable_nofile(limits: str, status: str, nr_open: str) -> int:
    """The highest LimitNOFILE a unit can get: the kernel's bound when PID 1 may raise limits, its own hard limit
    otherwise (a container without CAP_SYS_RESOURCE, where a higher value ends in 205/LIMITS). Pure."""
    capabilities = int(_fields(status, ":").get("CapEff", "0"), 16)
    hard = next((line.split()[4] for line in limits.splitlines() if line.startswith("Max open files")), "0")
    own = sys.maxsize if hard == "unlimited" else int(hard)
    return max(own, int(nr_open or 0)) if capabilities >> CAP_SYS_RESOURCE & 1 else own


def _memory() -> int:
    """Bytes of memory: the machine's, or the control group's limit when that is lower."""
    total = int(_fields(text_of("/proc/meminfo"), ":").get("MemTotal", "0 kB").split()[0]) * 1024
    limits = [text_of("/sys/fs/cgroup/memory.max"), text_of("/sys/fs/cgroup/memory/memory.limit_in_bytes")]
    return min([total, *(int(limit) for limit in limits if limit.strip().isdigit() and int(limit) > 0)])


def machine_id() -> str:
    """What no two machines that run at the same time have in common. /etc/machine-id is the same on copies of a virtual
    machine, and the id of the boot in all containers of one kernel, which do not share their root directory."""
    root = os.stat("/")
    return f"{text_of('/proc/sys/kernel/random/boot_id').strip()} {root.st_dev} {root.st_ino}"


def gather() -> Dict[str, Any]:
    """The facts of docs/architecture.md, from files alone: no process is started."""
    release = _fields(text_of("/etc/os-release"), "=")
    machine = os.uname().machine
    return {
        "os": {
            "id": release.get("ID", "unknown"),
            "version_id": release.get("VERSION_ID", ""),
            "codename": release.get("VERSION_CODENAME", ""),
            "pretty": release.get("PRETTY_NAME", "unknown"),
        },
        "arch": ARCHITECTURES.get(machine, machine),
        "memory": _memory(),
        "cpus": os.cpu_count() or 1,
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "init": text_of("/proc/1/comm").strip(),
        "nofile_hard": attainable_nofile(
            text_of("/proc/1/limits"), text_of("/proc/1/status"), text_of("/proc/sys/fs/nr_open").strip()
        ),
        "clock": time.time(),
        "machine": machine_id(),
        "hostname": os.uname().nodename,
        "uid": os.geteuid(),
    }


def _file_system(path: str) -> os.statvfs_result:
    """What holds, or will hold, a path."""
    while not os.path.exists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return os.statvfs(path or "/")  # of a relative path nothing is left; the agent works in /


def disks(paths: Iterable[str]) -> Dict[str, Dict[str, int]]:
    """{path: {free, total, read_only}} of the file system that holds, or will hold, each path; in bytes."""
    out = {}
    for path in paths:
        found = _file_system(path)
        sizes = {"free": found.f_bavail * found.f_frsize, "total": found.f_blocks * found.f_frsize}
        out[path] = {**sizes, "read_only": found.f_flag & os.ST_RDONLY}
    return out


def _owner(uid: int, inode: str) -> str:
    """`java (pid 123)` of the process that holds a socket; only its user where that is all there is to know."""
    wanted = f"socket:[{inode}]"
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if any(os.readlink(f"/proc/{pid}/fd/{fd}") == wanted for fd in os.listdir(f"/proc/{pid}/fd")):
                return f"{text_of(f'/proc/{pid}/comm').strip()} (pid {pid})"
        except OSError:
            continue
    try:
        return f"a process of the user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"a process of the user {uid}"


def _user_of(pid: int) -> Optional[int]:
    try:
        return os.stat(f"/proc/{pid}").st_uid if pid else None
    except OSError:
        return None


def taken(wanted: Mapping[int, int]) -> Dict[str, str]:
    """{port: holder} of the ports that something else than their service holds.

    wanted: {port: main PID of the service that is to have it, 0 when it does not run}. A service is known by its user:
    which process has a socket cannot be asked everywhere (not in a container without CAP_SYS_PTRACE).
    """
    found = sockets.listening()
    return {
        str(port): _owner(*found[port])
        for port, pid in wanted.items()
        if port in found and found[port][0] != _user_of(pid)
    }


def resolved(names: Iterable[str]) -> Dict[str, Optional[List[str]]]:
    """{name: its addresses on this host}, asked for all at once; None for one that cannot be resolved within a few
    seconds."""
    asked = list(names)
    found: Dict[str, List[str]] = {}
    left = iter(asked)
    taking = threading.Lock()

    def resolve() -> None:
        while True:
            with taking:
                name = next(left, None)
            if name is None:
                return
            with contextlib.suppress(OSError, UnicodeError):
                answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
                found[name] = sorted({str(answer[4][0]) for answer in answers})

    # Threads of its own: a name server that is silent holds them for longer than any run waits, also at the end.
    threads = [threading.Thread(target=resolve, daemon=True) for _ in range(min(len(asked), NAME_THREADS))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + NAME_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return {name: found.get(name) for name in asked}


def loopback(addresses: Optional[List[str]]) -> str:
    """The address of a name at which a host reaches only itself, such as Debian's 127.0.1.1; "" when there is none, or
    when it has others as well. Pure."""
    own = [one for one in addresses or [] if one.startswith("127.") or one == "::1"]
    return own[0] if own and len(own) == len(addresses or []) else ""


def noexec(paths: Iterable[str]) -> List[str]:
    """Those of the paths that are, or will be, on a file system that is mounted noexec."""
    return [path for path in paths if _file_system(path).f_flag & os.ST_NOEXEC]


def java_version(home: Optional[str]) -> Optional[str]:
    """The JAVA_VERSION of a Java home's `release` file; None when there is no Java there."""
    if not home or not os.access(os.path.join(home, "bin", "java"), os.X_OK):
        return None
    return _fields(text_of(os.path.join(home, "release")), "=").get("JAVA_VERSION", "unknown")
