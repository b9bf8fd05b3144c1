"""A file that an earlier deploy wrote, and that is no longer wanted."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Optional, Tuple

from .base import Resource, State, in_the_way
from .frozen import dataclass


@dataclass(frozen=True)
class Gone(Resource):
    """No file: `Gone("/etc/x/old.pem", named_by="/etc/x/x.conf")`.

    named_by: the file that named it, an input of a service. While the process may be started with what that file said
    before, the old one stays: it goes in the host's turn of the roll.
    """

    kind: ClassVar[str] = "gone"
    path: str
    named_by: str

    @property
    def name(self) -> str:
        return self.path

    @property
    def place(self) -> str:
        return self.path

    def goes_with(self) -> Tuple[str, ...]:
        return (self.named_by,)

    def described(self) -> Tuple[str, List[Dict[str, Any]]]:
        return "files", []

    def expected(self) -> State:
        return {"there": False}

    def read(self, system: Any) -> Optional[State]:
        state = system.path_state(self.path)
        if state is not None and state["type"] == "directory":
            raise in_the_way(self.path, state, "file")
        return {"there": state is not None}

    def fix(self, system: Any, actual: Optional[State], differs: Tuple[str, ...]) -> None:
        self.remove(system)

    def present(self, system: Any) -> List[str]:
        state = system.path_state(self.path)
        return [self.path] if state is not None and state["type"] != "directory" else []

    def remove(self, system: Any) -> str:
        for path in self.present(system):
            system.remove(path)
        return ""
