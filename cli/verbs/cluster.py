"""The verbs about the cluster as a whole."""

from __future__ import annotations

from cli.common import COMMON, Run, on_hosts

REBALANCE = {
    "drain": "move everything off these brokers before they leave: host names or ids, separated by commas",
    "throttle": "how fast copies may move: bytes per second and broker, 50m when not given; none for no limit",
    "check": "show what would move, move nothing",
    "yes": "do not ask",
}
WHOLE = {name: text for name, text in COMMON.items() if name != "limit"}


@on_hosts("rebalance", REBALANCE, common=WHOLE)
def rebalance(run: Run, drain="", throttle="", yes=False):
    """Spread partitions evenly over all brokers, onto new ones or off leaving ones. Asks first, can be interrupted."""
    from cli import rebalance as moving

    return moving.rebalance(run, drain, throttle, yes)
