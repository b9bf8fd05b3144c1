"""A file that the host makes itself out of others, in the background, and that only saves time."""

from __future__ import annotations

import contextlib
import glob
import os
from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from ..agent.failure import Failure
from .base import Resource, State
from .digest import short
from .frozen import dataclass

RECORD_SUFFIX = ".inputs"


@dataclass(frozen=True)
class Derived(Resource):
    """A file that a unit of its own makes: `Derived("/opt/x/fast.cache", "x-cache", inputs=("/opt/x/libs/*",))`.

    inputs: paths and glob patterns of what it is made from. The unit writes `path`, and last `path`.inputs: one line
    "PATH SIZE MTIME" (bytes, seconds; as `stat -L -c '%n %s %Y'` prints it) for each input as it was at the beginning.
    The file is out of date when these lines differ from the disk; telling that costs one stat per input.

    A deploy starts the unit (of Type=exec: it counts as started once it runs) and does not wait for its end: everything
    works without the file, only slower. So a unit that fails fails no deploy. It is not started again for the same
    inputs while systemd counts it as failed (until the next boot, or `systemctl reset-failed`), and `remark` says so at
    every deploy. A making that was cut off is begun anew.
    """

    kind: ClassVar[str] = "derived"
    in_background: ClassVar[bool] = True
    path: str
    unit: str
    inputs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path

    @property
    def record(self) -> str:
        """The file in which the unit says what it has made `path` from."""
        return self.path + RECORD_SUFFIX

    @property
    def _asked(self) -> str:
        return f"derived/{short(self.path)}"

    def described(self) -> Tuple[str, List[Dict[str, Any]]]:
        return "files", []  # the host makes it after a deploy, which no other tool starts

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Derived:
        return cls(data["path"], data["unit"], tuple(data["inputs"]))

    def expected(self) -> State:
        return {"up to date": True}

    def read(self, system: Any) -> Optional[State]:
        now, made = stamps(self.inputs), (system.read_text(self.record) or "").splitlines()
        there = os.path.isfile(self.path)
        if there and sorted(made) == now:
            return {"up to date": True}
        # Only now is systemd asked, which takes longer than all the rest.
        asked = (system.recall(self._asked) or "").splitlines() == now
        sub = (system.unit_state(self.unit) or {}).get("sub", "")
        if not there and not asked:
            return None
        failed = asked and sub == "failed"
        return {"up to date": failed or (asked and sub in ("start", "running")), "failed": failed}

    def remark(self, actual: Optional[Mapping[str, Any]]) -> str:
        if not (actual or {}).get("failed"):
            return ""
        return (
            f"{self.path} could not be made, and what uses it is slower: `journalctl -u {self.unit}` on the host says "
            f"why, `systemctl start {self.unit}` tries again"
        )

    def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
        system.remember(self._asked, "\n".join(stamps(self.inputs)))
        try:
            system.start(self.unit)
        except Failure:
            if (system.unit_state(self.unit) or {}).get("sub") != "failed":  # masked, or not there
                raise

    def present(self, system: Any) -> List[str]:
        return [path for path in (self.path, self.record) if os.path.isfile(path)]

    def remove(self, system: Any) -> str:
        with contextlib.suppress(Failure):  # never loaded: nothing to stop
            system.run(["systemctl", "stop", f"{self.unit}.service"])
        for path in self.present(system):
            system.remove(path)
        system.forget(self._asked)
        return ""


def stamps(inputs: tuple[str, ...]) -> List[str]:
    """ "PATH SIZE MTIME" of every file that the paths and patterns name, sorted; what is not there is left out."""
    found: Dict[str, str] = {}
    for pattern in inputs:
        for path in glob.glob(pattern):
            with contextlib.suppress(OSError):
                state = os.stat(path)
                found[path] = f"{path} {state.st_size} {int(state.st_mtime)}"
    return sorted(found.values())
