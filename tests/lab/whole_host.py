"""What a host looks like, as JSON {path or unit: its state in words}. Run on a host as a program by `unchanged.py`.

Standard library only, Python 3.8. What changes without anybody's doing is left out: files in the data directories and
logs of services (their directories, such as partitions, are listed), and the agent's code.
"""

from __future__ import annotations

import contextlib
import grp
import hashlib
import json
import os
import pwd
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

TREES = ("/etc", "/usr/local", "/home", "/srv", "/mnt", "/media", "/data", "/root", "/var/lib/provisioner")
PLACES = ("/", "/opt", "/usr", "/usr/lib/jvm", "/var", "/var/lib", "/var/log", "/run/kafka", "/run/zookeeper")
SERVICES = ("/var/lib/kafka", "/var/lib/zookeeper", "/var/log/kafka", "/var/log/zookeeper")
# The agent's code arrives with the first question to a host, whatever the answer is.
SKIPPED = ("/var/lib/provisioner", "/var/lib/provisioner/agent", "/var/lib/provisioner/cache", "/root/.cache")
IDENTITIES = ("meta.properties", "myid")  # of a data directory: these never change
UNITS = ("kafka", "zookeeper")
HASHED = 1 << 20  # bytes of the largest file whose content is looked at; of a larger one, size and time
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


def owner(state: os.stat_result) -> str:
    """user:group, by name where there is one."""
    user, group = str(state.st_uid), str(state.st_gid)
    with contextlib.suppress(KeyError):
        user = pwd.getpwuid(state.st_uid).pw_name
    with contextlib.suppress(KeyError):
        group = grp.getgrgid(state.st_gid).gr_name
    return f"{user}:{group}"


def seen(path: Path, content: bool) -> str | None:
    """Kind, owner and mode of what is at a path, and with `content` what is in it; None when it has gone."""
    try:
        state = path.lstat()
        kind = KINDS.get(stat.S_IFMT(state.st_mode), "special")
        text = f"{kind} {owner(state)} {stat.S_IMODE(state.st_mode):04o}"
        if kind == "link":
            return f"{text} -> {path.readlink()}"
        if kind != "file" or not content:
            return text
        if state.st_size > HASHED:
            return f"{text} {state.st_size} bytes of {state.st_mtime_ns}"
        return f"{text} sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    except OSError:
        return None


def below(top: str, files: bool) -> Iterator[tuple[Path, bool]]:
    """Every path of a tree; files: also its files, except below a service's data directory, which may be anywhere."""
    yield Path(top), files
    data: tuple[str, ...] = ()
    for folder, folders, names in os.walk(top):
        # A partition that was deleted before goes by itself (file.delete.delay.ms).
        folders[:] = [one for one in folders if f"{folder}/{one}" not in SKIPPED and not one.endswith("-delete")]
        if "meta.properties" in names or "version-2" in folders:
            data = (*data, folder)
        wanted = files and not any(f"{folder}/".startswith(f"{one}/") for one in data)
        for one in [*folders, *(name for name in names if wanted or name in IDENTITIES)]:
            yield Path(folder, one), True


def paths() -> Iterator[tuple[Path, bool]]:
    """(path, whether its content counts) of everything that is looked at."""
    for top in TREES:
        yield from below(top, True)
    for top in SERVICES:
        yield from below(top, False)
    for place in map(Path, PLACES):
        yield place, False
        for one in place.iterdir() if place.is_dir() else ():
            yield one, False


def unit(name: str) -> str:
    """State, main process and starts of a unit."""
    shown = "ActiveState,MainPID,NRestarts,InvocationID"
    done = subprocess.run(["systemctl", "show", "-p", shown, name], stdout=subprocess.PIPE, check=False)
    return " ".join(sorted(done.stdout.decode().split()))


def look() -> dict[str, str]:
    found: dict[str, str] = {}
    for path, content in paths():
        if str(path) in SKIPPED:
            continue
        state = seen(path, content)
        if state is not None:
            # An unpacked archive is too much to read: the time of its directory shows that something came or went.
            archive = path.parent == Path("/opt") and path.is_dir()
            found.setdefault(str(path), f"{state} of {path.stat().st_mtime_ns}" if archive else state)
    return {**found, **{f"unit {name}": unit(name) for name in UNITS}}


if __name__ == "__main__":
    print(json.dumps(look()))
