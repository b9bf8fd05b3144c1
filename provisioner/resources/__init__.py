"""The kinds of resource, one file each. Importing this package registers them all."""

from __future__ import annotations

from .archive import Archive
from .base import KINDS, Call, Resource, differing, from_wire
from .derived import Derived
from .digest import sha256
from .directory import Directory
from .file import File
from .link import Link, Links
from .live import Live
from .package import Package
from .service import Service
from .sysctl import Sysctl
from .user import User

__all__ = [
    "KINDS",
    "Archive",
    "Call",
    "Derived",
    "Directory",
    "File",
    "Link",
    "Links",
    "Live",
    "Package",
    "Resource",
    "Service",
    "Sysctl",
    "User",
    "differing",
    "from_wire",
    "sha256",
]
