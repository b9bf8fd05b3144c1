"""What the engine needs of the roles; `roles/site.py` has the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from provisioner.connect import opening

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.errors import ProvisionerError
    from provisioner.inventory.model import Inventory
    from provisioner.report.reporter import Reporter
    from provisioner.resources import Request, Resource
    from provisioner.run import rolling
    from provisioner.run.evidence import Agreed, Objection, Witness
    from provisioner.run.plan import HostPlan
    from provisioner.run.preflight import Needs
    from provisioner.run.stages import Way
    from provisioner.run.target import Target


class Role(Protocol):
    """What the engine needs of a role; `roles/site.py` has the real ones."""

    @property
    def name(self) -> str: ...
    def needs(self, target: Target) -> Needs: ...
    def resources(self, target: Target) -> list[Resource]: ...


class Site(opening.Site, Protocol):
    """What the engine needs of the whole of the roles. SERVICES: all units, in the order in which they start."""

    SERVICES: Sequence[str]

    def load(self, inventory: Inventory) -> None: ...
    def roles_for(self, groups: Iterable[str], tags: Iterable[str] = ()) -> Sequence[Role]: ...
    def warnings(self, inventory: Inventory) -> list[str]: ...
    def objections(self, target: Target, plan: HostPlan, call: Call) -> list[ProvisionerError]: ...
    def questions(self, target: Target, tags: Iterable[str] = ()) -> Mapping[str, Request]: ...
    def beside(self, target: Target, tags: Iterable[str] = ()) -> list[str]: ...
    def judge(self, witnesses: Sequence[Witness], call: Call, agreed: Agreed) -> list[Objection]: ...
    def way(self, witnesses: Sequence[Witness], call: Call) -> Way | None: ...
    def complete(self, witnesses: Sequence[Witness], call: Call) -> Mapping[str, Sequence[Resource]]: ...
    def downtime(
        self, targets: Sequence[Target], restarts: Sequence[tuple[str, str]], call: Call, say: rolling.Say
    ) -> list[str]: ...
    def gate(self, unit: str, targets: Mapping[str, Target], call: Call, say: rolling.Say) -> rolling.Gate: ...
    def contents(
        self,
        call: Call,
        targets: Sequence[Target],
        reporter: Reporter,
        tags: Sequence[str],
        check: bool,
    ) -> Mapping[str, tuple[int, int]]: ...
    def before_restarts(
        self, call: Call, targets: Sequence[Target], reporter: Reporter
    ) -> Mapping[str, tuple[int, int]]: ...
    def verify(self, call: Call, targets: Sequence[Target], reporter: Reporter) -> None: ...
    def next_steps(self, targets: Sequence[Target]) -> list[str]: ...
