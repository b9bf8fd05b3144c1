"""What the controllers hold and the inventory lists: the voters of their quorum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from roles.kafka import voters

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.report.reporter import Reporter
    from provisioner.run.target import Target


def contents(call: Call, targets: Sequence[Target], reporter: Reporter, check: bool) -> dict[str, tuple[int, int]]:
    """As `roles/kafka/voters.py`; targets: the hosts of this run with a controller of its own."""
    return voters.contents(call, targets, reporter, check)
