"""How brokers and their partitions are at this moment."""
