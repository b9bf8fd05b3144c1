"""An unpacked archive: a distribution in a versioned directory of its own."""

from __future__ import annotations

import json
import os
import re
from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from ..agent import trees
from ..agent.failure import Failure
from ..agent.record import altered
from ..words import some
from .base import Resource, State, in_the_way
from .digest import short
from .frozen import dataclass

MARKER = ".provisioned"


def record_of(path: str) -> str:
    """Under which name the host remembers what was unpacked to `path`."""
    return f"archives/{short(path)}.json"


def versions(path: str, system: Any) -> List[str]:
    """Directories beside this one that an archive was unpacked to: this version's, and earlier ones' of this product,
    which stay after an update; and an unpacking that was cut off."""
    folder, name = os.path.split(path)
    product = re.split(r"[_-]\d", name)[0]
    ours = [one for one in trees.directories(folder) if re.split(r"[_-]\d", os.path.basename(one))[0] == product]
    return [
        one
        for one in ours
        if system.path_state(f"{one}/{MARKER}") or system.remembers(record_of(one)) or one == f"{path}.unpacking~"
    ]


@dataclass(frozen=True)
class Archive(Resource):
    """An archive unpacked to `path`, which then holds that archive's files (and whatever was added beside them).

    source: where it comes from (control machine only; see `artifacts.Source`). identity: the source's content identity,
    known without downloading. strip: leading path components to drop. The payload is pushed to the host's cache under
    its sha256 before the fix. After unpacking, size, time stamps and inode of every file are recorded: a file that
    was touched since then is found by one lstat each, without hashing tens of megabytes on every run.
    """

    kind: ClassVar[str] = "archive"
    takes_along: ClassVar[bool] = True
    path: str
    source: Any = None
    strip: int = 0
    identity: str = ""
    label: str = ""
    payload: str = ""

    def __post_init__(self) -> None:
        if self.source is not None:
            object.__setattr__(self, "identity", self.source.id)
            object.__setattr__(self, "label", self.source.label)

    @property
    def name(self) -> str:
        return self.path

    @property
    def marker(self) -> str:
        """The file that says which archive this directory holds; services name it among their inputs."""
        return f"{self.path}/{MARKER}"

    @property
    def marker_text(self) -> str:
        return f"{self.identity}\n"

    @property
    def place(self) -> str:
        return self.path

    @property
    def note_when_absent(self) -> str:
        return self.label

    @property
    def payload_source(self) -> Any:
        return self.source

    def written(self) -> Dict[str, str]:
        return {self.marker: self.marker_text}

    def described(self) -> Tuple[str, List[Dict[str, Any]]]:
        return "archives", [{"path": self.path, "marker": self.marker, "identity": self.marker_text}]

    def expected(self) -> State:
        return {"identity": self.identity, "altered": [], "owner": "root", "mode": 0o755}

    def wire(self, content: bool) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "path": self.path,
            "strip": self.strip,
            "identity": self.identity,
            "label": self.label,
            "payload": self.payload,
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Archive:
        return cls(**{k: v for k, v in data.items() if k != "kind"})

    def read(self, system: Any) -> Optional[State]:
        state = system.path_state(self.path)
        if state is None:
            from ..agent.ground import require_ground

            require_ground(self.path)
            return None
        if state["type"] != "directory":
            raise in_the_way(self.path, state, "directory")
        marker = system.path_state(self.marker)
        identity = system.read_bytes(self.marker).decode("utf-8", "replace").strip() if marker else None
        recorded = system.recall(record_of(self.path))
        if marker is None and recorded is None and os.listdir(self.path):
            raise Failure(
                f"{self.path} holds files that no deploy has put there: {some(sorted(os.listdir(self.path)), 4)}",
                advice="move it away and deploy again; it is not removed for you because it is not known what it holds",
            )
        touched = ["(no record)"] if recorded is None else altered(self.path, json.loads(recorded))
        return {"identity": identity, "altered": touched, "owner": state["owner"], "mode": state["mode"]}

    def present(self, system: Any) -> list[str]:
        return versions(self.path, system)

    def remove(self, system: Any) -> str:
        import shutil

        for path in versions(self.path, system):
            shutil.rmtree(path)
            system.forget(record_of(path))
        return ""

    def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
        if actual is not None:
            system.make_directory(self.path, "root", "root", 0o755)
        if actual is not None and not {"identity", "altered"} & set(differs):
            return
        payload = system.cached(self.payload)
        if payload is None:
            raise Failure(f"the archive for {self.path} ({self.label}) has not arrived on the host")
        from ..agent import unpack

        before = json.loads(system.recall(record_of(self.path)) or "{}")
        record = unpack.unpack(payload, self.path, self.strip, (MARKER, self.marker_text), before)
        system.remember(record_of(self.path), json.dumps(record))
