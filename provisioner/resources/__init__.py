"""The kinds of resource. Importing this package registers them all: a new kind is its own file and a line here."""

from __future__ import annotations

from .archive import Archive as Archive
from .base import KINDS as KINDS
from .base import Request as Request
from .base import Resource as Resource
from .base import differing as differing
from .base import from_wire as from_wire
from .credential import Credential as Credential
from .derived import Derived as Derived
from .digest import sha256 as sha256
from .directory import Directory as Directory
from .earlier import Earlier as Earlier
from .extract import Extract as Extract
from .file import File as File
from .given import Given as Given
from .gone import Gone as Gone
from .initial import Initial as Initial
from .link import Link as Link
from .link import Links as Links
from .live import Live as Live
from .package import Package as Package
from .reload import Reload as Reload
from .service import Service as Service
from .service import once as once
from .service import services_of as services_of
from .sysctl import Sysctl as Sysctl
from .user import User as User
