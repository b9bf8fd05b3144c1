"""Symbolic links: one, or a directory's worth of them."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from ..words import some
from .base import Resource, State, in_the_way
from .frozen import dataclass

NO_LINKS = ("file", "directory", "special file")  # what else can be at a path; no link of ours leads to such a name


@dataclass(frozen=True)
class Link(Resource):
    """A symbolic link: `Link("/opt/kafka", "/opt/kafka_2.13-3.9.2")`, switched atomically.

    over: a file in its place may go, such as one of the archive that is unpacked around it.
    """

    kind: ClassVar[str] = "link"
    path: str
    target: str
    over: bool = False

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
        if state is not None and state["type"] != "link" and not (self.over and state["type"] == "file"):
            raise in_the_way(self.path, state, f"link to {self.target}")
        return state

    def present(self, system: Any) -> list[str]:
        state = system.path_state(self.path)
        return [self.path] if state is not None and state["type"] == "link" else []

    def remove(self, system: Any) -> str:
        for path in self.present(system):
            system.remove(path)
        return ""

    def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
        system.link(self.path, self.target)


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
        found = self._found(system)
        # In a directory of everybody's, a file of such a name is somebody's own command.
        wrong = NO_LINKS if self.only else ("directory",)
        taken = [name for name in sorted(self.links) if found.get(name) in wrong]
        if taken:
            failure = in_the_way(f"{self.directory}/{taken[0]}", {"type": found[taken[0]]}, "link of ours")
            failure.details = [f"also: {some(taken[1:])}"] if taken[1:] else []
            raise failure
        return {"links": found} if found else None

    def _found(self, system: Any) -> Dict[str, str]:
        """{name: where it leads, or what else it is} of what is there by our names, and of links of ours by others."""
        found: Dict[str, str] = {}
        for name in self.links:
            state = system.path_state(f"{self.directory}/{name}")
            if state is not None:
                found[name] = state.get("target", state["type"])
        if self.only:
            found.update(dict.fromkeys(system.links_to(self.directory, self.only), self.only))
        return found

    def _ours(self, system: Any) -> list[str]:
        """The links that lead where ours do; what a person has put in their place is left alone."""
        found = self._found(system)
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
                system.link(f"{self.directory}/{name}", target)
        for name in set(there) - set(self.links):
            system.remove(f"{self.directory}/{name}")
