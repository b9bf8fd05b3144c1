"""Users and quotas of a Kafka that has no requests about them: what ZooKeeper keeps of them, and who may read it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import errors as kafka_errors

from cluster.metadata.zookeeper import znodes
from cluster.protocol.login import MECHANISM, SECOND
from cluster.users import in_zookeeper, look
from cluster.users.in_zookeeper import Entities
from roles.kafka import users
from tests.support import roles as support

USERS, CHANGES = "/config/users", "/config/changes"


class Tree:
    """Znodes in memory: {path: (data, version, rights)}. racing: how often somebody else writes just before us."""

    def __init__(self, users: Mapping[str, dict[str, str]] | None = None, root: str = "", racing: int = 0) -> None:
        self.racing, self.numbers = racing, 0
        self.nodes: dict[str, tuple[bytes, int, tuple[znodes.Right, ...]]] = {}
        for name, config in (users or {}).items():
            self.nodes[f"{root}{USERS}/{name}"] = (in_zookeeper.written(config), 0, ())

    def __exit__(self, *_: object) -> None: ...

    def children(self, path: str) -> list[str]:
        return [one for one in self.nodes if one.startswith(f"{path}/")]

    def get(self, path: str) -> tuple[bytes, int]:
        if path not in self.nodes:
            raise znodes.ZooKeeperError(znodes.NO_NODE, "no such node")
        return self.nodes[path][:2]

    def set(self, path: str, data: bytes, version: int) -> None:
        there, now, rights = self.nodes[path]
        if self.racing:
            self.racing -= 1
            config = {**in_zookeeper.parsed(there), "by": "another"}
            there, now = in_zookeeper.written(config), now + 1
            self.nodes[path] = (there, now, rights)
        if version != now:
            raise znodes.ZooKeeperError(znodes.CHANGED, "changed meanwhile")
        self.nodes[path] = (data, now + 1, rights)

    def create(self, path: str, data: bytes, rights: list[znodes.Right], numbered: bool = False) -> None:
        if numbered:
            path, self.numbers = f"{path}{self.numbers:010}", self.numbers + 1
        if path in self.nodes:
            raise znodes.ZooKeeperError(znodes.EXISTS, "exists already")
        self.nodes[path] = (data, 0, tuple(rights))

    def user(self, name: str, root: str = "") -> dict[str, str]:
        return in_zookeeper.parsed(self.nodes[f"{root}{USERS}/{name}"][0])

    def told(self, root: str = "") -> list[str]:
        """The users that brokers were told of, in order."""
        found = [json.loads(self.nodes[one][0]) for one in sorted(self.nodes) if one.startswith(f"{root}{CHANGES}/")]
        assert all(one["version"] == 2 for one in found)
        return [one["entity_path"] for one in found]


def entities(tree: Any, root: str = "", owned: bool = True) -> Entities:
    return Entities(tree, root.strip("/"), owned)


def takes(kept: str, password: str, used: str) -> bool:
    """Whether a broker that has this of a user lets in who knows the password (RFC 5802)."""
    said = dict(part.split("=", 1) for part in kept.split(","))
    salt, stored = (base64.b64decode(said[name]) for name in ("salt", "stored_key"))
    salted = hashlib.pbkdf2_hmac(used, password.encode(), salt, int(said["iterations"]))
    server = hmac.new(salted, b"Server Key", used).digest()
    client = hmac.new(salted, b"Client Key", used).digest()
    return hashlib.new(used, client).digest() == stored and server == base64.b64decode(said["server_key"])


def test_what_is_kept_of_a_password_is_what_rfc_7677_says():
    # Its example: user "user", password "pencil".
    salt, nonce = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    said = dict(part.split("=", 1) for part in in_zookeeper.credential("pencil", SECOND, salt=salt).split(",") if part)
    messages = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}"
    signed = hmac.new(base64.b64decode(said["server_key"]), messages.encode(), "sha256").digest()
    assert base64.b64encode(signed).decode() == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = hmac.new(base64.b64decode(said["stored_key"]), messages.encode(), "sha256").digest()
    client = bytes(one ^ other for one, other in zip(proof, signature, strict=True))
    assert hashlib.sha256(client).digest() == base64.b64decode(said["stored_key"])


def test_a_new_user_is_for_its_owner_alone_and_brokers_are_told():
    tree = Tree()
    entities(tree).alter_users({"alice": {MECHANISM: "a-password", SECOND: "another"}}, {})
    kept = tree.user("alice")
    assert takes(kept[MECHANISM], "a-password", "sha512") and not takes(kept[MECHANISM], "another", "sha512")
    assert takes(kept[SECOND], "another", "sha256") and "password" not in str(tree.nodes)
    assert tree.nodes[f"{USERS}/alice"][2] == (znodes.CREATOR,), "whoever reads it may try passwords"
    assert tree.told() == ["users/alice"]
    assert tree.nodes[f"{CHANGES}/config_change_0000000000"][2] == (znodes.CREATOR, znodes.READERS)
    assert look.known(entities(tree).passwords()) == {"alice": [SECOND, MECHANISM]}


def test_in_an_open_zookeeper_what_is_made_is_anybodys():
    tree = Tree()
    entities(tree, owned=False).alter_users({"alice": {MECHANISM: "a-password"}}, {})
    assert {rights for _, _, rights in tree.nodes.values()} == {(znodes.ANYBODY,)}


def test_a_password_changes_and_goes_and_what_is_beside_it_stays():
    tree = Tree({"alice": {MECHANISM: "old", "producer_byte_rate": "1024"}, "bob": {SECOND: "his"}})
    there = entities(tree)
    there.alter_users({"alice": {MECHANISM: None, SECOND: "a-password"}}, {"bob": [SECOND]})
    assert {*tree.user("alice")} == {SECOND, "producer_byte_rate"} and tree.user("bob") == {}
    assert tree.told() == ["users/alice", "users/bob"]
    assert {*there.passwords()} == {"alice"}, "who has no password is no user"


def test_quotas_are_set_and_go_as_numbers_that_these_brokers_read():
    tree = Tree({"alice": {MECHANISM: "iterations=4096", "consumer_byte_rate": "5"}})
    there = entities(tree)
    change = {"producer_byte_rate": 10485760.0, "request_percentage": 12.5, "consumer_byte_rate": None}
    there.alter_quotas({"alice": change})
    said = {"producer_byte_rate": "10485760", "request_percentage": "12.5"}
    assert tree.user("alice") == {MECHANISM: "iterations=4096", **said}
    assert there.quotas() == {"alice": {"producer_byte_rate": 10485760.0, "request_percentage": 12.5}}
    assert there.passwords() == {"alice": {MECHANISM: 4096}}


def test_nobody_is_told_of_what_is_as_it_was():
    tree = Tree({"alice": {"producer_byte_rate": "5"}})
    entities(tree).alter_quotas({"alice": {"producer_byte_rate": 5.0}, "bob": {"producer_byte_rate": None}})
    entities(tree).alter_users({}, {"alice": [MECHANISM]})
    assert tree.told() == [] and [*tree.nodes] == [f"{USERS}/alice"]


def test_whoever_writes_at_the_same_time_loses_nothing():
    tree = Tree({"alice": {"producer_byte_rate": "5"}}, racing=2)
    entities(tree).alter_users({"alice": {MECHANISM: "a-password"}}, {})
    assert {*tree.user("alice")} == {"producer_byte_rate", "by", MECHANISM}
    with pytest.raises(znodes.ZooKeeperError, match="changed meanwhile"):
        entities(Tree({"alice": {}}, racing=99)).alter_users({"alice": {MECHANISM: "a-password"}}, {})


def test_a_cluster_below_a_path_and_an_entry_for_everybody():
    tree = Tree({"<default>": {"producer_byte_rate": "5"}, "a%20b": {MECHANISM: "iterations=7"}}, "/lab")
    there = entities(tree, "/lab")
    assert there.quotas() == {} and there.passwords() == {"a b": {MECHANISM: 7}}
    there.alter_users({"a b": {MECHANISM: None}}, {})
    assert tree.user("a%20b", "/lab") == {} and tree.told("/lab") == ["users/a%20b"]


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"config": 3}', b'"config"', b"\xff"])
def test_an_entry_that_cannot_be_read_is_named_and_not_replaced(data: bytes):
    tree = Tree({"alice": {}})
    tree.nodes[f"{USERS}/alice"] = (data, 0, ())
    with pytest.raises(OSError, match="a user whose entry cannot be read"):
        entities(tree).alter_users({"alice": {MECHANISM: "a-password"}}, {})
    assert tree.nodes[f"{USERS}/alice"][0] == data


def test_the_broker_that_is_asked_says_where_its_zookeeper_is(monkeypatch):
    opened: list[Any] = []
    settings = {"zookeeper.connect": "a:2181,b:2181/lab", "zookeeper.ssl.client.enable": "true"}

    def describe(broker: Any, kind: int, names: list[str], keys: list[str]) -> Any:
        if names != ["2"]:
            raise kafka_errors.InvalidRequestError("Unexpected broker id")
        return {"2": {key: SimpleNamespace(value=value) for key, value in settings.items()}}

    monkeypatch.setattr(in_zookeeper, "describe", describe)
    monkeypatch.setattr(znodes, "connected", lambda *where: opened.append(where))
    older = SimpleNamespace(takes=lambda kind: False, metadata=lambda: {"brokers": {1: None, 2: None}})
    assert in_zookeeper.of(older) is not None  # type: ignore[arg-type]
    assert opened == [(["a:2181", "b:2181"], "SSL")]
    newer = SimpleNamespace(takes=lambda kind: True)
    assert in_zookeeper.of(newer) is None and len(opened) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(("version", "more"), [("2.5.0", ["idempotent-write cluster kafka-cluster"]), ("3.9.2", [])])
def test_whoever_may_write_may_do_so_idempotently(tmp_path, version, more):
    listed = {
        "alice": {"password": "a-password", "write": "orders"},
        "bob": {"password": "a-password", "read": "orders"},
    }
    variables = {"kafka_version": version, "kafka_security": "required", "kafka_users": listed}
    of = support.inventory(tmp_path, kafka=["a"], zookeeper=["a"], **variables)
    found = {one.name: [str(rule) for rule in one.rules] for one in users.of(of.hosts["a"])}
    assert found == {"alice": ["write topic orders", *more], "bob": ["read topic orders"]}
