"""A directory with owner and mode; one that holds data is guarded: it must be its service's own, and never gone."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Dict, List, Optional, Sequence, Tuple

from ..agent import ledger, trees
from ..agent.failure import Failure
from ..words import some
from .base import Resource, State, in_the_way, owned
from .digest import short
from .frozen import dataclass, replace


@dataclass(frozen=True)
class Directory(Resource):
    """A directory: `Directory("/var/lib/kafka", owner="kafka", group="kafka", mode=0o750)`.

    once: a label for a directory that holds data. It is made on the host's first deploy only; if it has gone later
    (an unmounted disk, a typo of a path), the run stops instead of letting a service start on an empty directory.
    At that first deploy it must be empty, or hold an earlier installation's data.
    holds: what the service puts there, as in `trees`; an uninstall that purges removes nothing else.
    services, apart: all services of the toolkit, and other data directories of this host, which it must not touch.
    part: of another data directory, with whose content it goes. purge: `remove` takes what the service has put there.
    """

    kind: ClassVar[str] = "directory"
    path: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o755
    once: str = ""
    holds: Sequence[Sequence[str]] = ()
    services: Sequence[str] = ()
    apart: Sequence[str] = ()
    part: bool = False
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
        guarded = bool(self.once) and system.remembers(self._marker)
        if state is None and guarded:
            raise Failure(
                f"{self.path} ({self.once}) was there at an earlier deploy and is gone",
                details=["an empty directory in its place would look like a new, empty service"],
                advice=f"mount or restore it; if the data is really to be given up, remove "
                f"{system.marker_path(self._marker)} on the host and deploy again",
            )
        if state is not None and state["type"] != "directory":
            raise self._not_one(state)
        if state is None or (self.once and not guarded):
            from ..agent import ground

            if state is None:
                ground.require_ground(self.path)
            if self.once:
                ground.require_own(system, self)
        if state is not None and self.once:
            state["guarded"] = guarded
        elif state is not None and self.owner not in ("root", state["owner"]) and self._strange(system, state):
            from ..agent import ground

            ground.require_unused(self, state["owner"])
        return state

    def _strange(self, system: Any, state: State) -> bool:
        """Whether the directory was there before us, and is the directory of a user that still exists."""
        return state["owner"] != "root" and not state["owner"].isdigit() and not ledger.made(system, self.path)

    def _not_one(self, state: State) -> Failure:
        """What is in the way of the directory, and what to do about a link."""
        failure, real = in_the_way(self.path, state, "directory"), os.path.realpath(self.path)
        if state["type"] == "link" and os.path.isdir(real):
            from ..agent.ground import against

            wrong = against(real, self.owner, self.services, self.apart) if self.once else ""
            failure.advice = (
                f"make it a directory; `mount --bind {real} {self.path}` does what the link does"
                if not self.once
                else f"use a directory that holds nothing else; {real} {wrong}"
                if wrong
                else f"name the real path, {real}, in the inventory"
            )
        return failure

    def _there(self, system: Any) -> bool:
        state = system.path_state(self.path)
        return state is not None and state["type"] == "directory"

    def present(self, system: Any) -> list[str]:
        if not self._there(system) or (self.purge and self.once and not system.remembers(self._marker)):
            return []
        if not self.purge:
            return [self.path] if self._made(system) else []
        held = trees.ours(self.path, self.holds)
        if not self._made(system):
            return [f"{some(held, 1)} in {self.path}"] if held else []
        others = [f"{self.path}/{name}" for name in trees.strangers(self.path, self.holds)]
        # Where only other people's files are left, nothing is.
        return [self.path] if held or all(ledger.made(system, other) for other in others) else []

    def remove(self, system: Any) -> str:
        """Only a directory that a deploy has made goes, and only when it is empty by then: of files from a template of
        ours, and with `purge` of what the service has put there. Data must have been under a deploy's guard."""
        if not self._there(system):
            self._forget(system)
            return ""
        if self.purge:
            if self.once and not system.remembers(self._marker):
                return f"{self.path} stays: no deploy has ever taken it under its guard"
            trees.purge(self.path, self.holds)
        else:
            trees.remove_rendered(self.path)
        self._forget(system)
        if not self._made(system):
            held = some(sorted(os.listdir(self.path)), 4)
            return f"{self.path} stays: it was there before the first deploy" + (f", and holds {held}" if held else "")
        left = trees.remove_directory(self.path)
        if not left:
            ledger.remove_above(system, self.path)
        return f"{self.path} stays: {left}" if left else ""

    def _made(self, system: Any) -> bool:
        return self.part or ledger.made(system, self.path)

    def _forget(self, system: Any) -> None:
        """The next deploy looks at what is there anew."""
        if self.once and self.purge:
            system.forget(self._marker)

    def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
        if actual is None:
            ledger.note(system, self.path)
        system.make_directory(self.path, self.owner, self.group, self.mode)
        if self.once:
            system.remember(self._marker, self.path)
