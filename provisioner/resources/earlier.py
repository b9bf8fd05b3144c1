"""The versions of a product that were unpacked before the wanted one, and that nobody needs any more."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from .archive import record_of, versions
from .base import Resource, State
from .frozen import dataclass


@dataclass(frozen=True)
class Earlier(Resource):
    """None of them but some: `Earlier("/opt/x_2.13-4.3.1", keep=1)` leaves the newest of those before it.

    What a process may still be loading classes from stays: that of a service which has not restarted so far, or a
    command at work. So it is the last of a run, and one that is left goes with the next deploy.
    """

    kind: ClassVar[str] = "earlier"
    in_background: ClassVar[bool] = True
    path: str
    keep: int = 0

    @property
    def name(self) -> str:
        return self.path

    def described(self) -> Tuple[str, List[Dict[str, Any]]]:
        return "files", []

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Earlier:
        return cls(data["path"], data["keep"])

    def expected(self) -> State:
        return {"no longer needed": []}

    def read(self, system: Any) -> Optional[State]:
        return {"no longer needed": self._needless(system)}

    def fix(self, system: Any, actual: Optional[State], differs: Tuple[str, ...]) -> None:
        import shutil

        for path in self._needless(system):
            shutil.rmtree(path)
            system.forget(record_of(path))

    def present(self, system: Any) -> List[str]:
        return []  # an archive that is removed takes them along

    def remove(self, system: Any) -> str:
        return ""

    def _needless(self, system: Any) -> List[str]:
        others = [path for path in versions(self.path, system) if path != self.path and not path.endswith("~")]
        left = sorted(others, key=number, reverse=True)[max(self.keep, 0) :]
        used = commands() if left else []
        return [path for path in left if not any(f"{path}/" in command for command in used)]


def number(path: str) -> List[int]:
    """[3, 9, 2] of /opt/x_2.13-3.9.2. Pure."""
    return [int(part) for part in re.findall(r"\d+", os.path.basename(path).rpartition("-")[2])]


def commands() -> List[str]:
    """What the processes of this host were started with, as far as it can be read."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/cmdline", errors="replace") as file:
                found.append(file.read())
    return found
