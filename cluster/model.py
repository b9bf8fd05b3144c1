"""What a cluster consists of, in one shape each: between host and control side, and on both of them.

`to_wire` and `from_wire` are the JSON of it. Every run imports this on the host, where `frozen` stands in for
`dataclasses`.
"""

from __future__ import annotations

from typing import Any, Optional

from cluster.endpoint import Endpoint
from provisioner.resources.frozen import dataclass


@dataclass(frozen=True)
class Broker:
    """A registered broker, and where it says that it listens."""

    id: int
    endpoint: Endpoint
    rack: Optional[str] = None

    def to_wire(self) -> dict[str, Any]:
        """{host, port, rack}."""
        return {"host": self.endpoint.host, "port": self.endpoint.port, "rack": self.rack}
