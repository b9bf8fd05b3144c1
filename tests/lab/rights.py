"""A running broker is asked what users may do, by their own requests, and compared with what `cluster.users.check`
says: random rules for a few users, and every question that the broker answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kafka.protocol import admin, consumer, metadata, producer

from cluster.endpoint import Endpoint
from cluster.protocol.wire import Connection
from cluster.users import check
from cluster.users.check import Policy, Question
from cluster.users.rules import CLUSTER, EVERYWHERE, OPERATIONS, Rule

USERS = ("ann", "ben", "cid")
TOPICS = ("orders", "orders-eu", "bills")
GROUPS = ("orders", "night-jobs")
TRANSACTIONS = ("orders-1", "pay-1")
NAMES = {"topic": TOPICS, "group": GROUPS, "transactional-id": TRANSACTIONS, "cluster": (CLUSTER,)}
PATTERNS = ("*", "orders", "orders-eu", "bills", "night-jobs", "orders-1", "pay-1")
BEGINNINGS = ("o", "orders", "orders-", "b", "n", "pay", "hardcode")
FOREIGN = "10.9.8.7"
POLICY = Policy(frozenset(), everyone=False)
DENIALS = {29, 30, 31, 53}  # authorization of a topic, a group, the cluster, a transactional id failed

Answers = dict[Question, bool]


def draw(rng: random.Random, own: str) -> list[Rule]:
    """Rules at random. own: the address that the broker sees this machine at."""
    found = set()
    for _ in range(rng.randint(4, 30)):
        kind = rng.choice([*NAMES, "topic"])
        prefixed = rng.random() < 0.35
        name = CLUSTER if kind == "cluster" else rng.choice(BEGINNINGS if prefixed else PATTERNS)
        # Most with "describe" or "all", as a broker says nothing of what a user may not see.
        operation = rng.choice(["describe", "all", *check.OPERATIONS[kind], *check.OPERATIONS[kind]])
        host = rng.choice([EVERYWHERE, EVERYWHERE, own, FOREIGN])
        allow = rng.random() < 0.75
        found.add(Rule(rng.choice([*USERS, "*"]), operation, kind, name, prefixed, allow, host))
    return sorted(found)


def told(connection: Connection, user: str, own: str) -> Answers:
    """What the broker's authorizer says of a user's operations, in answers that list them."""
    found: Answers = {}

    def add(kind: str, name: str, listed: set[int] | None, seen: bool = True) -> None:
        for operation in check.OPERATIONS[kind] if seen and listed else ("describe",):
            found[Question(user, operation, kind, name, own)] = seen and OPERATIONS[operation] in (listed or ())

    topics = [metadata.MetadataRequest.MetadataRequestTopic(name=name) for name in TOPICS]
    asked = metadata.MetadataRequest(
        topics=topics, allow_auto_topic_creation=False, include_topic_authorized_operations=True
    )
    for topic in connection.call(asked).topics:
        add("topic", topic.name, topic.authorized_operations, topic.error_code not in DENIALS)
    # The last version that speaks of groups that are not there as of others.
    groups = admin.DescribeGroupsRequest(groups=[*GROUPS], include_authorized_operations=True, max_version=5)
    for group in connection.call(groups).groups:
        add("group", group.group_id, group.authorized_operations, group.error_code not in DENIALS)
    answer = connection.call(admin.DescribeClusterRequest(include_cluster_authorized_operations=True))
    add("cluster", CLUSTER, answer.authorized_operations)
    return found


def requests(user: str, own: str) -> Iterator[tuple[Question, Any]]:
    """(question, request that the broker answers it by); none of them changes anything."""
    fetched = consumer.FetchRequest.FetchTopic
    produced = producer.ProduceRequest.TopicProduceData
    emptied = admin.DeleteRecordsRequest.DeleteRecordsTopic
    made = admin.CreateTopicsRequest.CreatableTopic
    grown = admin.CreatePartitionsRequest.CreatePartitionsTopic
    altered = admin.IncrementalAlterConfigsRequest.AlterConfigsResource
    described = admin.DescribeConfigsRequest.DescribeConfigsResource
    for name in TOPICS:
        where = fetched.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1)
        data = produced.PartitionProduceData(index=0, records=b"")
        setting = altered.AlterableConfig(name="retention.ms", config_operation=0, value="1")
        erased = emptied.DeleteRecordsPartition(partition_index=0, offset=0)
        for operation, request in {
            "read": consumer.FetchRequest(
                replica_id=-1,
                max_wait_ms=0,
                min_bytes=0,
                session_epoch=-1,
                topics=[fetched(topic=name, partitions=[where])],
                forgotten_topics_data=[],
                max_version=11,
            ),
            "write": producer.ProduceRequest(
                transactional_id=None,
                acks=1,
                timeout_ms=1000,
                topic_data=[produced(name=name, partition_data=[data])],
                max_version=7,
            ),
            "delete": admin.DeleteRecordsRequest(topics=[emptied(name=name, partitions=[erased])], timeout_ms=1000),
            "create": admin.CreateTopicsRequest(
                topics=[made(name=name, num_partitions=1, replication_factor=1, assignments=[], configs=[])],
                timeout_ms=1000,
                validate_only=True,
            ),
            "alter": admin.CreatePartitionsRequest(
                topics=[grown(name=name, count=1, assignments=None)], timeout_ms=1000, validate_only=True
            ),
            "describe-configs": admin.DescribeConfigsRequest(
                resources=[described(resource_type=2, resource_name=name, configuration_keys=None)]
            ),
            "alter-configs": admin.IncrementalAlterConfigsRequest(
                resources=[altered(resource_type=2, resource_name=name, configs=[setting])], validate_only=True
            ),
        }.items():
            yield Question(user, operation, "topic", name, own), request
    for name in GROUPS:
        beat = consumer.HeartbeatRequest(group_id=name, generation_id=1, member_id="nobody")
        yield Question(user, "read", "group", name, own), beat
        yield Question(user, "delete", "group", name, own), admin.DeleteGroupsRequest(groups_names=[name])
    for name in TRANSACTIONS:
        asked = admin.DescribeTransactionsRequest(transactional_ids=[name])
        yield Question(user, "describe", "transactional-id", name, own), asked
        yield Question(user, "write", "transactional-id", name, own), _producer(name)
    yield Question(user, "idempotent-write", "cluster", CLUSTER, own), _producer(None)


def _producer(transactional_id: str | None) -> Any:
    return producer.InitProducerIdRequest(
        transactional_id=transactional_id, transaction_timeout_ms=1000, producer_id=-1, producer_epoch=-1
    )


def refused(answer: Any) -> bool:
    """Whether a broker has said that something is not allowed."""

    def codes(data: Any) -> Iterator[int]:
        if isinstance(data, dict):
            for name, value in data.items():
                yield from [value] if name == "error_code" else codes(value)
        elif isinstance(data, list):
            for one in data:
                yield from codes(one)

    found = list(codes(answer.to_dict()))
    assert found, answer
    return bool(DENIALS & {*found})


def compare(
    rng: random.Random, rules: Sequence[Rule], doors: dict[str, Endpoint], own: str, tries: int
) -> tuple[Answers, list[tuple[Question, str]]]:
    """(what the broker answered, where the toolkit says otherwise). doors: of each user; tries: how many requests of
    each user are made beside the answers that list operations."""
    answered: Answers = {}
    wrong: list[tuple[Question, str]] = []

    def judge(say: Callable[..., check.Verdict], question: Question, may: bool) -> None:
        answered[question] = may
        said = say(rules, POLICY, question)
        if said.allowed != may:
            wrong.append((question, f"broker: {may}, toolkit: {said}"))

    for user, door in doors.items():
        with Connection(door) as connection:
            for question, may in told(connection, user, own).items():
                judge(check.authorize, question, may)
            for question, request in rng.sample(list(requests(user, own)), tries):
                judge(check.may, question, not refused(connection.call(request)))
    return answered, wrong
