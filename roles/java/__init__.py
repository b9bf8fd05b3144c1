"""A Java runtime that the chosen Kafka and ZooKeeper can run on."""
