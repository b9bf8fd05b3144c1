"""The present state of brokers and their partitions."""
