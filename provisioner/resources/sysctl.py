"""Kernel settings, now and after the next boot."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from ..agent.failure import Failure
from .base import Resource, State, in_the_way, owned
from .digest import sha256
from .frozen import dataclass


@dataclass(frozen=True)
class Sysctl(Resource):
    """Settings kept in `/etc/sysctl.d/60-NAME.conf` and, when `live`, in the running kernel.

    `Sysctl("kafka", {"vm.swappiness": 1})`. live=False is for containers, which share their machine's kernel.
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
        lines = [f"{name} = {value}" for name, value in sorted(self.settings.items())]
        return "\n".join(["# Written at deploy; edits are overwritten.", *lines, ""])

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
        running = {name: system.sysctl(name) for name in self.settings} if self.live else {}
        if path is None and not self.live:
            return None
        file = sha256(system.read_bytes(self.path)) if path is not None and path["type"] == "file" else None
        state = {"file": file, "owner": path and path["owner"], "mode": path and path["mode"]}
        return {**state, "running": running} if self.live else state

    def present(self, system: Any) -> list[str]:
        return [self.path] if system.path_state(self.path) is not None else []

    def remove(self, system: Any) -> str:
        for path in self.present(system):
            system.remove(path)
            return "the kernel keeps its settings until the next boot" if self.live else ""
        return ""

    def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
        system.write(self.path, self.text.encode(), "root", "root", 0o644)
        if not self.live:
            return
        for name, value in self.settings.items():
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
