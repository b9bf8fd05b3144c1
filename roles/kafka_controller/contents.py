"""What the controllers hold and the inventory lists: the voters of their quorum; and their end, where a migration from
ZooKeeper is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from roles.kafka import voters
from roles.shared import kraft

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.report.reporter import Reporter
    from provisioner.run.target import Target


def contents(call: Call, targets: Sequence[Target], reporter: Reporter, check: bool) -> dict[str, tuple[int, int]]:
    """As `roles/kafka/voters.py`; targets: the hosts of this run with a controller of its own."""
    if _back(targets):
        return _removed(call, targets, reporter, check)
    return voters.contents(call, targets, reporter, check, kraft.OWN_UNIT)


def before_restarts(call: Call, targets: Sequence[Target], reporter: Reporter) -> dict[str, tuple[int, int]]:
    """New controllers get their vote before others go down, as `voters.before_restarts`; or they go, before brokers
    restart that are to be without them."""
    if _back(targets):
        return _removed(call, targets, reporter, False)
    return voters.before_restarts(call, targets, reporter, kraft.OWN_UNIT)


def _back(targets: Sequence[Target]) -> bool:
    return kraft.migration(targets[0].members) == kraft.BACK


def _removed(call: Call, targets: Sequence[Target], reporter: Reporter, check: bool) -> dict[str, tuple[int, int]]:
    from roles.kafka import migration_back

    return migration_back.remove_controllers(call, targets, reporter, check)
