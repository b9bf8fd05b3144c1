"""Kafka itself, asked through one broker, whoever deployed it. Runs on both sides, in Python 3.8's syntax."""
