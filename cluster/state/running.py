"""The version that a running broker was started with, whatever was unpacked, linked or written since."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Any, Optional

from cluster.settings.properties import parse
from provisioner.agent import process, units
from provisioner.agent.files import text_of

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

_PLACE = re.compile(r"/kafka_[0-9.]+-([^/]+)/")


def look(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Ask the process. args: unit; started: the copy of the server.properties that it was started with; link: leads to
    the version that is installed.

    Returns version (None when it does not run, or from an unknown place), protocol (its
    inter.broker.protocol.version; None where that is not set) and since (when the link was made, seconds since 1970;
    None where there is none, or it does not run).
    """
    state = units.show((args["unit"],))[args["unit"]]
    if not state or not state["pid"]:
        return {"version": None, "protocol": None, "since": None}
    settings = parse(text_of(args["started"]))
    since = None
    with contextlib.suppress(OSError):
        since = os.lstat(args["link"]).st_mtime
    return {
        "version": version_in(process.of(state["pid"])["classpath"]),
        "protocol": settings.get("inter.broker.protocol.version"),
        "since": since,
    }


def version_in(classpath: str) -> Optional[str]:
    """3.9.2 of /opt/kafka_2.13-3.9.2/libs/*; None for another kind of place. Pure."""
    found = _PLACE.search(classpath)
    return found[1] if found else None
