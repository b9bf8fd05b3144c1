"""The application's clients of the kafka package, without their waits at the start, for topics that are there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.net.compat import KafkaNetClient

from cluster.endpoint import Endpoint
from cluster.protocol.wire import CLIENT_ID

METADATA_BACKOFF = 10  # milliseconds


def producer(endpoint: Endpoint, **config: Any) -> KafkaProducer:
    """A producer that asks this broker first. config: as KafkaProducer takes it. Raises OSError and KafkaError."""
    return KafkaProducer(**endpoint.client_config(), **_COMMON, **config)


def consumer(endpoint: Endpoint, others: Iterable[Endpoint] = (), **config: Any) -> KafkaConsumer:
    """A consumer that asks this broker first, or one of the others; its offsets are committed by hand. config: as
    KafkaConsumer takes it. Raises OSError and KafkaError."""
    return KafkaConsumer(**endpoint.client_config(others), enable_auto_commit=False, **_COMMON, **config)


def _prompt(**config: Any) -> KafkaNetClient:
    """The library's client. It holds back the second metadata request of a client, the one for our topic, for 100 ms
    and lets it create topics, and takes neither setting from the configuration of a producer or consumer."""
    client = KafkaNetClient(**config)
    client.cluster.config.update(retry_backoff_ms=METADATA_BACKOFF, allow_auto_create_topics=False)
    return client


_COMMON = {
    "client_id": CLIENT_ID,
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
    "kafka_client": _prompt,
}
