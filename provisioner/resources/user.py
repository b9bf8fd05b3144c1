"""A system user that a service runs as."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Optional, Tuple

from ..agent.failure import Failure
from .base import Resource, State
from .frozen import dataclass


@dataclass(frozen=True)
class User(Resource):
    """A system user without a login shell, with a group of its own name: `User("kafka", home="/var/lib/kafka")`.

    A user or group of that name that was there before is used as it is: never changed, never removed. Those that a
    deploy makes are on record (`users/` and `groups/` in the agent's memory); a host that an earlier version of the
    toolkit deployed has no record, and there they count as found.
    """

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
        """A user that no deploy has made is as it should be, if there is a group for the service."""
        state: Optional[State] = system.user_state(self.login)
        group: Optional[int] = system.group_number(self.login)
        self._require_usable(system, state, group)
        if state is None or self._made(system, "users"):
            return state
        return {**state, **self.expected(), "group": None if group is None else self.login}

    def _require_usable(self, system: Any, state: Optional[State], group: Optional[int]) -> None:
        """Raise Failure for a user or group with which the service cannot run, or must not."""
        for what, number, option in (("user", (state or {}).get("uid"), "uid"), ("group", group, "gid")):
            if number is None:
                continue
            if number == 0:
                raise Failure(
                    f"the {what} {self.login} has {option} 0, the rights of root",
                    advice=f"give it a {option} of its own, or remove it: a deploy makes one",
                )
            first = system.users.user(number) if what == "user" else system.users.group(number)
            if first != self.login:
                raise Failure(
                    f"the {what}s {self.login} and {first} have the same {option}, {number}",
                    advice=f"give {self.login} a {option} of its own: files of the service would belong to {first}",
                )

    def _made(self, system: Any, folder: str) -> bool:
        """Whether a deploy has made it. folder: "users" or "groups"."""
        return bool(system.remembers(f"{folder}/{self.login}"))

    def present(self, system: Any) -> list[str]:
        user = self._made(system, "users") and system.user_state(self.login) is not None
        group = self._made(system, "groups") and system.group_number(self.login) is not None
        return [f"user {self.login}"] if user else [f"group {self.login}"] if group else []

    def remove(self, system: Any) -> str:
        user, group = system.user_state(self.login), system.group_number(self.login)
        kept = []
        if user is not None and self._made(system, "users"):
            system.remove_user(self.login, keep_group=not self._made(system, "groups"))
        elif user is not None:
            kept.append("user")
        if group is not None and self._made(system, "groups"):
            system.remove_group(self.login)
        elif group is not None:
            kept.append("group")
        for folder in ("users", "groups"):
            system.forget(f"{folder}/{self.login}")
        what = " and the ".join(f"{one} {self.login}" for one in kept)
        stay, them = ("stay", "them") if kept[1:] else ("stays", "it")
        return f"the {what} {stay}: no deploy is on record as having made {them}" if kept else ""

    def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
        if (actual is None or "group" in differs) and system.group_number(self.login) is None:
            system.remember(f"groups/{self.login}", self.login)
            system.add_group(self.login)
        common = ["--shell", self.shell, "--gid", self.login]
        if actual is None:
            system.remember(f"users/{self.login}", self.login)
            system.run(["useradd", "--system", "--no-create-home", "--home-dir", self.home, *common, self.login])
        elif self._made(system, "users"):
            system.run(["usermod", "--home", self.home, *common, self.login])
        system.forget_users()
