"""A directory with owner and mode, and the guard against a data directory whose mount was lost."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Optional, Tuple

from ..agent import trees
from ..agent.failure import Failure
from .base import Resource, State, owned
from .digest import short
from .frozen import dataclass, replace


@dataclass(frozen=True)
class Directory(Resource):
    """A directory: `Directory("/var/lib/kafka", owner="kafka", group="kafka", mode=0o750)`.

    once: a label for a directory that holds data. It is made on the host's first deploy only; if it has gone later
    (an unmounted disk, a typo of a path), the run stops instead of letting a service start on an empty directory.
    purge: `remove` takes everything in it, too.
    """

    kind: ClassVar[str] = "directory"
    path: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o755
    once: str = ""
    purge: bool = False

    @property
    def name(self) -> str:
        return self.path

    @property
    def _marker(self) -> str:
        return f"once/{short(self.path)}"

    @property
    def place(self) -> str:
        return self.path

    @property
    def stays(self) -> bool:
        return bool(self.once) or self.owner != "root"

    @property
    def guards_data(self) -> bool:
        return bool(self.once)

    def purged(self) -> Directory:
        return replace(self, purge=True) if self.stays else self

    def described(self) -> Tuple[str, List[Dict[str, Any]]]:
        return "directories", [owned(self.path, self.owner, self.group, self.mode)]

    def expected(self) -> State:
        state: State = {"type": "directory", "owner": self.owner, "group": self.group, "mode": self.mode}
        # A directory that was there before the first deploy (a mounted disk) is taken under guard, too.
        return {**state, "guarded": True} if self.once else state

    def read(self, system: Any) -> Optional[State]:
        state: Optional[State] = system.path_state(self.path)
        if state is None and self.once and system.remembers(self._marker):
            raise Failure(
                f"{self.path} ({self.once}) was there at an earlier deploy and is gone",
                details=["an empty directory in its place would look like a new, empty service"],
                advice=f"mount or restore it; if the data is really to be given up, remove "
                f"{system.marker_path(self._marker)} on the host and deploy again",
            )
        if state is not None and self.once:
            state["guarded"] = system.remembers(self._marker)
        return state

    def present(self, system: Any) -> list[str]:
        state = system.path_state(self.path)
        return [self.path] if state is not None and state["type"] == "directory" else []

    def remove(self, system: Any) -> str:
        """A directory with something in it that is not from a template of ours stays, and what is in it; unless it is
        to be purged, for which it must be the one that an earlier deploy made or took under its guard."""
        if not self.present(system):
            self._forget(system)
            return ""
        if self.purge:
            if self.once and not system.remembers(self._marker):
                return f"{self.path} stays: no deploy has ever taken it under its guard"
            trees.empty(self.path)
        else:
            trees.remove_rendered(self.path)
        left = trees.remove_directory(self.path)
        if not left:
            self._forget(system)
        return f"{self.path} stays: {left}" if left else ""

    def _forget(self, system: Any) -> None:
        if self.once and self.purge:
            system.forget(self._marker)

    def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
        if actual is not None and actual["type"] != "directory":
            raise Failure(
                f"{self.path} should be a directory and is a {actual['type']}",
                advice="move it away; it is not removed for you because it is not known what it holds",
            )
        system.make_directory(self.path)
        system.own(self.path, self.owner, self.group)
        system.chmod(self.path, self.mode)
        if self.once:
            system.remember(self._marker, self.path)
