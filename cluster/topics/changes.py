"""Topics made, altered and deleted: checked by the cluster as a whole before anything changes, and waited for after.

Every step is one that the cluster does whole or not at all, so a run may end between any two and be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Optional

from kafka import errors as kafka_errors
from kafka.errors import KafkaError
from kafka.protocol.admin import CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest

from cluster.cluster import SERVER_TIMEOUT, Cluster, answering
from cluster.model import Broker
from cluster.protocol import wire
from cluster.settings import configs
from provisioner.agent.failure import Failure
from provisioner.agent.waiting import until

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit


# Seconds to wait until every broker has heard of a change: the whole, and without any advance.
HEARD_TIMEOUT, HEARD_STALL = 120.0, 30.0
# What does not come from the request itself: not a refusal of this topic but a failure of the whole.
OF_THE_WHOLE = (
    kafka_errors.NotControllerError,
    kafka_errors.RequestTimedOutError,
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
)


def check(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Let the cluster check changes without making any. args: bootstrap, and as for `change`: create, settings, grow.

    Returns refused: [[topic, why]]. Raises Failure when the cluster cannot be asked.
    """
    refused: list[list[str]] = []
    with answering("change topics"), Cluster(args["bootstrap"]).controller() as connection:
        for name, why in _create(connection, args.get("create") or [], validate_only=True).items():
            refused.append([name, why])
        for name, values in (args.get("settings") or {}).items():
            try:
                configs.alter(connection, configs.TOPIC, {name: values}, validate_only=True)
            except OF_THE_WHOLE as error:
                raise type(error)(name) from error
            except KafkaError as error:
                refused.append([name, wire.describe(error)])
        for name, why in _grow(connection, args.get("grow") or {}, validate_only=True).items():
            refused.append([name, why])
    return {"refused": refused}


def change(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Make changes, and wait until every broker that answers has heard of them.

    args: bootstrap; create [{name, partitions, factor, config {setting: value}}];
    settings {topic: {setting: value, or None to take it off}}; grow {topic: number of partitions}; delete [topics].
    Raises Failure with what the cluster refuses; what came before it is done.
    """
    cluster = Cluster(args["bootstrap"])
    create, settings = args.get("create") or [], args.get("settings") or {}
    grow, delete = args.get("grow") or {}, args.get("delete") or []
    if create:
        emit({"text": f"creating {_some(one['name'] for one in create)}"})
        with answering("create topics"), cluster.controller() as connection:
            _refuse("create", _create(connection, create))
        _heard(cluster, [one["name"] for one in create], _not_led, "the new topics, led, on every broker", emit)
    if settings:
        emit({"text": f"setting {_some(settings)}"})
        with answering(f"alter the settings of {_some(settings)}"), cluster.controller() as connection:
            configs.alter(connection, configs.TOPIC, settings)
    if grow:
        emit({"text": f"adding partitions to {_some(grow)}"})
        with answering("add partitions"), cluster.controller() as connection:
            _refuse("add partitions to", _grow(connection, grow))

        def short(name: str, topic: Mapping[str, Any]) -> str:
            number = len(topic["partitions"])
            return f"{name} has {number} of {grow[name]} partitions" if number < grow[name] else _not_led(name, topic)

        _heard(cluster, grow, short, "the new partitions, led, on every broker", emit)
    if delete:
        emit({"text": f"deleting {_some(delete)}"})
        with answering("delete topics"), cluster.controller() as connection:
            _refuse("delete", _delete(connection, delete))
        _heard(cluster, delete, None, "the topics gone from every broker", emit)
    return {}


def settle(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Wait until every broker knows where copies are. args: bootstrap, factors {topic: number of copies}.

    A broker hears a moment after the controller that a copy has arrived; who asks it earlier sees old copies, too.
    """
    factors = args["factors"]

    def mixed(name: str, topic: Mapping[str, Any]) -> str:
        numbers = {len(found["replicas"]) for found in topic["partitions"]} - {factors[name]}
        return f"{name} still has partitions with {wire.ids(numbers)} copies" if numbers else ""

    _heard(Cluster(args["bootstrap"]), factors, mixed, "the copies as they are, on every broker", emit)
    return {}


# -- requests


def _create(
    connection: wire.Connection, topics: Iterable[Mapping[str, Any]], validate_only: bool = False
) -> dict[str, str]:
    kind = CreateTopicsRequest.CreatableTopic
    wanted = [
        kind(
            name=one["name"],
            num_partitions=one["partitions"],
            replication_factor=one["factor"],
            assignments=[],
            configs=[kind.CreatableTopicConfig(name=key, value=value) for key, value in one["config"].items()],
        )
        for one in topics
    ]
    if not wanted:
        return {}
    request = CreateTopicsRequest(topics=wanted, timeout_ms=SERVER_TIMEOUT, validate_only=validate_only)
    return _refused((found.name, found.error_code, found.error_message) for found in connection.call(request).topics)


def _grow(connection: wire.Connection, topics: Mapping[str, int], validate_only: bool = False) -> dict[str, str]:
    if not topics:
        return {}
    kind = CreatePartitionsRequest.CreatePartitionsTopic
    wanted = [kind(name=name, count=count, assignments=None) for name, count in topics.items()]
    request = CreatePartitionsRequest(topics=wanted, timeout_ms=SERVER_TIMEOUT, validate_only=validate_only)
    return _refused((found.name, found.error_code, found.error_message) for found in connection.call(request).results)


def _delete(connection: wire.Connection, names: Iterable[str]) -> dict[str, str]:
    listed = list(names)
    request = DeleteTopicsRequest(
        topics=[DeleteTopicsRequest.DeleteTopicState(name=name) for name in listed],
        topic_names=listed,  # brokers before 2.8 read this field
        timeout_ms=SERVER_TIMEOUT,
    )
    answers = [found for found in connection.call(request).responses if not configs.gone(found.error_code)]
    if any(wire.name_of(found.error_code) == "TopicDeletionDisabledError" for found in answers):
        raise Failure(
            "cannot delete topics: the brokers have delete.topic.enable=false",
            advice="take it out of kafka_config and deploy, or shorten the topic's retention to let its records go",
        )
    return _refused((found.name, found.error_code, getattr(found, "error_message", None)) for found in answers)


def _refused(answers: Iterable[tuple[str, int, Optional[str]]]) -> dict[str, str]:
    """{topic: why}; raises what is not the topic's fault."""
    found = {}
    for name, code, message in answers:
        if code:
            error = kafka_errors.for_code(code)(f"{name}: {message}" if message else name)
            if isinstance(error, OF_THE_WHOLE):
                raise error
            found[name] = f"{wire.name_of(code)}: {message}" if message else wire.name_of(code)
    return found


def _refuse(what: str, refused: Mapping[str, str]) -> None:
    if refused:
        raise Failure(
            f"the cluster refuses to {what} {_some(refused)}",
            details=[f"{name}: {why}" for name, why in refused.items()],
            advice="the others are done; mend the cause and run it again",
        )


# -- waiting


def _heard(
    cluster: Cluster,
    names: Iterable[str],
    wrong: Optional[Callable[[str, Mapping[str, Any]], str]],
    what: str,
    emit: Emit,
) -> None:
    """Wait until no broker finds anything wrong with the topics. wrong: None when they are to be gone."""
    listed = list(names)

    def attempt() -> tuple[Optional[dict[str, Any]], str]:
        try:
            for broker in cluster.view(())["brokers"].values():
                why = _there(broker, listed, wrong)
                if why:
                    return None, f"broker {broker.id}: {why}"
        except (OSError, KafkaError) as error:
            return None, wire.describe(error)
        return {}, ""

    until(attempt, what=what, timeout=HEARD_TIMEOUT, stall=HEARD_STALL, emit=emit)


def _there(broker: Broker, names: list[str], wrong: Optional[Callable[..., str]]) -> str:
    """What this broker finds wrong; "" for nothing, and for a broker that died and is not missed yet."""
    try:
        with wire.Connection(broker.endpoint) as connection:
            topics = connection.metadata(names)["topics"]
    except OSError:
        return ""
    for name in names:
        topic = topics.get(name)
        known = topic is not None and topic["error"] != "UnknownTopicOrPartitionError"
        why = (
            (f"{name} is still there" if known else "")
            if wrong is None
            else (wrong(name, topic) if known else f"{name} is not known yet")
        )
        if why:
            return why
    return ""


def _not_led(name: str, topic: Mapping[str, Any]) -> str:
    led = sum(found["leader"] >= 0 for found in topic["partitions"])
    every = len(topic["partitions"])
    return "" if led == every and every else f"{name} has leaders for {led} of {every} partitions"


def _some(names: Iterable[str], shown: int = 5) -> str:
    listed = list(names)
    return ", ".join(listed[:shown]) + (f" and {len(listed) - shown} more" if len(listed) > shown else "")
