"""The host's users and groups, each looked up once until something changes them."""

from __future__ import annotations

import grp
import pwd
from typing import Any, Dict, Optional, Tuple

from .failure import Failure


class Users:
    """Names and numbers of users and groups."""

    def __init__(self) -> None:
        self._users: Dict[int, str] = {}
        self._groups: Dict[int, str] = {}

    def user(self, uid: int) -> str:
        """The name of a user, the number itself where there is no such user."""
        if uid not in self._users:
            try:
                self._users[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                self._users[uid] = str(uid)
        return self._users[uid]

    def group(self, gid: int) -> str:
        """The name of a group, the number itself where there is no such group."""
        if gid not in self._groups:
            try:
                self._groups[gid] = grp.getgrgid(gid).gr_name
            except KeyError:
                self._groups[gid] = str(gid)
        return self._groups[gid]

    def ids(self, owner: str, group: str) -> Tuple[int, int]:
        """The numbers of a user and a group. Raises Failure when there is no such."""
        try:
            return pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
        except KeyError as error:
            raise Failure(f"no such user or group: {owner}:{group}") from error

    def state(self, login: str) -> Optional[Dict[str, Any]]:
        """{group, home, shell, uid} of a user, None when there is none."""
        try:
            found = pwd.getpwnam(login)
        except KeyError:
            return None
        return {"group": self.group(found.pw_gid), "home": found.pw_dir, "shell": found.pw_shell, "uid": found.pw_uid}

    def group_number(self, name: str) -> Optional[int]:
        """The gid of a group, None when there is none."""
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            return None

    def forget(self) -> None:
        """Look names up again: users or groups have changed."""
        self._users.clear()
        self._groups.clear()
