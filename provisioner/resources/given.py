"""A private key with its certificate that comes from a file of the control machine."""

from __future__ import annotations

from typing import Any, ClassVar, Optional

from .base import State
from .credential import above
from .file import File
from .frozen import dataclass

NOTE = "# Given to a deploy, which does not renew it.\n"


@dataclass(frozen=True)
class Given(File):
    """A file whose content is secret, and which says above it when the certificate in it ends: whoever asks for its
    state learns that as `until`, seconds since 1970, 0 where it does not say. content: as `with_heading` makes it, None
    where it is not at hand."""

    kind: ClassVar[str] = "given"

    def read(self, system: Any) -> Optional[State]:
        state = super().read(system)
        if state is not None and state["type"] == "file":
            said, _ = above(system.read_text(self.path) or "")
            state["until"] = int(said.get("until", "0"))
        return state


def with_heading(text: str, until: int, name: str) -> str:
    """The content of such a file. name: by which whoever is on the host itself may verify the certificate."""
    return f"{NOTE}# until: {until}\n# name: {name}\n{text}"
