"""Kafka's protocol: connections, the question that every run asks, and what the client package leaves out."""
