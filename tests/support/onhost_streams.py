"""On-host functions for test_streams.py; the agent that it starts imports them."""

from __future__ import annotations


def copy(args, emit, feed):
    """Send back everything as it comes; says how it ended."""
    total, pieces = 0, 0
    while True:
        data = feed.read(timeout=20)
        if data is None:
            return {"total": total, "pieces": pieces, "stopped": feed.stopped.is_set()}
        if data:
            total, pieces = total + len(data), pieces + 1
            emit({"so_far": total, "raw": data})


def deaf(args, emit, feed):
    """Read nothing until told to stop."""
    return {"stopped": feed.stopped.wait(20)}


def refuse(args, emit, feed):
    """Take the first bytes, then fail."""
    from provisioner.agent.failure import Failure

    feed.read(timeout=20)
    raise Failure("enough of it")


def misnamed(args, emit, feed):
    """Be asked for what nothing is called."""
    from cluster.names import missing

    raise missing("topic", "oders", ["orders"])
