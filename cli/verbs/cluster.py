"""The verbs about the cluster as a whole."""

from __future__ import annotations

from invoke import Context

from cli.common import COMMON, verb

REBALANCE = {
    **{name: text for name, text in COMMON.items() if name != "limit"},
    "drain": "take everything off these brokers, which are to leave: host names or ids, separated by commas",
    "throttle": "how fast copies may move: bytes per second and broker; none for no limit",
    "check": "show what would move, move nothing",
    "yes": "do not ask",
}


@verb("rebalance", REBALANCE)
def rebalance(
    context: Context,
    hosts="",
    drain="",
    throttle="50m",
    extra_vars=None,
    check=False,
    yes=False,
    ask_become_pass=False,
    accept_new_host_keys=False,
):
    """Spread partitions evenly over all brokers, onto new ones or off leaving ones; asks first, can be interrupted."""
    from cli import rebalance as moving

    return moving.rebalance(
        hosts,
        extra_vars,
        drain,
        throttle,
        check or bool(context.config.run.dry),
        yes,
        ask_become_pass=ask_become_pass,
        accept_new_host_keys=accept_new_host_keys,
    )
