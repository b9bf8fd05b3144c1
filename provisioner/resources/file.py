"""A regular file with exact content, owner and mode."""

from __future__ import annotations

import base64
import stat
from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from .base import Resource, State, Texts, in_the_way, owned
from .digest import sha256
from .frozen import dataclass

# Text of at most this many bytes travels back for a diff; a larger file is compared by digest alone.
DIFF_LIMIT = 256 * 1024


@dataclass(frozen=True)
class File(Resource):
    """A file: `File("/etc/kafka/server.properties", text, owner="root", group="kafka", mode=0o640)`.

    template: the template it was rendered from, for messages. secret: its content is never shown, not even in a diff,
    and does not leave the host. open_names: of a secret file of settings, the names that hold none: a diff shows these,
    and where other lines differ, without their values.
    Written to a temporary file in the same directory, flushed to disk and renamed, so that a reader sees the old
    or the new content and never a half (and a full disk leaves the old file as it was).
    """

    UNSHOWN: ClassVar[Tuple[str, ...]] = ("content",)
    kind: ClassVar[str] = "file"
    path: str
    content: Optional[str]
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    template: str = ""
    secret: bool = False
    open_names: Tuple[str, ...] = ()
    digest: str = ""

    def __post_init__(self) -> None:
        if self.content is not None:
            object.__setattr__(self, "digest", sha256(self.content.encode()))

    @property
    def name(self) -> str:
        return self.path

    @property
    def place(self) -> str:
        return self.path

    def written(self) -> Dict[str, str]:
        return {} if self.content is None else {self.path: self.content}

    def texts(self, actual: Optional[Mapping[str, Any]], differs: Tuple[str, ...]) -> Optional[Texts]:
        if not {"digest", "type"} & set(differs):
            return None
        there = actual or {}
        hidden = "the file on the host is too large to show" if there.get("type") == "file" else ""
        hidden = "" if "content" in there else hidden
        return Texts(
            before=there.get("content", ""),
            after=self.content or "",
            before_name=f"{self.path} (on the host)" if there else "/dev/null",
            after_name=f"{self.path} ({self.template})" if self.template else self.path,
            hidden="content not shown: it is secret" if self.secret and not self.open_names else hidden,
            open_names=self.open_names or None,
        )

    def described(self) -> Tuple[str, List[Dict[str, Any]]]:
        place = owned(self.path, self.owner, self.group, self.mode)
        return "files", [{**place, "content": self.content, "template": self.template}]

    def expected(self) -> State:
        return {"type": "file", "digest": self.digest, "owner": self.owner, "group": self.group, "mode": self.mode}

    def wire(self, content: bool) -> dict[str, Any]:
        data = super().wire(content)
        # On the host, a secret file is one whose text stays there.
        data["secret"] = not data.pop("open_names") and self.secret
        data["content"] = base64.b64encode((self.content or "").encode()).decode() if content else None
        return data

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> File:
        content = data.get("content")
        text = None if content is None else base64.b64decode(content).decode()
        return cls(**{**{k: v for k, v in data.items() if k != "kind"}, "content": text})

    def read(self, system: Any) -> Optional[State]:
        state: Optional[State] = system.path_state(self.path)
        if state is not None and state["type"] == "directory":
            raise in_the_way(self.path, state, "file")
        if state is None or state["type"] != "file":
            return state
        data = system.read_bytes(self.path)
        state["digest"] = sha256(data)
        if state["digest"] != self.digest and not self.secret and len(data) <= DIFF_LIMIT:
            state["content"] = data.decode("utf-8", "replace")
        return state

    def present(self, system: Any) -> list[str]:
        state = system.path_state(self.path)
        return [self.path] if state is not None and state["type"] != "directory" else []

    def remove(self, system: Any) -> str:
        for path in self.present(system):
            system.remove(path)
        return ""

    def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
        if actual is not None and actual["type"] != "file":
            system.remove(self.path)
        # Also where only its owner or mode differ: what is at the path by now may be another name of a file of root's.
        assert self.content is not None
        system.write(self.path, self.content.encode(), self.owner, self.group, stat.S_IMODE(self.mode))
