"""The table of what may be called about certificates on a host: as `cluster/remote.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.resources import Request


def look(nodes: Mapping[str, Mapping[str, Any]]) -> Request:
    """The certificates of a host's nodes, on disk and as they are shown: `certificates.onhost.look`. nodes {unit:
    {path, trust, doors}}."""
    return Request("cluster.certificates.onhost", "look", {"nodes": {unit: dict(one) for unit, one in nodes.items()}})
