"""What a program makes once in a directory of its own, and nobody makes again: a database's first files."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from ..agent.failure import Failure
from .base import Resource, State
from .frozen import dataclass


@dataclass(frozen=True)
class Initial(Resource):
    """A file that a command makes, as the last of several: `Initial("/var/lib/x/identity", "x", command=("x-init",))`.

    While it is not there, whatever the command has left is not complete, and the command runs again: it must be one
    that can. Once it is there, it is the service's own and never made again. user: who runs the command. decided: False
    where the command lacks what only all hosts together know; a run adds it before anything is changed
    (`Site.complete`). label: what is made, for the plan.
    """

    kind: ClassVar[str] = "initial"
    path: str
    user: str
    command: Tuple[str, ...] = ()
    label: str = ""
    decided: bool = True  # type: ignore[misc]

    @property
    def name(self) -> str:
        return self.path

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Initial:
        return cls(data["path"], data["user"], tuple(data["command"]), data["label"], data["decided"])

    def described(self) -> Tuple[str, List[Dict[str, Any]]]:
        return "files", []  # the service's own, made by its own program

    def expected(self) -> State:
        return {"made": True}

    def read(self, system: Any) -> Optional[State]:
        return {"made": True} if system.path_state(self.path) is not None else None

    def fix(self, system: Any, actual: Optional[State], differs: Tuple[str, ...]) -> None:
        if not self.decided:
            raise Failure(f"{self.path}: what it is made with was never decided", advice="deploy all roles together")
        system.run(["runuser", "--user", self.user, "--", *self.command])

    @property
    def note_when_absent(self) -> str:
        return self.label

    def present(self, system: Any) -> "list[str]":
        return []  # it goes with the directory that it is in

    def remove(self, system: Any) -> str:
        return ""
