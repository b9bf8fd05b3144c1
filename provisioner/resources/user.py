"""A system user that a service runs as."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Optional, Tuple

from .base import Resource, State
from .frozen import dataclass


@dataclass(frozen=True)
class User(Resource):
    """A system user without a login shell, with a group of its own name: `User("kafka", home="/var/lib/kafka")`."""

    kind: ClassVar[str] = "user"
    login: str
    home: str = "/nonexistent"
    shell: str = "/usr/sbin/nologin"

    @property
    def name(self) -> str:
        return self.login

    @property
    def stays(self) -> bool:
        # A number that is free is given to the next user that some package makes, and that user would own the data.
        return True

    @property
    def called(self) -> str:
        return f"the user {self.login}"

    def described(self) -> Tuple[str, List[Dict[str, Any]]]:
        return "users", [{"name": self.login, "home": self.home, "shell": self.shell}]

    def expected(self) -> State:
        return {"group": self.login, "home": self.home, "shell": self.shell}

    def read(self, system: Any) -> Optional[State]:
        state: Optional[State] = system.user_state(self.login)
        return state

    def present(self, system: Any) -> list[str]:
        return [f"user {self.login}"] if self.read(system) is not None else []

    def remove(self, system: Any) -> str:
        if self.read(system) is not None:
            system.run(["userdel", self.login])
            system.forget_users()
        system.remove_group(self.login)
        return ""

    def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
        if actual is None or "group" in differs:
            system.ensure_group(self.login)
        common = ["--home-dir" if actual is None else "--home", self.home, "--shell", self.shell, "--gid", self.login]
        if actual is None:
            system.run(["useradd", "--system", "--no-create-home", *common, self.login])
        else:
            system.run(["usermod", *common, self.login])
        system.forget_users()
