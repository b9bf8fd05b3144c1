"""What a broker says of users, rules and quotas, read by hand: compared with what the kafka package makes of it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from kafka.protocol.admin import (
    DescribeAclsRequest,
    DescribeAclsResponse,
    DescribeClientQuotasRequest,
    DescribeClientQuotasResponse,
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
)

from cluster.protocol.flexible import Reader
from cluster.protocol.login import ITERATIONS, MECHANISM, SECOND
from cluster.users import look
from cluster.users.rules import Rule

ANY_RULE = DescribeAclsRequest(
    resource_type_filter=1,
    resource_name_filter=None,
    pattern_type_filter=1,
    principal_filter=None,
    host_filter=None,
    operation=1,
    permission_type=1,
)
OF_USERS = DescribeClientQuotasRequest.ComponentData(entity_type="user", match_type=2, match=None)


class Broker:
    """Answers one request, in any version that both sides know."""

    def __init__(self, answer: bytes, versions: tuple[int, int] = (0, 3)) -> None:
        self.answer, self.versions, self.asked = answer, versions, b""

    def version(self, key: int, highest: int) -> int | None:
        least, most = self.versions
        return min(most, highest) if min(most, highest) >= least else None

    def ask(self, key: int, version: int, body: bytes) -> Reader:
        self.asked = body
        return Reader(self.answer)


@pytest.mark.parametrize(
    ("body", "request_", "versions"),
    [
        (look._SCRAM_BODY, DescribeUserScramCredentialsRequest(users=None), (0,)),
        (look._ACLS_BODY, ANY_RULE, (2, 3)),
        (look._QUOTAS_BODY, DescribeClientQuotasRequest(components=[OF_USERS], strict=True), (1,)),
    ],
)
def test_requests_are_those_of_the_kafka_package(body: bytes, request_: object, versions: tuple[int, ...]) -> None:
    for version in versions:
        assert body == bytes(request_.encode(version=version))  # type: ignore[attr-defined]


def test_passwords_of_users_are_read_with_their_iterations() -> None:
    kind = DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult
    info = kind.CredentialInfo
    answer = DescribeUserScramCredentialsResponse(
        throttle_time_ms=7,
        error_code=0,
        error_message=None,
        results=[
            kind(
                user="orders",
                error_code=0,
                error_message=None,
                credential_infos=[
                    info(mechanism=2, iterations=ITERATIONS),
                    info(mechanism=1, iterations=look.NOBODYS),
                    info(mechanism=9, iterations=1),
                ],
            ),
            kind(
                user="gone",
                error_code=0,
                error_message=None,
                credential_infos=[info(mechanism=1, iterations=look.NOBODYS)],
            ),
        ],
    )
    found = look.passwords(Broker(bytes(answer.encode(version=0))))  # type: ignore[arg-type]
    assert found == {"orders": {MECHANISM: ITERATIONS, SECOND: look.NOBODYS}, "gone": {SECOND: look.NOBODYS}}
    assert look.known(found) == {"orders": [MECHANISM]}


@pytest.mark.parametrize("version", [2, 3])
def test_rules_are_read_and_those_of_unknown_kinds_left_out(version: int) -> None:
    kind = DescribeAclsResponse.DescribeAclsResource
    acl = kind.AclDescription
    write = acl(principal="User:orders", host="*", operation=4, permission_type=3)
    denied = acl(principal="Group:all", host="10.0.0.7", operation=3, permission_type=2)
    strange = acl(principal="User:orders", host="*", operation=77, permission_type=3)
    answer = DescribeAclsResponse(
        throttle_time_ms=0,
        error_code=0,
        error_message=None,
        resources=[
            kind(resource_type=2, resource_name="orders", pattern_type=4, acls=[write, strange]),
            kind(resource_type=66, resource_name="orders", pattern_type=3, acls=[write]),
            kind(resource_type=3, resource_name="g", pattern_type=3, acls=[denied]),
        ],
    )
    broker = Broker(bytes(answer.encode(version=version)), (1, version))
    assert look.rules_in(look._ask(broker, look.ACLS, look._ACLS_BODY)) == sorted(  # type: ignore[arg-type]
        [
            Rule("orders", "write", "topic", "orders", prefixed=True),
            Rule("all", "read", "group", "g", allow=False, host="10.0.0.7", type="Group"),
        ]
    )


def test_quotas_are_read_without_the_one_of_those_that_have_none() -> None:
    kind = DescribeClientQuotasResponse.EntryData
    named, rest = (kind.EntityData(entity_type="user", entity_name=name) for name in ("orders", None))
    limits = {"producer_byte_rate": 1.5e7, "request_percentage": 0.5}
    values = [kind.ValueData(key=key, value=value) for key, value in limits.items()]
    answer = DescribeClientQuotasResponse(
        throttle_time_ms=0,
        error_code=0,
        error_message=None,
        entries=[kind(entity=[named], values=values), kind(entity=[rest], values=values[:1])],
    )
    found = look.quotas_in(look._ask(Broker(bytes(answer.encode(version=1))), look.QUOTAS, b""))  # type: ignore[arg-type]
    assert found == {"orders": limits}


def test_an_error_of_the_broker_is_said_and_so_is_a_broker_that_is_too_old() -> None:
    answer = DescribeAclsResponse(throttle_time_ms=0, error_code=54, error_message="No Authorizer", resources=[])
    with pytest.raises(OSError, match="No Authorizer"):
        look._ask(Broker(bytes(answer.encode(version=3))), look.ACLS, b"")  # type: ignore[arg-type]
    with pytest.raises(OSError, match="does not know request 29"):
        look._ask(Broker(b"", (0, 1)), look.ACLS, b"")  # type: ignore[arg-type]


def test_a_look_at_users_does_not_load_the_kafka_package() -> None:
    code = "import sys, cluster.users.look; print(*[one for one in sys.modules if one.partition('.')[0] == 'kafka'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
