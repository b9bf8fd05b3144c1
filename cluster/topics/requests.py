"""Creates, grows and deletes topics over one connection to the controller, and checks whether a broker knows of it.

Each request answers {topic: why it is refused}; the caller says what a refusal means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from kafka import errors as kafka_errors
from kafka.protocol.admin import CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest

from cluster.cluster import SERVER_TIMEOUT
from cluster.model import Topic
from cluster.protocol import wire
from cluster.settings import configs

# Errors that do not concern one topic: not a refusal of it but a failure of the whole request.
OF_THE_WHOLE = (
    kafka_errors.NotControllerError,
    kafka_errors.RequestTimedOutError,
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
)
DISABLED = "TopicDeletionDisabledError"
THERE = "TopicAlreadyExistsError"


def create(
    connection: wire.Connection,
    topics: Iterable[Mapping[str, Any]],
    validate_only: bool = False,
    timeout: int = SERVER_TIMEOUT,
) -> dict[str, str]:
    """Create topics: {name, partitions, factor, config {setting: value}} each, or {name, placement {partition:
    brokers}, config}. timeout: milliseconds that the controller may take. Raises KafkaError for errors that do not
    concern one topic."""
    kind = CreateTopicsRequest.CreatableTopic
    wanted = [
        kind(
            name=one["name"],
            num_partitions=one.get("partitions", -1),
            replication_factor=one.get("factor", -1),
            assignments=[
                kind.CreatableReplicaAssignment(partition_index=partition, broker_ids=list(brokers))
                for partition, brokers in one.get("placement", {}).items()
            ],
            configs=[kind.CreatableTopicConfig(name=key, value=value) for key, value in one["config"].items()],
        )
        for one in topics
    ]
    if not wanted:
        return {}
    request = CreateTopicsRequest(topics=wanted, timeout_ms=timeout, validate_only=validate_only)
    return _refused((found.name, found.error_code, found.error_message) for found in connection.call(request).topics)


def grow(connection: wire.Connection, topics: Mapping[str, int], validate_only: bool = False) -> dict[str, str]:
    """Add partitions up to this number. Raises KafkaError for errors that do not concern one topic."""
    if not topics:
        return {}
    kind = CreatePartitionsRequest.CreatePartitionsTopic
    wanted = [kind(name=name, count=count, assignments=None) for name, count in topics.items()]
    request = CreatePartitionsRequest(topics=wanted, timeout_ms=SERVER_TIMEOUT, validate_only=validate_only)
    return _refused((found.name, found.error_code, found.error_message) for found in connection.call(request).results)


def delete(connection: wire.Connection, names: Iterable[str], timeout: int = SERVER_TIMEOUT) -> dict[str, str]:
    """Delete topics; a topic that does not exist is skipped. timeout: milliseconds that the controller may take. Raises
    KafkaError for errors that do not concern one topic."""
    listed = list(names)
    request = DeleteTopicsRequest(
        topics=[DeleteTopicsRequest.DeleteTopicState(name=name) for name in listed],
        topic_names=listed,  # brokers before 2.8 read this field
        timeout_ms=timeout,
    )
    return _refused(
        (found.name, found.error_code, getattr(found, "error_message", None))
        for found in connection.call(request).responses
        if not configs.gone(found.error_code)
    )


def _refused(answers: Iterable[tuple[str, int, Optional[str]]]) -> dict[str, str]:
    """{topic: why it was refused}; raises errors that do not concern one topic."""
    found = {}
    for name, code, message in answers:
        if code:
            error = kafka_errors.for_code(code)(f"{name}: {message}" if message else name)
            if isinstance(error, OF_THE_WHOLE):
                raise error
            found[name] = f"{wire.name_of(code)}: {message}" if message else wire.name_of(code)
    return found


# -- what a broker does not know yet according to its metadata; "" for nothing ---------------------------------------


def not_known(name: str, topics: Mapping[str, Topic]) -> str:
    """A topic exists for the controller."""
    return "" if _knows(name, topics) else f"{name} is not known yet"


def not_led(name: str, topics: Mapping[str, Topic]) -> str:
    """Every partition of a topic has a leader."""
    if not _knows(name, topics):
        return not_known(name, topics)
    partitions = topics[name].partitions
    led, every = sum(found.leader >= 0 for found in partitions), len(partitions)
    return "" if led == every and every else f"{name} has leaders for {led} of {every} partitions"


def not_led_by(name: str, topics: Mapping[str, Topic], leaders: Mapping[int, int]) -> str:
    """Every partition of a topic is led by this broker."""
    if not _knows(name, topics):
        return not_known(name, topics)
    led = {found.partition: found.leader for found in topics[name].partitions}
    wrong = [
        f"partition {partition} is led by {led.get(partition, -1)}, not {leader}"
        for partition, leader in leaders.items()
        if led.get(partition) != leader
    ]
    return "; ".join(wrong)


def still_there(name: str, topics: Mapping[str, Topic]) -> str:
    """A topic has been deleted."""
    return f"{name} is still there" if _knows(name, topics) else ""


def _knows(name: str, topics: Mapping[str, Topic]) -> bool:
    return name in topics and topics[name].known
