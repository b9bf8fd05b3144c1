"""Users and rules as the brokers have them, read and changed. Runs on the host of a broker.

Kafka says which users there are, and of a password only that there is one. So whether it is the wanted one is tried, by
a login at the broker's own secured listener.

A user has up to two passwords, one per mechanism. One that is no longer wanted is not deleted, since a broker that
starts and reads of it may forget those of all others (`roles/kafka/visitor.py`): it becomes one that nobody knows.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from typing import TYPE_CHECKING, Any, Callable, Collection, Dict, Iterable, Iterator, List, Mapping, Sequence, Union

from kafka import errors as kafka_errors
from kafka.protocol.admin import (
    AlterClientQuotasRequest,
    AlterUserScramCredentialsRequest,
    CreateAclsRequest,
    DeleteAclsRequest,
    DescribeAclsRequest,
    DescribeClientQuotasRequest,
    DescribeUserScramCredentialsRequest,
)

from cluster.certificates import given
from cluster.cluster import Cluster, answering
from cluster.endpoint import SASL_SSL, Endpoint
from cluster.protocol import login, wire
from cluster.users import in_zookeeper, rules
from provisioner.agent.failure import Failure

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

NO_USER = kafka_errors.ResourceNotFoundError.errno
USER = "user"  # the kind of a quota's entity
ANY = 2  # any entity of the kind that has a name
NOT_CONTROLLER = kafka_errors.NotControllerError.errno
KNOWN_SECONDS = 10.0  # until the brokers know a user that the controllers have
# By its iterations a password shows that nobody knows it: all that Kafka tells of one.
NOBODYS = login.ITERATIONS + 1


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """The users that are there. args: bootstrap; door: the broker's secured listener, "host:port" or "" for none;
    passwords {user: {mechanism: password}} that are to be tried.

    Returns serving (whether the broker answers), why; users {name: mechanisms for which it has a password that somebody
    may know}, right {user: [mechanisms for which the password is the one]}, of those among them that were asked about;
    rules, as `Rule.to_wire`; quotas {user: {key: value}}.
    """
    place = Endpoint.parse(args["bootstrap"])
    try:
        with wire.Connection(place) as broker, accounts(broker, Cluster(args["bootstrap"]).controller) as kept:
            there = users(kept.passwords())
            found = [one.to_wire() for one in every_rule(broker)]
            limits = kept.quotas()
    except (OSError, kafka_errors.KafkaError) as error:
        return {"serving": False, "why": wire.describe(error), "users": {}, "right": {}, "rules": [], "quotas": {}}
    asked = {
        name: {mechanism: password for mechanism, password in one.items() if mechanism in there.get(name, ())}
        for name, one in args["passwords"].items()
    }
    right = _tried(args["door"], asked)
    return {"serving": True, "why": "", "users": there, "right": right, "rules": found, "quotas": limits}


def change(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Make and remove users and rules. args: bootstrap; door: as for `look`; passwords {user: {mechanism: password}} to
    be set, None for one that nobody knows; delete: users; add, remove: rules, as `Rule.to_wire`; quotas {user: {key:
    value, None to remove it}}. Rules and quotas are there before their users, and go after them.

    Returns {} when the broker's secured listener takes every user that was made. Raises Failure.
    """
    find = Cluster(args["bootstrap"]).controller
    place = Endpoint.parse(args["bootstrap"])
    with answering("change users"), wire.Connection(place) as broker, accounts(broker, find) as there:
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
        right = _tried(args["door"], known)
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

    def __init__(self, broker: wire.Connection, controller: Callable[[], wire.Connection]) -> None:
        self._broker, self._controller = broker, controller

    def passwords(self) -> Dict[str, Dict[str, int]]:
        return _passwords(self._broker)

    def quotas(self) -> Dict[str, Dict[str, float]]:
        return every_quota(self._broker)

    def alter_quotas(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        alter_quotas(self._broker, changes)

    def alter_users(self, passwords: Mapping[str, Mapping[str, Any]], delete: Mapping[str, Collection[str]]) -> None:
        alter_users(self._broker, passwords, delete, self._controller)


@contextlib.contextmanager
def accounts(
    broker: wire.Connection, controller: Callable[[], wire.Connection]
) -> Iterator[Union[Requests, in_zookeeper.Entities]]:
    """Passwords and quotas of a broker's users. controller: as for `alter_users`. Raises KafkaError, OSError."""
    kept = in_zookeeper.of(broker)
    if kept is None:
        yield Requests(broker, controller)
        return
    with kept:
        yield kept


def users(passwords: Mapping[str, Mapping[str, int]]) -> Dict[str, List[str]]:
    """{user: mechanisms for which it has a password that somebody may know}, without those that have none. passwords:
    {user: {mechanism: iterations}}. Pure."""
    known = {
        name: sorted(mechanism for mechanism, iterations in found.items() if iterations != NOBODYS)
        for name, found in passwords.items()
    }
    return {name: mechanisms for name, mechanisms in sorted(known.items()) if mechanisms}


def _passwords(broker: wire.Connection) -> Dict[str, Dict[str, int]]:
    """{user: {mechanism for which it has a password: iterations}}. Raises KafkaError, OSError."""
    answer = broker.call(DescribeUserScramCredentialsRequest(users=None))
    wire.raise_for(answer.error_code, answer.error_message)
    names = {number: name for name, number in login.NUMBERS.items()}
    return {
        one.user: {names[each.mechanism]: each.iterations for each in one.credential_infos if each.mechanism in names}
        for one in answer.results
    }


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
    kinds = {number: name for name, number in rules.KINDS.items()}
    operations = {number: name for name, number in rules.OPERATIONS.items()}
    found = []
    for resource in answer.resources:
        for one in resource.acls:
            if resource.resource_type in kinds and one.operation in operations:
                kind, user = rules.principal(one.principal)
                prefixed, allow = resource.pattern_type == rules.PREFIXED, one.permission_type == rules.ALLOW
                of = (operations[one.operation], kinds[resource.resource_type], resource.resource_name)
                found.append(rules.Rule(user, *of, prefixed, allow, one.host, kind))
    return sorted(found)


def every_quota(broker: wire.Connection) -> Dict[str, Dict[str, float]]:
    """The quotas of users as a whole, {user: {key: value}}; without the one of those that have none, and those of
    single clients of a user. Raises KafkaError, OSError."""
    named = DescribeClientQuotasRequest.ComponentData(entity_type=USER, match_type=ANY, match=None)
    answer = broker.call(DescribeClientQuotasRequest(components=[named], strict=True))
    wire.raise_for(answer.error_code, answer.error_message)
    return {
        of.entity_name: {one.key: one.value for one in entry.values}
        for entry in answer.entries or ()
        for of in entry.entity
        if of.entity_name is not None
    }


def alter_quotas(broker: wire.Connection, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Set and remove quotas, {user: {key: value, None to remove it}}. Raises KafkaError, OSError."""
    if not changes:
        return
    kind = AlterClientQuotasRequest.EntryData
    entries = [
        kind(
            entity=[kind.EntityData(entity_type=USER, entity_name=name)],
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
    rounds = NOBODYS if password is None else login.ITERATIONS
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


def _tried(door: str, passwords: Mapping[str, Mapping[str, str]]) -> Dict[str, List[str]]:
    """By which mechanisms each user gets in. Without a secured listener nothing can be tried, and nothing is known to
    be right."""
    if not door or not any(passwords.values()):
        return {}
    place = Endpoint.parse(door)
    right: Dict[str, List[str]] = {}
    for name, one in passwords.items():
        for mechanism, password in one.items():
            who = given.login(name, password)._replace(mechanism=mechanism)
            try:
                Endpoint(place.host, place.port, SASL_SSL, who).connect().close()
                right.setdefault(name, []).append(mechanism)
            except login.Refused:
                pass
            except OSError as error:
                why = wire.describe(error)
                raise Failure(
                    f"the listener {door}, at which a user's password is tried, does not answer: {why}",
                    advice="see the broker's log (`invoke logs --service kafka`); then run the same command again",
                ) from None
    return right
