"""What ZooKeeper is asked of a migration, and what it forgets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.metadata.zookeeper import migration as znodes
from cluster.metadata.zookeeper.znodes import NO_NODE, ZooKeeperError
from provisioner.agent.failure import Failure


class Tree:
    """A session with a ZooKeeper that holds these znodes."""

    def __init__(self, **held: Any) -> None:
        self.held = {f"/{name.replace('__', '/')}": value for name, value in held.items()}
        self.deleted: list[str] = []

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get(self, path: str) -> tuple[bytes, int]:
        return json.dumps(self._of(path)).encode(), 0

    def created(self, path: str) -> float:
        return 1000.0 if self._of(path) else 0.0

    def children(self, path: str) -> list[str]:
        return [f"{path}/{one}" for one in self._of(path)]

    def delete(self, path: str, version: int) -> None:
        self._of(path)
        self.deleted.append(path)
        del self.held[path]

    def _of(self, path: str) -> Any:
        if path not in self.held:
            raise ZooKeeperError(NO_NODE, "no such node")
        return self.held[path]


BY_BROKER = {"version": 2, "brokerid": 1, "kraftControllerEpoch": -1}
BY_CONTROLLER = {"version": 2, "brokerid": 101, "kraftControllerEpoch": 4}
PLACE = {"connect": "zk1:2181,zk2:2181", "protocol": "PLAINTEXT"}


def asked(monkeypatch: pytest.MonkeyPatch, tree: Tree) -> None:
    monkeypatch.setattr(znodes, "connected", lambda servers, protocol: tree)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (Tree(), (None, False, None, [])),
        (Tree(controller=BY_BROKER, brokers__ids=["2", "1"]), (1, False, None, [1, 2])),
        (Tree(controller={"version": 1, "brokerid": 1}, migration={"kraft_metadata_offset": -1}), (1, False, -1, [])),
        (Tree(controller=BY_CONTROLLER, migration={"kraft_metadata_offset": 412}), (101, True, 412, [])),
    ],
)
def test_zookeeper_says_who_leads_and_how_far_its_metadata_was_copied(monkeypatch, tree: Tree, expected: Any):
    asked(monkeypatch, tree)
    found = znodes.look(PLACE, lambda event: None)
    assert found["answers"]
    assert (found["controller"], found["kraft"], found["offset"], found["brokers"]) == expected


def test_zookeeper_below_a_chroot_and_one_that_is_silent(monkeypatch):
    tree = Tree()
    tree.held = {"/a/b/controller": BY_CONTROLLER}
    asked(monkeypatch, tree)
    assert znodes.look({**PLACE, "connect": "zk1:2181/a/b"}, lambda event: None)["controller"] == 101

    def refused(servers: list[str], protocol: str) -> Tree:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(znodes, "connected", refused)
    found = znodes.look(PLACE, lambda event: None)
    assert not found["answers"] and "refused" in found["why"]
    with pytest.raises(Failure, match="cannot delete what controllers have left in ZooKeeper"):
        znodes.forget(PLACE, lambda event: None)


@pytest.mark.parametrize(
    ("tree", "deleted"),
    [
        (Tree(controller=BY_CONTROLLER, migration={"kraft_metadata_offset": 412}), ["/controller", "/migration"]),
        (Tree(controller=BY_BROKER, migration={"kraft_metadata_offset": -1}), ["/migration"]),
        (Tree(controller=BY_BROKER), []),  # whom the brokers have elected stays
        (Tree(), []),
    ],
)
def test_zookeeper_forgets_controllers_and_never_a_broker(monkeypatch, tree: Tree, deleted: list[str]):
    asked(monkeypatch, tree)
    assert znodes.forget(PLACE, lambda event: None) == {"deleted": deleted} and tree.deleted == deleted
