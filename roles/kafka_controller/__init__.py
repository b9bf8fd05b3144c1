"""A controller of a KRaft cluster as a process of its own."""
