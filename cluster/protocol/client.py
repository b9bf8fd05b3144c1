"""The application's client of the kafka package, without its waits at the start."""

from __future__ import annotations

from typing import Any

from kafka.net.compat import KafkaNetClient

METADATA_BACKOFF = 10  # milliseconds


def prompt(**config: Any) -> KafkaNetClient:
    """For `kafka_client` of a producer or consumer.

    The library holds back the second metadata request of a client, the one for our topic, for 100 ms and lets it
    create topics. It takes neither setting from the configuration of a producer or consumer.
    """
    client = KafkaNetClient(**config)
    client.cluster.config.update(retry_backoff_ms=METADATA_BACKOFF, allow_auto_create_topics=False)
    return client
