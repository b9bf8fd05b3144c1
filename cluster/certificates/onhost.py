"""The certificates of a host's nodes: those on its disk, and those that its processes show. Runs on the host.

A process goes on with what it has read, so the two differ between a renewal and its restart.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict

from cluster.endpoint import Endpoint
from provisioner.agent.files import text_of

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """args: nodes {unit: {path (of the key with its certificate), trust (of the authority's), doors {listener: where it
    is asked here, as `Endpoint.parse` takes it}}}.

    Returns {unit: {certificate, trusted: PEM, "" where there is none; doors {listener: {shown: PEM, "" without an
    answer; why: there is none}}}}. Keys stay where they are."""
    return {
        unit: {
            "certificate": _certificate(one["path"]),
            "trusted": _certificate(one["trust"]),
            "doors": {name: _shown(place) for name, place in one["doors"].items()},
        }
        for unit, one in args["nodes"].items()
    }


def _certificate(path: str) -> str:
    """The first certificate of a file, without anything else that is in it."""
    found = _BLOCK.search(text_of(path))
    return f"{found[0]}\n" if found else ""


def _shown(place: str) -> Dict[str, str]:
    try:
        return {"shown": Endpoint.parse(place).shown(), "why": ""}
    except OSError as error:
        return {"shown": "", "why": error.strerror or str(error)}
