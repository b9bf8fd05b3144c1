"""Inputs of a service that the running process reads again when it is asked to, whatever is in them.

Nothing is remembered by a run. What the process makes of them now is asked where a file is another one than at its
start: so a run that was cut off between file and process is finished by the next one.
"""

from __future__ import annotations

from typing import Any, Mapping, Optional, Tuple

from .base import Request
from .frozen import dataclass


@dataclass(frozen=True)
class Reload:
    """paths: the inputs.

    call: the role's judge, `f({**args, apply}, emit) -> {changes, refused}`. apply: whether to let the process read
    them, and to return when it works with them; raises Failure where it does not take them, and goes on with the old
    ones. changes: what it is to take, in words, empty when it has all; refused: why only a restart will do. What else
    is answered is for the role.
    """

    paths: Tuple[str, ...]
    call: Request

    def wire(self) -> dict[str, Any]:
        return {"paths": list(self.paths), "call": self.call.wire()}

    @classmethod
    def from_wire(cls, data: Optional[Mapping[str, Any]]) -> Optional[Reload]:
        return cls(tuple(data["paths"]), Request(**data["call"])) if data else None

    def look(
        self, system: Any, disk: Mapping[str, Optional[str]], started: Mapping[str, str], apply: bool = False
    ) -> Optional[dict[str, Any]]:
        """On the host: {digests {path: of what is on disk}, changes, refused}; None where the process was started with
        just that. disk, started: {path: digest}."""
        digests = {path: disk.get(path) for path in self.paths}
        if not started or all(started.get(path) == digest for path, digest in digests.items()):
            return None
        return {"digests": digests, **system.call(self.call.adding(apply=apply))}


def reloaded(state: Mapping[str, Any], path: str, digest: Optional[str]) -> bool:
    """Whether the process has this content of an input, or reads it when it is asked to. state: as `Service.read`.
    Pure."""
    found = state.get("reload")
    return bool(found and path in found["digests"] and found["digests"][path] == digest and not found["refused"])
