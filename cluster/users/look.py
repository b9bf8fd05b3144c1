"""Users, rules and quotas as the brokers have them. Runs on the host of a broker.

Kafka says which users there are, and of a password only that there is one. So whether it is the wanted one is tried, by
a login at the broker's own secured listener.

Every deploy that lists users asks this, so the requests are built and read by hand: importing the kafka package takes
longer than all of the answers. Standard library only; the fields are those of Kafka's
DescribeUserScramCredentialsResponse.json, DescribeAclsResponse.json and DescribeClientQuotasResponse.json.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from cluster.certificates import given
from cluster.endpoint import SASL_SSL, Endpoint
from cluster.protocol import login
from cluster.protocol.flexible import TAGS, Dialogue, Reader, array, text
from cluster.protocol.hello import describe
from cluster.users import rules
from provisioner.agent.failure import Failure

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

LARGEST_ANSWER = 1 << 28  # bytes; millions of rules
# By its iterations a password shows that nobody knows it: all that Kafka tells of one.
NOBODYS = login.ITERATIONS + 1
USER = "user"  # the kind of a quota's entity
Passwords = Dict[str, Dict[str, int]]  # user -> mechanism -> iterations
Quotas = Dict[str, Dict[str, float]]  # user -> key -> value
LOGINS = 8  # at the same time; a broker has three threads for a listener

# The key of each request, the lowest version in the flexible encoding, and the highest one that is read here.
SCRAM, ACLS, QUOTAS = (50, 0, 0), (29, 2, 3), (48, 1, 1)
_SCRAM_BODY = text(None) + TAGS  # of all users
_ANY = bytes([rules.ANY])
# Of any resource, with any kind of pattern, for any principal from any host; any operation, allowed or denied.
_ACLS_BODY = _ANY + text(None) + _ANY + text(None) + text(None) + _ANY + _ANY + TAGS
# Of users that have a name (2), and of nothing else beside them (1).
_QUOTAS_BODY = array([text(USER) + b"\2" + text(None) + TAGS]) + b"\1" + TAGS


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """The users that are there. args: bootstrap; door: the broker's secured listener, "host:port" or "" for none;
    passwords {user: {mechanism: password}} that are to be tried.

    Returns serving (whether the broker answers), why; users {name: mechanisms for which it has a password that somebody
    may know}, right {user: [mechanisms for which the password is the one]}, of those among them that were asked about;
    rules, as `Rule.to_wire`; quotas {user: {key: value}}.
    """
    try:
        with Dialogue(Endpoint.parse(args["bootstrap"]), largest=LARGEST_ANSWER) as broker:
            has, found, limits = _everything(broker, args["bootstrap"])
            there = known(has)
    except OSError as error:
        return {"serving": False, "why": describe(error), "users": {}, "right": {}, "rules": [], "quotas": {}}
    asked = {
        name: {mechanism: password for mechanism, password in one.items() if mechanism in there.get(name, ())}
        for name, one in args["passwords"].items()
    }
    right = tried(args["door"], asked)
    return {
        "serving": True,
        "why": "",
        "users": there,
        "right": right,
        "rules": [one.to_wire() for one in found],
        "quotas": limits,
    }


def _everything(broker: Dialogue, bootstrap: str) -> Tuple[Passwords, List[rules.Rule], Quotas]:
    """Raises OSError."""
    key, _, highest = SCRAM
    if broker.version(key, highest) is None:
        from cluster.users import in_zookeeper

        return in_zookeeper.look(bootstrap)
    limits = quotas_in(_ask(broker, QUOTAS, _QUOTAS_BODY))
    return passwords(broker), rules_in(_ask(broker, ACLS, _ACLS_BODY)), limits


def passwords(broker: Dialogue) -> Passwords:
    """{user: {mechanism for which it has a password: iterations}}. Raises OSError."""
    return passwords_in(_ask(broker, SCRAM, _SCRAM_BODY))


def known(found: Mapping[str, Mapping[str, int]]) -> Dict[str, List[str]]:
    """{user: mechanisms for which it has a password that somebody may know}, without those that have none. found: as
    `passwords` answers. Pure."""
    may = {
        name: sorted(mechanism for mechanism, iterations in one.items() if iterations != NOBODYS)
        for name, one in found.items()
    }
    return {name: mechanisms for name, mechanisms in sorted(may.items()) if mechanisms}


def tried(door: str, wanted: Mapping[str, Mapping[str, str]]) -> Dict[str, List[str]]:
    """By which mechanisms each user gets in. Without a secured listener nothing can be tried, and nothing is known to
    be right. wanted {user: {mechanism: password}}. Raises Failure."""
    each = [(name, mechanism, password) for name, one in wanted.items() for mechanism, password in one.items()]
    if not door or not each:
        return {}
    place = Endpoint.parse(door)

    def gets_in(name: str, mechanism: str, password: str) -> bool:
        who = given.login(name, password)._replace(mechanism=mechanism)
        try:
            Endpoint(place.host, place.port, SASL_SSL, who).connect().close()
        except login.Refused:
            return False
        return True

    right: Dict[str, List[str]] = {}
    with ThreadPoolExecutor(max_workers=min(len(each), LOGINS)) as pool:
        try:
            for (name, mechanism, _), good in zip(each, pool.map(lambda one: gets_in(*one), each)):
                if good:
                    right.setdefault(name, []).append(mechanism)
        except OSError as error:
            raise Failure(
                f"the listener {door}, at which a user's password is tried, does not answer: {describe(error)}",
                advice="see the broker's log (`invoke logs --service kafka`); then run the same command again",
            ) from None
    return right


def _ask(broker: Dialogue, request: Tuple[int, int, int], body: bytes) -> Reader:
    """The body of the answer, behind the error that it may begin with. Raises OSError."""
    key, lowest, highest = request
    version = broker.version(key, highest)
    if version is None or version < lowest:
        raise OSError(None, f"the broker does not know request {key} of Kafka 2.7 and newer")
    answer = broker.ask(key, version, body)
    answer.number("i")  # for how long it was throttled
    error, message = answer.number("h"), answer.text()
    if error:
        raise OSError(None, message or f"the broker answers request {key} with error {error}")
    return answer


def passwords_in(answer: Reader) -> Dict[str, Dict[str, int]]:
    """What `passwords` returns, of the body of the answer behind its error. Raises OSError. Pure."""
    names = {number: name for name, number in login.NUMBERS.items()}

    def credential() -> Tuple[int, int]:
        found = answer.number("b"), answer.number("i")
        answer.tags()
        return found

    def user() -> Tuple[str, Dict[str, int]]:
        name = answer.text() or ""
        answer.number("h")
        answer.text()
        found = {names[number]: iterations for number, iterations in answer.array(credential) if number in names}
        answer.tags()
        return name, found

    return dict(answer.array(user))


def rules_in(answer: Reader) -> List[rules.Rule]:
    """Every rule, for whomever, of the body of the answer behind its error; without those of kinds that this toolkit
    does not know. Raises OSError. Pure."""
    found: List[Optional[rules.Rule]] = []

    def resource() -> None:
        on = answer.number("b"), answer.text() or "", answer.number("b")

        def rule() -> None:
            principal, host = answer.text() or "", answer.text() or ""
            operation, permission = answer.number("b"), answer.number("b")
            answer.tags()
            found.append(rules.numbered(*on, principal, host, operation, permission))

        answer.array(rule)
        answer.tags()

    answer.array(resource)
    return sorted(one for one in found if one)


def quotas_in(answer: Reader) -> Dict[str, Dict[str, float]]:
    """The quotas of users as a whole, {user: {key: value}}, of the body of the answer behind its error. Raises OSError.
    Pure."""

    def entity() -> str:
        answer.text()  # the kind: users were asked for
        name = answer.text() or ""
        answer.tags()
        return name

    def value() -> Tuple[str, float]:
        found = answer.text() or "", answer.fraction()
        answer.tags()
        return found

    def entry() -> Tuple[str, Dict[str, float]]:
        names, values = answer.array(entity), dict(answer.array(value))
        answer.tags()
        return next(iter(names), ""), values

    return {name: values for name, values in answer.array(entry) if name}
