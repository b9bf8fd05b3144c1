"""Foreseeable problems of a KRaft quorum as `doctor` shows them, of nodes of either unit. Rules and words are in
`cluster/metadata/kraft/view.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cluster.metadata.kraft import view
from roles.doctor import Finding
from roles.shared import kraft

if TYPE_CHECKING:
    from provisioner.run.evidence import Witness


def bootstrap(witness: Witness, unit: str) -> Iterator[Finding]:
    """A node whose list of controllers misses one of the inventory, as it runs. unit: the node's."""
    listed = witness.said[unit]["bootstrap"]
    if listed:
        controllers = kraft.named(kraft.controllers(witness.target.members))
        missing = view.lacking(listed, {name: one.place for name, one in controllers.items()})
        yield from _findings(view.incomplete({unit: missing}))


def quorum(found: Mapping[str, Any] | None) -> Iterator[Finding]:
    """What will be a problem of the quorum. found: as `view.document`, None where there is none."""
    if found:
        yield from _findings(view.advice(found))


def on_the_way(settings: Mapping[str, str]) -> Iterator[Finding]:
    """A migration from ZooKeeper that has not come to its end. settings: a controller's. Pure."""
    if settings.get(kraft.MIGRATES) == "true":
        yield Finding(
            "the migration from ZooKeeper has not come to its end: it needs ZooKeeper and controllers until then",
            "`invoke status` shows where it stands and what is next; the step before takes it back",
        )


def _findings(advice: Iterator[view.Advice]) -> Iterator[Finding]:
    return (Finding(one.what, one.fix) for one in advice)
