"""Copies of partitions moved between brokers: the plan, the work, the throttle."""
