"""Topics made, altered and deleted: checked by the cluster as a whole before anything changes, and waited for after.

Every step is one that the cluster does whole or not at all, so a run may end between any two and be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Optional

from kafka.errors import KafkaError

from cluster.cluster import Cluster, answering
from cluster.model import Broker, Topic
from cluster.protocol import wire
from cluster.settings import configs
from cluster.topics import requests
from provisioner.agent.failure import Failure
from provisioner.agent.waiting import until
from provisioner.words import some

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit


# Seconds to wait until every broker knows of a change: in all, and without progress.
HEARD_TIMEOUT, HEARD_STALL = 120.0, 30.0


def check(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Let the cluster check changes without making any. args: bootstrap, and as for `change`: create, settings, grow.

    Returns refused: [[topic, why]]; there: those that are not to be created as they are there. Raises Failure when the
    cluster cannot be asked.
    """
    refused: list[list[str]] = []
    with answering("change topics"), Cluster(args["bootstrap"]).controller() as connection:
        for name, why in requests.create(connection, args.get("create") or [], validate_only=True).items():
            refused.append([name, why])
        for name, values in (args.get("settings") or {}).items():
            try:
                configs.alter(connection, configs.TOPIC, {name: values}, validate_only=True)
            except requests.OF_THE_WHOLE as error:
                raise type(error)(name) from error
            except KafkaError as error:
                refused.append([name, wire.describe(error)])
        for name, why in requests.grow(connection, args.get("grow") or {}, validate_only=True).items():
            refused.append([name, why])
    return {"refused": refused, "there": [name for name, why in refused if why.startswith(requests.THERE)]}


def change(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Make changes, and wait until every broker that answers knows of them.

    args: bootstrap; create [{name, partitions, factor, config {setting: value}}];
    settings {topic: {setting: value, or None to remove it}}; grow {topic: number of partitions}; delete [topics].
    Raises Failure with what the cluster refuses; what came before it is done.
    """
    cluster = Cluster(args["bootstrap"])
    create, settings = args.get("create") or [], args.get("settings") or {}
    grow, delete = args.get("grow") or {}, args.get("delete") or []
    if create:
        emit({"text": f"creating {some(one['name'] for one in create)}"})
        with answering("create topics"), cluster.controller() as connection:
            _refuse("create", requests.create(connection, create))
        _heard(
            cluster,
            [one["name"] for one in create],
            requests.not_led,
            "the new topics and their leaders on every broker",
            emit,
        )
    if settings:
        emit({"text": f"setting {some(settings)}"})
        with answering(f"alter the settings of {some(settings)}"), cluster.controller() as connection:
            configs.alter(connection, configs.TOPIC, settings)
    if grow:
        emit({"text": f"adding partitions to {some(grow)}"})
        with answering("add partitions"), cluster.controller() as connection:
            _refuse("add partitions to", requests.grow(connection, grow))

        def short(name: str, topics: Mapping[str, Topic]) -> str:
            number = 0 if requests.not_known(name, topics) else len(topics[name].partitions)
            if 0 < number < grow[name]:
                return f"{name} has {number} of {grow[name]} partitions"
            return requests.not_led(name, topics)

        _heard(cluster, grow, short, "the new partitions and their leaders on every broker", emit)
    if delete:
        emit({"text": f"deleting {some(delete)}"})
        with answering("delete topics"), cluster.controller() as connection:
            refused = requests.delete(connection, delete)
        if requests.DISABLED in refused.values():
            raise Failure(
                "cannot delete topics: the brokers have delete.topic.enable=false",
                advice="remove it from kafka_config and deploy, or let its records expire by a shorter retention",
            )
        _refuse("delete", refused)
        _heard(cluster, delete, requests.still_there, "the deletion of the topics on every broker", emit)
    return {}


def settle(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Wait until every broker knows where copies are. args: bootstrap, factors {topic: number of copies}.

    A broker knows a moment after the controller that a copy has arrived; before that, it also lists old copies.
    """
    factors = args["factors"]

    def mixed(name: str, topics: Mapping[str, Topic]) -> str:
        if unknown := requests.not_known(name, topics):
            return unknown
        numbers = {*topics[name].factors} - {factors[name]}
        return f"{name} still has partitions with {wire.ids(numbers)} copies" if numbers else ""

    _heard(Cluster(args["bootstrap"]), factors, mixed, "the new copies on every broker", emit)
    return {}


def _refuse(what: str, refused: Mapping[str, str]) -> None:
    if refused:
        raise Failure(
            f"the cluster refuses to {what} {some(refused)}",
            details=[f"{name}: {why}" for name, why in refused.items()],
            advice="the others are done; fix the cause and run the same command again",
        )


def _heard(
    cluster: Cluster, names: Iterable[str], wrong: Callable[[str, Mapping[str, Topic]], str], what: str, emit: Emit
) -> None:
    """Wait until no broker finds anything wrong with the topics. wrong(name, topics): what is, as a broker has them."""
    listed = list(names)

    def attempt() -> tuple[Optional[dict[str, Any]], str]:
        try:
            for broker in cluster.view(())["brokers"].values():
                why = _found_wrong(broker, listed, wrong)
                if why:
                    return None, f"broker {broker.id}: {why}"
        except (OSError, KafkaError) as error:
            return None, wire.describe(error)
        return {}, ""

    until(attempt, what=what, timeout=HEARD_TIMEOUT, stall=HEARD_STALL, emit=emit)


def _found_wrong(broker: Broker, names: list[str], wrong: Callable[[str, Mapping[str, Topic]], str]) -> str:
    """What this broker finds wrong; "" for nothing, and for a broker that died and is not missed yet."""
    try:
        with wire.Connection(broker.endpoint) as connection:
            topics = connection.metadata(names)["topics"]
    except OSError:
        return ""
    return next(filter(None, (wrong(name, topics) for name in names)), "")
