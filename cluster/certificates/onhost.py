"""The certificates of a host's nodes: those on its disk, and those that its processes show. Runs on the host.

A process goes on with what it has read, so the two differ between a renewal and its restart.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, List

from cluster.endpoint import Endpoint
from provisioner.agent.files import text_of
from provisioner.resources.credential import above

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """args: nodes {unit: {path (of the key with its certificate), trust (of what is trusted), doors {listener: where it
    is asked here, as `Endpoint.parse` takes it}, said (where the unit keeps what stood above the key at its start, if
    connections to others go on with that)}}.

    Returns {unit: {certificate, trusted: PEM, all of the latter, "" where there is none; doors {listener: {shown: PEM,
    "" without an answer; why: there is none}}; started: the end of what the process was started with, seconds since
    1970, where it is said}}. Keys stay where they are."""
    return {unit: node(one) for unit, one in args["nodes"].items()}


def node(one: Dict[str, Any]) -> Dict[str, Any]:
    """One of them: arguments and answer as of `look`."""
    started = end(above(text_of(one["said"]))[0]) if one.get("said") else 0
    return {
        "certificate": next(iter(_certificates(one["path"])), ""),
        "trusted": "".join(_certificates(one["trust"])) if one["trust"] else "",
        "doors": {name: _shown(place) for name, place in one["doors"].items()},
        **({"started": started} if started else {}),
    }


def end(said: Dict[str, str]) -> int:
    """The end of a certificate by what stands above its key, seconds since 1970; 0 where that says none. A service can
    write where it is kept."""
    until = said.get("until", "")
    return int(until) if until.isascii() and until.isdigit() and len(until) < 12 else 0


def _certificates(path: str) -> List[str]:
    """The certificates of a file, without anything else that is in it."""
    return [f"{found}\n" for found in _BLOCK.findall(text_of(path))]


def _shown(place: str) -> Dict[str, str]:
    try:
        return {"shown": Endpoint.parse(place).shown(), "why": ""}
    except OSError as error:
        return {"shown": "", "why": error.strerror or str(error)}
