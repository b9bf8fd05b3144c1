"""The verbs about the controllers of a cluster without ZooKeeper."""

from __future__ import annotations

from cli.common import COMMON, Run, on_hosts

REMOVE = {
    "controller": "the controller that leaves: its host's name or its id. It may be down, or not in the inventory",
    "check": "show what would change, change nothing",
    "yes": "do not ask",
}
WHOLE = {name: text for name, text in COMMON.items() if name != "limit"}


@on_hosts("remove", REMOVE, common=WHOLE)
def remove(run: Run, controller="", yes=False):
    """Take a controller's vote in the quorum away, before it leaves for good. Asks first."""
    from cli import quorum

    return quorum.remove(run, controller, yes)
