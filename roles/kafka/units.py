"""Properties of a broker that count the same in different units, and those that a variable is written as."""

from __future__ import annotations

# The finer one wins in Kafka, so setting one replaces the others.
SYNONYMS = (
    frozenset({"log.retention.ms", "log.retention.minutes", "log.retention.hours"}),
    frozenset({"log.roll.ms", "log.roll.hours"}),
    frozenset({"log.roll.jitter.ms", "log.roll.jitter.hours"}),
)

# What is in server.properties as the variable has it; durations are milliseconds and sizes bytes there.
VARIABLES = {
    "kafka_network_threads": "num.network.threads",
    "kafka_io_threads": "num.io.threads",
    "kafka_replica_fetchers": "num.replica.fetchers",
    "kafka_recovery_threads": "num.recovery.threads.per.data.dir",
    "kafka_partitions": "num.partitions",
    "kafka_log_retention": "log.retention.ms",
    "kafka_log_retention_bytes": "log.retention.bytes",
    "kafka_log_segment": "log.segment.bytes",
    "kafka_message_max": "message.max.bytes",
    "kafka_group_initial_delay": "group.initial.rebalance.delay.ms",
    "kafka_zookeeper_session": "zookeeper.session.timeout.ms",
    "kafka_zookeeper_connect_timeout": "zookeeper.connection.timeout.ms",
}
