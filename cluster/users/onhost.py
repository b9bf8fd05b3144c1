"""Users, rules and quotas of the brokers, changed. Runs on the host of a broker; `look.py` reads them.

A user has up to two passwords, one per mechanism. One that is no longer wanted is not deleted, since a broker that
starts and reads of it may forget those of all others (`roles/kafka/visitor.py`): it becomes one that nobody knows.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from typing import TYPE_CHECKING, Any, Callable, Collection, Dict, Iterable, Iterator, Mapping, Sequence, Union

from kafka import errors as kafka_errors
from kafka.protocol.admin import (
    AlterClientQuotasRequest,
    AlterUserScramCredentialsRequest,
    CreateAclsRequest,
    DeleteAclsRequest,
)

from cluster.cluster import Cluster, answering
from cluster.endpoint import Endpoint
from cluster.protocol import login, wire
from cluster.protocol.flexible import Dialogue
from cluster.users import in_zookeeper, look, rules
from provisioner.agent.failure import Failure

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

NO_USER = kafka_errors.ResourceNotFoundError.errno
NOT_CONTROLLER = kafka_errors.NotControllerError.errno
KNOWN_SECONDS = 10.0  # until the brokers know a user that the controllers have


def change(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Make and remove users and rules. args: bootstrap; door: as for `look`; passwords {user: {mechanism: password}} to
    be set, None for one that nobody knows; delete: users; add, remove: rules, as `Rule.to_wire`; quotas {user: {key:
    value, None to remove it}}. Rules and quotas are there before their users, and go after them.

    Returns {} when the broker's secured listener takes every user that was made. Raises Failure.
    """
    find = Cluster(args["bootstrap"]).controller
    place = Endpoint.parse(args["bootstrap"])
    with answering("change users"), wire.Connection(place) as broker, accounts(place, broker, find) as there:
        add_rules(broker, [rules.from_wire(one) for one in args["add"]])
        kept = {name: change for name, change in args["quotas"].items() if name not in args["delete"]}
        there.alter_quotas(kept)
        # To delete a password that is not there fails for the whole user.
        has = there.passwords() if args["delete"] else {}
        gone = {name: has[name] for name in args["delete"] if name in has}
        there.alter_users(args["passwords"], gone)
        remove_rules(broker, [rules.from_wire(one) for one in args["remove"]])
        there.alter_quotas({name: change for name, change in args["quotas"].items() if name not in kept})
    deadline = time.monotonic() + KNOWN_SECONDS
    while args["door"]:
        known = {
            name: {mechanism: password for mechanism, password in one.items() if password is not None}
            for name, one in args["passwords"].items()
        }
        right = look.tried(args["door"], known)
        late = [name for name, one in known.items() if {*one} - {*right.get(name, ())}]
        if not late:
            break
        if time.monotonic() > deadline:
            raise Failure(
                f"the broker does not take the password that was just set for {', '.join(late)}",
                advice="see its log, and `invoke status`; then run the same command again",
            )
        time.sleep(0.05)
    return {}


class Requests:
    """Passwords and quotas of users, by requests to a broker: what `in_zookeeper.Entities` is where there are none.
    controller: as for `alter_users`."""

    def __init__(self, place: Endpoint, broker: wire.Connection, controller: Callable[[], wire.Connection]) -> None:
        self._place, self._broker, self._controller = place, broker, controller

    def passwords(self) -> Dict[str, Dict[str, int]]:
        with Dialogue(self._place, largest=look.LARGEST_ANSWER) as broker:
            return look.passwords(broker)

    def alter_quotas(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        alter_quotas(self._broker, changes)

    def alter_users(self, passwords: Mapping[str, Mapping[str, Any]], delete: Mapping[str, Collection[str]]) -> None:
        alter_users(self._broker, passwords, delete, self._controller)


@contextlib.contextmanager
def accounts(
    place: Endpoint, broker: wire.Connection, controller: Callable[[], wire.Connection]
) -> Iterator[Union[Requests, in_zookeeper.Entities]]:
    """Passwords and quotas of the users of a broker, which is at `place`. controller: as for `alter_users`. Raises
    KafkaError, OSError."""
    kept = in_zookeeper.of(broker)
    if kept is None:
        yield Requests(place, broker, controller)
        return
    with kept:
        yield kept


def alter_quotas(broker: wire.Connection, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Set and remove quotas, {user: {key: value, None to remove it}}. Raises KafkaError, OSError."""
    if not changes:
        return
    kind = AlterClientQuotasRequest.EntryData
    entries = [
        kind(
            entity=[kind.EntityData(entity_type=look.USER, entity_name=name)],
            ops=[
                kind.OpData(key=key, value=0.0 if value is None else value, remove=value is None)
                for key, value in change.items()
            ],
        )
        for name, change in changes.items()
    ]
    _raise_first(broker.call(AlterClientQuotasRequest(entries=entries, validate_only=False)).entries)


def add_rules(broker: wire.Connection, wanted: Sequence[rules.Rule]) -> None:
    """Make rules; those that are there already are fine. Raises KafkaError, OSError."""
    if not wanted:
        return
    creations = [
        CreateAclsRequest.AclCreation(
            resource_type=rules.KINDS[one.kind],
            resource_name=one.name,
            resource_pattern_type=one.pattern,
            principal=one.principal,
            host=one.host,
            operation=rules.OPERATIONS[one.operation],
            permission_type=one.permission,
        )
        for one in wanted
    ]
    _raise_first(broker.call(CreateAclsRequest(creations=creations)).results)


def remove_rules(broker: wire.Connection, unwanted: Sequence[rules.Rule]) -> None:
    """Remove exactly these rules; those that are gone already are fine. Raises KafkaError, OSError."""
    if not unwanted:
        return
    filters = [
        DeleteAclsRequest.DeleteAclsFilter(
            resource_type_filter=rules.KINDS[one.kind],
            resource_name_filter=one.name,
            pattern_type_filter=one.pattern,
            principal_filter=one.principal,
            host_filter=one.host,
            operation=rules.OPERATIONS[one.operation],
            permission_type=one.permission,
        )
        for one in unwanted
    ]
    _raise_first(broker.call(DeleteAclsRequest(filters=filters)).filter_results)


def alter_users(
    broker: wire.Connection,
    passwords: Mapping[str, Mapping[str, Any]],
    delete: Mapping[str, Collection[str]],
    controller: Callable[[], wire.Connection],
) -> None:
    """Set passwords {user: {mechanism: password, None for one that nobody knows}}, and delete
    those of users {user: mechanisms}; one that is gone already is fine. controller: connects to the one that a broker
    with ZooKeeper wants to be asked instead. Raises KafkaError, OSError."""
    # A request may name a user once. A new password comes before another one goes: there is always one that is good.
    for goes in (False, True):
        for mechanism in login.MECHANISMS:
            upsertions = [
                _password(name, mechanism, one[mechanism])
                for name, one in passwords.items()
                if mechanism in one and (one[mechanism] is None) == goes
            ]
            deletions = [
                AlterUserScramCredentialsRequest.ScramCredentialDeletion(name=name, mechanism=login.NUMBERS[mechanism])
                for name, mechanisms in delete.items()
                if goes and mechanism in mechanisms
            ]
            if not upsertions and not deletions:
                continue
            request = AlterUserScramCredentialsRequest(deletions=deletions, upsertions=upsertions)
            answer = broker.call(request)
            if any(one.error_code == NOT_CONTROLLER for one in answer.results):
                with controller() as there:
                    answer = there.call(request)
            _raise_first([one for one in answer.results if one.error_code != NO_USER])


def _password(name: str, mechanism: str, password: "str | None") -> Any:
    """A password as a request sets it; None for one that nobody knows."""
    salt = os.urandom(16)
    rounds = look.NOBODYS if password is None else login.ITERATIONS
    text = secrets.token_urlsafe(24) if password is None else password
    return AlterUserScramCredentialsRequest.ScramCredentialUpsertion(
        name=name,
        mechanism=login.NUMBERS[mechanism],
        iterations=rounds,
        salt=salt,
        salted_password=login.salt(text, salt, mechanism, rounds),
    )


def _raise_first(results: Iterable[Any]) -> None:
    for one in results:
        wire.raise_for(one.error_code, one.error_message)
