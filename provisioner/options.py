"""What the command line has chosen for a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """The command line's choices. cache: where artifacts and the built agent are kept on this machine."""

    check: bool = False
    diff: bool = False
    limit: str | None = None
    tags: tuple[str, ...] = ()
    smoke: bool = True
    yes: bool = False
    restart: bool = True
    accept_downtime: bool = False
    accept_new_host_keys: bool = False
    become_password: str | None = None
    root: Path = field(default_factory=Path.cwd)
    cache: Path = field(default_factory=Path.cwd)
