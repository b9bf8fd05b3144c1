"""The verbs about the cluster as a whole."""

from __future__ import annotations

from cli.common import COMMON, Run, on_hosts

REBALANCE = {
    "drain": "move everything off these brokers before they leave: host names or ids, separated by commas",
    "drain_dir": "empty this data directory before it leaves kafka_data_dirs: HOST:/path; /path with a single broker",
    "throttle": "how fast copies may move: bytes per second and broker, 50m when not given; none for no limit",
    "check": "show what would move, move nothing",
    "yes": "do not ask",
}
WHOLE = {name: text for name, text in COMMON.items() if name != "limit"}


@on_hosts("rebalance", REBALANCE, common=WHOLE)
def rebalance(run: Run, drain="", drain_dir="", throttle="", yes=False):
    """Spread partitions over all brokers, or move them off a broker or out of a data directory. Asks first."""
    if drain_dir:
        from cli import drain_dir as emptying

        return emptying.drain_dir(run, drain_dir, drain, throttle, yes)
    from cli import rebalance as moving

    return moving.rebalance(run, drain, throttle, yes)
