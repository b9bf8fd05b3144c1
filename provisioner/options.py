"""What the command line has chosen for a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """The command line's choices. agreed {flag: names given with it}: what it permits although the hosts contradict it
    (`run/evidence.py`). root: of the project; cache: where artifacts and the built agent are kept on this machine."""

    root: Path
    cache: Path
    check: bool = False
    diff: bool = False
    limit: str | None = None
    tags: tuple[str, ...] = ()
    smoke: bool = True
    yes: bool = False
    restart: bool = True
    accept_downtime: bool = False
    agreed: Mapping[str, Collection[str]] = field(default_factory=dict)
    accept_new_host_keys: bool = False
    become_password: str | None = field(default=None, repr=False)
