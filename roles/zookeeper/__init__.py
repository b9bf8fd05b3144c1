"""Apache ZooKeeper: one server or an ensemble."""
