"""The certificates of a host's nodes: those on its disk, and those that its processes show. Runs on the host.

A process goes on with what it has read, so the two differ between a renewal and its restart.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, List

from cluster.endpoint import Endpoint
from provisioner.agent.files import text_of

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """args: nodes {unit: {path (of the key with its certificate), trust (of what is trusted), doors {listener: where it
    is asked here, as `Endpoint.parse` takes it}}}.

    Returns {unit: {certificate, trusted: PEM, all of the latter, "" where there is none; doors {listener: {shown: PEM,
    "" without an answer; why: there is none}}}}. Keys stay where they are."""
    return {
        unit: {
            "certificate": next(iter(_certificates(one["path"])), ""),
            "trusted": "".join(_certificates(one["trust"])),
            "doors": {name: _shown(place) for name, place in one["doors"].items()},
        }
        for unit, one in args["nodes"].items()
    }


def _certificates(path: str) -> List[str]:
    """The certificates of a file, without anything else that is in it."""
    return [f"{found}\n" for found in _BLOCK.findall(text_of(path))]


def _shown(place: str) -> Dict[str, str]:
    try:
        return {"shown": Endpoint.parse(place).shown(), "why": ""}
    except OSError as error:
        return {"shown": "", "why": error.strerror or str(error)}
