"""Apache Kafka brokers in ZooKeeper mode, with the official command-line tools."""
