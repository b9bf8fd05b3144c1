"""An input of a service that the running process can take over without a restart, where its content allows it.

The unit keeps a copy of what the process has read at its start. From that, the wanted text and the process itself, a
function of the role says what there is to do; nothing is remembered by a run.
"""

from __future__ import annotations

from typing import Any, Mapping, Optional

from .base import Request
from .digest import sha256
from .frozen import dataclass


@dataclass(frozen=True)
class Live:
    """path: the input; copy: where the unit keeps the text that the process was started with.

    call: the role's judge, `f({**args, started, wanted, memory, apply}, emit) -> {changes, refused}`. started, wanted:
    texts; memory: the name under which it may remember what it has done (`System.remember`); apply: whether to make the
    changes. changes: in words, empty when all is in force; refused: why only a restart will do.
    """

    path: str
    copy: str
    call: Request

    def wire(self) -> dict[str, Any]:
        return {"path": self.path, "copy": self.copy, "call": self.call.wire()}

    @classmethod
    def from_wire(cls, data: Optional[Mapping[str, Any]]) -> Optional[Live]:
        return cls(data["path"], data["copy"], Request(**data["call"])) if data else None

    def look(
        self, system: Any, unit: str, started: Optional[str], wanted: Optional[str] = None, apply: bool = False
    ) -> Optional[dict[str, Any]]:
        """On the host: {path, digest (of the wanted text), changes, refused}; None when there is nothing to say.

        started: the digest that the unit has recorded; wanted: a text, None for the one on disk.
        """
        memory = f"live/{unit}"
        text = system.read_text(self.path) if wanted is None else wanted
        if text is None or (sha256(text.encode()) == started and not system.remembers(memory)):
            return None
        copy = system.read_text(self.copy)
        if copy is None or sha256(copy.encode()) != started:
            return None
        answer = system.call(self.call.adding(started=copy, wanted=text, memory=memory, apply=apply))
        return {"path": self.path, "digest": sha256(text.encode()), **answer}


def covered(state: Mapping[str, Any], path: str, digest: Optional[str]) -> bool:
    """Whether the process has this content of an input, or can take it as it runs. state: as `Service.read`. Pure."""
    live = state.get("live")
    return bool(live and live["path"] == path and live["digest"] == digest and not live["refused"])
