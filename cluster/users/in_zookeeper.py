"""Users and quotas of brokers that have no requests about them (KIP-554 is of Kafka 2.7, KIP-546 of 2.6), where such
brokers keep them: in ZooKeeper. Runs on the host of a broker, as its node.

A user is a znode, /config/users/NAME, with its passwords and its quota beside each other; brokers read it when an entry
below /config/changes names it (kafka.zk.ConfigEntityZNode, kafka.server.DynamicConfigManager).
"""

from __future__ import annotations

import base64
import json
import os
from functools import partial
from typing import Any, Callable, Collection, Dict, Iterator, List, Mapping, Optional, Tuple
from urllib.parse import quote, unquote

from kafka import errors as kafka_errors
from kafka.protocol.admin import DescribeAclsRequest, DescribeUserScramCredentialsRequest

from cluster.endpoint import PLAINTEXT, SSL, Endpoint
from cluster.metadata.zookeeper import znodes
from cluster.model import Setting
from cluster.protocol import login, wire
from cluster.settings.configs import BROKER, describe
from cluster.users import rules

USERS, CHANGES = "config/users", "config/changes"
CHANGE = "config_change_"  # with a number behind it, which ZooKeeper counts
EVERYBODY = "<default>"  # an entry that is no user's
CONNECT, OVER_TLS, OWNED = "zookeeper.connect", "zookeeper.ssl.client.enable", "zookeeper.set.acl"
TRIES = 5  # where somebody else writes the same user
Config = Dict[str, str]


def look(bootstrap: str) -> Tuple[Dict[str, Dict[str, int]], List[rules.Rule], Dict[str, Dict[str, float]]]:
    """What `look.py` asks newer brokers about: passwords as iterations, rules, quotas. Raises OSError."""
    try:
        with wire.Connection(Endpoint.parse(bootstrap)) as broker, _of(broker) as kept:
            return kept.passwords(), every_rule(broker), kept.quotas()
    except kafka_errors.KafkaError as error:
        raise OSError(None, wire.describe(error)) from None


def of(broker: wire.Connection) -> Optional[Entities]:
    """Where a broker has its users; None where it takes requests about them. Raises KafkaError, OSError."""
    return None if broker.takes(DescribeUserScramCredentialsRequest) else _of(broker)


def _of(broker: wire.Connection) -> Entities:
    """By the broker's own settings."""
    said = {name: str(one.value or "") for name, one in _settings(broker).items()}
    servers, _, chroot = said[CONNECT].partition("/")
    client = znodes.connected(servers.split(","), SSL if said.get(OVER_TLS) == "true" else PLAINTEXT)
    return Entities(client, chroot, said.get(OWNED) == "true")


def _settings(broker: wire.Connection) -> Mapping[str, Setting]:
    """What leads to ZooKeeper, of the broker's settings; it answers for its own id only, and does not say which one
    that is."""
    for number in broker.metadata()["brokers"]:
        try:
            return describe(broker, BROKER, [str(number)], [CONNECT, OVER_TLS, OWNED])[str(number)]
        except kafka_errors.InvalidRequestError:
            continue
    raise OSError(None, "the broker does not say where its ZooKeeper is")


def every_rule(broker: wire.Connection) -> List[rules.Rule]:
    """Every rule that is there, for whomever; without those of kinds that this toolkit does not know. Raises
    KafkaError, OSError."""
    request = DescribeAclsRequest(
        resource_type_filter=rules.ANY,
        resource_name_filter=None,
        pattern_type_filter=rules.ANY,
        principal_filter=None,
        host_filter=None,
        operation=rules.ANY,
        permission_type=rules.ANY,
    )
    answer = broker.call(request)
    wire.raise_for(answer.error_code, answer.error_message)
    found = [
        rules.numbered(
            on.resource_type,
            on.resource_name,
            on.pattern_type,
            one.principal,
            one.host,
            one.operation,
            one.permission_type,
        )
        for on in answer.resources
        for one in on.acls
    ]
    return sorted(one for one in found if one)


class Entities:
    """The users in ZooKeeper; a context manager. chroot: the path of the cluster there, "" for none; owned: whether
    what is made belongs to who makes it. Raises OSError."""

    def __init__(self, client: znodes.Client, chroot: str, owned: bool) -> None:
        self._client, self._root, self._owned = client, f"/{chroot}" if chroot else "", owned

    def __enter__(self) -> Entities:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def passwords(self) -> Dict[str, Dict[str, int]]:
        """{user: {mechanism for which it has a password: iterations}}."""
        found = {
            name: {one: iterations(config[one]) for one in login.MECHANISMS if one in config}
            for name, config in self._every()
        }
        return {name: has for name, has in found.items() if has}

    def quotas(self) -> Dict[str, Dict[str, float]]:
        """{user: {key: value}} of those that have any."""
        found = {
            name: {key: float(value) for key, value in config.items() if key not in login.MECHANISMS}
            for name, config in self._every()
        }
        return {name: quota for name, quota in found.items() if quota}

    def alter_quotas(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Set and remove quotas, {user: {key: value, None to remove it}}."""
        for name, change in changes.items():
            self._alter(name, partial(with_quota, change))

    def alter_users(self, passwords: Mapping[str, Mapping[str, Any]], delete: Mapping[str, Collection[str]]) -> None:
        """Set passwords {user: {mechanism: password, None for one that goes}}, and delete those of users {user:
        mechanisms}."""
        changes: Dict[str, Dict[str, Any]] = {name: dict(one) for name, one in passwords.items()}
        for name, mechanisms in delete.items():
            changes.setdefault(name, {}).update(dict.fromkeys(mechanisms))
        for name, change in changes.items():
            self._alter(name, partial(with_passwords, change))

    def _every(self) -> Iterator["tuple[str, Config]"]:
        for path in sorted(self._client.children(f"{self._root}/{USERS}")):
            entry = path.rpartition("/")[2]
            if entry == EVERYBODY:
                continue
            try:
                yield unquote(entry), parsed(self._client.get(path)[0])
            except znodes.ZooKeeperError as error:
                if error.errno != znodes.NO_NODE:  # one that goes meanwhile
                    raise

    def _alter(self, name: str, change: Callable[[Config], Config]) -> None:
        """Change what is kept of a user, and let the brokers know, who need not be told of what is as it was."""
        entry = quote(name, safe="")
        path = f"{self._root}/{USERS}/{entry}"
        for attempt in range(TRIES):
            try:
                if not self._altered(path, change):
                    return
                break
            except znodes.ZooKeeperError as error:
                if error.errno not in (znodes.CHANGED, znodes.EXISTS, znodes.NO_NODE) or attempt == TRIES - 1:
                    raise
        said = json.dumps({"version": 2, "entity_path": f"users/{entry}"}).encode()
        self._client.create(f"{self._root}/{CHANGES}/{CHANGE}", said, self._rights(secret=False), numbered=True)

    def _altered(self, path: str, change: Callable[[Config], Config]) -> bool:
        try:
            data, version = self._client.get(path)
        except znodes.ZooKeeperError as error:
            if error.errno != znodes.NO_NODE:
                raise
            if wanted := change({}):
                self._client.create(path, written(wanted), self._rights(secret=True))
            return bool(wanted)
        there = parsed(data)
        wanted = change(there)
        if wanted != there:
            self._client.set(path, written(wanted), version)
        return wanted != there

    def _rights(self, *, secret: bool) -> List[znodes.Right]:
        """As brokers give them (kafka.zk.ZkData): what is secret is for its owner alone."""
        if not self._owned:
            return [znodes.ANYBODY]
        return [znodes.CREATOR] if secret else [znodes.CREATOR, znodes.READERS]


def with_passwords(change: Mapping[str, Optional[str]], there: Config) -> Config:
    """What is kept of a user, with passwords {mechanism: password, None for one that goes} set. Pure but for salt."""
    kept = {key: value for key, value in there.items() if key not in change}
    return {**kept, **{one: credential(text, one) for one, text in change.items() if text is not None}}


def with_quota(change: Mapping[str, Optional[float]], there: Config) -> Config:
    """The same with a quota changed. Pure."""
    kept = {key: value for key, value in there.items() if key not in change}
    return {**kept, **{key: number(value) for key, value in change.items() if value is not None}}


def number(value: float) -> str:
    """As these brokers read it: a rate of bytes must have no point (QuotaFactory: toLong). Pure."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def credential(password: str, mechanism: str, salt: bytes = b"") -> str:
    """What is kept of a password (ScramCredentialUtils.credentialToString). salt: a new one unless it is given."""
    salt = salt or os.urandom(16)
    stored, server = login.keys(login.salt(password, salt, mechanism), mechanism)
    parts = {"salt": salt, "stored_key": stored, "server_key": server}
    said = [f"{name}={base64.b64encode(value).decode()}" for name, value in parts.items()]
    return ",".join([*said, f"iterations={login.ITERATIONS}"])


def iterations(kept: str) -> int:
    """How often a password was digested, by what is kept of it; 0 where that does not say. Pure."""
    found = kept.rpartition("iterations=")[2]
    return int(found) if found.isdigit() else 0


def parsed(data: bytes) -> Config:
    """What a znode says of a user. Raises OSError where it is something else. Pure."""
    try:
        found = json.loads(data)["config"]
        return {str(key): str(value) for key, value in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OSError(None, "ZooKeeper has a user whose entry cannot be read (below /config/users)") from None


def written(config: Config) -> bytes:
    """As a znode has it. Pure."""
    return json.dumps({"version": 1, "config": config}).encode()
