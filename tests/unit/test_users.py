"""Users and groups that were on a host before us are used as they are, and stay; ours are repaired, and removed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from provisioner.agent.failure import Failure
from provisioner.agent.system import System
from provisioner.resources import User, differing


class Accounts(System):
    """Users and groups that only this test knows: {name: (number, ...)}."""

    def __init__(self, state: Path, users: dict[str, dict[str, Any]], groups: dict[str, int]) -> None:
        super().__init__(emit=lambda event: None, state=str(state))
        self.known, self.groups = users, groups
        self.ran: list[str] = []
        self.users: Any = self

    def user_state(self, login):
        return dict(self.known[login]) if login in self.known else None

    def group_number(self, name):
        return self.groups.get(name)

    def user(self, number):
        return next(name for name, about in self.known.items() if about["uid"] == number)

    def group(self, number):
        return next(name for name, gid in self.groups.items() if gid == number)

    def ids(self, owner, group):
        return os.getuid(), os.getgid()

    def forget(self, name=None):
        return super().forget(name) if name else None

    def run(self, argv, timeout=120):
        self.ran.append(" ".join(argv))
        name = argv[-1]
        if argv[0] == "useradd":
            self.known[name] = {"uid": 900, "group": argv[-2], "home": argv[argv.index("--home-dir") + 1]}
            self.known[name]["shell"] = argv[argv.index("--shell") + 1]
        elif argv[0] == "usermod":
            self.known[name].update(dict(zip((word.strip("-") for word in argv[1:-1:2]), argv[2:-1:2], strict=True)))
            self.known[name]["group"] = self.known[name].pop("gid", self.known[name]["group"])
        elif argv[0] == "groupadd":
            self.groups[name] = 901
        elif argv[0] == "userdel":
            del self.known[name]
        elif argv[0] == "groupdel":
            del self.groups[name]
        return ""


KAFKA = User("kafka", home="/var/lib/kafka")
OTHER = {"uid": 1000, "group": "staff", "home": "/home/kafka", "shell": "/bin/bash"}


def brought(system: Accounts) -> list[str]:
    """The commands that a deploy runs for the user."""
    system.ran.clear()
    actual = KAFKA.read(system)
    differs = differing(KAFKA.expected(), actual)
    if differs:
        KAFKA.fix(system, actual, differs)
        assert differing(KAFKA.expected(), KAFKA.read(system)) == ()
    return [command.split()[0] for command in system.ran]


@pytest.mark.parametrize(
    ("users", "groups", "commands", "left_users", "left_groups", "said"),
    [
        ({}, {}, ["groupadd", "useradd"], set(), set(), ""),
        ({}, {"kafka": 50}, ["useradd"], set(), {"kafka"}, "the group kafka stays"),
        ({"kafka": OTHER}, {"staff": 50}, ["groupadd"], {"kafka"}, {"staff"}, "the user kafka stays"),
        (
            {"kafka": OTHER},
            {"staff": 50, "kafka": 51},
            [],
            {"kafka"},
            {"staff", "kafka"},
            "the user kafka and the group kafka stay: no deploy is on record as having made them",
        ),
    ],
)
def test_users_and_groups_that_were_there_are_used_as_they_are_and_stay(
    tmp_path, users, groups, commands, left_users, left_groups, said
):
    system = Accounts(tmp_path / "state", {name: dict(about) for name, about in users.items()}, dict(groups))
    assert brought(system) == commands and brought(system) == []
    for name, about in users.items():
        assert system.known[name] == about
    assert said in KAFKA.remove(system)
    assert set(system.known) == left_users and set(system.groups) == left_groups
    assert KAFKA.present(system) == []


def test_a_user_of_ours_is_repaired_and_its_group_stays_when_it_is_not(tmp_path):
    system = Accounts(tmp_path / "state", {}, {"kafka": 50})
    brought(system)
    system.known["kafka"].update(shell="/bin/bash", group="staff")
    assert brought(system) == ["usermod"] and system.known["kafka"]["shell"] == KAFKA.shell
    assert KAFKA.present(system) == ["user kafka"]
    system.ran.clear()
    KAFKA.remove(system)
    assert system.ran == ["usermod --gid nogroup kafka", "userdel kafka"]


def test_users_of_a_host_from_before_the_record_are_not_touched(tmp_path):
    was = {"uid": 900, "group": "kafka", "home": "/elsewhere", "shell": "/bin/sh"}
    system = Accounts(tmp_path / "state", {"kafka": dict(was)}, {"kafka": 901})
    assert brought(system) == [] and KAFKA.present(system) == [] and "stay" in KAFKA.remove(system)
    assert system.known == {"kafka": was}


@pytest.mark.parametrize(
    ("users", "groups", "said"),
    [
        ({"kafka": {**OTHER, "uid": 0}}, {"kafka": 5}, "the user kafka has uid 0, the rights of root"),
        ({}, {"kafka": 0}, "the group kafka has gid 0, the rights of root"),
        ({"bob": OTHER, "kafka": OTHER}, {"kafka": 5}, "the users kafka and bob have the same uid, 1000"),
        ({}, {"staff": 5, "kafka": 5}, "the groups kafka and staff have the same gid, 5"),
    ],
)
def test_users_and_groups_that_cannot_work_are_refused(tmp_path, users, groups, said):
    with pytest.raises(Failure) as caught:
        KAFKA.read(Accounts(tmp_path / "state", users, groups))
    assert caught.value.summary.startswith(said) and caught.value.advice
