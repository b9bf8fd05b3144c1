"""A change that takes several rolling restarts: its stages, each of which the nodes of the one before and of the one
after can live with.

Where a cluster stands is read from what runs, never remembered: a run that was cut off anywhere is finished by the next
one, and one with another goal turns back from there.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, cast

from provisioner.inventory.model import Inventory
from provisioner.run.evidence import Objection


class Stage(NamedTuple):
    """One of them. what: it does, as a sentence; variables: of all hosts until the next one, beside their own; rolls:
    whether services that clients use restart in it."""

    what: str
    variables: Mapping[str, Any]
    rolls: bool = True


class Way(NamedTuple):
    """From what runs to what the inventory says. what: changes, in a line; stages: in their order, the last of them is
    the inventory's own; objections: against going it."""

    what: str
    stages: tuple[Stage, ...]
    objections: tuple[Objection, ...] = ()

    def heading(self, number: int) -> str:
        """Where a run stands. number: of the stage, from 0."""
        return f"Step {number + 1} of {len(self.stages)}: {self.stages[number].what}"

    @property
    def rolls(self) -> int:
        """How many rolling restarts it takes."""
        return sum(stage.rolls for stage in self.stages)

    def lines(self) -> list[str]:
        """The whole of it, as a plan shows it."""
        how = "1 rolling restart" if self.rolls == 1 else f"{self.rolls} rolling restarts, one after the other"
        return [f"{self.what}: {how}", *(f"  {n}. {stage.what}" for n, stage in enumerate(self.stages, 1))]


def to_go(present: set[int], goal: int) -> list[int]:
    """The positions that a cluster has still to reach, the last of them is the goal; none where it is there. present:
    where its nodes are, as they run and as their files say: neighbours where a run was cut off, and then the first
    thing is to bring all to the one of them that is nearer to the goal. Pure."""
    if not present or present == {goal}:
        return []
    up = max(present) <= goal
    return list(range(min(present) + 1, goal + 1) if up else range(max(present) - 1, goal - 1, -1))


def at(inventory: Inventory, stage: Stage) -> Inventory:
    """An inventory as it is during a stage."""
    hosts = {
        # A variable that cannot be rendered is an error only when it is asked for, here too.
        name: replace(host, vars=ChainMap(dict(stage.variables), cast("dict[str, Any]", host.vars)))
        for name, host in inventory.hosts.items()
    }
    return replace(inventory, hosts=hosts)
