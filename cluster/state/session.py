"""Why a broker that is back does not serve yet: the controllers hold the session of its former process until that has
been silent for long enough, and take it for another broker with the same id (KAFKA-19047). Only its log says so.
"""

from __future__ import annotations

import os

from provisioner.agent import walk

REFUSED = "DUPLICATE_BROKER_REGISTRATION"  # ClusterControlManager.registerBroker
_WHO, _ABOUT = "[BrokerLifecycleManager ", "egister"  # who logs each try to register, and what all its lines have
MOST = 64 * 1024  # bytes; it logs a line or two a second while it waits


def waits(log: str) -> bool:
    """Whether the last try to register in this part of a server.log was refused because of an old session. Pure."""
    for line in reversed(log.splitlines()):
        if _WHO in line and _ABOUT in line:
            return REFUSED in line
    return False


def why(seconds: float) -> str:
    """The reason in words. seconds: how long the controllers hold a session. Pure."""
    return (
        "the controllers still hold its old session; they take it again after at most "
        f"{seconds:g} s (broker.session.timeout.ms)"
    )


def last_part(path: str) -> str:
    """The end of a log file; "" for one that cannot be read."""
    try:
        with os.fdopen(walk.opened(path), "rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - MOST, 0))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
