"""The cluster through one broker: what any broker answers, what only the controller, and what each broker for itself.

Every question opens and closes a connection, so that a broker that goes away between two questions does no harm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Optional, TypeVar

from kafka import errors as kafka_errors
from kafka.errors import KafkaError
from kafka.protocol.admin import DescribeLogDirsRequest

from cluster.endpoint import Endpoint
from cluster.model import Broker
from cluster.protocol import wire
from provisioner.agent.failure import Failure

T = TypeVar("T")
Place = TypeVar("Place")
SERVER_TIMEOUT = 30_000  # milliseconds that the controller may take
CONNECTION_TIMEOUT = 35.0  # seconds; longer than that, so that the controller's own answer comes first


class Cluster:
    """bootstrap: the broker to ask first, "127.0.0.1:9092"; timeout: seconds that it and the controller may take
    for a request. Every method raises OSError or KafkaError."""

    def __init__(self, bootstrap: str, timeout: float = CONNECTION_TIMEOUT) -> None:
        self.bootstrap, self.timeout = Endpoint.parse(bootstrap), timeout

    def any(self) -> wire.Connection:
        """A connection to the broker that is asked first."""
        return wire.Connection(self.bootstrap, self.timeout)

    def view(self, topics: Optional[Iterable[str]] = None) -> dict[str, Any]:
        """Brokers, controller and topics (None: all), as `wire.Connection.metadata` gives them."""
        with wire.Connection(self.bootstrap) as connection:
            return connection.metadata(topics)

    def controller(self) -> wire.Connection:
        """A connection to the controller. NotControllerError while the cluster has none."""
        view = self.view(())
        broker = view["brokers"].get(view["controller"])
        if broker is None:
            raise kafka_errors.NotControllerError("the cluster has no controller at the moment")
        return wire.Connection(broker.endpoint, self.timeout)

    def sizes(
        self, brokers: Iterable[Broker], partitions: Optional[Mapping[str, Iterable[int]]] = None
    ) -> dict[tuple[str, int], dict[int, int]]:
        """{(topic, partition): {broker: bytes of its copy there}}; a broker that does not answer has none.

        partitions: {topic: [numbers]}, None for all.
        """
        sizes: dict[tuple[str, int], dict[int, int]] = {}
        for broker in brokers:
            try:
                with wire.Connection(broker.endpoint) as connection:
                    measured = sizes_at(connection, partitions)
            except OSError:
                continue
            for key, size in measured.items():
                sizes.setdefault(key, {})[broker.id] = size
        return sizes


def sizes_at(
    connection: wire.Connection, partitions: Optional[Mapping[str, Iterable[int]]] = None
) -> dict[tuple[str, int], int]:
    """{(topic, partition): bytes of the copy} at one broker, without copies that are on their way to another directory.

    partitions: {topic: [numbers]}, None for all. Raises OSError, KafkaError.
    """
    kind = DescribeLogDirsRequest.DescribableLogDirTopic
    topics = (
        None
        if partitions is None
        else [kind(topic=name, partitions=list(numbers)) for name, numbers in partitions.items()]
    )
    return {
        (topic.name, one.partition_index): one.partition_size
        for result in connection.call(DescribeLogDirsRequest(topics=topics)).results
        for topic in result.topics or ()
        for one in topic.partitions
        if not one.is_future_key
    }


def first_answer(places: Iterable[Place], ask: Callable[[Place], T]) -> T:
    """The answer of the first broker that gives one; OSError of the last when none does."""
    refused: OSError = ConnectionRefusedError(None, "no broker answers")
    for place in places:
        try:
            return ask(place)
        except OSError as error:
            refused = error
    raise refused


@contextlib.contextmanager
def answering(what: str) -> Iterator[None]:
    """Turn an error of a broker or the network into a Failure. what: the action, "create the topic orders"."""
    try:
        yield
    except KafkaError as error:
        raise Failure(f"cannot {what}: {wire.describe(error)}", advice=_advice(error)) from error
    except OSError as error:
        raise Failure(
            f"cannot {what}: no answer from a broker ({wire.describe(error)})",
            advice="see which brokers are up: `invoke status`; `invoke deploy` starts what is down",
        ) from error


def _advice(error: KafkaError) -> Optional[str]:
    if isinstance(error, kafka_errors.BrokerResponseError) and "Authorization" in type(error).__name__:
        return "the cluster's ACLs do not allow this: grant the right (kafka-acls.sh), then run the same command again"
    if getattr(error, "retriable", False):
        return "an election or a restart may be under way: see `invoke status`, then run the same command again"
    return None
