"""The table of what may be called about certificates on a host: as `cluster/remote.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.remote import ByBroker
from provisioner.resources import Request


def look(nodes: Mapping[str, Mapping[str, Any]]) -> Request:
    """The certificates of a host's nodes, on disk and as they are shown: `certificates.onhost.look`. nodes {unit:
    {path, trust, doors}}."""
    return Request("cluster.certificates.onhost", "look", {"nodes": {unit: dict(one) for unit, one in nodes.items()}})


def reload_broker(
    broker: int, *, unit: str, log_file: str, path: str, doors: Mapping[str, str], said: str, lasting: int
) -> ByBroker:
    """Whether a broker shows the certificate on disk, and letting it: `certificates.reload.broker`."""
    args = {"broker": broker, "unit": unit, "log_file": log_file, "path": path, "doors": dict(doors)}
    return ByBroker("cluster.certificates.reload", "broker", {**args, "said": said, "lasting": lasting})


def reload_server(*, unit: str, log_file: str, path: str, doors: Mapping[str, str]) -> Request:
    """The same of a ZooKeeper server: `certificates.reload.server`."""
    args = {"unit": unit, "log_file": log_file, "path": path, "doors": dict(doors)}
    return Request("cluster.certificates.reload", "server", args)
