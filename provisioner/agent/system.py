"""The host as resources see it: files, users, packages, units. All of the agent's I/O on the host goes through here.

Answers that one process start can give for many resources (packages, units) are asked for once and kept until
something changes them.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Any, Callable, Dict, List, Optional, Tuple

from ..resources.digest import sha256
from . import calling, command, files, packages, units, walk
from .users import Users

STATE = "/var/lib/provisioner"
_TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


class System:
    """One agent's view of its host. `emit` streams progress lines to the control machine; `waiting` does the same where
    something is only waited for, and may end the wait by an exception when that machine has gone."""

    def __init__(self, emit: Callable[[Dict[str, Any]], None], state: str = STATE) -> None:
        self.emit = self.waiting = emit
        self.state = state
        self.units: Tuple[str, ...] = ()
        self.users = Users()
        self._packages: Optional[str] = None
        self._unit_states: Optional[Dict[str, Optional[Dict[str, Any]]]] = None
        self._reload = False

    # -- commands ------------------------------------------------------------------------------------------------

    def run(self, argv: List[str], timeout: float = 120) -> str:
        """Run a command to its end, as `command.run`."""
        return command.run(argv, timeout)

    # -- files ---------------------------------------------------------------------------------------------------

    def path_state(self, path: str) -> Optional[Dict[str, Any]]:
        """{type, owner, group, mode} (and target of a link) of what is at `path` itself; None when nothing is."""
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        state: Dict[str, Any] = {
            "type": _TYPES.get(stat.S_IFMT(found.st_mode), "special file"),
            "owner": self.users.user(found.st_uid),
            "group": self.users.group(found.st_gid),
            "mode": stat.S_IMODE(found.st_mode),
        }
        if state["type"] == "link":
            state["target"] = os.readlink(path)
        return state

    def read_bytes(self, path: str) -> bytes:
        """The content of a file, as `walk.read`; what is no file, such as a FIFO, counts as empty. Raises OSError."""
        try:
            return walk.read(path)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return b""

    def read_text(self, path: str) -> Optional[str]:
        """The text of a file, None when there is none."""
        try:
            return self.read_bytes(path).decode("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return None

    def digest(self, path: str) -> Optional[str]:
        """sha256 of a file's content, through links; None when it cannot be read."""
        try:
            return sha256(self.read_bytes(path))
        except OSError:
            return None

    def write(self, path: str, data: bytes, owner: str, group: str, mode: int) -> None:
        """Replace a file in one step, as `files.replace`."""
        files.replace(path, data, *self.users.ids(owner, group), mode)
        if path.startswith("/etc/systemd/"):
            self._reload = True
            self._unit_states = None

    def link(self, path: str, target: str) -> None:
        """Make or repoint a symbolic link in one step."""
        files.link(path, target)

    def links_to(self, directory: str, target: str) -> List[str]:
        """Names of the links in a directory that lead to exactly this target; none when there is no directory."""
        return files.links_to(directory, target)

    def remove(self, path: str) -> None:
        """Remove a file or link (never a directory)."""
        files.remove(path)

    def make_directory(self, path: str, owner: str, group: str, mode: int) -> None:
        """Make a directory unless it is there, with those above it, and give it its owner and mode."""
        files.make_directory(path)
        files.settle(path, *self.users.ids(owner, group), mode)

    # -- what earlier runs left ------------------------------------------------------------------------------------

    def marker_path(self, name: str) -> str:
        return os.path.join(self.state, name)

    def remembers(self, name: str) -> bool:
        return os.path.exists(self.marker_path(name))

    def remember(self, name: str, text: str) -> None:
        path = self.marker_path(name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        self.write(path, text.encode(), "root", "root", 0o600)

    def forget(self, name: str) -> None:
        """Remove what an earlier run has remembered."""
        if self.remembers(name):
            os.unlink(self.marker_path(name))

    def recall(self, name: str) -> Optional[str]:
        return self.read_text(self.marker_path(name))

    def cache_path(self, digest: str) -> str:
        return os.path.join(self.state, "cache", digest)

    def cached(self, digest: str) -> Optional[str]:
        """Path of a payload that was pushed and verified, None when it is not there."""
        path = self.cache_path(digest)
        return path if digest and os.path.isfile(path) else None

    def clear_cache(self) -> None:
        """Payloads are only needed while they are unpacked."""
        import shutil

        shutil.rmtree(os.path.join(self.state, "cache"), ignore_errors=True)

    # -- users -----------------------------------------------------------------------------------------------------

    def user_state(self, login: str) -> Optional[Dict[str, Any]]:
        """{group, home, shell, uid} of a user, None when there is none."""
        return self.users.state(login)

    def group_number(self, name: str) -> Optional[int]:
        """The gid of a group, None when there is none."""
        return self.users.group_number(name)

    def add_group(self, name: str) -> None:
        self.run(["groupadd", "--system", name])

    def remove_user(self, login: str, keep_group: bool) -> None:
        """Remove a user. On most systems its primary group goes with it when it has the same name, unless kept."""
        if keep_group:
            self.run(["usermod", "--gid", "nogroup", login])
        self.run(["userdel", login])
        self.forget_users()

    def remove_group(self, name: str) -> None:
        """Remove a group; none of this name is fine."""
        if self.group_number(name) is not None:
            self.run(["groupdel", name])
            self.forget_users()

    def forget_users(self) -> None:
        """Look names up again: users or groups have changed."""
        self.users.forget()

    # -- kernel ----------------------------------------------------------------------------------------------------

    def sysctl(self, name: str) -> Optional[str]:
        text = self.read_text("/proc/sys/" + name.replace(".", "/"))
        return None if text is None else " ".join(text.split())

    def set_sysctl(self, name: str, value: str) -> None:
        with open("/proc/sys/" + name.replace(".", "/"), "w") as file:
            file.write(value)

    # -- packages --------------------------------------------------------------------------------------------------

    def package_state(self, name: str) -> Optional[Dict[str, Any]]:
        if self._packages is None:
            self._packages = packages.status()
        return packages.find(self._packages, name)

    def install(self, name: str) -> None:
        packages.install(name, self.emit)
        self._packages = None

    # -- units -----------------------------------------------------------------------------------------------------

    def unit_state(self, unit: str) -> Optional[Dict[str, Any]]:
        """{enabled, active, sub, pid, reload, since, restarts} of a unit; None when systemd does not know it."""
        if self._unit_states is None or unit not in self._unit_states:
            self._unit_states = units.show(tuple(dict.fromkeys((*self.units, unit))))
        return self._unit_states[unit]

    def look_again(self) -> None:
        """Ask systemd anew: what was called since the last look may have stopped units, and one may have died."""
        self._unit_states = None

    def reload_units(self) -> None:
        """Let systemd read unit files again, when one was written or an interrupted run has left it undone."""
        if self._reload or any((state or {}).get("reload") for state in (self._unit_states or {}).values()):
            self.run(["systemctl", "daemon-reload"])
            self._reload = False
        self._unit_states = None

    def enable(self, unit: str) -> None:
        self.run(["systemctl", "enable", unit])
        self._unit_states = None

    def start(self, unit: str) -> None:
        from . import jobs

        self.reload_units()
        self._unit_states = None
        jobs.start(unit, self.waiting)

    def restart(self, unit: str) -> None:
        from . import jobs

        self.reload_units()
        self._unit_states = None
        jobs.restart(unit, self.waiting)

    def stop(self, unit: str) -> None:
        """Stop a unit and keep it from starting again. As long as it takes: a broker hands its leaders over first."""
        from . import jobs

        self.run(["systemctl", "disable", f"{unit}.service"])
        self._reload = True
        self._unit_states = None
        jobs.stop(unit, self.waiting)

    def wait_ready(self, service: Any) -> None:
        """Wait until a just started service serves, as its probe says; a service without probe is taken at its word."""
        if service.ready is not None:
            self.call(service.ready)
        self._unit_states = None

    def call(self, call: Any) -> Dict[str, Any]:
        """Run a role's on-host function: a `Request`."""
        return calling.call(call.wire(), self.emit)
