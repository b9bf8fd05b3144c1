"""A package of the operating system."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Optional, Tuple

from .base import Resource, State
from .frozen import dataclass


@dataclass(frozen=True)
class Package(Resource):
    """An installed package: `Package("openjdk-17-jre-headless")`. Its version is the distribution's business."""

    kind: ClassVar[str] = "package"
    package: str

    @property
    def name(self) -> str:
        return self.package

    def described(self) -> Tuple[str, List[Dict[str, Any]]]:
        return "packages", [{"name": self.package}]

    def expected(self) -> State:
        return {"installed": True}

    def read(self, system: Any) -> Optional[State]:
        state: Optional[State] = system.package_state(self.package)
        return state

    def present(self, system: Any) -> list[str]:
        return []  # others may use it by now: it is the distribution's, and stays

    def remove(self, system: Any) -> str:
        return f"the package {self.package} stays: others may use it" if self.read(system) else ""

    def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
        system.install(self.package)
