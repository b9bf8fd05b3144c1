"""Kernel settings, now and after the next boot."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from ..agent.failure import Failure
from .base import Resource, State, in_the_way, owned
from .digest import sha256
from .frozen import dataclass

# Limits and sizes of buffers, of which more is never worse for a service: what a host has beyond the wanted is left,
# whoever has set it (newer distributions raise vm.max_map_count themselves).
LEAST = re.compile(
    r"vm\.max_map_count|fs\.(file-max|nr_open|aio-max-nr|inotify\.max_\w+)|kernel\.(pid_max|threads-max)"
    r"|net\.core\.(somaxconn|[rw]mem_max|netdev_max_backlog|optmem_max)|net\.ipv4\.tcp_(max_syn_backlog|max_tw_buckets)"
)
# Of these, less is better.
MOST = re.compile(r"vm\.swappiness")


def better(name: str, wanted: str, running: Optional[str]) -> bool:
    """Whether a running value does more for the services than the wanted one, so that it is left. Pure."""
    if running is None or not (wanted.isdigit() and running.isdigit()):
        return False
    more, less = LEAST.fullmatch(name), MOST.fullmatch(name)
    return bool((more and int(running) > int(wanted)) or (less and int(running) < int(wanted)))


@dataclass(frozen=True)
class Sysctl(Resource):
    """Settings kept in `/etc/sysctl.d/60-NAME.conf` and, when `live`, in the running kernel.

    `Sysctl("kafka", {"vm.swappiness": 1})`. live=False is for containers, which share their machine's kernel. A value
    of the running kernel that is `better` is left, and stands in the file as well, or the next boot would undo it.
    """

    kind: ClassVar[str] = "sysctl"
    label: str
    settings: Mapping[str, Any]
    live: bool = True

    @property
    def name(self) -> str:
        return self.label

    @property
    def path(self) -> str:
        return f"/etc/sysctl.d/60-{self.label}.conf"

    @property
    def text(self) -> str:
        return self._text(self.settings)

    def _text(self, settings: Mapping[str, Any]) -> str:
        lines = [f"{name} = {value}" for name, value in sorted(settings.items())]
        return "\n".join(["# Written at deploy; edits are overwritten.", *lines, ""])

    def _here(self, running: Mapping[str, Optional[str]]) -> Dict[str, Any]:
        """The settings as this host is to have them."""
        return {
            name: running[name] if better(name, str(value), running.get(name)) else value
            for name, value in self.settings.items()
        }

    def written(self) -> Dict[str, str]:
        return {self.path: self.text}

    def described(self) -> Optional[Tuple[str, List[Dict[str, Any]]]]:
        file = {**owned(self.path, "root", "root", 0o644), "content": self.text, "template": ""}
        return None if self.live else ("files", [file])

    def expected(self) -> State:
        state: State = {"file": sha256(self.text.encode()), "owner": "root", "mode": 0o644}
        if self.live:
            state["running"] = {name: str(value) for name, value in self.settings.items()}
        return state

    def read(self, system: Any) -> Optional[State]:
        path = system.path_state(self.path)
        if path is not None and path["type"] == "directory":
            raise in_the_way(self.path, path, "file")
        if path is None and not self.live:
            return None
        running = {name: system.sysctl(name) for name in self.settings}
        here = self._here(running)
        file = sha256(system.read_bytes(self.path)) if path is not None and path["type"] == "file" else None
        if file == sha256(self._text(here).encode()):
            file = sha256(self.text.encode())  # as it is to be on this host
        state = {"file": file, "owner": path and path["owner"], "mode": path and path["mode"]}
        left = {
            name: str(self.settings[name]) if better(name, str(self.settings[name]), now) else now
            for name, now in running.items()
        }
        return {**state, "running": left} if self.live else state

    def present(self, system: Any) -> list[str]:
        return [self.path] if system.path_state(self.path) is not None else []

    def remove(self, system: Any) -> str:
        for path in self.present(system):
            system.remove(path)
            return "the kernel keeps its settings until the next boot" if self.live else ""
        return ""

    def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
        here = self._here({name: system.sysctl(name) for name in self.settings})
        system.write(self.path, self._text(here).encode(), "root", "root", 0o644)
        if not self.live:
            return
        for name, value in here.items():
            if system.sysctl(name) == str(value):
                continue
            try:
                system.set_sysctl(name, str(value))
            except OSError as error:
                raise Failure(
                    f"the kernel refused {name} = {value}: {error.strerror}",
                    advice="in a container the machine's kernel settings are read-only: keep the file and leave the "
                    "running value alone by switching the live setting of this role off",
                ) from error
