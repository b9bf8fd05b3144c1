"""The host as resources see it: files, users, packages, units. All of the agent's I/O on the host goes through here.

Answers that one process start can give for many resources (packages, units) are asked for once and kept until
something changes them.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import Any, Callable, Dict, List, Optional, Tuple

from ..resources.digest import sha256
from . import calling, packages, units
from .failure import Failure

STATE = "/var/lib/provisioner"
_TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


class System:
    """One agent's view of its host. `emit` streams progress lines to the control machine."""

    def __init__(self, emit: Callable[[Dict[str, Any]], None], state: str = STATE) -> None:
        self.emit = emit
        self.state = state
        self.units: Tuple[str, ...] = ()
        self._users: Dict[int, str] = {}
        self._groups: Dict[int, str] = {}
        self._packages: Optional[str] = None
        self._unit_states: Optional[Dict[str, Optional[Dict[str, Any]]]] = None
        self._reload = False

    # -- commands ------------------------------------------------------------------------------------------------

    def run(self, argv: List[str], timeout: float = 120) -> str:
        """Run a command to its end; its output, or a Failure with command, exit code and last lines."""
        import subprocess

        try:
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout
            )
        except FileNotFoundError as error:
            raise Failure(f"command not found: {argv[0]}") from error
        except subprocess.TimeoutExpired as error:
            raise Failure(f"command still running after {timeout:.0f} s: {' '.join(argv)}") from error
        text = done.stdout.decode("utf-8", "replace")
        if done.returncode:
            raise Failure(
                f"command failed with exit code {done.returncode}: {' '.join(argv)}",
                details=[line for line in text.splitlines() if line.strip()][-10:],
            )
        return text

    # -- files ---------------------------------------------------------------------------------------------------

    def path_state(self, path: str) -> Optional[Dict[str, Any]]:
        """{type, owner, group, mode} (and target of a link) of what is at `path` itself; None when nothing is."""
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        state: Dict[str, Any] = {
            "type": _TYPES.get(stat.S_IFMT(found.st_mode), "special file"),
            "owner": self._user_name(found.st_uid),
            "group": self._group_name(found.st_gid),
            "mode": stat.S_IMODE(found.st_mode),
        }
        if state["type"] == "link":
            state["target"] = os.readlink(path)
        return state

    def _user_name(self, uid: int) -> str:
        if uid not in self._users:
            try:
                self._users[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                self._users[uid] = str(uid)
        return self._users[uid]

    def _group_name(self, gid: int) -> str:
        if gid not in self._groups:
            try:
                self._groups[gid] = grp.getgrgid(gid).gr_name
            except KeyError:
                self._groups[gid] = str(gid)
        return self._groups[gid]

    def read_bytes(self, path: str) -> bytes:
        with open(path, "rb") as file:
            return file.read()

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
        """Replace a file in one step: temporary file beside it with its final owner and mode, fsync, rename."""
        folder = os.path.dirname(path)
        temporary = os.path.join(folder, f".{os.path.basename(path)}.new~")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(data)
                out.flush()
                os.fchown(out.fileno(), *self._ids(owner, group))
                os.fchmod(out.fileno(), mode)
                os.fsync(out.fileno())
            os.replace(temporary, path)
        except FileNotFoundError as error:
            raise Failure(f"cannot write {path}: its directory {folder} does not exist") from error
        finally:
            if os.path.lexists(temporary):
                os.unlink(temporary)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if path.startswith("/etc/systemd/"):
            self._reload = True
            self._unit_states = None

    def link(self, path: str, target: str) -> None:
        """Make or repoint a symbolic link in one step."""
        temporary = f"{path}.new~"
        if os.path.lexists(temporary):
            os.unlink(temporary)
        os.symlink(target, temporary)
        os.replace(temporary, path)

    def links_to(self, directory: str, target: str) -> List[str]:
        """Names of the links in a directory that lead to exactly this target; none when there is no directory."""
        try:
            entries = list(os.scandir(directory))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [entry.name for entry in entries if entry.is_symlink() and os.readlink(entry.path) == target]

    def remove(self, path: str) -> None:
        """Remove a file or link (never a directory)."""
        if os.path.isdir(path) and not os.path.islink(path):
            raise Failure(f"{path} is a directory where a file should be", advice="move it away and deploy again")
        os.unlink(path)

    def make_directory(self, path: str) -> None:
        os.makedirs(path, exist_ok=True)

    def own(self, path: str, owner: str, group: str) -> None:
        os.chown(path, *self._ids(owner, group), follow_symlinks=False)

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(path, mode)

    def _ids(self, owner: str, group: str) -> Tuple[int, int]:
        try:
            return pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
        except KeyError as error:
            raise Failure(f"no such user or group: {owner}:{group}") from error

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
        try:
            user = pwd.getpwnam(login)
        except KeyError:
            return None
        return {"group": self._group_name(user.pw_gid), "home": user.pw_dir, "shell": user.pw_shell, "uid": user.pw_uid}

    def ensure_group(self, name: str) -> None:
        try:
            grp.getgrnam(name)
        except KeyError:
            self.run(["groupadd", "--system", name])

    def remove_group(self, name: str) -> None:
        """Remove a group; none of this name is fine (a user's own group goes with the user on most systems)."""
        try:
            grp.getgrnam(name)
        except KeyError:
            return
        self.run(["groupdel", name])
        self.forget_users()

    def forget_users(self) -> None:
        self._users.clear()
        self._groups.clear()

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
        self.reload_units()
        units.start(unit, self.run)
        self._unit_states = None

    def restart(self, unit: str) -> None:
        self.reload_units()
        units.restart(unit, self.run)
        self._unit_states = None

    def stop(self, unit: str) -> None:
        """Stop a unit and keep it from starting again. As long as it takes: a broker hands its leaders over first."""
        self.run(["systemctl", "disable", "--now", f"{unit}.service"], timeout=420)
        self._reload = True
        self._unit_states = None

    def wait_ready(self, service: Any) -> None:
        """Wait until a just started service serves, as its probe says; a service without probe is taken at its word."""
        if service.ready is not None:
            self.call(service.ready)
        self._unit_states = None

    def call(self, call: Any) -> Dict[str, Any]:
        """Run a role's on-host function: a `Request`."""
        return calling.call(call.wire(), self.emit)
