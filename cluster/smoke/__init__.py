"""Does Kafka do its one job: records written, read back and compared through every listener."""
