"""Administration of a Kafka cluster through one of its brokers, however it was deployed. Runs on both sides, in Python
3.8 syntax."""
