"""Where the command is from, and where its user's inventories are.

Templates and roles come from the clone or the installed package. Inventories and invoke.yaml are the user's: those of
the nearest directory, from the current one upwards, that has an inventory/, as git finds a repository.
"""

from __future__ import annotations

import os
from pathlib import Path

from provisioner.inventory import naming

# Where templates/ and roles/ are: the clone, or the installed package, which has no pyproject.toml.
ROOT = Path(__file__).resolve().parent.parent
INSTALLED = not (ROOT / "pyproject.toml").is_file()
ROOT_USER = 0


def project() -> Path:
    """The directory with the user's inventory/: the nearest one; a clone's own where there is none."""
    return nearest(Path.cwd()) or (Path() if INSTALLED else ROOT)


def nearest(start: Path) -> Path | None:
    """The first directory from `start` upwards with inventories. Above `start` only those of this user and of root
    count: in /tmp, somebody else's inventory/ would say where to deploy."""
    for place in (start, *start.parents):
        try:
            ours = place == start or (place / naming.FOLDER).stat().st_uid in (ROOT_USER, os.getuid())
            if ours and naming.names(place):
                return place
        except OSError:
            continue
    return None
