"""ZooKeeper keeps the metadata."""
