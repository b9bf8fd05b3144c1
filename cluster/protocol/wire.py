"""One blocking connection to one broker: the protocol of the kafka package without its threads, retries and back-offs.

Probes and administration must talk to *this* broker, now, and name the error exactly; a full client would pick any
broker and retry for 30 seconds. To produce and consume, the smoke check uses the clients that applications use.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

from kafka import errors as kafka_errors
from kafka.protocol.broker_version_data import BrokerVersionData
from kafka.protocol.metadata import ApiVersionsRequest, MetadataRequest
from kafka.protocol.parser import KafkaProtocol

from cluster.endpoint import TIMEOUT, Endpoint
from cluster.model import Broker, Partition, Topic
from cluster.protocol.hello import describe as describe
from cluster.protocol.hello import ids as ids

CLIENT_ID = "provisioner"
# The last version without tagged fields: every broker since 1.0 answers it.
API_VERSIONS_VERSION = 2


class Connection:
    """An open connection; a context manager. Raises OSError for the network, kafka.errors.KafkaError for the rest.

    timeout: seconds for connecting and for each answer.
    """

    def __init__(self, endpoint: Endpoint, timeout: float = TIMEOUT) -> None:
        self._endpoint = endpoint
        self._protocol = KafkaProtocol(client_id=CLIENT_ID)
        self._socket = endpoint.connect(timeout)
        try:
            answer = self._exchange(ApiVersionsRequest(), API_VERSIONS_VERSION)
            raise_for(answer.error_code)
            self._versions = BrokerVersionData(
                api_versions={key.api_key: (key.min_version, key.max_version) for key in answer.api_keys}
            )
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; may be called more than once."""
        self._socket.close()

    def takes(self, kind: Any) -> bool:
        """Whether the broker has requests of this class."""
        try:
            self._versions.api_version(kind)
        except kafka_errors.IncompatibleBrokerVersion:
            return False
        return True

    def call(self, request: Any) -> Any:
        """Send a request in the highest version that both sides know; returns the response without checking its
        errors."""
        self.send(request)
        return self.receive()

    def send(self, request: Any) -> None:
        """The first half of `call`, for a request whose answer is not waited for yet."""
        self._send(request, self._versions.api_version(request))

    def _exchange(self, request: Any, version: int) -> Any:
        self._send(request, version)
        return self.receive()

    def _send(self, request: Any, version: int) -> None:
        request.API_VERSION = version
        self._protocol.send_request(request)
        self._socket.sendall(self._protocol.send_bytes())

    def receive(self) -> Any:
        """The response to the oldest request that has none yet."""
        while True:
            part = self._socket.recv(1 << 16)
            if not part:
                raise ConnectionResetError(None, "connection closed by the other side")
            answers = self._protocol.receive_bytes(part)
            if answers:
                return answers[0][1]

    def metadata(self, topics: Optional[Iterable[str]] = ()) -> dict[str, Any]:
        """What this broker knows of the cluster; topics: names, or None for all.

        Returns cluster_id, controller (id or None), brokers {id: Broker}, and topics
        {name: Topic}.
        """
        names = None if topics is None else [MetadataRequest.MetadataRequestTopic(name=name) for name in topics]
        answer = self.call(MetadataRequest(topics=names, allow_auto_topic_creation=False))
        return {
            "cluster_id": answer.cluster_id,
            "controller": answer.controller_id if answer.controller_id >= 0 else None,
            "brokers": {
                b.node_id: Broker(b.node_id, self._endpoint.sibling(b.host, b.port), b.rack) for b in answer.brokers
            },
            "topics": {topic.name: _topic(topic) for topic in answer.topics},
        }


def _topic(topic: Any) -> Topic:
    partitions = [
        Partition(topic.name, p.partition_index, tuple(p.replica_nodes), leader=p.leader_id, isr=tuple(p.isr_nodes))
        for p in sorted(topic.partitions, key=lambda p: p.partition_index)
    ]
    return Topic(topic.name, tuple(partitions), bool(topic.is_internal), name_of(topic.error_code))


def name_of(code: int) -> str:
    """The protocol's name of an error code ("TopicAlreadyExistsError"); "" for none."""
    return "" if code == 0 else str(kafka_errors.for_code(code).__name__)


def raise_for(code: int, message: Optional[str] = None) -> None:
    """Raise the kafka error of a code unless it is zero."""
    if code:
        raise kafka_errors.for_code(code)(message or "")
