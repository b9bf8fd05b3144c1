"""Symbolic links: one, or a directory's worth of them."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from ..agent.failure import Failure
from ..words import some
from .base import Resource, State
from .frozen import dataclass


def _place(system: Any, path: str, target: str) -> None:
    """Point `path` at `target` in one step, so that there is no moment without it."""
    state = system.path_state(path)
    if state is not None and state["type"] == "directory":
        raise Failure(f"{path} should be a link to {target} and is a directory", advice="move it away and deploy again")
    system.link(path, target)


@dataclass(frozen=True)
class Link(Resource):
    """A symbolic link: `Link("/opt/kafka", "/opt/kafka_2.13-3.9.2")`, switched atomically."""

    kind: ClassVar[str] = "link"
    path: str
    target: str

    @property
    def name(self) -> str:
        return self.path

    @property
    def place(self) -> str:
        return self.path

    def aliases(self) -> Dict[str, str]:
        return {self.path: self.target}

    def described(self) -> Tuple[str, List[Dict[str, Any]]]:
        return "links", [{"path": self.path, "target": self.target}]

    def expected(self) -> State:
        return {"type": "link", "target": self.target}

    def read(self, system: Any) -> Optional[State]:
        state: Optional[State] = system.path_state(self.path)
        return state

    def present(self, system: Any) -> list[str]:
        state = system.path_state(self.path)
        return [self.path] if state is not None and state["type"] == "link" else []

    def remove(self, system: Any) -> str:
        for path in self.present(system):
            system.remove(path)
        return ""

    def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
        _place(system, self.path, self.target)


@dataclass(frozen=True)
class Links(Resource):
    """Many links of one directory as one line of the plan: `Links("/usr/local/bin", {"zkCli.sh": "/opt/..."})`.

    only: a target that is ours alone: links of the directory that lead there and are not listed are removed, such as
    the commands that a newer version no longer has.
    """

    kind: ClassVar[str] = "links"
    directory: str
    links: Mapping[str, str]
    only: str = ""

    @property
    def name(self) -> str:
        return f"{self.directory}/{some(sorted(self.links), 1)}"

    @property
    def place(self) -> str:
        return self.directory

    def aliases(self) -> Dict[str, str]:
        return {f"{self.directory}/{name}": target for name, target in self.links.items()}

    def described(self) -> Tuple[str, List[Dict[str, Any]]]:
        return "links", [{"path": path, "target": target} for path, target in self.aliases().items()]

    def expected(self) -> State:
        return {"links": dict(self.links)}

    def read(self, system: Any) -> Optional[State]:
        found = {}
        for name in self.links:
            state = system.path_state(f"{self.directory}/{name}")
            if state is not None:
                found[name] = state.get("target", state["type"])
        if self.only:
            found.update(dict.fromkeys(system.links_to(self.directory, self.only), self.only))
        return {"links": found} if found else None

    def _ours(self, system: Any) -> list[str]:
        """The links that lead where ours do; what a person has put in their place is left alone."""
        found = (self.read(system) or {"links": {}})["links"]
        targets = {*self.links.values(), self.only}
        return [f"{self.directory}/{name}" for name, target in sorted(found.items()) if target in targets]

    def present(self, system: Any) -> list[str]:
        ours = self._ours(system)
        return [some(ours, 1) + (" links" if len(ours) > 1 else "")] if ours else []

    def remove(self, system: Any) -> str:
        for path in self._ours(system):
            system.remove(path)
        return ""

    def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
        there = actual["links"] if actual else {}
        for name, target in self.links.items():
            if there.get(name) != target:
                _place(system, f"{self.directory}/{name}", target)
        for name in set(there) - set(self.links):
            system.remove(f"{self.directory}/{name}")
